//! The authentication of HTTP requests.

use access::{Authenticator, Credentials, Denied, Identity};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use crate::http::error::{error, unavailable};
use crate::node::Node;

/// Authenticates a request to a system, by the system's name, and extends the session that the request is based on.
///
/// # Errors
/// Why the request is not authenticated, which is recorded. The caller answers in the form of its protocol.
pub(crate) async fn authenticate(node: &Node, request: &Parts, system: &str) -> Result<Identity, Denied> {
    let result = match Credentials::of(&request.uri, &request.headers) {
        Ok(credentials) => node.auth.authenticate(&credentials, system).await,
        Err(denied) => Err(denied),
    };
    match &result {
        Ok(identity) => node.auth.extend_session(identity).await,
        Err(denied) => node.record_auth_failure(denied),
    }
    result
}

/// Returns the shared answer to a request that is not authenticated.
pub(super) fn refusal(node: &Node, request: &Parts, denied: &Denied) -> Response {
    let message = match denied {
        Denied::Missing => missing(&node.auth),
        Denied::Rejected(_) => match Credentials::of(&request.uri, &request.headers) {
            Ok(credentials) => rejected(&node.auth, &credentials),
            Err(_) => "the query cannot be parsed",
        },
        Denied::Unavailable(_) => return unavailable("the credentials cannot be verified now; try again"),
    };
    error(StatusCode::UNAUTHORIZED, "Unauthorized", message)
}

/// Names the credentials that a client without any can send.
fn missing(auth: &Authenticator) -> &'static str {
    match (auth.accepts_tokens(), auth.accepts_sessions()) {
        _ if auth.is_trusted_mode() => "a token or a user id is needed",
        (true, true) => "a token or a session is needed",
        (false, true) => "a session is needed",
        (_, false) => "a token is needed",
    }
}

/// Names the credentials that were rejected. The exact reason is in the log only.
fn rejected(auth: &Authenticator, credentials: &Credentials) -> &'static str {
    if auth.has_test_user(credentials) {
        return "the development headers were rejected: they are invalid, or belong to another user id";
    }
    match (credentials.has_token(), credentials.has_user_id()) {
        (true, false) => "the token was rejected: it is invalid or has expired",
        (true, true) => "the token was rejected: it is invalid, has expired, or belongs to another user id",
        (false, _) if auth.has_session_cookie(credentials) => "the session was rejected: it is invalid or has expired",
        (false, _) if auth.is_trusted_mode() => "the user id was rejected: it is invalid",
        (false, _) => "the user id was rejected: it needs a token",
    }
}
