//! The progress of a command, for a person at a terminal.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Time between two changes of the line.
const INTERVAL: Duration = Duration::from_millis(100);

/// Moves to the start of the line and clears it.
const CLEAR_LINE: &str = "\r\u{1b}[K";

/// A line on standard error that shows how far a command is. Nothing is shown if standard error is no terminal.
pub(crate) struct Progress {
    is_shown: bool,
    task: Cow<'static, str>,
    total: u64,
    drawn: Option<Instant>,
}

impl Progress {
    /// Begins a task of `total` steps.
    pub(crate) fn new(task: impl Into<Cow<'static, str>>, total: u64) -> Self {
        Self { is_shown: io::stderr().is_terminal(), task: task.into(), total, drawn: None }
    }

    /// Shows that `done` steps are done.
    pub(crate) fn show(&mut self, done: u64) {
        let is_due = self.drawn.is_none_or(|drawn| drawn.elapsed() >= INTERVAL);
        if !self.is_shown || !is_due {
            return;
        }
        self.drawn = Some(Instant::now());
        let percent = done.saturating_mul(100) / self.total.max(1);
        self.draw(&format!("{}: {done} of {} ({percent} %)", self.task, self.total));
    }

    fn draw(&self, line: &str) {
        // A terminal that has gone does not stop the command.
        write!(io::stderr(), "{CLEAR_LINE}{line}").ok();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            self.draw("");
        }
    }
}
