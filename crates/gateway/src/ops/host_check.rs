//! Refuses operators' requests under a foreign host name. A page that points its own name at the address of this port
//! (DNS rebinding) is of the same origin as the port for a browser, which then lets the page read every answer.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::http::error::error;
use crate::node::Node;

/// Answers 403 to requests under a name that is none of [`is_allowed`].
pub(super) async fn check(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response {
    match foreign_name(&request, &node.settings.internal_hosts) {
        None => next.run(request).await,
        Some(name) => {
            let message = format!("operators do not use this port under the name {name} (internal.hosts)");
            error(StatusCode::FORBIDDEN, "Forbidden", &message)
        }
    }
}

/// Returns a name of a request that is not allowed. A request without any is of no browser.
fn foreign_name(request: &Request, allowed: &[String]) -> Option<String> {
    let of_headers = request.headers().get_all(header::HOST).iter();
    let of_headers = of_headers.map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
    // HTTP/2 and requests to a proxy have it in the URI.
    let of_uri = request.uri().authority().map(ToString::to_string);
    of_headers.chain(of_uri).find(|name| !is_allowed(name, allowed))
}

/// Allows `localhost`, IP addresses, of which no page can have its name, and the configured names; with any port.
fn is_allowed(authority: &str, allowed: &[String]) -> bool {
    // No client sends the name of a user.
    let Some(authority) = authority.parse::<Authority>().ok().filter(|name| !name.as_str().contains('@')) else {
        return false;
    };
    let host = authority.host().to_ascii_lowercase();
    let unbracketed = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || unbracketed.parse::<IpAddr>().is_ok() || allowed.contains(&host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_addresses_and_configured_names_are_allowed_with_any_port() {
        let configured = ["ops.example.com".to_owned()];
        for name in ["localhost", "LOCALHOST:9000", "127.0.0.1", "10.1.2.3:9000", "[::1]", "[fd00::1]:9000"] {
            assert!(is_allowed(name, &[]), "{name}");
        }
        for name in ["ops.example.com", "Ops.Example.com:80"] {
            assert!(is_allowed(name, &configured) && !is_allowed(name, &[]), "{name}");
        }
        for name in ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil@localhost:x", "a b"]
        {
            assert!(!is_allowed(name, &configured), "{name}");
        }
    }
}
