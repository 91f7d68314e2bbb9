//! The internal port, for operators.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::http::{console, error};
use crate::node::Node;
use crate::ops::{admin, cluster, host_check};

/// Returns the routes.
pub(crate) fn routes(node: Arc<Node>) -> Router {
    let for_operators = Router::new()
        .merge(cluster::routes())
        .merge(admin::routes())
        .fallback(console::serve_cluster_page)
        .layer(from_fn_with_state(Arc::clone(&node), host_check::check));
    // Probes and scrapers use any name, such as that of a Service.
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .merge(for_operators)
        .method_not_allowed_fallback(error::not_found)
        .with_state(node)
}

/// Answers while the process serves requests.
async fn live() -> &'static str {
    "ok"
}

async fn ready(State(node): State<Arc<Node>>) -> Response {
    match node.ready() {
        Ok(()) => Json(json!({ "ready": true })).into_response(),
        Err(reason) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false, "why": reason }))).into_response()
        }
    }
}

async fn metrics(State(node): State<Arc<Node>>) -> Response {
    // Gathering reads the operating system, which may block.
    let text = tokio::task::spawn_blocking(move || node.metrics.text()).await;
    match text.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(why) => error::error(StatusCode::INTERNAL_SERVER_ERROR, "Metrics failed", &why),
    }
}
