//! Answers of JSON.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Makes an answer that no cache keeps.
pub(crate) fn json_answer(status: StatusCode, json: impl Into<Body>) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, json.into()).into_response()
}
