//! Ctrl-C and SIGTERM, which end the cluster before the command.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Interval of polls.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Time that an interrupted process gets to exit; the scenarios write their records then.
const EXIT_TIMEOUT: Duration = Duration::from_secs(20);

/// Whether a signal to stop has arrived.
pub(super) struct Interrupt {
    stop: Arc<AtomicBool>,
}

impl Interrupt {
    /// Takes the signals, which end the process no longer.
    pub(super) fn register() -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&stop))?;
        }
        Ok(Self { stop })
    }

    /// Fails once a signal has arrived.
    pub(super) fn check(&self) -> Result<()> {
        ensure!(!self.stop.load(Ordering::Relaxed), "interrupted by a signal");
        Ok(())
    }

    /// Polls until a condition holds.
    ///
    /// # Errors
    /// A signal, or the timeout; then the error says what was awaited and the last error of the condition.
    pub(super) fn wait_until(
        &self,
        what: &str,
        timeout: Duration,
        mut condition: impl FnMut() -> Result<bool>,
    ) -> Result<()> {
        let deadline = Instant::now() + timeout;
        loop {
            self.check()?;
            let outcome = condition();
            if matches!(outcome, Ok(true)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let waited = || format!("not within {} s: {what}", timeout.as_secs());
                return outcome.with_context(waited).and_then(|_| bail!(waited()));
            }
            sleep(POLL_INTERVAL);
        }
    }

    /// Runs a command of any duration, which a signal ends.
    pub(super) fn run(&self, name: &str, command: &mut Command) -> Result<()> {
        let mut child = command.stdin(Stdio::null()).spawn().with_context(|| format!("cannot start {name}"))?;
        loop {
            if let Some(status) = child.try_wait()? {
                self.check()?;
                ensure!(status.success(), "{name} failed: {status}");
                return Ok(());
            }
            if let Err(interrupted) = self.check() {
                end(&mut child)?;
                return Err(interrupted);
            }
            sleep(POLL_INTERVAL);
        }
    }
}

/// Asks a process to exit, and kills it if it does not.
fn end(child: &mut Child) -> Result<()> {
    let deadline = Instant::now() + EXIT_TIMEOUT;
    Command::new("kill").arg(child.id().to_string()).stderr(Stdio::null()).status()?;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
        }
        sleep(POLL_INTERVAL);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_never_holds_is_named_with_its_last_error() {
        let interrupt = Interrupt { stop: Arc::default() };
        let short = Duration::from_millis(1);
        let error = interrupt.wait_until("the node is ready", short, || Ok(false)).unwrap_err();
        assert_eq!(format!("{error:#}"), "not within 0 s: the node is ready");
        let error = interrupt.wait_until("the node is ready", short, || bail!("no route")).unwrap_err();
        assert_eq!(format!("{error:#}"), "not within 0 s: the node is ready: no route");
        assert!(interrupt.wait_until("nothing", short, || Ok(true)).is_ok());
    }

    #[test]
    fn a_signal_ends_a_wait_and_a_command() {
        let interrupt = Interrupt { stop: Arc::new(AtomicBool::new(true)) };
        let error = interrupt.wait_until("it", EXIT_TIMEOUT, || Ok(true)).unwrap_err().to_string();
        assert_eq!(error, "interrupted by a signal");
        let start = Instant::now();
        let error = interrupt.run("sleep", Command::new("sleep").arg("60")).unwrap_err().to_string();
        assert_eq!(error, "interrupted by a signal");
        assert!(start.elapsed() < EXIT_TIMEOUT);
    }

    #[test]
    fn a_command_that_fails_is_named() {
        let interrupt = Interrupt { stop: Arc::default() };
        let error = interrupt.run("the suite", &mut Command::new("false")).unwrap_err().to_string();
        assert!(error.starts_with("the suite failed"), "{error}");
    }
}
