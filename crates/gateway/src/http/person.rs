//! Who sends an HTTP request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use timers::UserId;

use crate::auth::Claimed;
use crate::http::error::error;
use crate::node::Node;

/// The person that a request is believed to come from; others are answered 401.
pub(crate) struct Person(pub(crate) UserId);

impl FromRequestParts<Arc<Node>> for Person {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, Response> {
        match Claimed::of(&parts.uri).and_then(|claimed| node.auth.identify(&claimed, &parts.headers)) {
            Ok(identity) => Ok(Self(identity.user)),
            Err(denied) => {
                tracing::debug!(%denied, "a client is not believed");
                Err(error(StatusCode::UNAUTHORIZED, "Unauthorized", "a token or a user id is needed"))
            }
        }
    }
}
