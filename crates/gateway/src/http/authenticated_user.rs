//! The authenticated user of an HTTP request.

use std::marker::PhantomData;
use std::sync::Arc;

use access::{Authenticator, Credentials, Denied};
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use timers::UserId;

use crate::http::error::{error, unavailable};
use crate::node::Node;
use crate::systems::SystemModule;

/// The authenticated user of a request to the system `S`. Other requests are answered 401.
pub(crate) struct AuthenticatedUser<S> {
    pub(crate) id: UserId,
    system: PhantomData<fn() -> S>,
}

impl<S: SystemModule> FromRequestParts<Arc<Node>> for AuthenticatedUser<S> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, Response> {
        let credentials = match Credentials::of(&parts.uri, &parts.headers) {
            Ok(credentials) => credentials,
            Err(denied) => return Err(refuse(node, None, &denied)),
        };
        match node.auth.authenticate(&credentials, S::NAME).await {
            Ok(identity) => {
                node.auth.extend_session(&identity).await;
                Ok(Self { id: identity.user, system: PhantomData })
            }
            Err(denied) => Err(refuse(node, Some(&credentials), &denied)),
        }
    }
}

/// Answers a request whose credentials, if they could be read, do not authenticate it.
fn refuse(node: &Node, credentials: Option<&Credentials>, denied: &Denied) -> Response {
    node.record_auth_failure(denied);
    let message = match denied {
        Denied::Missing => missing(&node.auth),
        Denied::Rejected(_) => credentials.map_or("the query cannot be parsed", |given| rejected(&node.auth, given)),
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
    match (credentials.has_token(), credentials.has_user_id()) {
        (true, false) => "the token was rejected: it is invalid or has expired",
        (true, true) => "the token was rejected: it is invalid, has expired, or belongs to another user id",
        (false, _) if auth.has_session_cookie(credentials) => "the session was rejected: it is invalid or has expired",
        (false, _) if auth.is_trusted_mode() => "the user id was rejected: it is invalid",
        (false, _) => "the user id was rejected: it needs a token",
    }
}
