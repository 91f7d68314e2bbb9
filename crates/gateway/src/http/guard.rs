//! Keeps out pages that may not use the service.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::http::error::error;
use crate::metrics::Refusal;
use crate::node::Node;
use crate::origin::{Origin, split, split_port, usual_port};

/// Tells whether a request may be served: it comes from no page, from one of this very host, or from one that is
/// admitted.
fn is_admitted(headers: &HeaderMap, admitted: &[Origin], with_tls: bool) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    admitted.iter().any(|pattern| pattern.admits(origin)) || is_own(headers, origin, with_tls)
}

/// Tells whether a page was served from here. Without TLS of our own the scheme does not count: it may end in front of
/// this.
fn is_own(headers: &HeaderMap, origin: &str, with_tls: bool) -> bool {
    let host = headers.get(header::HOST).and_then(|host| split_port(host.to_str().ok()?));
    match (split(origin), host) {
        (Some((scheme, host, port)), Some((own, own_port))) => {
            let usual = usual_port(&scheme).filter(|_| !with_tls || scheme == "https");
            usual.is_some() && host == own && port.or(usual) == own_port.or(usual)
        }
        (_, _) => false,
    }
}

/// Answers 403 to requests from pages that may not use the service. A browser keeps the answer from such a page anyway,
/// but not that something was done, and of WebSockets it keeps nothing.
pub(super) async fn guard(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response {
    let public = &node.settings.public;
    if is_admitted(request.headers(), &public.origins, public.tls.is_some()) {
        return next.run(request).await;
    }
    node.metrics.refused(Refusal::Origin);
    error(StatusCode::FORBIDDEN, "Forbidden", "pages of this origin may not use the service (public.origins)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted_by(origin: Option<&str>, host: &str, with_tls: bool) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        is_admitted(&headers, &[], with_tls)
    }

    #[test]
    fn a_page_of_this_host_and_what_is_no_page_are_admitted() {
        let admitted = |origin: Option<&str>, host: &str| admitted_by(origin, host, false);
        assert!(admitted_by(Some("https://a.org"), "a.org", true) && !admitted_by(Some("http://a.org"), "a.org", true));
        assert!(admitted(None, "a.org"));
        assert!(admitted(Some("https://a.org"), "a.org") && admitted(Some("http://a.org"), "A.org:80"));
        assert!(admitted(Some("http://a.org:4000"), "a.org:4000"));
        assert!(!admitted(Some("http://a.org"), "a.org:4000") && !admitted(Some("https://b.org"), "a.org"));
        assert!(!admitted(Some("null"), "null") && !admitted(Some("file://"), ""));
    }
}
