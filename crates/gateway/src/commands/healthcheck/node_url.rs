//! The URL of the internal port of a node.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::http::Uri;
use axum::http::uri::{Authority, Scheme};

use crate::commands::Failure;

/// The internal port of a node: a scheme, a host and a port.
#[derive(Clone, Debug)]
pub(super) struct NodeUrl(Authority);

impl NodeUrl {
    /// Returns the URL of a path, which must begin with a slash.
    pub(super) fn with_path(&self, path: &'static str) -> Uri {
        let uri = Uri::builder().scheme(Scheme::HTTP).authority(self.0.clone()).path_and_query(path);
        uri.build().expect("a scheme, an authority and a path make a URL")
    }
}

impl FromStr for NodeUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "it must be http://HOST[:PORT], such as http://127.0.0.1:9000".to_owned();
        let uri: Uri = text.parse().map_err(|_| form())?;
        if uri.scheme() == Some(&Scheme::HTTPS) {
            return Err("it must begin with http://, because the internal port has no TLS".to_owned());
        }
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(form());
        }
        if uri.path() != "/" || uri.query().is_some() {
            return Err("it must end after the port, because --ready selects the path".to_owned());
        }
        let authority = uri.into_parts().authority.ok_or_else(form)?;
        if authority.as_str().contains('@') {
            return Err("it must have no user, because the internal port has no authentication".to_owned());
        }
        Ok(Self(authority))
    }
}

/// Returns the URL of a node on this machine that listens at an address. The loopback address stands for all addresses.
pub(super) fn of_listener(listen: SocketAddr) -> Result<NodeUrl, Failure> {
    if listen.port() == 0 {
        return Err(Failure::configuration("internal.listen has port 0, so the port is unknown: set --url"));
    }
    let host = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    let authority = SocketAddr::new(host, listen.port()).to_string();
    let authority = authority.parse().map_err(|_| {
        Failure::configuration(format!("internal.listen is {listen}, which no URL can express: set --url"))
    })?;
    Ok(NodeUrl(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_asked_by_loopback() {
        for (listen, url) in [
            ("0.0.0.0:9000", "http://127.0.0.1:9000/livez"),
            ("[::]:9000", "http://[::1]:9000/livez"),
            ("10.1.2.3:9001", "http://10.1.2.3:9001/livez"),
            ("[2001:db8::7]:80", "http://[2001:db8::7]:80/livez"),
        ] {
            let found = of_listener(listen.parse().unwrap()).unwrap();
            assert_eq!(found.with_path("/livez").to_string(), url);
        }
    }

    #[test]
    fn a_listener_without_a_fixed_port_cannot_be_asked() {
        assert!(of_listener("127.0.0.1:0".parse().unwrap()).is_err());
    }

    #[test]
    fn a_url_is_a_host_and_a_port() {
        for (text, url) in [
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000/readyz"),
            ("http://tickcast-1:9000/", "http://tickcast-1:9000/readyz"),
            ("http://[::1]:9000", "http://[::1]:9000/readyz"),
            ("http://localhost", "http://localhost/readyz"),
        ] {
            assert_eq!(text.parse::<NodeUrl>().unwrap().with_path("/readyz").to_string(), url);
        }
    }

    #[test]
    fn an_unusable_url_is_refused_with_the_reason() {
        for (text, reason) in [
            ("127.0.0.1:9000", "must be http://HOST[:PORT]"),
            ("localhost", "must be http://HOST[:PORT]"),
            ("ftp://localhost", "must be http://HOST[:PORT]"),
            ("", "must be http://HOST[:PORT]"),
            ("https://localhost:9000", "no TLS"),
            ("http://localhost:9000/readyz", "--ready selects the path"),
            ("http://localhost:9000/?a=b", "--ready selects the path"),
            ("http://ann@localhost:9000", "no authentication"),
        ] {
            let error = text.parse::<NodeUrl>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
