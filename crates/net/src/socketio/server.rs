//! The routes of `/socket.io/`: checks requests, enforces limits, and passes them to the engine.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use engineioxide::config::EngineIoConfig;
use engineioxide::service::EngineIoService;
use hyper::service::Service;
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::http_error::{error, with_random_retry_after};
use crate::limits::NetLimit;
use crate::proxy::client_address;
use crate::request_body::{BodyLimits, read_body};
use crate::server::HTTP_CONNECTIONS_MAX;
use crate::socketio::engine_handler::EngineHandler;
use crate::socketio::session::{PendingSession, Session};
use crate::socketio::transport::WebSocketTransport;
use crate::socketio::{SocketIoHandler, SocketIoOptions};
use crate::websocket::{CloseReason, Handshake};

/// Most packets that wait in the engine for a transport. A client that lags further receives the latest state instead.
const OUTBOX_MAX: usize = 32;

/// Largest answer to a long poll. It must have room for all waiting packets: the engine would put those that do not fit
/// aside, and lose them if a WebSocket takes over meanwhile.
const POLL_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Most long polls that wait at once: half of the connections that are not WebSockets.
const POLLS_MAX: usize = HTTP_CONNECTIONS_MAX / 2;

/// Separates the packets of a body.
const SEPARATOR: u8 = 0x1e;

/// Size of the engine's read buffer of a WebSocket.
const READ_BUFFER: usize = 2048;

/// A Socket.IO server.
pub struct SocketIoServer {
    options: SocketIoOptions,
    handler: Arc<dyn SocketIoHandler>,
    engine_handler: Arc<EngineHandler>,
    /// The engine of sessions that begin by long polling. They may become WebSockets.
    engine: EngineIoService<EngineHandler>,
    /// The engine of sessions that begin by WebSocket. It differs in the limit that it announces.
    websocket_engine: EngineIoService<EngineHandler>,
    polls: Semaphore,
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
        let engine_handler = Arc::new(EngineHandler::new(Arc::clone(&handler)));
        let engine =
            |max_payload| EngineIoService::with_config(Arc::clone(&engine_handler), options.of_engine(max_payload));
        Self {
            engine: engine(POLL_BYTES_MAX),
            websocket_engine: engine(options.limits.message_bytes as u64),
            options,
            handler,
            engine_handler,
            polls: Semaphore::new(POLLS_MAX),
        }
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

    async fn serve(&self, mut request: Request) -> Response {
        let Ok(Query(query)) = Query::<EngineQuery>::try_from_uri(request.uri()) else {
            return error(StatusCode::BAD_REQUEST, "Bad request", "a query parameter is repeated");
        };
        let is_websocket = match (query.protocol.as_deref(), query.transport.as_deref()) {
            (Some("4"), Some("websocket")) if request.method() == Method::GET => true,
            (Some("4"), Some("polling")) => false,
            (Some("4"), _) => return protocol_error(0, "Transport unknown"),
            (_, _) => return protocol_error(5, "Unsupported protocol version"),
        };
        let session = match &query.sid {
            Some(sid) => match self.engine_handler.sessions.get(sid) {
                Some(session) => session,
                // The protocol's own message makes the client open a new session.
                None => return protocol_error(1, "Session ID unknown"),
            },
            None => {
                if let Err(refused) = self.handler.admit(self.address(&request)) {
                    return *refused;
                }
                let pending = PendingSession::new(&self.options.limits);
                let session = Arc::clone(&pending.session);
                request.extensions_mut().insert(Arc::new(pending));
                session
            }
        };
        *request.uri_mut() = query.normalized(request.uri());
        let opens_session = query.sid.is_none();
        match (is_websocket, request.method()) {
            (true, _) => self.upgrade(request, session, opens_session),
            (false, &Method::POST) => self.receive(request, session).await,
            (false, _) => self.poll(request, opens_session).await,
        }
    }

    fn address(&self, request: &Request) -> IpAddr {
        client_address(request.extensions(), request.headers(), &self.options.proxy)
    }

    /// Answers a request of long polling that opens a session or waits for packets, and every request of an unexpected
    /// method.
    async fn poll(&self, request: Request, opens_session: bool) -> Response {
        let Ok(_permit) = self.polls.try_acquire() else {
            self.handler.refused(NetLimit::Polls);
            let message = "the node has reached its limit of long polls";
            return with_random_retry_after(error(StatusCode::SERVICE_UNAVAILABLE, "Full", message));
        };
        let answer = into_response(self.engine.call(request).await);
        if opens_session { self.set_max_payload(answer).await } else { answer }
    }

    /// Replaces the limit of answers, which the engine announces to a new client, by the limit of what it may send.
    async fn set_max_payload(&self, answer: Response) -> Response {
        let (mut head, body) = answer.into_parts();
        // The engine made the answer, and it is short.
        let Ok(body) = axum::body::to_bytes(body, READ_BUFFER).await else {
            return error(StatusCode::INTERNAL_SERVER_ERROR, "Internal error", "a session could not be opened");
        };
        let of_engine = format!("\"maxPayload\":{POLL_BYTES_MAX}");
        let of_client = format!("\"maxPayload\":{}", self.options.limits.message_bytes);
        head.headers.remove(header::CONTENT_LENGTH);
        Response::from_parts(head, Body::from(String::from_utf8_lossy(&body).replace(&of_engine, &of_client)))
    }

    /// Receives what a client of long polling sends, once its queue has capacity.
    async fn receive(&self, request: Request, session: Arc<Session>) -> Response {
        let within = self.options.request_timeout;
        let max_bytes = self.options.limits.message_bytes;
        let (head, body) = request.into_parts();
        // The whole body is read before any packet is processed, so that a refused request has no effect.
        let limits = BodyLimits { max_bytes, timeout: within, is_steady: false, too_large: None };
        let body = match read_body(body, limits, &*self.handler).await {
            Ok(body) => body,
            Err(refused) => {
                if refused.status() == StatusCode::PAYLOAD_TOO_LARGE {
                    session.set_close_reason(CloseReason::TooLarge(max_bytes));
                    session.abort();
                }
                return refused;
            }
        };
        let packets = body.iter().filter(|byte| **byte == SEPARATOR).count() + 1;
        if !session.allows(packets) {
            session.set_close_reason(CloseReason::TooManyMessages);
            session.abort();
            return error(StatusCode::TOO_MANY_REQUESTS, "Too many messages", "send fewer messages");
        }
        if timeout(within, Arc::clone(&session).wait_for_capacity()).await.is_err() {
            self.handler.refused(NetLimit::Time);
            let message = "earlier messages are still being processed";
            return error(StatusCode::REQUEST_TIMEOUT, "Request timeout", message);
        }
        into_response(self.engine.call(Request::from_parts(head, Body::from(body))).await)
    }

    /// Answers the upgrade to a WebSocket and passes its byte stream to the engine.
    fn upgrade(&self, request: Request, session: Arc<Session>, opens_session: bool) -> Response {
        let handshake = match Handshake::of(request) {
            Ok(handshake) => handshake,
            Err(refused) => return *refused,
        };
        if !session.claim_upgrade() {
            return protocol_error(3, "Bad request");
        }
        let request = handshake.request();
        let mut head = axum::http::Request::new(());
        *head.uri_mut() = request.uri().clone();
        *head.headers_mut() = request.headers().clone();
        *head.extensions_mut() = request.extensions().clone();
        let engine = if opens_session { &self.websocket_engine } else { &self.engine }.clone();
        let (handler, limits) = (Arc::clone(&self.handler), self.options.limits);
        let serve = move |stream, received| async move {
            let transport = WebSocketTransport::new(handler, session, &limits, stream, received);
            if let Err(error) = engine.call((transport, head)).await {
                tracing::debug!(%error, "the engine rejected a WebSocket");
            }
        };
        handshake.accept(|task| self.handler.spawn(task), serve)
    }
}

impl SocketIoOptions {
    /// Returns the configuration of an engine.
    fn of_engine(&self, max_payload: u64) -> EngineIoConfig {
        EngineIoConfig::builder()
            .req_path("/socket.io".to_owned())
            .ping_interval(self.heartbeat.every)
            .ping_timeout(self.heartbeat.within)
            .max_buffer_size(OUTBOX_MAX)
            .max_payload(max_payload)
            .ws_read_buffer_size(READ_BUFFER)
            .ws_max_message_size(self.limits.message_bytes)
            .ws_max_frame_size(self.limits.message_bytes)
            .build()
    }
}

impl EngineQuery {
    /// Puts the parsed parameters before all others, so that the engine reads the same values.
    fn normalized(&self, uri: &Uri) -> Uri {
        let transport = self.transport.as_deref().unwrap_or_default();
        let sid = self.sid.as_ref().map(|sid| format!("&sid={sid}")).unwrap_or_default();
        let rest = uri.query().unwrap_or_default();
        format!("/socket.io/?EIO=4&transport={transport}{sid}&{rest}").parse().unwrap_or_else(|_| uri.clone())
    }
}

/// Refuses a request with an error of the Engine.IO protocol.
fn protocol_error(code: u8, message: &str) -> Response {
    let body = serde_json::json!({ "code": code, "message": message }).to_string();
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn into_response<B>(answer: Result<axum::http::Response<B>, Infallible>) -> Response
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    match answer {
        Ok(answer) => answer.map(Body::new),
        Err(never) => match never {},
    }
}
