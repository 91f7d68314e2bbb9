//! A TLS tunnel for clients without TLS.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::task::AbortOnDropHandle;

use crate::{Endpoint, port};

/// A port that forwards to a TLS server; stops when dropped. A connection is closed at once if the server's
/// certificate is not trusted.
pub struct Tunnel {
    port: u16,
    _task: AbortOnDropHandle<()>,
}

impl Tunnel {
    /// Starts to forward to a server. The server's certificate must be issued by `authority` (PEM).
    ///
    /// # Panics
    /// If it cannot listen, or the authority can't be read.
    pub fn start(target: impl Endpoint, authority: &Path) -> Self {
        let target = target.address();
        let (listener, port) = port::listen();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        let task = AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                tokio::spawn(forward(client, target, connector.clone()));
            }
        }));
        Self { port, _task: task }
    }

    /// Returns the port that clients connect to.
    pub fn port(&self) -> u16 {
        self.port
    }
}

async fn forward(mut client: TcpStream, target: SocketAddr, connector: TlsConnector) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    let name = ServerName::try_from("localhost").unwrap();
    // Either side may disconnect.
    if let Ok(mut server) = connector.connect(name, server).await {
        copy_bidirectional(&mut client, &mut server).await.ok();
    }
}
