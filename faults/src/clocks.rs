//! Wrong clocks: libfaketime for nodes, and for redis-server, which does not start under it, the harness's own.

use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use harness::MovableClock;
use tempfile::TempDir;

/// The clocks of a run; all are right at first.
pub(crate) struct Clocks {
    folder: TempDir,
    faketime: String,
    server: MovableClock,
}

impl Clocks {
    /// Finds libfaketime, and builds what the servers need.
    pub(crate) fn prepare() -> Result<Self> {
        let clocks = Self { folder: tempfile::tempdir()?, faketime: faketime()?, server: MovableClock::make() };
        clocks.move_node(0)?;
        Ok(clocks)
    }

    /// Returns the environment of a node with a clock that can be moved. Its monotonic clocks, CLOCK_BOOTTIME
    /// among them, stay true.
    pub(crate) fn of_node(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", self.faketime.clone()),
            ("FAKETIME_TIMESTAMP_FILE", self.node_file()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }

    /// Returns the environment of a server with a clock that can be moved.
    pub(crate) fn of_server(&self) -> Vec<(&'static str, String)> {
        self.server.environment()
    }

    /// Moves the clock of nodes by so many seconds.
    pub(crate) fn move_node(&self, seconds: i64) -> Result<()> {
        Ok(fs::write(self.node_file(), format!("{seconds:+}\n"))?)
    }

    /// Moves the clock of servers by so many milliseconds.
    pub(crate) fn move_server(&self, millis: i64) {
        self.server.move_by(millis);
    }

    /// Returns how the hour is written in a log on a clock that is off by so many seconds.
    pub(crate) fn hour(seconds: i64) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64;
        Ok(format!("T{:02}:", (now + seconds) / 3600 % 24))
    }

    fn node_file(&self) -> String {
        self.folder.path().join("node").to_string_lossy().into_owned()
    }
}

/// Asks `faketime` for the library that it preloads.
fn faketime() -> Result<String> {
    let asked = Command::new("faketime").args(["-m", "-f", "+0s", "printenv", "LD_PRELOAD"]).output();
    let asked = asked.context("the suite needs `faketime`; `cargo xtask faults` installs it")?;
    let library = String::from_utf8(asked.stdout)?.trim().to_owned();
    ensure!(asked.status.success() && !library.is_empty(), "`faketime` does not say what it preloads");
    Ok(library)
}
