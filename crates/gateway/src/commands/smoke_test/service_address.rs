//! The address that is tested, and connections to it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use axum::http::Uri;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::commands::Failure;

/// A connection by TCP, with or without TLS.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> ByteStream for T {}

/// The address that is tested.
pub(super) struct ServiceAddress {
    uri: Uri,
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
}

impl ServiceAddress {
    /// Parses a WebSocket's address.
    pub(super) fn parse(url: &str, ca_file: Option<&Path>) -> Result<Self, Failure> {
        let wrong = |reason: &str| Failure::usage(format!("the address \"{url}\" {reason}"));
        let uri: Uri = url.parse().map_err(|error| wrong(&format!("is invalid: {error}")))?;
        let (default_port, tls) = match uri.scheme_str() {
            Some("ws") => (80, None),
            Some("wss") => {
                let config = store::tls::client_config(ca_file).map_err(Failure::no_input)?;
                (443, Some(TlsConnector::from(Arc::new(config))))
            }
            Some(_) | None => return Err(wrong("must begin with ws:// or wss://")),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| wrong("has no host"))?;
        // The brackets of an IPv6 address belong to the URL only.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(default_port);
        Ok(Self { uri, host, port, tls })
    }

    /// Returns the whole address. Its query may contain a token, so it is not shown.
    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Connects by TCP, and TLS if the address begins with `wss`.
    pub(super) async fn connect(&self) -> Result<Box<dyn ByteStream>, Failure> {
        let failed = |what: &str, error: std::io::Error| Failure::unavailable(format!("{self}: {what}: {error}"));
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await;
        let tcp = tcp.map_err(|error| failed("no connection", error))?;
        let Some(tls) = &self.tls else { return Ok(Box::new(tcp)) };
        let name = ServerName::try_from(self.host.clone())
            .map_err(|_| Failure::usage(format!("{self}: the host is no name that a certificate can have")))?;
        let stream = tls.connect(name, tcp).await.map_err(|error| failed("no connection by TLS", error))?;
        Ok(Box::new(stream))
    }
}

impl fmt::Display for ServiceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path) = (self.uri.scheme_str().unwrap_or_default(), self.uri.path());
        let authority = self.uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        write!(f, "{scheme}://{authority}{path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_read_from_the_address() {
        for (url, host, port) in [
            ("ws://timers/session", "timers", 80),
            ("ws://timers:4000/session?token=x", "timers", 4000),
            ("ws://[::1]:4000/session", "::1", 4000),
            ("wss://timers.example.com/session", "timers.example.com", 443),
        ] {
            let address = ServiceAddress::parse(url, None).unwrap();
            assert_eq!((address.host.as_str(), address.port), (host, port), "{url}");
            assert!(!address.to_string().contains("token"), "{address}");
        }
    }

    #[test]
    fn an_address_of_another_kind_is_refused() {
        for url in ["http://timers/session", "timers:4000", "ws:///session", "", "ws://a b/"] {
            assert!(ServiceAddress::parse(url, None).is_err(), "{url}");
        }
    }
}
