//! Wrong clocks: libfaketime for nodes, and for redis-server, which does not start under it, a shim of our own.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

const SHIM: &str = include_str!("../clock_shim.c");

/// The clocks of a run; all are right at first.
pub(crate) struct Clocks {
    folder: TempDir,
    faketime: String,
}

impl Clocks {
    /// Builds the shim and finds libfaketime.
    pub(crate) fn prepare() -> Result<Self> {
        let clocks = Self { folder: tempfile::tempdir()?, faketime: faketime()? };
        fs::write(clocks.file("clock_shim.c"), SHIM)?;
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]);
        let built = compiler.arg(clocks.file("clock_shim.so")).arg(clocks.file("clock_shim.c")).status();
        ensure!(built.context("the suite needs a C compiler, `cc`")?.success(), "the clock shim does not compile");
        clocks.move_node(0)?;
        clocks.move_server(0)?;
        Ok(clocks)
    }

    /// Returns the environment of a node with a clock that can be moved. Its monotonic clocks, CLOCK_BOOTTIME
    /// among them, stay true.
    pub(crate) fn of_node(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", self.faketime.clone()),
            ("FAKETIME_TIMESTAMP_FILE", self.name("node")),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }

    /// Returns the environment of a server with a clock that can be moved.
    pub(crate) fn of_server(&self) -> Vec<(&'static str, String)> {
        vec![("LD_PRELOAD", self.name("clock_shim.so")), ("CLOCK_OFFSET_FILE", self.name("server"))]
    }

    /// Moves the clock of nodes by so many seconds.
    pub(crate) fn move_node(&self, seconds: i64) -> Result<()> {
        Ok(fs::write(self.file("node"), format!("{seconds:+}\n"))?)
    }

    /// Moves the clock of servers by so many milliseconds.
    pub(crate) fn move_server(&self, millis: i64) -> Result<()> {
        // In place: the servers have mapped it.
        let file = File::options().create(true).truncate(false).write(true).open(self.file("server"))?;
        Ok(file.write_all_at(format!("{millis:+015}\n").as_bytes(), 0)?)
    }

    /// Returns how the hour is written in a log on a clock that is off by so many seconds.
    pub(crate) fn hour(seconds: i64) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64;
        Ok(format!("T{:02}:", (now + seconds) / 3600 % 24))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.file(name).to_string_lossy().into_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shim_moves_the_wall_clock_of_a_process_and_follows_its_file() {
        let clocks = Clocks::prepare().unwrap();
        for offset_ms in [0, 5_000, -5_000, 3_600_500] {
            clocks.move_server(offset_ms).unwrap();
            let asked = Command::new("date").arg("+%s%3N").envs(clocks.of_server()).output().unwrap();
            let date: i64 = String::from_utf8(asked.stdout).unwrap().trim().parse().unwrap();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
            assert!((now + offset_ms - date).abs() < 400, "{offset_ms}: {date} at {now}");
        }
    }
}
