//! WebSocket endpoints: the handshake, the authentication of a client, and the start of its connection.

use std::pin::Pin;
use std::sync::Arc;

use access::{Credentials, Denied, Identity, ValidityEnd};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use net::limits::SignalTexts;
use net::proxy::client_address;
use net::websocket::{self, CloseReason, Disconnected, WebSocket, WebSocketEvent, frame};
use serde::Deserialize;
use timers::{ClientId, Scope, UserId};
use tokio::time::timeout;
use tracing::Instrument;
use wire::{Fault, TextDialect, Token};

use crate::http::error::{error, full, stopping};
use crate::http::origin_check::check_cookie_origin;
use crate::http::query::query_of;
use crate::node::Node;
use crate::ops::metrics::Refusal;
use crate::session::client_link::{ClientLink, LinkParts};
use crate::session::connection::{Authenticated, Connection};
use crate::session::connections::{ConnectionGuard, ConnectionInfo, LimitReached};
use crate::session::random_ids;
use crate::session::render::{ClientView, WholeBoard};
use crate::systems::System;

/// A system whose clients connect by a WebSocket of their own.
pub(crate) trait WebSocketSystem: Send + 'static {
    /// The system.
    const SYSTEM: System;
    /// What the client's address selects, such as a version of the dialect.
    type Selection: Send + 'static;
    /// The texts of messages that only say that they were sent, in all spellings that clients use. They are not parsed, and
    /// no number of them closes a client.
    const SIGNALS: SignalTexts = SignalTexts::NONE;
    /// Whether a client without credentials is awaited, since its first message may carry a token.
    const AWAITS_TOKEN: bool = true;
    /// Whether clients without credentials can be guests, where the configuration accepts them.
    const ACCEPTS_GUESTS: bool = true;

    /// Returns the scope that a client of a user subscribes to.
    fn scope(user: &UserId) -> Scope;

    /// Returns the token that a client's first message carries, if it does.
    fn first_token(text: &str) -> Option<Token>;

    /// Returns the reason with which a client is closed that has no valid credentials.
    fn unauthorized(_: &Denied) -> CloseReason {
        CloseReason::Unauthorized
    }

    /// Serves a client in the dialect that it selected.
    fn serve(session: Session, selection: Self::Selection) -> impl Future<Output = ()> + Send;
}

/// An authenticated client, before it is subscribed.
pub(crate) struct Session {
    node: Arc<Node>,
    socket: WebSocket,
    guard: ConnectionGuard,
    identity: Identity,
    client: ClientId,
}

#[derive(Deserialize)]
struct ClientQuery {
    client: Option<String>,
}

/// What a client's request alone tells about it.
enum Handshake {
    Authenticated(Identity),
    /// The client authenticates by its first message.
    Unauthenticated,
    /// The client is admitted only to receive the reason why it is closed.
    Closing(CloseReason),
}

/// Answers the upgrade. A client that is not admitted is upgraded all the same and closed with a code, since browsers do not
/// show why a handshake failed.
pub(crate) async fn connect<S: WebSocketSystem>(
    node: Arc<Node>,
    request: Request,
    selection: S::Selection,
) -> Response {
    if node.drain.is_leaving() {
        return stopping(&node);
    }
    let client = match client_id(request.uri()) {
        Ok(client) => client,
        Err(reason) => return error(StatusCode::BAD_REQUEST, "Bad request", &reason),
    };
    // Taken before authentication, so that a disconnect order given meanwhile applies.
    let since = node.engine.clock().now();
    let credentials = Credentials::of(request.uri(), request.headers());
    let handshake = match &credentials {
        Ok(credentials) => {
            let authentication = authenticate::<S>(&node, credentials, request.headers());
            authentication.instrument(tracing::info_span!("authenticate")).await
        }
        Err(denied) => Handshake::Closing(denied_reason::<S>(&node, denied)),
    };
    let identity = match &handshake {
        Handshake::Authenticated(identity) => identity,
        // An unauthenticated connection counts like any other.
        Handshake::Unauthenticated | Handshake::Closing(_) => &Identity::guest(),
    };
    let address = client_address(request.extensions(), request.headers(), &node.settings.public.proxy);
    let info = ConnectionInfo { transport: S::SYSTEM.name(), address, since };
    let (handshake, guard) = match node.connections.enter(identity, info) {
        Ok(guard) => (handshake, Some(guard)),
        Err(limit @ LimitReached::Node) => return full(&node, limit),
        Err(limit) => {
            node.metrics.refused(limit.into());
            (Handshake::Closing(CloseReason::TooManyConnections), None)
        }
    };
    let spawner = Arc::clone(&node);
    let limits = node.settings.limits.of_connection(S::SIGNALS);
    let span = tracing::info_span!("connect", tickcast.system = S::SYSTEM.name());
    let connected = move |socket: WebSocket| async move {
        let (Some(guard), Ok(credentials)) = (guard, credentials) else {
            let reason = if let Handshake::Closing(reason) = handshake { reason } else { CloseReason::Unauthorized };
            return close(&node, socket, reason).await;
        };
        match handshake {
            Handshake::Authenticated(identity) => {
                S::serve(Session { node, socket, guard, identity, client }, selection).await;
            }
            Handshake::Unauthenticated => {
                if let Some(session) = first_message::<S>(node, socket, guard, credentials, client).await {
                    S::serve(session, selection).await;
                }
            }
            Handshake::Closing(reason) => close(&node, socket, reason).await,
        }
    };
    let connected = |socket| connected(socket).instrument(span);
    websocket::accept(request, &limits, |task| spawner.drain.spawn(task), connected)
}

/// Returns the client that the request names, else a new one, which lasts as long as the connection.
///
/// # Errors
/// The reason why the name cannot be read, for the client.
fn client_id(uri: &Uri) -> Result<ClientId, String> {
    let ClientQuery { client } = query_of(uri)?;
    let named = client.filter(|client| !client.is_empty()).unwrap_or_else(random_ids::plain);
    ClientId::new(&named).map_err(|bad| format!("client {bad}"))
}

async fn authenticate<S: WebSocketSystem>(node: &Node, credentials: &Credentials, headers: &HeaderMap) -> Handshake {
    let (auth, system) = (&node.auth, S::SYSTEM);
    if system.requires_origin_with_cookies()
        && let Err(denied) = check_cookie_origin(auth, &node.settings.public, credentials, system.name(), headers)
    {
        return Handshake::Closing(denied_reason::<S>(node, &denied));
    }
    let has_cookie = auth.has_session_cookie(credentials, system.name());
    let has_test_user = auth.has_test_user(credentials);
    let accepts_guests = S::ACCEPTS_GUESTS && auth.accepts_guests();
    if !(credentials.has_token() || has_test_user || auth.is_trusted_mode() || has_cookie || accepts_guests) {
        return match S::AWAITS_TOKEN {
            true => Handshake::Unauthenticated,
            false => Handshake::Closing(denied_reason::<S>(node, &Denied::Missing)),
        };
    }
    match auth.authenticate_or_guest(credentials, system.name(), accepts_guests).await {
        Ok(identity) => Handshake::Authenticated(identity),
        // Every visitor of the web server has a cookie, and may send a token later.
        Err(Denied::Missing | Denied::Rejected(_) | Denied::Expired(_))
            if S::AWAITS_TOKEN && has_cookie && !credentials.has_token() && !has_test_user && auth.accepts_tokens() =>
        {
            Handshake::Unauthenticated
        }
        Err(denied) => Handshake::Closing(denied_reason::<S>(node, &denied)),
    }
}

/// Authenticates a client by its first message; closes the socket if that fails.
async fn first_message<S: WebSocketSystem>(
    node: Arc<Node>,
    mut socket: WebSocket,
    mut guard: ConnectionGuard,
    credentials: Credentials,
    client: ClientId,
) -> Option<Session> {
    let within = node.settings.auth.first_message_within;
    let reason = match timeout(within, first_token::<S>(&mut socket)).await {
        Ok(Ok(Some(Token(token)))) => {
            match node.auth.authenticate(&credentials.with_token(Some(token)), S::SYSTEM.name()).await {
                Ok(identity) if guard.reassign(&identity) => {
                    return Some(Session { node, socket, guard, identity, client });
                }
                Ok(_) => {
                    node.metrics.refused(Refusal::ConnectionsOfUser);
                    CloseReason::TooManyConnections
                }
                Err(denied) => denied_reason::<S>(&node, &denied),
            }
        }
        Ok(Ok(None)) | Err(_) => {
            node.metrics.refused(Refusal::Unauthorized);
            S::unauthorized(&Denied::Missing)
        }
        Ok(Err(Disconnected::Broken)) => {
            node.metrics.broke();
            return None;
        }
        Ok(Err(Disconnected::Close(reason))) => reason,
    };
    close(&node, socket, reason).await;
    None
}

/// Returns the token of a client's first message, if it has one.
async fn first_token<S: WebSocketSystem>(socket: &mut WebSocket) -> Result<Option<Token>, Disconnected> {
    loop {
        match socket.next().await? {
            WebSocketEvent::Control => socket.flush().await?,
            // Nothing that it could say concerns anything yet.
            WebSocketEvent::Signal { .. } => {}
            WebSocketEvent::Text(text) => return Ok(S::first_token(&text)),
            WebSocketEvent::Binary(_) => return Ok(None),
        }
    }
}

impl Session {
    /// Returns who the client is.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Subscribes the client; closes its socket if that is impossible. `damaged` returns what a client is told before, if its
    /// board cannot be read.
    pub(crate) async fn link<S: WebSocketSystem, V: ClientView>(
        self,
        view: V,
        damaged: impl FnOnce() -> String,
    ) -> Option<ClientLink<V>> {
        let Self { node, mut socket, guard, identity, client } = self;
        match node.join(&S::scope(&identity.user)).await {
            Ok(subscription) => {
                let parts = LinkParts { socket, subscription, guard, client };
                Some(ClientLink::new(node, parts, &identity, view))
            }
            Err(error) => {
                tracing::debug!(%error, "a client cannot be subscribed");
                if error.is_damage() {
                    // The socket closes in any case.
                    socket.write(&[frame::text(&damaged())]).ok();
                }
                close(&node, socket, CloseReason::overloaded()).await;
                None
            }
        }
    }

    /// Serves the client in a text dialect. A guest that authenticates is served again, as the user that it is.
    pub(crate) fn run<S: WebSocketSystem, D: TextDialect>(self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let (node, identity) = (Arc::clone(&self.node), self.identity.clone());
            let damaged = || D::error(None, &Fault::damaged());
            let Some(link) = self.link::<S, _>(WholeBoard::<D>::default(), damaged).await else { return };
            let connection = Connection::<D>::new(S::SYSTEM, link, &identity);
            // A task of its own, so that nothing of the handshake stays in memory. It is the connection's future itself: an
            // async block around it would keep room both for what it captures and for what it awaits.
            node.drain.spawn(connection.run(Self::resume::<S, D>));
        })
    }

    /// Serves a guest that has authenticated, as the user that it is.
    fn resume<S: WebSocketSystem, D: TextDialect>(
        node: Arc<Node>,
        authenticated: Authenticated,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let Authenticated { socket, mut guard, identity, client } = authenticated;
            if guard.reassign(&identity) {
                return Self { node, socket, guard, identity, client }.run::<S, D>().await;
            }
            node.metrics.refused(Refusal::ConnectionsOfUser);
            close(&node, socket, CloseReason::TooManyConnections).await;
        })
    }
}

/// Returns the close reason of a client whose authentication is no longer valid.
pub(super) fn close_reason(end: ValidityEnd) -> CloseReason {
    match end {
        ValidityEnd::Expired => CloseReason::Unauthorized,
        ValidityEnd::Unverifiable => CloseReason::overloaded(),
    }
}

/// Records a failed authentication, and returns its close reason.
fn denied_reason<S: WebSocketSystem>(node: &Node, denied: &Denied) -> CloseReason {
    node.record_auth_failure(denied);
    match denied {
        Denied::Missing | Denied::Rejected(_) | Denied::Expired(_) => S::unauthorized(denied),
        Denied::OriginRequired => CloseReason::Forbidden,
        Denied::Unavailable(_) => CloseReason::overloaded(),
    }
}

async fn close(node: &Node, socket: WebSocket, reason: CloseReason) {
    node.metrics.closed(&reason);
    socket.close(&reason).await;
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_transport_and_the_authentication_know_the_same_subprotocol_of_tokens() {
        assert_eq!(net::websocket::TOKEN_SUBPROTOCOL_PREFIX, access::BEARER_PROTOCOL);
    }
}
