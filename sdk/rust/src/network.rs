//! Byte streams to a server: TCP, and TLS over it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use crate::error::ConnectionError;

/// Limit of a connection attempt; TCP alone waits for minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection by TCP, with or without TLS.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// Opens connections.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    tls: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl Network {
    /// Without a configuration of TLS, the certificates of the system are read when they are needed.
    pub(crate) fn new(tls: Option<Arc<ClientConfig>>) -> Self {
        Self { tls: Arc::new(tls.map_or_else(OnceLock::new, OnceLock::from)) }
    }

    /// Connects to the host of a URL, by TLS for `https`.
    pub(crate) async fn connect(&self, url: &Url) -> Result<Box<dyn ByteStream>, ConnectionError> {
        let connected = timeout(CONNECT_TIMEOUT, self.connect_without_limit(url)).await;
        connected.unwrap_or_else(|_| Err(ConnectionError::unreachable("no connection in time")))
    }

    async fn connect_without_limit(&self, url: &Url) -> Result<Box<dyn ByteStream>, ConnectionError> {
        let no_host = || ConnectionError::unreachable("the address has no host");
        let port = url.port_or_known_default().ok_or_else(no_host)?;
        let (host, name) = match url.host().ok_or_else(no_host)? {
            Host::Domain(domain) => (domain.to_owned(), ServerName::try_from(domain.to_owned()).ok()),
            Host::Ipv4(ip) => (ip.to_string(), Some(ServerName::IpAddress(std::net::IpAddr::V4(ip).into()))),
            Host::Ipv6(ip) => (ip.to_string(), Some(ServerName::IpAddress(std::net::IpAddr::V6(ip).into()))),
        };
        let tcp = TcpStream::connect((host.as_str(), port)).await;
        let tcp = tcp.map_err(|error| ConnectionError::unreachable(format!("{host}:{port}: {error}")))?;
        // Commands are small, and people wait for their effect.
        tcp.set_nodelay(true).map_err(ConnectionError::unreachable)?;
        if url.scheme() != "https" {
            return Ok(Box::new(tcp));
        }
        let name = name.ok_or_else(|| ConnectionError::unreachable(format!("no certificate can name {host}")))?;
        let connector = TlsConnector::from(self.tls_config()?);
        let stream = connector.connect(name, tcp).await;
        let stream = stream.map_err(|error| ConnectionError::unreachable(format!("{host}:{port}: TLS: {error}")))?;
        Ok(Box::new(stream))
    }

    fn tls_config(&self) -> Result<Arc<ClientConfig>, ConnectionError> {
        if let Some(config) = self.tls.get() {
            return Ok(Arc::clone(config));
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(ConnectionError::unreachable)?;
        let config = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
        Ok(Arc::clone(self.tls.get_or_init(|| config)))
    }
}
