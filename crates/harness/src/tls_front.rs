//! TLS in front of a server without TLS.

use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::task::AbortOnDropHandle;

use crate::{Certificates, port};

/// A port with TLS that forwards to a server without; stops when dropped.
pub struct TlsFront {
    port: u16,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
    _task: AbortOnDropHandle<()>,
}

impl TlsFront {
    /// Starts to forward to a loopback port. Each connection uses the certificate that is in the files then.
    ///
    /// # Panics
    /// If it cannot listen.
    pub fn start(target: u16, certificates: &Certificates) -> Self {
        let (listener, port) = port::listen();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let connections = Arc::<Mutex<Vec<AbortHandle>>>::default();
        let (accepted, certificate, key) = (Arc::clone(&connections), certificates.certificate(), certificates.key());
        let task = AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                let chain = vec![CertificateDer::from_pem_file(&certificate).unwrap()];
                let key = PrivateKeyDer::from_pem_file(&key).unwrap();
                let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
                let mut config = config.unwrap();
                config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
                let connection = tokio::spawn(forward(client, target, TlsAcceptor::from(Arc::new(config))));
                accepted.lock().unwrap().push(connection.abort_handle());
            }
        }));
        Self { port, connections, _task: task }
    }

    /// Returns the port that clients connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Closes all connections.
    ///
    /// # Panics
    /// If the task that accepts them has panicked.
    pub fn close_connections(&self) {
        self.connections.lock().unwrap().drain(..).for_each(|connection| connection.abort());
    }
}

async fn forward(client: TcpStream, target: u16, acceptor: TlsAcceptor) {
    // Either side may disconnect.
    let Ok(mut client) = acceptor.accept(client).await else { return };
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    copy_bidirectional(&mut client, &mut server).await.ok();
}
