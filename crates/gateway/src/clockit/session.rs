//! `/session`: who comes in, and how they are spoken to.

use std::pin::Pin;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use timers::Scope;
use tokio::time::timeout;
use tracing::Instrument;
use wire::clockit::{Dialect, Said, parse};

use crate::auth::{By, Claimed, Denied, Identity};
use crate::clockit::connection::{Became, Connection};
use crate::config::System;
use crate::connections::{Full, Guest, Seat};
use crate::http::address::client_address;
use crate::http::asked::Asked;
use crate::http::error::{error, full};
use crate::metrics::Refusal;
use crate::node::Node;
use crate::ws::{self, Closing, Gone, Incoming, Socket};

#[derive(Deserialize)]
pub(crate) struct Wanted {
    dialect: Option<String>,
}

/// What a client is found to be by its request alone.
enum Found {
    Somebody(Identity),
    /// It has still to say who it is.
    Nobody,
    /// It is let in only to be told why it is not.
    Closing(Closing),
}

/// Answers the upgrade. A client that is not believed is let in and closed with a code, since browsers do
/// not show why a handshake failed.
pub(crate) async fn connect(State(node): State<Arc<Node>>, Asked(wanted): Asked<Wanted>, request: Request) -> Response {
    let dialect = match wanted.dialect.as_deref().filter(|dialect| !dialect.is_empty()).map(str::parse::<Dialect>) {
        None => None,
        Some(Ok(dialect)) => Some(dialect),
        Some(Err(())) => return error(StatusCode::BAD_REQUEST, "Bad request", "dialect must be seed or v1"),
    };
    // Before it is found out who it is: whoever is sent away meanwhile was there.
    let since = node.engine.clock().now();
    let claimed = Claimed::of(request.uri(), request.headers());
    let found = match &claimed {
        Ok(claimed) => find(&node, claimed).instrument(tracing::info_span!("authenticate")).await,
        Err(denied) => Found::Closing(refusal(&node, denied)),
    };
    let user = match &found {
        Found::Somebody(identity) => identity.user.clone(),
        // Until it has said who it is, it has a seat all the same.
        Found::Nobody | Found::Closing(_) => Identity::guest().user,
    };
    let address = client_address(request.extensions(), request.headers(), &node.settings.public.proxy);
    let (found, seat) = match node.connections.enter(&user, Guest { system: System::Clockit, address, since }) {
        Ok(seat) => (found, Some(seat)),
        Err(why @ Full::Node) => return full(&node, why),
        Err(full) => {
            node.metrics.refused(full.into());
            (Found::Closing(Closing::TooManyConnections), None)
        }
    };
    let of_spawn = Arc::clone(&node);
    let limits = node.settings.limits.clone();
    let coming = tracing::info_span!("connect", tickcast.system = "clockit");
    let come = move |socket: Socket| async move {
        let (Some(seat), Ok(claimed)) = (seat, claimed) else {
            let closing = if let Found::Closing(closing) = found { closing } else { Closing::Unauthorized };
            return refuse(&node, socket, closing).await;
        };
        match found {
            Found::Somebody(identity) => begin(node, socket, seat, identity, dialect).await,
            Found::Nobody => introduce(node, socket, seat, claimed, dialect).await,
            Found::Closing(closing) => refuse(&node, socket, closing).await,
        }
    };
    let come = |socket| come(socket).instrument(coming);
    ws::accept(request, &limits, |task| of_spawn.drain.spawn(task), come)
}

async fn find(node: &Node, claimed: &Claimed) -> Found {
    let auth = &node.auth;
    let by_cookie = auth.is_claimed_by_cookie(claimed);
    if !(claimed.brings_token() || auth.is_trusting() || by_cookie || auth.admits_guests()) {
        return Found::Nobody;
    }
    match auth.identify_or(claimed, System::Clockit, auth.admits_guests()).await {
        Ok(identity) => Found::Somebody(identity),
        // Every visitor of the web server has a cookie, and may have a token to come.
        Err(Denied::NotBelieved(_)) if by_cookie && !claimed.brings_token() && auth.takes_tokens() => Found::Nobody,
        Err(denied) => Found::Closing(refusal(node, &denied)),
    }
}

/// Waits for the first message of a client, which has to say who it is.
async fn introduce(node: Arc<Node>, mut socket: Socket, seat: Seat, claimed: Claimed, dialect: Option<Dialect>) {
    let within = node.settings.auth.first_message_within;
    let token = match timeout(within, first_token(&mut socket)).await {
        Ok(Ok(Some(token))) => token,
        Ok(Ok(None)) | Err(_) => {
            node.metrics.refused(Refusal::Unauthorized);
            return refuse(&node, socket, Closing::Unauthorized).await;
        }
        Ok(Err(Gone::Broken)) => return node.metrics.broke(),
        Ok(Err(Gone::Close(closing))) => return refuse(&node, socket, closing).await,
    };
    let identity = match node.auth.identify(&claimed.with_token(Some(token)), System::Clockit).await {
        Ok(identity) => identity,
        Err(denied) => {
            let closing = refusal(&node, &denied);
            return refuse(&node, socket, closing).await;
        }
    };
    begin_as(node, socket, seat, identity, dialect).await;
}

/// Serves somebody who was nobody before.
fn begin_as(
    node: Arc<Node>,
    socket: Socket,
    mut seat: Seat,
    identity: Identity,
    dialect: Option<Dialect>,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if seat.pass_to(&identity.user) {
            return begin(node, socket, seat, identity, dialect).await;
        }
        node.metrics.refused(Refusal::ConnectionsOfUser);
        refuse(&node, socket, Closing::TooManyConnections).await;
    })
}

/// Returns the token that a client's first message brings, if it does.
async fn first_token(socket: &mut Socket) -> Result<Option<String>, Gone> {
    loop {
        match socket.next().await? {
            Incoming::Alive => socket.flush().await?,
            Incoming::Text(text) => {
                let Ok(Said::Auth(auth)) = parse(&text) else { return Ok(None) };
                return Ok(Some(auth.token));
            }
            Incoming::Binary(_) => return Ok(None),
        }
    }
}

/// Serves somebody.
async fn begin(node: Arc<Node>, socket: Socket, seat: Seat, identity: Identity, dialect: Option<Dialect>) {
    let dialect = dialect.unwrap_or(match identity.by {
        By::UserId => Dialect::Seed,
        By::Token | By::Session | By::Guest => Dialect::V1,
    });
    let feed = match node.join(&Scope::User(identity.user.clone())).await {
        Ok(feed) => feed,
        Err(why) => {
            tracing::debug!(%why, "a client can't be shown its sessions");
            return refuse(&node, socket, Closing::overloaded()).await;
        }
    };
    // A task of its own, so that nothing of the handshake stays in memory.
    let connection = Connection::new(Arc::clone(&node), socket, feed, seat, &identity, dialect);
    let of_task = Arc::clone(&node);
    node.drain.spawn(async move {
        let Some(became) = connection.run().await else { return };
        let Became { socket, seat, identity, dialect } = *became;
        begin_as(of_task, socket, seat, identity, Some(dialect)).await;
    });
}

/// Says how a client is refused that was not found to be anybody.
fn refusal(node: &Node, denied: &Denied) -> Closing {
    node.note_denied(denied);
    match denied {
        Denied::NotBelieved(_) => Closing::Unauthorized,
        Denied::Unavailable(_) => Closing::overloaded(),
    }
}

async fn refuse(node: &Node, socket: Socket, closing: Closing) {
    node.metrics.closed(&closing);
    socket.close(&closing).await;
}
