//! The authenticated user of an HTTP request.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use timers::UserId;

use crate::http::authentication::{authenticate, refusal};
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
        match authenticate::<S>(node, parts).await {
            Ok(identity) => Ok(Self { id: identity.user, system: PhantomData }),
            Err(denied) => Err(refusal::<S>(node, parts, &denied)),
        }
    }
}
