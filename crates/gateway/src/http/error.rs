//! How a refusal looks over HTTP.

use axum::Json;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::connections::Full;
use crate::metrics::Refusal;
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

/// Something that is needed is away.
pub(crate) fn unavailable(message: &str) -> Response {
    let mut refused = error(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", message);
    refused.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    refused
}

/// There is no room for a connection. A balancer that is told before the upgrade that the node has none can try another.
pub(crate) fn full(node: &Node, why: Full) -> Response {
    node.metrics.refused(why.into());
    come_back(match why {
        Full::Node => error(StatusCode::SERVICE_UNAVAILABLE, "Full", "this node has as many connections as it takes"),
        Full::User | Full::Address => {
            error(StatusCode::TOO_MANY_REQUESTS, "Too many connections", "you have as many connections as one may")
        }
    })
}

/// There is no room for a long poll.
pub(crate) fn full_of_polls(node: &Node) -> Response {
    node.metrics.refused(Refusal::Polls);
    come_back(error(StatusCode::SERVICE_UNAVAILABLE, "Full", "this node has as many long polls as it takes"))
}

fn come_back(mut refused: Response) -> Response {
    let seconds = fastrand::u64(COME_BACK_MS).div_ceil(1000);
    refused.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    refused
}
