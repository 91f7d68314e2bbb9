//! The state that a client's task shares with its transports and with the fan-out.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, OnceLock};

use engineioxide_core::{Packet as EnginePacket, Sid};
use parking_lot::Mutex;

use crate::limits::TokenBucket;
use crate::socketio::EncodedPacket;
use crate::socketio::polling::{Polling, Queued};
use crate::websocket::{Heartbeat, SocketWriter, WebSocket, WriteResult};

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
    /// WebSocket takes all packets, unless the kernel has not accepted those before.
    pub(super) fn send(&self, packets: &mut VecDeque<EncodedPacket>) {
        while let Some(packet) = packets.front() {
            match self.queue(|polling| polling.push(packet)) {
                Some(WriteResult::Written) => drop(packets.pop_front()),
                Some(WriteResult::InFlight | WriteResult::Refused) => return,
                None if self.writer.get().is_some_and(|writer| writer.is_flushed()) => {
                    return self.write(&std::mem::take(packets));
                }
                None => return,
            }
        }
    }

    /// Sends a ping.
    pub(super) fn ping(&self) {
        if self.queue(Polling::push_ping).is_none() {
            self.write(&VecDeque::from([EncodedPacket::new(EnginePacket::Ping)]));
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

    fn write(&self, packets: &VecDeque<EncodedPacket>) {
        let Some(writer) = self.writer.get() else { return };
        // The client's task finds an error when it reads.
        match packets.len() {
            1 => writer.write(packets[0].frame()).ok(),
            _ => writer.write(&packets.iter().map(EncodedPacket::frame).collect::<Vec<_>>().concat()).ok(),
        };
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
