//! Refuses requests of pages whose origin is not allowed, and cookies without an origin.

use std::sync::Arc;

use access::{Authenticator, Credentials, Denied, has_allowed_origin, is_allowed_origin};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use crate::http::error::error;
use crate::node::Node;
use crate::ops::config::PublicSettings;
use crate::ops::metrics::Refusal;

/// The answer to a request that only a cookie authorises, and that names no origin.
pub(crate) const ORIGIN_REQUIRED: &str =
    "a cookie authorises this request only with the header Origin of an allowed page (public.origins)";

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

/// Refuses a request that only a session cookie authorises and that names no allowed origin: a page of another site can make
/// a browser send cookies, and an intermediary or an extension can remove the header.
///
/// # Errors
/// [`Denied::OriginRequired`].
pub(crate) fn check_cookie_origin(
    auth: &Authenticator,
    public: &PublicSettings,
    credentials: &Credentials,
    system: &str,
    headers: &HeaderMap,
) -> Result<(), Denied> {
    let is_allowed = has_allowed_origin(headers, &public.origins, public.tls.is_some());
    if is_allowed || !auth.relies_on_cookie(credentials, system) { Ok(()) } else { Err(Denied::OriginRequired) }
}
