//! Recognises events that arrive a second time, because two links are open during a handover.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::studio::protocol::TimerEvent;

/// Both links have delivered an event by then; the old one closes earlier.
const KEPT: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Default)]
pub(crate) struct RecentEvents(VecDeque<(Instant, TimerEvent)>);

impl RecentEvents {
    /// Adds an event. Returns false if it has arrived before.
    pub(crate) fn add(&mut self, event: &TimerEvent, now: Instant) -> bool {
        while self.0.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) >= KEPT) {
            self.0.pop_front();
        }
        let is_new = self.0.iter().all(|(_, recent)| recent != event);
        if is_new {
            self.0.push_back((now, event.clone()));
        }
        is_new
    }
}
