//! The admin API: connections, disconnect orders and the log level.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use engine::ExecuteError;
use net::limits::NetLimit;
use net::request_body::{BodyLimits, read_body};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use timers::disconnect::DisconnectTarget;
use timers::{OrganizationId, Scope, UserId};

use crate::http::error::{error, unavailable};
use crate::http::query::Query;
use crate::node::Node;
use crate::ops::config::parse::{duration, level as parse_level};
use crate::ops::disconnect;
use crate::session::connections::ConnectionFilter;
use crate::systems;

/// Largest request; the longest id has 200 bytes.
const REQUEST_BYTES: usize = 4096;

/// Most connections that are listed.
const LISTED_MAX: usize = 10_000;

/// Connections that are listed unless the request gives a number.
const LISTED_DEFAULT: usize = 100;

/// Returns the routes.
pub(super) fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/admin/connections", get(list))
        .route("/admin/disconnect", post(order_disconnect))
        .route("/admin/log", get(log).put(set_log))
}

#[derive(Deserialize)]
struct ConnectionListQuery {
    user: Option<UserId>,
    organization: Option<OrganizationId>,
    limit: Option<usize>,
}

/// `GET /admin/connections?user=&organization=&limit=`: the connections of this node, the oldest first, and their number without the
/// limit.
async fn list(State(node): State<Arc<Node>>, Query(query): Query<ConnectionListQuery>) -> Response {
    let ConnectionListQuery { user, organization, limit } = query;
    let filter = ConnectionFilter { user, organization };
    let limit = limit.unwrap_or(LISTED_DEFAULT).min(LISTED_MAX);
    let (count, listed) = node.connections.list(&filter, limit);
    let ahead = node.engine.clock().ahead_of_date();
    let listed: Vec<_> = listed
        .into_iter()
        .map(|connection| {
            let room = connection.joined.iter().find_map(Scope::as_room);
            json!({
                "id": connection.id,
                "user": connection.user,
                "organization": connection.organization,
                "room": room,
                "scopes": connection.joined,
                "system": connection.info.transport,
                "address": connection.info.address,
                "since": connection.info.since.map(|since| since - ahead),
            })
        })
        .collect();
    Json(json!({ "connections": listed, "count": count })).into_response()
}

/// The clients to disconnect: one of these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DisconnectRequest {
    user: Option<UserId>,
    organization: Option<OrganizationId>,
    connection: Option<String>,
    scope: Option<Scope>,
}

/// `POST /admin/disconnect`: closes connections on all nodes. Answered 202 when the order is stored for all of them.
async fn order_disconnect(State(node): State<Arc<Node>>, headers: HeaderMap, body: Body) -> Response {
    let request: DisconnectRequest = match read_json(&node, &headers, body).await {
        Ok(request) => request,
        Err(refused) => return refused,
    };
    let target = match request.target() {
        Ok(target) => target,
        Err(reason) => return error(StatusCode::BAD_REQUEST, "Bad request", &reason),
    };
    match disconnect::order(&node, target).await {
        Ok(()) => (StatusCode::ACCEPTED, Json(json!({ "accepted": true }))).into_response(),
        Err(ExecuteError::Refused(refusal)) => {
            error(StatusCode::TOO_MANY_REQUESTS, "Too many requests", &refusal.to_string())
        }
        Err(failed) => unavailable(&failed.to_string()),
    }
}

/// A change of the log level.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogLevel {
    /// As in `log.level`; if absent, the configured level.
    level: Option<String>,
    /// How long the level applies; for ever if absent.
    #[serde(rename = "for")]
    lasts: Option<String>,
}

/// `GET /admin/log`: the log level.
async fn log(State(node): State<Arc<Node>>) -> Response {
    let (level, configured) = node.log.level();
    Json(json!({ "level": level, "configured": configured })).into_response()
}

/// `PUT /admin/log`: changes the log level of this node.
async fn set_log(State(node): State<Arc<Node>>, headers: HeaderMap, body: Body) -> Response {
    let LogLevel { level, lasts } = match read_json(&node, &headers, body).await {
        Ok(change) => change,
        Err(refused) => return refused,
    };
    let bad = |why: String| error(StatusCode::BAD_REQUEST, "Bad request", &why);
    let level = match level.as_deref().map(parse_level).transpose() {
        Ok(level) => level,
        Err(why) => return bad(format!("level: {why}")),
    };
    let lasts = match lasts.as_deref().map(duration).transpose() {
        Ok(lasts) => lasts,
        Err(why) => return bad(format!("for: {why}")),
    };
    match node.log.set_level(level.as_deref(), lasts) {
        Ok(()) => log(State(node)).await,
        Err(why) => bad(why.to_string()),
    }
}

/// Reads the JSON body of an operator's request.
async fn read_json<T: DeserializeOwned>(node: &Node, headers: &HeaderMap, body: Body) -> Result<T, Response> {
    if is_of_page(headers) {
        let message = "the admin API takes no changes from pages; use a command line";
        return Err(error(StatusCode::FORBIDDEN, "Forbidden", message));
    }
    // A page that an operator happens to visit cannot send this content type without a preflight.
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().is_none_or(|kind| kind.trim() != "application/json") {
        return Err(error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type", "send application/json"));
    }
    let timeout = node.settings.limits.request_within;
    let limits =
        BodyLimits { max_bytes: REQUEST_BYTES, timeout, is_steady: false, too_large: Some(NetLimit::BodyBytes) };
    let body = read_body(body, limits, &*node.metrics).await?;
    serde_json::from_slice(&body).map_err(|wrong| error(StatusCode::BAD_REQUEST, "Bad request", &wrong.to_string()))
}

/// Tells whether a page sent a request. A browser adds one of these headers to each change that a page asks for, and no
/// script can take it away: neither a page of another site nor one of this port that was tampered with changes anything.
fn is_of_page(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site")
}

impl DisconnectRequest {
    fn target(self) -> Result<DisconnectTarget, String> {
        match (self.user, self.organization, self.connection, self.scope) {
            (Some(user), None, None, None) => Ok(DisconnectTarget::User(user)),
            (None, Some(organization), None, None) => Ok(DisconnectTarget::Scope(Scope::organization(&organization))),
            (None, None, Some(connection), None) => Ok(DisconnectTarget::Connection(connection)),
            (None, None, None, Some(scope)) if systems::has_clients(scope.kind()) => Ok(DisconnectTarget::Scope(scope)),
            (None, None, None, Some(scope)) => Err(format!(
                "scope must be one that clients subscribe to, and {} scopes are not",
                scope.kind().as_str()
            )),
            (_, _, _, _) => Err("name one of user, organization, connection and scope".to_owned()),
        }
    }
}
