//! Error answers over HTTP.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::websocket::RECONNECT_AFTER_MS;

/// Builds an error answer: `{"error", "message"}` with its status.
pub fn error(status: StatusCode, error: &str, message: &str) -> Response {
    (status, Json(json!({ "error": error, "message": message }))).into_response()
}

/// Answers 404 to an unknown route, and to a known path with another method.
pub async fn not_found(method: Method, uri: Uri) -> Response {
    let body = json!({
        "error": "Not found",
        "message": "Route not found",
        "path": uri.path(),
        "method": method.as_str(),
    });
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}

/// Builds the answer 503 for a dependency that is unavailable; the client may retry after one second.
pub fn unavailable(message: &str) -> Response {
    let mut answer = error(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", message);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

/// Builds the answer 429 for a client that exceeds a rate; the client may retry after `wait`.
pub fn too_many_requests(message: &str, wait: Duration) -> Response {
    let mut answer = error(StatusCode::TOO_MANY_REQUESTS, "Too many requests", message);
    // Rounded up: a client that returns a moment too early is refused again.
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    answer.headers_mut().insert(header::RETRY_AFTER, seconds.max(1).into());
    answer
}

/// Adds a random `Retry-After` within [`RECONNECT_AFTER_MS`], so that refused clients do not return all at once.
pub fn with_random_retry_after(mut answer: Response) -> Response {
    let seconds = fastrand::u64(RECONNECT_AFTER_MS).div_ceil(1000);
    answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    answer
}
