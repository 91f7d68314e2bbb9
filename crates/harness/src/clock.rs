//! An adjustable wall clock for a process.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Command;

use tempfile::TempDir;

const SHIM: &str = include_str!("clock_shim.c");

/// A clock for processes that do not work with libfaketime, such as `redis-server`. Its initial offset is 0.
pub struct MovableClock {
    folder: TempDir,
}

impl MovableClock {
    /// Builds the library that the process preloads.
    ///
    /// # Panics
    /// If there is no C compiler: `cargo xtask test` installs one.
    pub fn make() -> Self {
        let clock = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(clock.file("clock_shim.c"), SHIM).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]);
        let built = compiler.arg(clock.file("clock_shim.so")).arg(clock.file("clock_shim.c")).status();
        assert!(built.expect("a C compiler, `cc`").success(), "the clock shim does not compile");
        clock.move_by(0);
        clock
    }

    /// Returns the environment variables of a process with this clock.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![("LD_PRELOAD", self.file("clock_shim.so")), ("CLOCK_OFFSET_FILE", self.file("offset"))]
    }

    /// Sets the offset in milliseconds, with immediate effect.
    pub fn move_by(&self, millis: i64) {
        // In place: the processes have mapped the file.
        let file = File::options().create(true).truncate(false).write(true).open(self.file("offset")).unwrap();
        file.write_all_at(format!("{millis:+015}\n").as_bytes(), 0).unwrap();
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{SystemTime, UNIX_EPOCH};

    #[test]
    fn the_shim_offsets_the_wall_clock_of_a_process_and_follows_its_file() {
        let clock = MovableClock::make();
        for offset_ms in [0, 5_000, -5_000, 3_600_500] {
            clock.move_by(offset_ms);
            let output = Command::new("date").arg("+%s%3N").envs(clock.environment()).output().unwrap();
            let date: i64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
            assert!((now + offset_ms - date).abs() < 400, "{offset_ms}: {date} at {now}");
        }
    }
}
