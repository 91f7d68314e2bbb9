//! The steps before HTTP on a new connection: the limit of its address, the PROXY protocol, TLS.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::limits::{AddressLimiter, AddressPermit, NetLimit, NetObserver};
use crate::proxy::{PeerAddress, ProxyOptions, contains, read_proxy_header};
use crate::stream::ClientStream;
use crate::tls::TlsCertificate;

/// Prepares a new connection for HTTP.
pub struct Acceptor {
    /// Time within which the PROXY protocol header and the TLS handshake must complete.
    pub timeout: Duration,
    /// The proxies in front of the node.
    pub proxy: ProxyOptions,
    /// Counts the connections of an address until they close or become WebSockets.
    pub addresses: AddressLimiter,
    /// The certificate; without one, connections are not encrypted.
    pub certificate: Option<Arc<TlsCertificate>>,
    /// Counts refused connections.
    pub observer: Arc<dyn NetObserver>,
}

/// A connection that is ready for HTTP.
pub(super) struct AcceptedConnection {
    pub(super) stream: ClientStream,
    pub(super) peer: PeerAddress,
    /// Held until the connection closes or becomes a WebSocket.
    pub(super) permit: Option<AddressPermit>,
}

impl AcceptedConnection {
    /// Accepts a connection without an [`Acceptor`].
    pub(super) fn plain(tcp: TcpStream) -> Option<Self> {
        let peer = tcp.peer_addr().ok()?.ip().to_canonical();
        Some(Self { stream: ClientStream::Plain(tcp), peer: PeerAddress(peer), permit: None })
    }
}

impl Acceptor {
    /// Accepts a connection; `None` if it was refused. The client cannot be told, because HTTP has not begun.
    pub(super) async fn accept(&self, tcp: TcpStream) -> Option<AcceptedConnection> {
        let peer = tcp.peer_addr().ok()?.ip().to_canonical();
        let permit = self.acquire(peer)?;
        match timeout(self.timeout, self.establish(tcp, peer, permit)).await {
            Ok(Ok(accepted)) => accepted,
            Ok(Err(error)) => {
                tracing::debug!(%error, %peer, "a connection could not be established");
                None
            }
            Err(_) => {
                self.observer.refused(NetLimit::Time);
                None
            }
        }
    }

    async fn establish(
        &self,
        mut tcp: TcpStream,
        mut peer: IpAddr,
        mut permit: AddressPermit,
    ) -> io::Result<Option<AcceptedConnection>> {
        if self.proxy.protocol && contains(&self.proxy.networks, peer) {
            peer = read_proxy_header(&mut tcp, peer).await?;
            let Some(of_client) = self.acquire(peer) else { return Ok(None) };
            permit = of_client;
        }
        let stream = match &self.certificate {
            None => ClientStream::Plain(tcp),
            Some(certificate) => ClientStream::Tls(Box::new(certificate.accept(tcp).await?)),
        };
        Ok(Some(AcceptedConnection { stream, peer: PeerAddress(peer), permit: Some(permit) }))
    }

    fn acquire(&self, address: IpAddr) -> Option<AddressPermit> {
        let permit = self.addresses.acquire(address);
        if permit.is_none() {
            tracing::debug!(%address, "an address has too many connections");
            self.observer.refused(NetLimit::ConnectionsOfAddress);
        }
        permit
    }

    /// Counts a connection that has sent no request head in time.
    pub(super) fn record_missed_request(&self) {
        self.observer.refused(NetLimit::Time);
    }

    /// Counts a connection on which HTTP has failed, if it exceeded a limit. One that is idle for long does not.
    pub(super) fn record_failure(&self, error: &hyper::Error) {
        let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
        let write_timed_out = cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut);
        if error.is_parse_too_large() {
            self.observer.refused(NetLimit::HeadBytes);
        } else if write_timed_out {
            self.observer.refused(NetLimit::Time);
        }
    }
}
