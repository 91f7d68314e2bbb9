//! Refuses requests of pages whose origin is not allowed.

use std::sync::Arc;

use access::is_allowed_origin;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use crate::http::error::error;
use crate::node::Node;
use crate::ops::metrics::Refusal;

/// Answers 403 to requests of pages whose origin is not allowed. A browser withholds the answer from such a page anyway,
/// but not the effect of the request, and for WebSockets it withholds nothing.
pub(super) async fn check(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response {
    let public = &node.settings.public;
    if is_allowed_origin(request.headers(), &public.origins, public.tls.is_some()) {
        return next.run(request).await;
    }
    node.metrics.refused(Refusal::Origin);
    error(StatusCode::FORBIDDEN, "Forbidden", "pages of this origin may not use the service (public.origins)")
}
