//! What there was no room to send.

use std::collections::VecDeque;
use std::time::Instant;

use engineioxide::Str;

use crate::socketio::Outlet;
use crate::ws::WRITE_WITHIN;

/// What there was no room to send. It is caught up with before anything new is rendered, so that it never holds
/// more than one such step: at most, who has gone and come among all members of a room.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Str>,
    stuck_since: Option<Instant>,
}

impl Outbox {
    /// Puts a packet behind those that wait.
    pub(super) fn push(&mut self, packet: Str) {
        self.waiting.push_back(packet);
    }

    /// Sends what there is room for.
    pub(super) fn flush(&mut self, outlet: &Outlet) {
        while let Some(packet) = self.waiting.pop_front() {
            if let Err(packet) = outlet.offer(packet) {
                self.waiting.push_front(packet);
                self.stuck_since.get_or_insert_with(Instant::now);
                return;
            }
            self.stuck_since = None;
        }
    }

    /// Tells whether everything is sent.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Tells whether nothing could be sent for too long.
    pub(super) fn is_stuck(&self) -> bool {
        self.stuck_since.is_some_and(|since| since.elapsed() > WRITE_WITHIN)
    }
}
