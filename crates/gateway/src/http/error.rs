//! How a refusal looks over HTTP.

use axum::Json;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::json;

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
