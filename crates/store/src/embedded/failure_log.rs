//! Reports of failed writes.

use std::time::{Duration, Instant};

/// The shortest time between two reports of failed writes.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// Reports failed writes in the log, a few of many.
#[derive(Default)]
pub(crate) struct FailureLog {
    reported_at: Option<Instant>,
    /// The failures since then.
    unreported: u64,
    /// A failure was reported whose end was not.
    is_open: bool,
}

impl FailureLog {
    pub(crate) fn report(&mut self, reason: &str) {
        self.unreported += 1;
        if self.reported_at.is_some_and(|at| at.elapsed() < REPORT_INTERVAL) {
            return;
        }
        tracing::error!(reason, failures = self.unreported, "the store can't be written; the node is not ready");
        *self = Self { reported_at: Some(Instant::now()), unreported: 0, is_open: true };
    }

    pub(crate) fn report_end(&mut self) {
        if std::mem::take(&mut self.is_open) {
            tracing::info!("the store can be written again");
        }
    }
}
