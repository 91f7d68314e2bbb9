//! The check of a request's `origin` header.

use http::{HeaderMap, header};

use crate::origin::{OriginPattern, default_port, split_origin, split_port};

/// Returns whether the `origin` header of a request permits to serve it.
///
/// A request is permitted without the header, because no page of a browser has sent it, from a page of this host, and
/// from an origin that a pattern allows. `with_tls` states whether this server itself terminates TLS.
pub fn is_allowed_origin(headers: &HeaderMap, allowed: &[OriginPattern], with_tls: bool) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    allowed.iter().any(|pattern| pattern.matches(origin)) || is_same_origin(headers, origin, with_tls)
}

/// Returns whether a request names an origin, and that permits to serve it, as [`is_allowed_origin`] does.
pub fn has_allowed_origin(headers: &HeaderMap, allowed: &[OriginPattern], with_tls: bool) -> bool {
    headers.contains_key(header::ORIGIN) && is_allowed_origin(headers, allowed, with_tls)
}

/// Returns whether a page is from this host. Without own TLS any scheme counts: a proxy may terminate TLS.
fn is_same_origin(headers: &HeaderMap, origin: &str, with_tls: bool) -> bool {
    let host = headers.get(header::HOST).and_then(|host| split_port(host.to_str().ok()?));
    match (split_origin(origin), host) {
        (Some((scheme, host, port)), Some((own_host, own_port))) => {
            let default = default_port(&scheme).filter(|_| !with_tls || scheme == "https");
            default.is_some() && host == own_host && port.or(default) == own_port.or(default)
        }
        (_, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed_by(origin: Option<&str>, host: &str, with_tls: bool) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        is_allowed_origin(&headers, &[], with_tls)
    }

    #[test]
    fn an_origin_that_must_be_there_is_missing_or_checked_as_any() {
        let has = |origin: Option<&str>| {
            let mut headers = HeaderMap::from_iter([(header::HOST, "a.org".parse().unwrap())]);
            headers.extend(origin.map(|origin| (header::ORIGIN, origin.parse().unwrap())));
            has_allowed_origin(&headers, &["https://b.org".parse().unwrap()], false)
        };
        assert!(has(Some("https://a.org")) && has(Some("https://b.org")));
        assert!(!has(None) && !has(Some("https://c.org")) && !has(Some("null")) && !has(Some("")));
    }

    #[test]
    fn a_page_of_this_host_and_a_client_that_is_no_page_are_allowed() {
        let allowed = |origin: Option<&str>, host: &str| allowed_by(origin, host, false);
        assert!(allowed_by(Some("https://a.org"), "a.org", true) && !allowed_by(Some("http://a.org"), "a.org", true));
        assert!(allowed(None, "a.org"));
        assert!(allowed(Some("https://a.org"), "a.org") && allowed(Some("http://a.org"), "A.org:80"));
        assert!(allowed(Some("http://a.org:4000"), "a.org:4000"));
        assert!(!allowed(Some("http://a.org"), "a.org:4000") && !allowed(Some("https://b.org"), "a.org"));
        assert!(!allowed(Some("null"), "null") && !allowed(Some("file://"), ""));
    }
}
