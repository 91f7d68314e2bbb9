//! The routes of `/socket.io/`: checks requests, enforces limits, and passes them to the sessions.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use engineioxide_core::{OpenPacket, Packet as EnginePacket, Sid, TransportType};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::http_error::{error, with_random_retry_after};
use crate::limits::NetLimit;
use crate::proxy::client_address;
use crate::request_body::{BodyLimits, read_body};
use crate::server::HTTP_CONNECTIONS_MAX;
use crate::socketio::polling::{Polling, PollingError, SEPARATOR};
use crate::socketio::session::{Session, Sessions};
use crate::socketio::socket::Socket;
use crate::socketio::upgrade::UpgradeClaim;
use crate::socketio::{EncodedPacket, SocketIoHandler, SocketIoOptions};
use crate::websocket::{CloseReason, Disconnected, Handshake, HeartbeatTimer, WebSocket};

/// Most long polls that wait at once: half of the connections that are not WebSockets.
const POLLS_MAX: usize = HTTP_CONNECTIONS_MAX / 2;

/// A Socket.IO server.
pub struct SocketIoServer {
    options: SocketIoOptions,
    handler: Arc<dyn SocketIoHandler>,
    sessions: Arc<Sessions>,
    polls: Semaphore,
    started: Instant,
}

/// The query parameters of the Engine.IO protocol.
#[derive(Deserialize)]
struct EngineQuery {
    #[serde(rename = "EIO")]
    protocol: Option<String>,
    transport: Option<String>,
    sid: Option<String>,
}

impl SocketIoServer {
    /// Creates a server that reports to `handler`.
    pub fn new(options: SocketIoOptions, handler: Arc<dyn SocketIoHandler>) -> Self {
        let (sessions, polls) = (Arc::default(), Semaphore::new(POLLS_MAX));
        Self { options, handler, sessions, polls, started: Instant::now() }
    }

    /// Returns the routes of the server, for a router of any state.
    pub fn routes<S>(self) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let server = Arc::new(self);
        let serve = move |request: Request| {
            let server = Arc::clone(&server);
            async move { server.serve(request).await }
        };
        Router::new().route("/socket.io/", any(serve.clone())).route("/socket.io", any(serve))
    }

    async fn serve(self: &Arc<Self>, request: Request) -> Response {
        let Ok(Query(query)) = Query::<EngineQuery>::try_from_uri(request.uri()) else {
            return error(StatusCode::BAD_REQUEST, "Bad request", "a query parameter is repeated");
        };
        let is_websocket = match (query.protocol.as_deref(), query.transport.as_deref()) {
            (Some("4"), Some("websocket")) if request.method() == Method::GET => true,
            (Some("4"), Some("polling")) => false,
            (Some("4"), _) => return protocol_error(0, "Transport unknown"),
            (_, _) => return protocol_error(5, "Unsupported protocol version"),
        };
        let Some(sid) = &query.sid else { return self.open(request, is_websocket) };
        // The protocol's own message makes the client open a new session.
        let Some(session) = self.sessions.get(sid) else { return protocol_error(1, "Session ID unknown") };
        let Some(polling) = session.polling() else { return wrong_transport() };
        match (is_websocket, request.method()) {
            (true, _) => self.upgrade(request, Arc::clone(&session)),
            (false, &Method::GET) => self.poll(polling).await,
            (false, &Method::POST) => self.receive(request, polling).await,
            (false, _) => bad_method(),
        }
    }

    fn address(&self, request: &Request) -> IpAddr {
        client_address(request.extensions(), request.headers(), &self.options.proxy)
    }

    /// Opens a session.
    fn open(self: &Arc<Self>, request: Request, is_websocket: bool) -> Response {
        if request.method() != Method::GET {
            return bad_method();
        }
        if let Err(refused) = self.handler.admit(self.address(&request)) {
            return *refused;
        }
        if is_websocket {
            return self.open_websocket(request);
        }
        let (head, _) = request.into_parts();
        let (timer, heartbeat) = HeartbeatTimer::new(self.options.heartbeat, self.started);
        let session = Session::of_polling(heartbeat, self.options.limits.token_bucket());
        let entry = self.sessions.add(Arc::new(session));
        let open = self.open_packet(entry.id, true);
        self.handler.connected(Socket::new(Arc::clone(&self.handler), entry, None, timer), &head);
        packets(open.text().to_vec())
    }

    fn open_websocket(self: &Arc<Self>, request: Request) -> Response {
        let handshake = match Handshake::of(request) {
            Ok(handshake) => handshake,
            Err(refused) => return *refused,
        };
        let head = head_of(handshake.request());
        let server = Arc::clone(self);
        let serve = move |websocket| async move { server.connected(websocket, &head) };
        handshake.accept(&self.options.limits, |task| self.handler.spawn(task), serve)
    }

    /// Begins the session of a WebSocket. Its task writes the rest of the packet that opens it, if the kernel leaves some.
    fn connected(&self, mut websocket: WebSocket, head: &Parts) {
        let (timer, heartbeat) = HeartbeatTimer::new(self.options.heartbeat, self.started);
        let entry = self.sessions.add(Arc::new(Session::of_websocket(heartbeat, &websocket)));
        // The session's task finds the error when it reads.
        websocket.write(&[self.open_packet(entry.id, false).to_bytes()]).ok();
        let socket = Socket::new(Arc::clone(&self.handler), entry, Some(Box::new(websocket)), timer);
        self.handler.connected(socket, head);
    }

    fn open_packet(&self, sid: Sid, can_upgrade: bool) -> EncodedPacket {
        let SocketIoOptions { heartbeat, limits, .. } = &self.options;
        EncodedPacket::new(EnginePacket::Open(OpenPacket {
            sid,
            upgrades: can_upgrade.then_some(TransportType::Websocket).into_iter().collect(),
            ping_interval: heartbeat.every,
            ping_timeout: heartbeat.within,
            max_payload: limits.message_bytes as u64,
        }))
    }

    /// Answers a poll, once there are packets.
    async fn poll(&self, polling: &Polling) -> Response {
        let Ok(_permit) = self.polls.try_acquire() else {
            self.handler.refused(NetLimit::Polls);
            let message = "the node has reached its limit of long polls";
            return with_random_retry_after(error(StatusCode::SERVICE_UNAVAILABLE, "Full", message));
        };
        polling.poll().await.map_or_else(refusal, packets)
    }

    /// Receives what a client of long polling sends, once its queue has capacity.
    async fn receive(&self, request: Request, polling: &Polling) -> Response {
        let within = self.options.request_timeout;
        let max_bytes = self.options.limits.message_bytes;
        // The whole body is read before any packet is processed, so that a refused request has no effect.
        let limits = BodyLimits { max_bytes, timeout: within, is_steady: false, too_large: None };
        let body = match read_body(request.into_body(), limits, &*self.handler).await {
            Ok(body) => body,
            Err(refused) => {
                if refused.status() == StatusCode::PAYLOAD_TOO_LARGE {
                    polling.end(Disconnected::Close(CloseReason::TooLarge(max_bytes)));
                }
                return refused;
            }
        };
        if !polling.allows(body.iter().filter(|byte| **byte == SEPARATOR).count() + 1) {
            polling.end(Disconnected::Close(CloseReason::TooManyMessages));
            return error(StatusCode::TOO_MANY_REQUESTS, "Too many messages", "send fewer messages");
        }
        // The client lives, even if its packets have to wait.
        polling.record_heard();
        if timeout(within, polling.wait_for_capacity()).await.is_err() {
            self.handler.refused(NetLimit::Time);
            let message = "earlier messages are still being processed";
            return error(StatusCode::REQUEST_TIMEOUT, "Request timeout", message);
        }
        polling.receive(&body).map_or_else(refusal, |()| packets(b"ok".to_vec()))
    }

    /// Answers the upgrade of a session to a WebSocket.
    fn upgrade(&self, request: Request, session: Arc<Session>) -> Response {
        let handshake = match Handshake::of(request) {
            Ok(handshake) => handshake,
            Err(refused) => return *refused,
        };
        let Some(claim) = UpgradeClaim::of(session) else { return wrong_transport() };
        let serve = move |websocket| async move { claim.upgrade(Box::new(websocket)).await };
        handshake.accept(&self.options.limits, |task| self.handler.spawn(task), serve)
    }
}

/// Copies the head of a request.
fn head_of(request: &Request) -> Parts {
    let mut head = axum::http::Request::new(()).into_parts().0;
    head.uri = request.uri().clone();
    head.headers = request.headers().clone();
    head.extensions = request.extensions().clone();
    head
}

fn packets(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=UTF-8")], body).into_response()
}

fn refusal(refused: PollingError) -> Response {
    match refused {
        PollingError::WrongTransport => wrong_transport(),
        PollingError::Overlap => error(StatusCode::BAD_REQUEST, "Bad request", "another poll of the session waits"),
        PollingError::InvalidPacket => error(StatusCode::BAD_REQUEST, "Bad request", "a packet is invalid"),
    }
}

fn bad_method() -> Response {
    protocol_error(2, "Bad handshake method")
}

fn wrong_transport() -> Response {
    protocol_error(3, "Bad request")
}

/// Refuses a request with an error of the Engine.IO protocol.
fn protocol_error(code: u8, message: &str) -> Response {
    let body = serde_json::json!({ "code": code, "message": message }).to_string();
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
