//! `/socket.io/`: the engine that carries packets, and which clients it opens a session for.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use engineioxide::config::EngineIoConfig;
use engineioxide::handler::EngineIoHandler;
use engineioxide::service::EngineIoService;
use engineioxide::{DisconnectReason, Str};
use hyper::service::Service;
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::http::address::client_address;
use crate::http::body::{Bounds, read_body};
use crate::http::error::{error, full, full_of_polls};
use crate::http::server::CONNECTIONS_MAX;
use crate::metrics::{Dialect, Refusal};
use crate::node::Node;
use crate::rooms;
use crate::socketio::carrier::Carrier;
use crate::socketio::session::{Opening, Raw, Session, Sessions};
use crate::socketio::socket::{Engine, Socket};
use crate::ws::{Closing, upgrade};

/// Most packets that wait to be carried. A client that lags further is shown the latest state instead.
const OUTBOX_MAX: usize = 32;

/// Largest answer to a client of long polling. It has room for all packets that wait: what does not fit the engine
/// would put aside, and lose if a WebSocket takes over meanwhile.
const PAYLOAD_MAX: u64 = 16 * 1024 * 1024;

/// Most requests of long polling that wait at once: half of the connections that are no WebSockets.
const POLLS_MAX: usize = CONNECTIONS_MAX / 2;

/// What stands between the packets of a body.
const SEPARATOR: u8 = 0x1e;

/// What is read at once of a WebSocket.
const READ_BUFFER: usize = 2048;

/// Makes the routes of Socket.IO.
pub(crate) fn routes(node: &Arc<Node>) -> Router<Arc<Node>> {
    let server = Arc::new(Server::new(node));
    let serve = move |request: Request| {
        let server = Arc::clone(&server);
        async move { server.serve(request).await }
    };
    Router::new().route("/socket.io/", any(serve.clone())).route("/socket.io", any(serve))
}

struct Server {
    handler: Arc<Handler>,
    engine: EngineIoService<Handler>,
    polls: Semaphore,
}

/// What an address asks of the engine.
#[derive(Deserialize)]
struct Asked {
    #[serde(rename = "EIO")]
    protocol: Option<String>,
    transport: Option<String>,
    sid: Option<String>,
}

impl Server {
    fn new(node: &Arc<Node>) -> Self {
        let handler = Arc::new(Handler { node: Arc::clone(node), sessions: Sessions::default() });
        let message_bytes = node.settings.limits.message_bytes;
        let config = EngineIoConfig::builder()
            .req_path("/socket.io".to_owned())
            .ping_interval(node.settings.heartbeat.every)
            .ping_timeout(node.settings.heartbeat.within)
            .max_buffer_size(OUTBOX_MAX)
            .max_payload(PAYLOAD_MAX)
            .ws_read_buffer_size(READ_BUFFER)
            .ws_max_message_size(message_bytes)
            .ws_max_frame_size(message_bytes)
            .build();
        let polls = Semaphore::new(POLLS_MAX);
        Self { engine: EngineIoService::with_config(Arc::clone(&handler), config), handler, polls }
    }

    async fn serve(&self, mut request: Request) -> Response {
        let Ok(Query(asked)) = Query::<Asked>::try_from_uri(request.uri()) else {
            return error(StatusCode::BAD_REQUEST, "Bad request", "the query says something twice");
        };
        let carries = match (asked.protocol.as_deref(), asked.transport.as_deref()) {
            (Some("4"), Some("websocket")) if request.method() == Method::GET => true,
            (Some("4"), Some("polling")) => false,
            (Some("4"), _) => return refused(0, "Transport unknown"),
            (_, _) => return refused(5, "Unsupported protocol version"),
        };
        let node = &self.handler.node;
        let session = match &asked.sid {
            Some(sid) => match self.handler.sessions.get(sid) {
                Some(session) => session,
                // In the words of the protocol, which have a client begin anew.
                None => return refused(1, "Session ID unknown"),
            },
            None => {
                if let Err(why) = node.connections.room_for(self.address(&request)) {
                    return full(node, why);
                }
                let opening = Opening::new(&node.settings.limits);
                let session = Arc::clone(&opening.session);
                request.extensions_mut().insert(Arc::new(opening));
                session
            }
        };
        *request.uri_mut() = asked.uri(request.uri());
        match (carries, request.method()) {
            (true, _) if session.carry() => self.carry(request, session),
            (true, _) => refused(3, "Bad request"),
            (false, &Method::POST) => self.take_in(request, session).await,
            (false, _) => self.poll(request, asked.sid.is_none()).await,
        }
    }

    fn address(&self, request: &Request) -> IpAddr {
        client_address(request.extensions(), request.headers(), &self.handler.node.settings.public.proxy)
    }

    /// Answers a request of long polling that opens a session or waits for packets, or says what is wrong with it.
    async fn poll(&self, request: Request, opens: bool) -> Response {
        let Ok(_place) = self.polls.try_acquire() else { return full_of_polls(&self.handler.node) };
        let answer = answered(self.engine.call(request).await);
        if opens { self.tell_limit(answer).await } else { answer }
    }

    /// Has a client that comes in know how much it may send at once, which is not what the engine may.
    async fn tell_limit(&self, answer: Response) -> Response {
        let (mut head, body) = answer.into_parts();
        // It is the engine's own, and short.
        let Ok(body) = axum::body::to_bytes(body, READ_BUFFER).await else {
            return error(StatusCode::INTERNAL_SERVER_ERROR, "Internal error", "a session could not be opened");
        };
        let engines = format!("\"maxPayload\":{PAYLOAD_MAX}");
        let clients = format!("\"maxPayload\":{}", self.handler.node.settings.limits.message_bytes);
        head.headers.remove(header::CONTENT_LENGTH);
        Response::from_parts(head, Body::from(String::from_utf8_lossy(&body).replace(&engines, &clients)))
    }

    /// Takes in what a client of long polling sends, when it may send more.
    async fn take_in(&self, request: Request, session: Arc<Session>) -> Response {
        let node = &self.handler.node;
        let within = node.settings.limits.request_within;
        let bytes_max = node.settings.limits.message_bytes;
        let (head, body) = request.into_parts();
        // All of it before any: what is refused has no effect.
        let body = match read_body(body, Bounds { bytes_max, within, beyond: None }, &node.metrics).await {
            Ok(body) => body,
            Err(refused) => {
                if refused.status() == StatusCode::PAYLOAD_TOO_LARGE {
                    session.close(Closing::TooLarge(bytes_max));
                    session.breaks();
                }
                return refused;
            }
        };
        let packets = body.iter().filter(|byte| **byte == SEPARATOR).count() + 1;
        if !session.may_say(packets) {
            session.close(Closing::TooManyMessages);
            session.breaks();
            return error(StatusCode::TOO_MANY_REQUESTS, "Too many messages", "say less at once");
        }
        if timeout(within, Arc::clone(&session).eased()).await.is_err() {
            node.metrics.refused(Refusal::Time);
            return error(StatusCode::REQUEST_TIMEOUT, "Request timeout", "what was said before is not done yet");
        }
        answered(self.engine.call(Request::from_parts(head, Body::from(body))).await)
    }

    /// Answers the upgrade to a WebSocket, which the engine is given the bytes of.
    fn carry(&self, request: Request, session: Arc<Session>) -> Response {
        let node = Arc::clone(&self.handler.node);
        let mut head = axum::http::Request::new(());
        *head.uri_mut() = request.uri().clone();
        *head.headers_mut() = request.headers().clone();
        *head.extensions_mut() = request.extensions().clone();
        let engine = self.engine.clone();
        let of_spawn = Arc::clone(&node);
        let serve = move |stream, leftover| async move {
            let carrier = Carrier::new(node, session, stream, leftover);
            if let Err(error) = engine.call((carrier, head)).await {
                tracing::debug!(%error, "the engine can't use a WebSocket");
            }
        };
        upgrade(request, |task| of_spawn.drain.spawn(task), serve)
    }
}

impl Asked {
    /// Puts what was understood before all else that an address says, so that the engine understands the same.
    fn uri(&self, given: &Uri) -> Uri {
        let transport = self.transport.as_deref().unwrap_or_default();
        let sid = self.sid.as_ref().map(|sid| format!("&sid={sid}")).unwrap_or_default();
        let rest = given.query().unwrap_or_default();
        format!("/socket.io/?EIO=4&transport={transport}{sid}&{rest}").parse().unwrap_or_else(|_| given.clone())
    }
}

/// Refuses a request in the words of the engine's protocol.
fn refused(code: u8, message: &str) -> Response {
    let body = serde_json::json!({ "code": code, "message": message }).to_string();
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn answered<B>(answer: Result<axum::http::Response<B>, std::convert::Infallible>) -> Response
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    match answer {
        Ok(answer) => answer.map(Body::new),
        Err(never) => match never {},
    }
}

/// What the engine tells.
struct Handler {
    node: Arc<Node>,
    sessions: Sessions,
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler").finish_non_exhaustive()
    }
}

impl Handler {
    fn take_in(engine: &Engine, raw: Raw) {
        let Some(session) = engine.data.get() else { return };
        if !session.take_in(raw) {
            session.close(Closing::TooManyMessages);
            session.breaks();
        }
    }
}

impl EngineIoHandler for Handler {
    type Data = OnceLock<Arc<Session>>;

    fn on_connect(self: Arc<Self>, engine: Arc<Engine>) {
        let opening = engine.req_parts.extensions.get::<Arc<Opening>>();
        let Some((session, inbox)) = opening.and_then(|opening| Some((Arc::clone(&opening.session), opening.inbox()?)))
        else {
            tracing::error!("a session was opened that nobody has asked for");
            return engine.close(DisconnectReason::ClosingServer);
        };
        engine.data.set(Arc::clone(&session)).ok();
        self.sessions.add(engine.id, Arc::clone(&session));
        rooms::begin(&self.node, Socket::new(engine, session, inbox));
    }

    fn on_disconnect(&self, engine: Arc<Engine>, reason: DisconnectReason) {
        self.sessions.remove(engine.id);
        let metrics = &self.node.metrics;
        match (engine.data.get().and_then(|session| session.closing()), reason) {
            (Some(closing), _) => metrics.closed(closing),
            (None, DisconnectReason::TransportClose) => metrics.closed(&Closing::Requested),
            (None, DisconnectReason::HeartbeatTimeout) => metrics.closed(&Closing::Silent),
            (None, DisconnectReason::PacketParsingError | DisconnectReason::MultipleHttpPollingError) => {
                metrics.closed(&Closing::Protocol);
            }
            (None, DisconnectReason::TransportError | DisconnectReason::ClosingServer) => metrics.broke(),
        }
    }

    fn on_message(self: &Arc<Self>, text: Str, engine: Arc<Engine>) {
        self.node.metrics.message_received(Dialect::Rooms);
        Self::take_in(&engine, Raw::Text(text));
    }

    fn on_binary(self: &Arc<Self>, _: Bytes, engine: Arc<Engine>) {
        self.node.metrics.message_received(Dialect::Rooms);
        Self::take_in(&engine, Raw::Binary);
    }
}
