//! One client as its task sees it, whatever its transport.

use std::sync::{Arc, OnceLock};

use axum::http::request::Parts;
use engineioxide::{DisconnectReason, Str};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::socketio::packet::{self, Packet};
use crate::socketio::session::{EngineMessage, Session};
use crate::websocket::CloseReason;

pub(super) type EngineSocket = engineioxide::Socket<OnceLock<Arc<Session>>>;

/// One client.
pub struct Socket {
    engine: Arc<EngineSocket>,
    session: Arc<Session>,
    inbox: mpsc::Receiver<EngineMessage>,
    /// Binary messages that are still to come as attachments of a packet that is already answered.
    attachments: usize,
}

impl Socket {
    pub(super) fn new(engine: Arc<EngineSocket>, session: Arc<Session>, inbox: mpsc::Receiver<EngineMessage>) -> Self {
        Self { engine, session, inbox, attachments: 0 }
    }

    /// Returns the head of the request that opened the session.
    pub fn request(&self) -> &Parts {
        &self.engine.req_parts
    }

    /// Returns the write side.
    pub fn sender(&self) -> PacketSender {
        PacketSender(Arc::clone(&self.engine))
    }

    /// Waits for the next packet; `None` once the session has ended and its queue is empty. Cancel-safe.
    pub async fn next(&mut self) -> Option<Packet> {
        loop {
            let message = tokio::select! {
                biased;
                Some(message) = self.inbox.recv() => message,
                () = self.engine.closed() => return None,
                () = self.session.aborted() => {
                    self.engine.close(DisconnectReason::TransportError);
                    return None;
                }
            };
            self.session.dequeued(&message);
            if let Some(packet) = self.packet_of(message) {
                return Some(packet);
            }
        }
    }

    /// Returns the packet of a message; `None` if the message is an attachment of an earlier packet.
    fn packet_of(&mut self, message: EngineMessage) -> Option<Packet> {
        match message {
            EngineMessage::Text(text) => {
                self.attachments = packet::attachments(&text);
                Some(Packet::parse(text))
            }
            EngineMessage::Binary if self.attachments > 0 => {
                self.attachments -= 1;
                None
            }
            EngineMessage::Binary => Some(Packet::Invalid { reason: "binary messages are not supported", ack: None }),
        }
    }

    /// Returns whether the session has ended. Its queue may still hold packets.
    pub fn is_closed(&self) -> bool {
        self.engine.is_closed()
    }

    /// Closes the transport. Unlike after a disconnect packet, the client reconnects.
    pub async fn close(&self, reason: CloseReason) {
        self.session.set_close_reason(reason);
        self.engine.close(DisconnectReason::ClosingServer);
        self.engine.closed().await;
    }
}

/// The write side of a client, shared by its task and the fan-out.
#[derive(Clone)]
pub struct PacketSender(Arc<EngineSocket>);

impl PacketSender {
    /// Sends a packet if the engine has capacity. Never waits.
    ///
    /// # Errors
    /// Returns the packet if there is no capacity. A packet to a closed session is dropped and is no error.
    pub fn offer(&self, packet: Str) -> Result<(), Str> {
        // The last slot is reserved for the engine's pings: a ping without a slot would end a session whose client
        // reads.
        match (self.0.reserve(), self.0.reserve()) {
            (Ok(slot), Ok(_)) => {
                slot.emit(packet);
                Ok(())
            }
            (Err(TrySendError::Closed(())), _) | (_, Err(TrySendError::Closed(()))) => Ok(()),
            (Err(TrySendError::Full(())), _) | (_, Err(TrySendError::Full(()))) => Err(packet),
        }
    }
}
