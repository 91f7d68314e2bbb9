//! One client as its task sees it, whatever carries its packets.

use std::sync::{Arc, OnceLock};

use engineioxide::{DisconnectReason, Str};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::socketio::packet::Packet;
use crate::socketio::session::{Raw, Session};
use crate::ws::Closing;

pub(super) type Engine = engineioxide::Socket<OnceLock<Arc<Session>>>;

/// One client.
pub(crate) struct Socket {
    engine: Arc<Engine>,
    session: Arc<Session>,
    inbox: mpsc::Receiver<Raw>,
}

impl Socket {
    pub(super) fn new(engine: Arc<Engine>, session: Arc<Session>, inbox: mpsc::Receiver<Raw>) -> Self {
        Self { engine, session, inbox }
    }

    /// Returns the head of the request that it came with.
    pub(crate) fn request(&self) -> &axum::http::request::Parts {
        &self.engine.req_parts
    }

    /// Returns its writing side.
    pub(crate) fn outlet(&self) -> Outlet {
        Outlet(Arc::clone(&self.engine))
    }

    /// Waits for the next packet; `None` once it is gone and nothing is left of it. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Packet> {
        tokio::select! {
            biased;
            Some(raw) = self.inbox.recv() => {
                self.session.taken(&raw);
                Some(match raw {
                    Raw::Text(text) => Packet::read(text),
                    Raw::Binary => Packet::Unreadable("binary messages are not read"),
                })
            }
            () = self.engine.closed() => None,
            () = self.session.broken() => {
                self.engine.close(DisconnectReason::TransportError);
                None
            }
        }
    }

    /// Tells whether it is gone; something may be left of it.
    pub(crate) fn is_closed(&self) -> bool {
        self.engine.is_closed()
    }

    /// Closes what carries its packets. That, unlike a packet that disconnects it, has the client come again.
    pub(crate) async fn close(&self, closing: Closing) {
        self.session.close(closing);
        self.engine.close(DisconnectReason::ClosingServer);
        self.engine.closed().await;
    }
}

/// The writing side of a client, for its own task and for whoever fans something out.
#[derive(Clone)]
pub(crate) struct Outlet(Arc<Engine>);

impl Outlet {
    /// Sends a packet if there is room; gives it back if there is none. Never waits.
    pub(crate) fn offer(&self, packet: Str) -> Result<(), Str> {
        // The last place is for the engine's own: a ping that finds none ends a client that reads.
        match (self.0.reserve(), self.0.reserve()) {
            (Ok(place), Ok(_)) => {
                place.emit(packet);
                Ok(())
            }
            // Whoever is gone lacks nothing.
            (Err(TrySendError::Closed(())), _) | (_, Err(TrySendError::Closed(()))) => Ok(()),
            (Err(TrySendError::Full(())), _) | (_, Err(TrySendError::Full(()))) => Err(packet),
        }
    }
}
