//! `/session`: who comes in, and how they are spoken to.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use timers::Scope;
use wire::clockit::Dialect;

use crate::auth::{By, Claimed};
use crate::clockit::connection::Connection;
use crate::connections::Full;
use crate::http::asked::Asked;
use crate::http::error::{error, full};
use crate::node::Node;
use crate::ws::{self, Closing, Socket};

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
        let feed = match node.join(&scope).await {
            Ok(feed) => feed,
            Err(why) => {
                tracing::warn!(%why, "a client can't be shown its sessions");
                return refuse(&node, socket, Closing::overloaded()).await;
            }
        };
        // A task of its own, so that nothing of the handshake stays in memory.
        let connection = Connection::new(Arc::clone(&node), socket, feed, seat, dialect);
        node.drain.spawn(connection.run());
    };
    ws::accept(request, limit, |task| of_spawn.drain.spawn(task), serve)
}

async fn refuse(node: &Node, socket: Socket, closing: Closing) {
    node.metrics.socket_closed(closing.code());
    socket.close(&closing).await;
}
