//! Looking at connections and ending them, and how much is logged, for those who run the node.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use engine::ExecuteError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use timers::disconnect::Whom;
use timers::{Scope, UserId};

use crate::config;
use crate::exile;
use crate::http::asked::Asked;
use crate::http::body::{Bounds, read_body};
use crate::http::error::{error, unavailable};
use crate::metrics::Refusal;
use crate::node::Node;

/// Largest request; the longest id has 200 bytes.
const REQUEST_BYTES: usize = 4096;

/// Most connections that are listed, and as many as are without being asked.
const LISTED_MAX: usize = 10_000;
const LISTED: usize = 100;

/// Makes the routes.
pub(super) fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/admin/connections", get(list))
        .route("/admin/disconnect", post(disconnect))
        .route("/admin/log", get(log).put(set_log))
}

#[derive(Deserialize)]
struct Wanted {
    user: Option<UserId>,
    limit: Option<usize>,
}

/// `GET /admin/connections?user=&limit=`: the connections of this node, the oldest first.
async fn list(State(node): State<Arc<Node>>, Asked(wanted): Asked<Wanted>) -> Response {
    let most = wanted.limit.unwrap_or(LISTED).min(LISTED_MAX);
    let found = node.connections.list(wanted.user.as_ref(), most);
    let found: Vec<_> = found
        .into_iter()
        .map(|known| {
            json!({
                "id": known.id,
                "user": known.user,
                "room": known.room,
                "system": known.guest.system.to_string(),
                "address": known.guest.address,
                "since": known.guest.since,
            })
        })
        .collect();
    Json(json!({ "connections": found, "count": node.connections.count() })).into_response()
}

/// Whom to send away: one of these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    user: Option<UserId>,
    connection: Option<String>,
    scope: Option<Scope>,
}

/// `POST /admin/disconnect`: ends connections on all nodes. Answered 202 when it is noted for all of them.
async fn disconnect(State(node): State<Arc<Node>>, headers: HeaderMap, body: Body) -> Response {
    let sent: Sent = match read_json(&node, &headers, body).await {
        Ok(sent) => sent,
        Err(refused) => return refused,
    };
    let whom = match sent.whom() {
        Ok(whom) => whom,
        Err(why) => return error(StatusCode::BAD_REQUEST, "Bad request", &why),
    };
    match exile::send_away(&node, whom).await {
        Ok(()) => (StatusCode::ACCEPTED, Json(json!({ "accepted": true }))).into_response(),
        Err(ExecuteError::Refused(refusal)) => {
            error(StatusCode::TOO_MANY_REQUESTS, "Too many requests", &refusal.to_string())
        }
        Err(failed) => unavailable(&failed.to_string()),
    }
}

/// How much is to be logged.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Logged {
    /// As in `log.level`; without it, as much as was configured.
    level: Option<String>,
    /// For how long, if not for good.
    #[serde(rename = "for")]
    lasts: Option<String>,
}

/// `GET /admin/log`: how much is logged.
async fn log(State(node): State<Arc<Node>>) -> Response {
    let (level, usual) = node.log.level();
    Json(json!({ "level": level, "configured": usual })).into_response()
}

/// `PUT /admin/log`: changes how much this node logs.
async fn set_log(State(node): State<Arc<Node>>, headers: HeaderMap, body: Body) -> Response {
    let Logged { level, lasts } = match read_json(&node, &headers, body).await {
        Ok(logged) => logged,
        Err(refused) => return refused,
    };
    let bad = |why: String| error(StatusCode::BAD_REQUEST, "Bad request", &why);
    let level = match level.as_deref().map(config::level).transpose() {
        Ok(level) => level,
        Err(why) => return bad(format!("level: {why}")),
    };
    let lasts = match lasts.as_deref().map(config::duration).transpose() {
        Ok(lasts) => lasts,
        Err(why) => return bad(format!("for: {why}")),
    };
    match node.log.set_level(level.as_deref(), lasts) {
        Ok(()) => log(State(node)).await,
        Err(why) => bad(why.to_string()),
    }
}

/// Reads what an operator sends.
async fn read_json<T: DeserializeOwned>(node: &Node, headers: &HeaderMap, body: Body) -> Result<T, Response> {
    // Nothing else can be sent by a page that an operator happens to look at.
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().is_none_or(|kind| kind.trim() != "application/json") {
        return Err(error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type", "send application/json"));
    }
    let within = node.settings.limits.request_within;
    let bounds = Bounds { bytes_max: REQUEST_BYTES, within, beyond: Some(Refusal::BodyBytes) };
    let body = read_body(body, bounds, &node.metrics).await?;
    serde_json::from_slice(&body).map_err(|wrong| error(StatusCode::BAD_REQUEST, "Bad request", &wrong.to_string()))
}

impl Sent {
    fn whom(self) -> Result<Whom, String> {
        match (self.user, self.connection, self.scope) {
            (Some(user), None, None) => Ok(Whom::User(user)),
            (None, Some(connection), None) => Ok(Whom::Connection(connection)),
            (None, None, Some(scope @ (Scope::User(_) | Scope::Room(_)))) => Ok(Whom::Scope(scope)),
            (None, None, Some(_)) => Err("scope must be user:<id> or room:<id>".to_owned()),
            (_, _, _) => Err("name one of user, connection and scope".to_owned()),
        }
    }
}
