//! Decides when something is loaded: when that is asked for, once at a time, and again until it succeeds.

use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::{Backoff, Random};

const RETRY: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(30) };

/// See the module.
pub(crate) struct Reloader {
    /// When the next load begins.
    due_at: Option<Instant>,
    is_loading: bool,
    /// Whether the load in progress was begun before the last request.
    is_outdated: bool,
    failures: u32,
    random: Random,
}

impl Reloader {
    pub(crate) fn new(random: Random) -> Self {
        Self { due_at: None, is_loading: false, is_outdated: false, failures: 0, random }
    }

    /// Asks for a load, now or after the load in progress.
    pub(crate) fn request(&mut self, now: Instant) {
        self.failures = 0;
        if self.is_loading {
            self.is_outdated = true;
        } else {
            self.due_at = Some(now);
        }
    }

    /// Ends the repetitions.
    pub(crate) fn cancel(&mut self) {
        (self.due_at, self.is_outdated, self.failures) = (None, false, 0);
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.due_at
    }

    /// Begins a load if one is due.
    pub(crate) fn begin_if_due(&mut self, now: Instant) -> bool {
        let is_due = self.due_at.is_some_and(|at| at <= now);
        if is_due {
            (self.due_at, self.is_loading, self.is_outdated) = (None, true, false);
        }
        is_due
    }

    /// Processes the end of a load.
    pub(crate) fn finish(&mut self, is_loaded: bool, is_wanted: bool, now: Instant) {
        self.is_loading = false;
        if !is_wanted {
            return self.cancel();
        }
        if std::mem::take(&mut self.is_outdated) {
            self.due_at = Some(now);
        } else if !is_loaded {
            self.due_at = Some(now + RETRY.delay(self.failures, &mut self.random));
            self.failures = self.failures.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_during_a_load_is_followed_by_another_and_a_failure_is_repeated() {
        let start = Instant::now();
        let mut reloader = Reloader::new(Box::new(|| 1.0));
        assert!(!reloader.begin_if_due(start));
        reloader.request(start);
        assert!(reloader.begin_if_due(start) && !reloader.begin_if_due(start));
        reloader.request(start);
        assert!(!reloader.begin_if_due(start));
        reloader.finish(true, true, start);
        assert!(reloader.begin_if_due(start));
        for seconds in [1, 2, 4] {
            reloader.finish(false, true, start);
            assert_eq!(reloader.deadline(), Some(start + Duration::from_secs(seconds)));
            assert!(reloader.begin_if_due(start + Duration::from_secs(seconds)));
        }
        reloader.finish(false, false, start);
        assert_eq!(reloader.deadline(), None);
    }
}
