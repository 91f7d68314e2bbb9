//! Where a client is, as far as proxies in front can be believed.

use std::net::IpAddr;

use axum::http::{Extensions, HeaderMap, HeaderName, header};

use crate::addresses::is_in;
use crate::config::{ForwardedBy, ProxySettings};

/// Who a connection comes from: a client, or a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Returns where a request comes from: the last hop that is none of our proxies. What stands before that in a header,
/// anybody may have written.
pub(crate) fn client_address(extensions: &Extensions, headers: &HeaderMap, proxy: &ProxySettings) -> IpAddr {
    let unknown = IpAddr::from([0, 0, 0, 0]);
    let mut address = extensions.get::<Peer>().map_or(unknown, |peer| peer.0);
    let mut hops = hops(headers, proxy.header);
    while is_in(&proxy.networks, address) {
        match hops.pop().flatten() {
            Some(hop) => address = hop,
            None => break,
        }
    }
    address
}

/// Returns the hops that a header tells of, the last one last; `None` for those without an address.
fn hops(headers: &HeaderMap, by: ForwardedBy) -> Vec<Option<IpAddr>> {
    let name = match by {
        ForwardedBy::XForwardedFor => X_FORWARDED_FOR,
        ForwardedBy::Forwarded => header::FORWARDED,
    };
    // A proxy may add to what a client has sent, and that may be no text.
    let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let read = match by {
        ForwardedBy::XForwardedFor => read_address,
        ForwardedBy::Forwarded => read_forwarded,
    };
    values.flat_map(|value| value.split(',').map(read).collect::<Vec<_>>()).collect()
}

/// Reads the `for` of one element (RFC 7239 §4).
fn read_forwarded(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    read_address(node.trim().trim_matches('"'))
}

/// Reads an address, with or without a port; an IPv6 address may be in brackets.
fn read_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bracketed = text.strip_prefix('[').and_then(|rest| Some(rest.split_once(']')?.0));
    let alone = || text.parse::<IpAddr>().ok();
    let with_port = || text.split_once(':')?.0.parse().ok();
    let address = match bracketed {
        Some(inside) => inside.parse().ok(),
        None => alone().or_else(with_port),
    };
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn what_is_no_text_hides_nobody() {
        for (by, value) in [
            (ForwardedBy::XForwardedFor, &b"\xff, 203.0.113.7"[..]),
            (ForwardedBy::Forwarded, b"for=\xff, for=203.0.113.7"),
        ] {
            assert_eq!(found_in("10.0.0.1", by, &[HeaderValue::from_bytes(value).unwrap()]), "203.0.113.7");
        }
    }

    fn found(peer: &str, header: ForwardedBy, values: &[&str]) -> String {
        let values: Vec<HeaderValue> = values.iter().map(|value| value.parse().unwrap()).collect();
        found_in(peer, header, &values)
    }

    fn found_in(peer: &str, header: ForwardedBy, values: &[HeaderValue]) -> String {
        let networks = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let proxy = ProxySettings { networks, header, protocol: false };
        let name = match header {
            ForwardedBy::XForwardedFor => X_FORWARDED_FOR,
            ForwardedBy::Forwarded => header::FORWARDED,
        };
        let headers = values.iter().map(|value| (name.clone(), value.clone())).collect();
        let mut extensions = Extensions::new();
        extensions.insert(Peer(peer.parse().unwrap()));
        client_address(&extensions, &headers, &proxy).to_string()
    }

    #[test]
    fn the_last_hop_that_is_no_proxy_of_ours_is_the_client() {
        let by = ForwardedBy::XForwardedFor;
        for (peer, values, client) in [
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("10.0.0.1", &[][..], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["198.51.100.1", " 203.0.113.7:81 ,10.0.0.2"], "203.0.113.7"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["198.51.100.1, nonsense"], "10.0.0.1"),
            ("10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("fd00::1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
        ] {
            assert_eq!(found(peer, by, values), client, "{peer} {values:?}");
        }
    }

    #[test]
    fn a_forwarded_header_is_read_as_rfc_7239_has_it() {
        let by = ForwardedBy::Forwarded;
        for (values, client) in [
            (&["for=198.51.100.1"][..], "198.51.100.1"),
            (&["for=192.0.2.43, For=\"[2001:db8:cafe::17]:4711\";proto=https"], "2001:db8:cafe::17"),
            (&["proto=https; by=10.0.0.9 ; for=\"198.51.100.1:80\""], "198.51.100.1"),
            (&["for=198.51.100.1, for=10.0.0.2"], "198.51.100.1"),
            (&["for=198.51.100.1, for=unknown"], "10.0.0.1"),
            (&["for=_hidden"], "10.0.0.1"),
            (&["by=10.0.0.2"], "10.0.0.1"),
        ] {
            assert_eq!(found("10.0.0.1", by, values), client, "{values:?}");
        }
    }
}
