//! The state that a client's task shares with its transports and with the fan-out.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, OnceLock};

use engineioxide_core::{Packet as EnginePacket, Sid};
use parking_lot::Mutex;

use crate::limits::TokenBucket;
use crate::socketio::EncodedPacket;
use crate::socketio::polling::{Polling, Queued};
use crate::websocket::{Heartbeat, SocketWriter, WebSocket, WriteResult};

/// Bytes that are written at once. What the kernel does not accept of them is a copy for this client alone, while packets that
/// wait are shared by all clients.
const WRITE_BYTES: usize = 64 * 1024;

/// One client, whatever its transport.
pub(super) struct Session {
    pub(super) heartbeat: Heartbeat,
    /// The write side, once a WebSocket is the transport.
    writer: OnceLock<Arc<SocketWriter>>,
    /// Present if the session began by long polling.
    polling: Option<Box<Polling>>,
}

impl Session {
    /// Creates a session that begins by WebSocket.
    pub(super) fn of_websocket(heartbeat: Heartbeat, websocket: &WebSocket) -> Self {
        Self { heartbeat, writer: OnceLock::from(websocket.writer()), polling: None }
    }

    /// Creates a session that begins by long polling.
    pub(super) fn of_polling(heartbeat: Heartbeat, bucket: TokenBucket) -> Self {
        Self { heartbeat, writer: OnceLock::new(), polling: Some(Box::new(Polling::new(bucket))) }
    }

    /// Returns the queues of long polling, if the session began by it.
    pub(super) fn polling(&self) -> Option<&Polling> {
        self.polling.as_deref()
    }

    /// Makes a WebSocket the transport. Returns it if the session has ended.
    pub(super) fn upgrade(&self, websocket: Box<WebSocket>) -> Option<Box<WebSocket>> {
        match self.polling() {
            Some(polling) => polling.upgrade(websocket, |writer| drop(self.writer.set(writer))),
            None => Some(websocket),
        }
    }

    /// Sends a tick if that is possible at once, and with it the ping if one is due. Never waits.
    pub(super) fn offer_tick(&self, frame: &[u8]) -> WriteResult {
        if let Some(result) = self.queue(|polling| polling.push(&EncodedPacket::of_frame(frame))) {
            return result;
        }
        let Some(writer) = self.writer.get() else { return WriteResult::Refused };
        if !self.heartbeat.count_tick() {
            return writer.offer(frame);
        }
        self.heartbeat.set_ping_pending(true);
        let written = writer.offer(&[frame, EncodedPacket::new(EnginePacket::Ping).frame()].concat());
        if written == WriteResult::Refused {
            self.heartbeat.set_ping_pending(false);
        }
        written
    }

    /// Sends the packets for which there is capacity, and removes them. Never waits. Only the client's task sends so: a
    /// WebSocket takes packets until the kernel does not accept them at once.
    pub(super) fn send(&self, packets: &mut VecDeque<EncodedPacket>) {
        while let Some(packet) = packets.front() {
            match self.queue(|polling| polling.push(packet)) {
                Some(WriteResult::Written) => drop(packets.pop_front()),
                Some(WriteResult::InFlight | WriteResult::Refused) => return,
                None if self.writer.get().is_some_and(|writer| writer.is_flushed()) => self.write_some(packets),
                None => return,
            }
        }
    }

    /// Sends a packet that needs no capacity, behind all others.
    pub(super) fn send_unbounded(&self, packet: &EncodedPacket) {
        if self.queue(|polling| polling.push_unbounded(packet)).is_none() {
            self.write(packet.frame());
        }
    }

    /// Queues a packet for long polling; `None` if a WebSocket is the transport.
    fn queue(&self, push: impl FnOnce(&Polling) -> Queued) -> Option<WriteResult> {
        if self.writer.get().is_some() {
            return None;
        }
        match push(self.polling()?) {
            Queued::Yes => Some(WriteResult::Written),
            Queued::Full => Some(WriteResult::Refused),
            Queued::Upgraded => None,
        }
    }

    /// Writes the first packets, and removes them.
    fn write_some(&self, packets: &mut VecDeque<EncodedPacket>) {
        let Some(first) = packets.pop_front() else { return };
        let has_room = |size: usize| move |next: &EncodedPacket| size + next.frame().len() <= WRITE_BYTES;
        if !packets.front().is_some_and(has_room(first.frame().len())) {
            return self.write(first.frame());
        }
        let mut frames = first.frame().to_vec();
        while packets.front().is_some_and(has_room(frames.len())) {
            frames.extend(packets.pop_front().iter().flat_map(|packet| packet.frame()));
        }
        self.write(&frames);
    }

    fn write(&self, frames: &[u8]) {
        // The client's task finds an error when it reads.
        self.writer.get().map(|writer| writer.write(frames).ok());
    }
}

/// The sessions of this node.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<Sid, Arc<Session>>>);

impl Sessions {
    /// Adds a session; dropping the result removes it.
    pub(super) fn add(self: &Arc<Self>, session: Arc<Session>) -> SessionEntry {
        let id = Sid::new();
        self.0.lock().insert(id, Arc::clone(&session));
        SessionEntry { id, session, sessions: Arc::clone(self) }
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<Session>> {
        self.0.lock().get(&id.parse().ok()?).cloned()
    }
}

/// A session of this node, until it is dropped.
pub(super) struct SessionEntry {
    pub(super) id: Sid,
    pub(super) session: Arc<Session>,
    sessions: Arc<Sessions>,
}

impl Drop for SessionEntry {
    fn drop(&mut self) {
        self.sessions.0.lock().remove(&self.id);
        if let Some(polling) = self.session.polling() {
            polling.abandon();
        }
    }
}
