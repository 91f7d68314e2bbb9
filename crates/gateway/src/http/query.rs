//! The query parameters of a request.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::de::DeserializeOwned;

use crate::http::error::error;

/// The query parameters. A query that cannot be read, such as one with a repeated parameter, is answered 400.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        query_of(&parts.uri).map(Self).map_err(|reason| error(StatusCode::BAD_REQUEST, "Bad request", &reason))
    }
}

/// Reads the query parameters.
///
/// # Errors
/// The reason why they cannot be read, for the client.
pub(crate) fn query_of<T: DeserializeOwned>(uri: &Uri) -> Result<T, String> {
    match axum::extract::Query::try_from_uri(uri) {
        Ok(axum::extract::Query(query)) => Ok(query),
        Err(unread) => Err(unread.body_text()),
    }
}
