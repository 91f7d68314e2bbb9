//! The authenticated user of an HTTP request.

use std::marker::PhantomData;
use std::sync::Arc;

use access::{Credentials, Denied};
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
        let authenticated = match Credentials::of(&parts.uri, &parts.headers) {
            Ok(credentials) => node.auth.authenticate(&credentials, S::NAME).await,
            Err(denied) => Err(denied),
        };
        match authenticated {
            Ok(identity) => {
                node.auth.extend_session(&identity).await;
                Ok(Self { id: identity.user, system: PhantomData })
            }
            Err(denied) => Err(refuse(node, &denied)),
        }
    }
}

fn refuse(node: &Node, denied: &Denied) -> Response {
    node.record_auth_failure(denied);
    match denied {
        Denied::Rejected(_) => error(StatusCode::UNAUTHORIZED, "Unauthorized", "a token or a user id is needed"),
        Denied::Unavailable(_) => unavailable("the credentials cannot be verified now; try again"),
    }
}
