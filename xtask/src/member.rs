//! A process that runs beside us, with its log.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a process may take to end: a node lets commands finish and clients answer.
const END_WITHIN: Duration = Duration::from_secs(15);

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How many lines of a log say why.
const TAIL: usize = 5;

/// A process with its log; it ends with its handle.
pub(crate) struct Member {
    pub(crate) name: String,
    log: PathBuf,
    child: Child,
}

impl Member {
    /// Starts a process in a folder.
    pub(crate) fn start(name: &str, mut command: Command, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command.current_dir(folder).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        // Of a group of its own, so that Ctrl-C reaches us only and all end in order.
        let child = command.process_group(0).spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name: name.to_owned(), log, child })
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// It is an error if it does not run any more.
    pub(crate) fn runs(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} has ended: {status}\n{}", self.name, self.tail()),
        }
    }

    /// The end of its log.
    pub(crate) fn tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(TAIL)..].join("\n  ");
        format!("{} ends with\n  {last}\n", self.log.display())
    }

    /// Asks it to end.
    pub(crate) fn terminate(&mut self) {
        // The number of one that has ended may be another's by now.
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            Command::new("kill").arg(self.child.id().to_string()).status().ok();
        }
    }

    /// Waits until it has ended, and ends it when that takes too long or `now` is set.
    pub(crate) fn ends(&mut self, now: &AtomicBool) {
        let end = Instant::now() + END_WITHIN;
        while self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            if now.load(Ordering::Relaxed) || Instant::now() > end {
                return self.kill();
            }
            sleep(LOOK_EVERY);
        }
    }

    fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}
