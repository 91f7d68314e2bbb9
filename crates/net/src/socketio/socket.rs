//! One client as its task sees it, whatever its transport.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use engineioxide_core::{Packet as EnginePacket, ProtocolVersion};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::socketio::polling::{EngineMessage, Polling, PollingEvent};
use crate::socketio::session::{Session, SessionEntry};
use crate::socketio::{EncodedPacket, Packet, SocketIoHandler};
use crate::websocket::{
    CloseReason, Disconnected, HeartbeatAction, HeartbeatTimer, WRITE_TIMEOUT, WebSocket, WebSocketEvent, WriteResult,
};

/// One client.
pub struct Socket {
    handler: Arc<dyn SocketIoHandler>,
    entry: SessionEntry,
    websocket: Option<Box<WebSocket>>,
    timer: HeartbeatTimer,
    ping: Pin<Box<Sleep>>,
    /// Since when the client accepts nothing of what was written.
    stuck_since: Option<Instant>,
    /// Binary messages that are still to come as attachments of a packet that is already answered.
    attachments: usize,
}

/// What a socket waits for.
enum SocketEvent {
    WebSocket(WebSocketEvent),
    Polling(PollingEvent),
    /// The kernel has accepted some of the bytes that were left.
    Written,
    PingDue,
}

impl Socket {
    pub(super) fn new(
        handler: Arc<dyn SocketIoHandler>,
        entry: SessionEntry,
        websocket: Option<Box<WebSocket>>,
        timer: HeartbeatTimer,
    ) -> Self {
        let ping = Box::pin(sleep_until(timer.deadline()));
        Self { handler, entry, websocket, timer, ping, stuck_since: None, attachments: 0 }
    }

    /// Returns the write side.
    pub fn sender(&self) -> PacketSender {
        PacketSender(Arc::clone(&self.entry.session))
    }

    /// Waits for the client's next packet, or for anything else after which there may be capacity to send, such as a poll:
    /// then it returns `None`. Without `is_reading`, and while the client does not accept what it was sent, its packets are
    /// left where they are. Cancel-safe.
    ///
    /// # Errors
    /// The session has ended, or the client accepted nothing for [`WRITE_TIMEOUT`]; see [`Socket::close`].
    pub async fn next(&mut self, is_reading: bool) -> Result<Option<Packet>, Disconnected> {
        match self.next_event(is_reading).await? {
            SocketEvent::PingDue => {
                // Whether a client of long polling lives is known without reading its packets.
                let sees_answers = self.websocket.as_ref().is_none_or(|socket| is_reading && socket.is_flushed());
                match self.timer.fire(&self.entry.session.heartbeat, sees_answers) {
                    HeartbeatAction::Ping => {
                        self.entry.session.send_unbounded(&EncodedPacket::new(EnginePacket::Ping));
                    }
                    HeartbeatAction::Timeout => return Err(Disconnected::Close(CloseReason::HeartbeatTimeout)),
                }
                Ok(None)
            }
            SocketEvent::WebSocket(event) => {
                self.heard();
                self.packet_of_frame(event)
            }
            SocketEvent::Polling(PollingEvent::Message(message)) => Ok(self.packet_of(message)),
            SocketEvent::Polling(PollingEvent::Heard) => {
                self.heard();
                Ok(None)
            }
            SocketEvent::Written => {
                self.stuck_since = None;
                // A ping may be the last of what was left.
                self.timer.written_late();
                Ok(None)
            }
            SocketEvent::Polling(PollingEvent::Polled) => Ok(None),
            SocketEvent::Polling(PollingEvent::Upgraded(websocket)) => {
                self.websocket = Some(websocket);
                Ok(None)
            }
            SocketEvent::Polling(PollingEvent::Ended(disconnected)) => Err(disconnected),
        }
    }

    async fn next_event(&mut self, is_reading: bool) -> Result<SocketEvent, Disconnected> {
        let Self { entry, websocket, timer, ping, stuck_since, .. } = self;
        if ping.deadline() != timer.deadline() {
            ping.as_mut().reset(timer.deadline());
        }
        let polling = entry.session.polling();
        if let Some(websocket) = websocket {
            if !websocket.is_flushed() {
                let stuck_at = *stuck_since.get_or_insert_with(Instant::now) + WRITE_TIMEOUT;
                // Boxed, because connections rarely wait here, and each holds the room for it.
                return Box::pin(async {
                    tokio::select! {
                        biased;
                        written = websocket.flush_part() => written.map(|()| SocketEvent::Written),
                        () = sleep_until(stuck_at) => Err(Disconnected::Close(CloseReason::TooSlow)),
                        () = ping => Ok(SocketEvent::PingDue),
                    }
                })
                .await;
            }
            *stuck_since = None;
            // What was sent by long polling comes before.
            if let Some(message) = polling.filter(|_| is_reading).and_then(Polling::take_message) {
                return Ok(SocketEvent::Polling(PollingEvent::Message(message)));
            }
            return tokio::select! {
                biased;
                event = websocket.next(), if is_reading => event.map(SocketEvent::WebSocket),
                () = ping => Ok(SocketEvent::PingDue),
            };
        }
        let Some(polling) = polling else { return Err(Disconnected::Broken) };
        let stuck_at = polling.full_since().map(|since| since + WRITE_TIMEOUT);
        tokio::select! {
            biased;
            event = polling.next(is_reading) => Ok(SocketEvent::Polling(event)),
            () = sleep_until(stuck_at.unwrap_or_else(Instant::now)), if stuck_at.is_some() => {
                Err(Disconnected::Close(CloseReason::TooSlow))
            }
            () = ping => Ok(SocketEvent::PingDue),
        }
    }

    /// Records that the client lives. The end of a request counts too: a WebSocket was not read meanwhile.
    pub fn heard(&mut self) {
        self.timer.received(&self.entry.session.heartbeat);
    }

    fn packet_of_frame(&mut self, event: WebSocketEvent) -> Result<Option<Packet>, Disconnected> {
        let text = match event {
            // Nothing is a signal in this protocol.
            WebSocketEvent::Signal { .. } => return Ok(None),
            WebSocketEvent::Control => return self.write_answer(),
            WebSocketEvent::Binary(_) => return Ok(self.packet_of(EngineMessage::Binary)),
            WebSocketEvent::Text(text) => text,
        };
        match EnginePacket::parse(ProtocolVersion::V4, text.as_str().to_owned()) {
            Ok(EnginePacket::Message(text)) => Ok(self.packet_of(EngineMessage::Text(text))),
            Ok(EnginePacket::Ping | EnginePacket::Pong) => Ok(None),
            Ok(EnginePacket::Close) => Err(Disconnected::Close(CloseReason::ClosedByClient)),
            Ok(_) | Err(_) => Err(Disconnected::Close(CloseReason::Protocol)),
        }
    }

    /// Writes the answer to a ping of the WebSocket protocol.
    fn write_answer(&mut self) -> Result<Option<Packet>, Disconnected> {
        self.websocket.as_mut().map_or(Ok(()), |websocket| websocket.write(&[]))?;
        Ok(None)
    }

    /// Returns the packet of a message; `None` if the message is an attachment of an earlier packet.
    fn packet_of(&mut self, message: EngineMessage) -> Option<Packet> {
        self.handler.message_received();
        match message {
            EngineMessage::Text(text) => {
                self.attachments = super::packet::attachments(&text);
                Some(Packet::parse(text))
            }
            EngineMessage::Binary if self.attachments > 0 => {
                self.attachments -= 1;
                None
            }
            EngineMessage::Binary => Some(Packet::Invalid { reason: "binary messages are not supported", ack: None }),
        }
    }

    /// Returns why a client of long polling has ended its session, and forgets it.
    pub fn take_end(&self) -> Option<Disconnected> {
        self.entry.session.polling().and_then(Polling::take_end)
    }

    /// Returns whether a client of long polling has ended its session, although packets of it may still wait.
    pub fn is_ended(&self) -> bool {
        self.entry.session.polling().is_some_and(Polling::is_ended)
    }

    /// Closes the transport. Unlike after a disconnect packet, the client reconnects.
    pub async fn close(mut self, disconnected: Disconnected) {
        let reason = match &disconnected {
            Disconnected::Close(reason) => Some(reason),
            Disconnected::Broken => None,
        };
        self.handler.closed(reason);
        let Some(reason) = reason else { return };
        let polling = self.entry.session.polling();
        if let Some(websocket) = self.websocket.take().or_else(|| polling?.take_websocket()) {
            return websocket.close(reason).await;
        }
        // These clients do not poll.
        let is_gone =
            matches!(reason, CloseReason::TooSlow | CloseReason::HeartbeatTimeout | CloseReason::ClosedByClient);
        if let Some(polling) = polling.filter(|_| !is_gone)
            && let Some(websocket) = polling.close(reason).await
        {
            websocket.close(reason).await;
        }
    }
}

/// The write side of a client, shared by its task and the fan-out.
#[derive(Clone)]
pub struct PacketSender(Arc<Session>);

impl PacketSender {
    /// Sends a tick, which is one packet as a frame, if that is possible at once. Never waits.
    pub fn offer_tick(&self, frame: &[u8]) -> WriteResult {
        self.0.offer_tick(frame)
    }

    /// Sends the packets for which there is capacity, and removes them. Never waits. Only the client's task may call this.
    /// [`Socket::next`] returns when there may be capacity again. Packets to a session that has ended are dropped.
    pub fn send(&self, packets: &mut VecDeque<EncodedPacket>) {
        self.0.send(packets);
    }

    /// Sends the last packet of a session, whether or not there is capacity for it.
    pub fn send_last(&self, packet: &EncodedPacket) {
        self.0.send_unbounded(packet);
    }
}
