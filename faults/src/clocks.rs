//! Adjustable clocks: libfaketime for nodes, and the harness's shim for redis-server, which does not start under
//! libfaketime.

use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use harness::MovableClock;
use tempfile::TempDir;

/// The clocks of a run; their initial offset is 0.
pub(crate) struct Clocks {
    folder: TempDir,
    faketime: String,
    server: MovableClock,
}

impl Clocks {
    /// Finds libfaketime, and builds the shim for the servers.
    pub(crate) fn prepare() -> Result<Self> {
        let clocks = Self { folder: tempfile::tempdir()?, faketime: faketime()?, server: MovableClock::make() };
        clocks.move_node(0)?;
        Ok(clocks)
    }

    /// Returns the environment of a node with an adjustable clock. The monotonic clocks, including
    /// CLOCK_BOOTTIME, stay correct.
    pub(crate) fn node_environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", self.faketime.clone()),
            ("FAKETIME_TIMESTAMP_FILE", self.node_file()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }

    /// Returns the environment of a server with an adjustable clock.
    pub(crate) fn server_environment(&self) -> Vec<(&'static str, String)> {
        self.server.environment()
    }

    /// Sets the offset of the clock of nodes, in seconds.
    pub(crate) fn move_node(&self, seconds: i64) -> Result<()> {
        Ok(fs::write(self.node_file(), format!("{seconds:+}\n"))?)
    }

    /// Sets the offset of the clock of servers, in milliseconds.
    pub(crate) fn move_server(&self, millis: i64) {
        self.server.move_by(millis);
    }

    /// Returns the hour in log lines of a clock with this offset in seconds.
    pub(crate) fn hour(seconds: i64) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64;
        Ok(format!("T{:02}:", (now + seconds) / 3600 % 24))
    }

    fn node_file(&self) -> String {
        self.folder.path().join("node").to_string_lossy().into_owned()
    }
}

/// Returns the library that `faketime` preloads.
fn faketime() -> Result<String> {
    let output = Command::new("faketime").args(["-m", "-f", "+0s", "printenv", "LD_PRELOAD"]).output();
    let output = output.context("the suite needs `faketime`; `cargo xtask faults` installs it")?;
    let library = String::from_utf8(output.stdout)?.trim().to_owned();
    ensure!(output.status.success() && !library.is_empty(), "`faketime` does not print its library");
    Ok(library)
}
