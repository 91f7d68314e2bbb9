//! `/session`: who comes in, and how they are spoken to.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use engine::Feed;
use serde::Deserialize;
use timers::Scope;
use tokio::time::timeout;
use wire::clockit::Dialect;

use crate::auth::{By, Claimed};
use crate::clockit::connection::Connection;
use crate::connections::Full;
use crate::http::asked::Asked;
use crate::http::error::error;
use crate::node::Node;
use crate::ws::{self, Closing, Socket};

/// After how long a client that found no room, or no store, may ask again: not all at once.
const COME_BACK_MS: std::ops::RangeInclusive<u64> = 1000..=5000;

/// How long a client waits for its sessions while the store does not answer.
const JOIN_WITHIN: Duration = Duration::from_secs(6);

#[derive(Deserialize)]
pub(crate) struct Wanted {
    dialect: Option<String>,
}

/// Answers the upgrade. A client that is not believed is let in and closed with a code, since browsers do
/// not show why a handshake failed.
pub(crate) async fn connect(State(node): State<Arc<Node>>, Asked(wanted): Asked<Wanted>, request: Request) -> Response {
    let asked = match wanted.dialect.as_deref().filter(|dialect| !dialect.is_empty()).map(str::parse::<Dialect>) {
        None => None,
        Some(Ok(dialect)) => Some(dialect),
        Some(Err(())) => return error(StatusCode::BAD_REQUEST, "Bad request", "dialect must be seed or v1"),
    };
    let claimed = Claimed::of(request.uri());
    let identity = claimed.and_then(|claimed| node.auth.identify_or_guest(&claimed, request.headers()));
    let limit = node.settings.limits.message_bytes;
    let seat = identity.as_ref().ok().map(|identity| node.connections.enter(&identity.user));
    if matches!(seat, Some(Err(Full::Node))) {
        return full(&node);
    }
    let of_spawn = Arc::clone(&node);
    let serve = move |socket: Socket| async move {
        let (identity, seat) = match (identity, seat) {
            (Ok(identity), Some(Ok(seat))) => (identity, seat),
            (Ok(_), _) => return refuse(&node, socket, Closing::TooMany).await,
            (Err(denied), _) => {
                tracing::debug!(%denied, "a client is not believed");
                return refuse(&node, socket, Closing::Unauthorized).await;
            }
        };
        let dialect = asked.unwrap_or(match identity.by {
            By::UserId => Dialect::Seed,
            By::Token | By::Guest => Dialect::V1,
        });
        let scope = Scope::User(identity.user.clone());
        let feed = match join(&node, &scope).await {
            Ok(feed) => feed,
            Err(why) => {
                tracing::warn!(%why, "a client can't be shown its sessions");
                return refuse(&node, socket, Closing::Overloaded(fastrand::u64(COME_BACK_MS))).await;
            }
        };
        // A task of its own, so that nothing of the handshake stays in memory.
        let connection = Connection::new(Arc::clone(&node), socket, feed, seat, dialect);
        node.drain.spawn(connection.run());
    };
    ws::accept(request, limit, |task| of_spawn.drain.spawn(task), serve)
}

async fn join(node: &Node, scope: &Scope) -> Result<Feed, String> {
    match timeout(JOIN_WITHIN, node.engine.hub().join(scope)).await {
        Ok(joined) => joined.map_err(|error| error.to_string()),
        Err(_) => Err("the store does not answer".to_owned()),
    }
}

/// A balancer that is told so before the upgrade can try another node.
fn full(node: &Node) -> Response {
    node.metrics.handshake_refused();
    let seconds = fastrand::u64(COME_BACK_MS).div_ceil(1000);
    let mut refused = error(StatusCode::SERVICE_UNAVAILABLE, "Full", "this node has as many connections as it takes");
    refused.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    refused
}

async fn refuse(node: &Node, socket: Socket, closing: Closing) {
    node.metrics.socket_closed(closing.code());
    socket.close(&closing).await;
}
