//! Who sends an HTTP request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use timers::UserId;

use crate::auth::{Claimed, Denied};
use crate::config::System;
use crate::http::error::{error, unavailable};
use crate::node::Node;

/// The person that a request is believed to come from; others are answered 401.
pub(crate) struct Person(pub(crate) UserId);

impl FromRequestParts<Arc<Node>> for Person {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, Response> {
        let identified = match Claimed::of(&parts.uri, &parts.headers) {
            Ok(claimed) => node.auth.identify(&claimed, System::Clockit).await,
            Err(denied) => Err(denied),
        };
        match identified {
            Ok(identity) => {
                node.auth.seen(&identity).await;
                Ok(Self(identity.user))
            }
            Err(denied) => Err(refuse(node, &denied)),
        }
    }
}

fn refuse(node: &Node, denied: &Denied) -> Response {
    node.note_denied(denied);
    match denied {
        Denied::NotBelieved(_) => error(StatusCode::UNAUTHORIZED, "Unauthorized", "a token or a user id is needed"),
        Denied::Unavailable(_) => unavailable("it can't be told who you are now; try again"),
    }
}
