//! Child processes that run in the background, each with a log file.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// Time that a process gets to exit: a node completes commands and waits for clients.
const EXIT_TIMEOUT: Duration = Duration::from_secs(15);

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Number of log lines that an error shows.
const TAIL_LINES: usize = 5;

/// A process that is killed when its handle is dropped.
pub(crate) struct ChildProcess {
    pub(crate) name: String,
    log: PathBuf,
    child: Child,
}

impl ChildProcess {
    /// Starts a process in a folder; its log is `<name>.log` in that folder.
    pub(crate) fn start(name: &str, mut command: Command, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command.current_dir(folder).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        // Ctrl-C must reach only this program, which then ends the processes in order: hence a process group.
        let child = command.process_group(0).spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name: name.to_owned(), log, child })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails if the process has exited.
    pub(crate) fn require_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} has exited: {status}\n{}", self.name, self.log_tail()),
        }
    }

    /// Returns the last lines of the log, with its path.
    pub(crate) fn log_tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n  ");
        format!("last lines of {}:\n  {last}\n", self.log.display())
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&mut self) {
        // After the exit the pid can belong to another process.
        if self.is_running() {
            Command::new("kill").arg(self.child.id().to_string()).status().ok();
        }
    }

    /// Waits for the exit. Kills the process after [`EXIT_TIMEOUT`], or as soon as `force` is set.
    pub(crate) fn wait_for_exit(&mut self, force: &AtomicBool) {
        let deadline = Instant::now() + EXIT_TIMEOUT;
        while self.is_running() {
            if force.load(Ordering::Relaxed) || Instant::now() > deadline {
                return self.kill();
            }
            sleep(POLL_INTERVAL);
        }
    }

    /// Waits for the exit. Fails after the timeout.
    pub(crate) fn wait_for_status(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(Instant::now() < deadline, "{} has not exited within {timeout:?}\n{}", self.name, self.log_tail());
            sleep(POLL_INTERVAL);
        }
    }

    fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Polls until the condition holds. Fails if a process exits first, or after the timeout.
pub(crate) fn wait_until(children: &mut [ChildProcess], timeout: Duration, condition: impl Fn() -> bool) -> Result<()> {
    let deadline = Instant::now() + timeout;
    loop {
        children.iter_mut().try_for_each(ChildProcess::require_running)?;
        if condition() {
            return Ok(());
        }
        let logs = || children.iter().map(ChildProcess::log_tail).collect::<String>();
        ensure!(Instant::now() < deadline, "not ready within {timeout:?}\n{}", logs());
        sleep(POLL_INTERVAL);
    }
}
