//! The events of the engine: sessions that open and end, and messages that arrive.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use engineioxide::handler::EngineIoHandler;
use engineioxide::{DisconnectReason, Str};

use crate::socketio::SocketIoHandler;
use crate::socketio::session::{EngineMessage, PendingSession, Session, Sessions};
use crate::socketio::socket::{EngineSocket, Socket};
use crate::websocket::CloseReason;

/// Receives the events of the engine.
pub(super) struct EngineHandler {
    handler: Arc<dyn SocketIoHandler>,
    pub(super) sessions: Sessions,
}

impl fmt::Debug for EngineHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineHandler").finish_non_exhaustive()
    }
}

impl EngineHandler {
    pub(super) fn new(handler: Arc<dyn SocketIoHandler>) -> Self {
        Self { handler, sessions: Sessions::default() }
    }

    fn receive(&self, engine: &EngineSocket, message: EngineMessage) {
        self.handler.message_received();
        let Some(session) = engine.data.get() else { return };
        if !session.enqueue(message) {
            session.set_close_reason(CloseReason::TooManyMessages);
            session.abort();
        }
    }
}

impl EngineIoHandler for EngineHandler {
    type Data = OnceLock<Arc<Session>>;

    fn on_connect(self: Arc<Self>, engine: Arc<EngineSocket>) {
        let pending = engine.req_parts.extensions.get::<Arc<PendingSession>>();
        let Some((session, inbox)) =
            pending.and_then(|pending| Some((Arc::clone(&pending.session), pending.take_inbox()?)))
        else {
            tracing::error!("the engine opened a session without a request for one");
            return engine.close(DisconnectReason::ClosingServer);
        };
        engine.data.set(Arc::clone(&session)).ok();
        self.sessions.add(engine.id, Arc::clone(&session));
        self.handler.connected(Socket::new(engine, session, inbox));
    }

    fn on_disconnect(&self, engine: Arc<EngineSocket>, reason: DisconnectReason) {
        self.sessions.remove(engine.id);
        let own_reason = engine.data.get().and_then(|session| session.close_reason());
        let reason = match (own_reason, reason) {
            (Some(reason), _) => Some(reason),
            (None, DisconnectReason::TransportClose) => Some(&CloseReason::ClosedByClient),
            (None, DisconnectReason::HeartbeatTimeout) => Some(&CloseReason::HeartbeatTimeout),
            (None, DisconnectReason::PacketParsingError | DisconnectReason::MultipleHttpPollingError) => {
                Some(&CloseReason::Protocol)
            }
            (None, DisconnectReason::TransportError | DisconnectReason::ClosingServer) => None,
        };
        self.handler.closed(reason);
    }

    fn on_message(self: &Arc<Self>, text: Str, engine: Arc<EngineSocket>) {
        self.receive(&engine, EngineMessage::Text(text));
    }

    fn on_binary(self: &Arc<Self>, _: Bytes, engine: Arc<EngineSocket>) {
        self.receive(&engine, EngineMessage::Binary);
    }
}
