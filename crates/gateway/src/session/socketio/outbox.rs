//! The packets to one client that wait for capacity.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use net::socketio::{EncodedPacket, PacketSender};
use net::websocket::WriteResult;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The packets to one client that wait for capacity. Handlers render nothing new while packets wait, so that it never
/// holds more than one delivery: at most, the members that joined and left among all members of a room.
pub(crate) struct Outbox {
    sender: PacketSender,
    waiting: Mutex<VecDeque<EncodedPacket>>,
    /// Messages other than ticks that were pushed and are not counted yet.
    messages: AtomicU64,
    deferred: Notify,
}

impl Outbox {
    pub(super) fn new(sender: PacketSender) -> Self {
        Self { sender, waiting: Mutex::default(), messages: AtomicU64::new(0), deferred: Notify::new() }
    }

    /// Adds a message to those that wait.
    pub(crate) fn push(&self, packet: EncodedPacket) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.push_tick(packet);
    }

    /// Adds a tick to the packets that wait.
    pub(crate) fn push_tick(&self, packet: EncodedPacket) {
        self.waiting.lock().push_back(packet);
    }

    /// Sends a tick, a packet as a frame, if that is possible at once. Never waits.
    pub(crate) fn offer_tick(&self, frame: &[u8]) -> WriteResult {
        self.sender.offer_tick(frame)
    }

    /// Sends the packets for which there is capacity.
    pub(super) fn flush(&self) {
        let mut waiting = self.waiting.lock();
        self.sender.send(&mut waiting);
        if waiting.is_empty() {
            // A new queue, so that a client keeps no memory for a burst.
            *waiting = VecDeque::new();
        }
    }

    /// Sends the last packet of a session. Packets that wait for capacity are dropped, since the client gets no time to take
    /// them.
    pub(super) fn send_last(&self, packet: &EncodedPacket) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        let mut waiting = self.waiting.lock();
        self.sender.send(&mut waiting);
        *waiting = VecDeque::new();
        self.sender.send_last(packet);
    }

    /// Tells whether no packet waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.lock().is_empty()
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
