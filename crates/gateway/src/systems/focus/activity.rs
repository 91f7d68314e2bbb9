//! The activity of one socket, until it is stored.
//!
//! The first activity after a while is stored at once, later ones at most every [`WRITE_EVERY`], as spans without an idle
//! second. So seconds come out as if each activity were stored, and what is stored is never so old that a tick would show a
//! person idle who is not.

use std::time::Duration;

use timers::focus::Spans;
use timers::{Millis, Timestamp};
use tokio::time::Instant;

/// The shortest time between two writes.
const WRITE_EVERY: Duration = Duration::from_secs(5);

/// Mean time by which a write is put off.
const POSTPONED: Duration = Duration::from_millis(500);

/// Mean time between two attempts while the store is away: an end that comes after an outage and before the next attempt
/// misses the activity since it began.
const RETRY: Duration = Duration::from_secs(2);

/// Most spans that are kept while the store is away; as many as a session keeps. The earliest go first.
const SPANS_MAX: usize = 32;

/// The activity of one socket.
pub(super) struct Activity {
    gap: Millis,
    /// What is not stored. While it is being written, what was since.
    pending: Spans,
    /// What is being written.
    sent: Option<Spans>,
    /// When the next write may be.
    next_write: Instant,
}

impl Activity {
    /// Begins without any. `idle_after` is the time after which a person counts as idle.
    pub(super) fn new(idle_after: Millis) -> Self {
        let (pending, sent) = (Spans::default(), None);
        Self { gap: idle_after, pending, sent, next_write: Instant::now() }
    }

    /// Records an activity.
    pub(super) fn record(&mut self, at: Timestamp) {
        self.pending.record(at, self.gap);
    }

    /// Returns when the next write is due; `None` if there is nothing to write or a write is in progress.
    pub(super) fn due(&self) -> Option<Instant> {
        (self.sent.is_none() && !self.pending.is_empty()).then_some(self.next_write)
    }

    /// Begins a write.
    pub(super) fn begin(&mut self, now: Instant) -> Spans {
        self.next_write = now + WRITE_EVERY;
        let spans = std::mem::take(&mut self.pending);
        self.sent = Some(spans.clone());
        spans
    }

    /// Puts the next write off, since the node has as many in progress as it may.
    pub(super) fn postpone(&mut self, now: Instant) {
        self.next_write = now + POSTPONED.mul_f64(0.5 + fastrand::f64());
    }

    /// Ends a write.
    pub(super) fn end(&mut self, is_stored: bool, now: Instant) {
        let Some(sent) = self.sent.take() else { return };
        if is_stored {
            return;
        }
        self.pending.unite(sent.as_slice().iter().copied(), self.gap);
        while self.pending.len() > SPANS_MAX {
            self.pending.pop_first();
        }
        self.next_write = now + RETRY.mul_f64(0.5 + fastrand::f64());
    }

    /// Returns all that may not be stored.
    pub(super) fn unstored(&self) -> Spans {
        let mut spans = self.pending.clone();
        if let Some(sent) = &self.sent {
            spans.unite(sent.as_slice().iter().copied(), self.gap);
        }
        spans
    }

    /// Takes all that may not be stored.
    pub(super) fn take(&mut self) -> Spans {
        let spans = self.unstored();
        (self.pending, self.sent) = (Spans::default(), None);
        spans
    }
}
