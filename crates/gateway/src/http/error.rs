//! How a refusal looks over HTTP.

use axum::Json;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::node::Node;
use crate::ws::COME_BACK_MS;

/// An error for people (`error`, `message`) with its status.
pub(crate) fn error(status: StatusCode, error: &str, message: &str) -> Response {
    (status, Json(json!({ "error": error, "message": message }))).into_response()
}

/// What is not found; a known path with another method is not found either.
pub(crate) async fn not_found(method: Method, uri: Uri) -> Response {
    let body = json!({
        "error": "Not found",
        "message": "Route not found",
        "path": uri.path(),
        "method": method.as_str(),
    });
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}

/// The node takes no more connections. A balancer that is told so before the upgrade can try another node.
pub(crate) fn full(node: &Node) -> Response {
    node.metrics.handshake_refused();
    let seconds = fastrand::u64(COME_BACK_MS).div_ceil(1000);
    let mut refused = error(StatusCode::SERVICE_UNAVAILABLE, "Full", "this node has as many connections as it takes");
    refused.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    refused
}
