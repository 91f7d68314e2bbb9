//! Finds a client's address behind trusted proxies.

use std::net::IpAddr;

use axum::http::{Extensions, HeaderMap, HeaderName, header};

use crate::proxy::{ForwardedHeader, PeerAddress, ProxyOptions, contains};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Returns the address that a request comes from: the last hop that is not a trusted proxy.
///
/// Earlier hops in the header are ignored, because the client may have written them. Without a [`PeerAddress`] in the
/// extensions the address is `0.0.0.0`.
pub fn client_address(extensions: &Extensions, headers: &HeaderMap, proxy: &ProxyOptions) -> IpAddr {
    let unknown = IpAddr::from([0, 0, 0, 0]);
    let mut address = extensions.get::<PeerAddress>().map_or(unknown, |peer| peer.0);
    let mut hops = hops(headers, proxy.header);
    while contains(&proxy.networks, address) {
        match hops.pop().flatten() {
            Some(hop) => address = hop,
            None => break,
        }
    }
    address
}

/// Returns the hops that a header lists, in its order; `None` for a hop without an address.
fn hops(headers: &HeaderMap, header: ForwardedHeader) -> Vec<Option<IpAddr>> {
    let name = match header {
        ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
        ForwardedHeader::Forwarded => header::FORWARDED,
    };
    // A proxy may append to a value that the client sent, and that value may be no text.
    let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let parse = match header {
        ForwardedHeader::XForwardedFor => parse_address,
        ForwardedHeader::Forwarded => parse_forwarded,
    };
    values.flat_map(|value| value.split(',').map(parse).collect::<Vec<_>>()).collect()
}

/// Parses the `for` parameter of one element (RFC 7239 §4).
fn parse_forwarded(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    parse_address(node.trim().trim_matches('"'))
}

/// Parses an address, with or without a port. An IPv6 address may be in brackets.
fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bracketed = text.strip_prefix('[').and_then(|rest| Some(rest.split_once(']')?.0));
    let without_port = || text.parse::<IpAddr>().ok();
    let with_port = || text.split_once(':')?.0.parse().ok();
    let address = match bracketed {
        Some(inside) => inside.parse().ok(),
        None => without_port().or_else(with_port),
    };
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_header_that_is_no_text_hides_no_client() {
        for (header, value) in [
            (ForwardedHeader::XForwardedFor, &b"\xff, 203.0.113.7"[..]),
            (ForwardedHeader::Forwarded, b"for=\xff, for=203.0.113.7"),
        ] {
            assert_eq!(found_in("10.0.0.1", header, &[HeaderValue::from_bytes(value).unwrap()]), "203.0.113.7");
        }
    }

    fn found(peer: &str, header: ForwardedHeader, values: &[&str]) -> String {
        let values: Vec<HeaderValue> = values.iter().map(|value| value.parse().unwrap()).collect();
        found_in(peer, header, &values)
    }

    fn found_in(peer: &str, header: ForwardedHeader, values: &[HeaderValue]) -> String {
        let networks = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let proxy = ProxyOptions { networks, header, protocol: false };
        let name = match header {
            ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
            ForwardedHeader::Forwarded => header::FORWARDED,
        };
        let headers = values.iter().map(|value| (name.clone(), value.clone())).collect();
        let mut extensions = Extensions::new();
        extensions.insert(PeerAddress(peer.parse().unwrap()));
        client_address(&extensions, &headers, &proxy).to_string()
    }

    #[test]
    fn the_last_hop_that_is_no_trusted_proxy_is_the_client() {
        let header = ForwardedHeader::XForwardedFor;
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
            assert_eq!(found(peer, header, values), client, "{peer} {values:?}");
        }
    }

    #[test]
    fn a_forwarded_header_is_parsed_as_rfc_7239_defines() {
        let header = ForwardedHeader::Forwarded;
        for (values, client) in [
            (&["for=198.51.100.1"][..], "198.51.100.1"),
            (&["for=192.0.2.43, For=\"[2001:db8:cafe::17]:4711\";proto=https"], "2001:db8:cafe::17"),
            (&["proto=https; by=10.0.0.9 ; for=\"198.51.100.1:80\""], "198.51.100.1"),
            (&["for=198.51.100.1, for=10.0.0.2"], "198.51.100.1"),
            (&["for=198.51.100.1, for=unknown"], "10.0.0.1"),
            (&["for=_hidden"], "10.0.0.1"),
            (&["by=10.0.0.2"], "10.0.0.1"),
        ] {
            assert_eq!(found("10.0.0.1", header, values), client, "{values:?}");
        }
    }
}
