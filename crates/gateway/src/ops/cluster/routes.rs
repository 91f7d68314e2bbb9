//! The page of the cluster, and its data.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use crate::http::json_answer::json_answer;
use crate::node::Node;
use crate::ops::cluster::overview;

/// Returns the routes; the fallback of the internal port serves the files of the page.
pub(crate) fn routes() -> Router<Arc<Node>> {
    Router::new().route("/cluster", get(of_node)).route("/admin/cluster", get(of_cluster))
}

/// `GET /cluster`: what this node knows of the cluster by itself, as JSON. A browser is sent to the page.
async fn of_node(State(node): State<Arc<Node>>, headers: HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    if accepted.contains("text/html") {
        // Relative, so that it is right below a prefix too.
        return (StatusCode::SEE_OTHER, [(header::LOCATION, "cluster/"), (header::VARY, "accept")]).into_response();
    }
    let body = json!({
        "node": node.engine.node(),
        "leader": node.engine.leader(),
        "beat": node.engine.hub().last_beat(),
        "beatLagMs": node.engine.stats().beat_lag_ms.get(),
        "scopes": node.engine.hub().scopes(),
        "connections": node.connections.count(),
    });
    ([(header::VARY, "accept")], Json(body)).into_response()
}

/// `GET /admin/cluster`: the state of all nodes.
async fn of_cluster(State(node): State<Arc<Node>>) -> Response {
    json_answer(StatusCode::OK, overview(&node).await.to_string())
}
