//! The packets to one client that wait for capacity.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use net::socketio::{EncodedPacket, PacketSender};
use net::websocket::{WRITE_TIMEOUT, WriteResult};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The packets to one client that wait for capacity. Handlers render nothing new while packets wait, so that it never
/// holds more than one delivery: at most, the members that joined and left among all members of a room.
pub(crate) struct Outbox {
    sender: PacketSender,
    queue: Mutex<Queue>,
    /// Messages other than ticks that were pushed and are not counted yet.
    messages: AtomicU64,
    deferred: Notify,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<EncodedPacket>,
    stuck_since: Option<Instant>,
}

impl Outbox {
    pub(super) fn new(sender: PacketSender) -> Self {
        Self { sender, queue: Mutex::default(), messages: AtomicU64::new(0), deferred: Notify::new() }
    }

    /// Adds a message to those that wait.
    pub(crate) fn push(&self, packet: EncodedPacket) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.push_tick(packet);
    }

    /// Adds a tick to the packets that wait.
    pub(crate) fn push_tick(&self, packet: EncodedPacket) {
        self.queue.lock().waiting.push_back(packet);
    }

    /// Sends a tick, a packet as a frame, if that is possible at once. Never waits.
    pub(crate) fn offer_tick(&self, frame: &[u8]) -> WriteResult {
        self.sender.offer_tick(frame)
    }

    /// Sends the packets for which there is capacity.
    pub(super) fn flush(&self) {
        let Queue { waiting, stuck_since } = &mut *self.queue.lock();
        let before = waiting.len();
        self.sender.send(waiting);
        if waiting.is_empty() {
            // A new queue, so that a client keeps no memory for a burst.
            (*waiting, *stuck_since) = (VecDeque::new(), None);
        } else if waiting.len() < before {
            *stuck_since = Some(Instant::now());
        } else {
            stuck_since.get_or_insert_with(Instant::now);
        }
    }

    /// Tells whether no packet waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.lock().waiting.is_empty()
    }

    /// Returns since when no packet could be sent, if packets wait.
    pub(super) fn stuck_since(&self) -> Option<Instant> {
        self.queue.lock().stuck_since
    }

    /// Tells whether no packet could be sent for too long.
    pub(super) fn is_stuck(&self) -> bool {
        self.stuck_since().is_some_and(|since| since.elapsed() > WRITE_TIMEOUT)
    }

    /// Returns the number of messages pushed since the last call.
    pub(super) fn take_messages(&self) -> u64 {
        self.messages.swap(0, Ordering::Relaxed)
    }

    /// Wakes the connection's task: a handler has something to deliver.
    pub(crate) fn notify(&self) {
        self.deferred.notify_one();
    }

    pub(super) async fn deferred(&self) {
        self.deferred.notified().await;
    }
}
