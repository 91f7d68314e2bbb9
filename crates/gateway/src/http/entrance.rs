//! What a connection passes before HTTP is spoken on it: the bound on its address, the PROXY protocol, TLS.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use proxy_protocol_rs::{Command, V2_SIGNATURE, parse};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::addresses::{Addresses, Counted, is_in};
use crate::config::ProxySettings;
use crate::http::address::Peer;
use crate::http::tls::Certificate;
use crate::metrics::{Metrics, Refusal};
use crate::stream::Stream;

/// Fixed part of a PROXY protocol header, version 2; its last two bytes tell how long the rest is.
const PROXY_HEAD: usize = 16;

/// Longest rest that is read; addresses and what a proxy may add have some hundred bytes.
const PROXY_REST_MAX: usize = 4096;

/// What a connection passes.
pub(crate) struct Entrance {
    pub(crate) within: Duration,
    pub(crate) proxy: ProxySettings,
    pub(crate) addresses: Addresses,
    pub(crate) certificate: Option<Arc<Certificate>>,
    pub(crate) metrics: Arc<Metrics>,
}

/// A connection that HTTP can be spoken on.
pub(crate) struct Entered {
    pub(crate) stream: Stream,
    pub(crate) peer: Peer,
    /// Gone when the connection is, or has become a WebSocket.
    pub(crate) counted: Option<Counted>,
}

impl Entered {
    /// Lets a connection in that has nothing to pass.
    pub(crate) fn at_once(tcp: TcpStream) -> Option<Self> {
        let peer = tcp.peer_addr().ok()?.ip().to_canonical();
        Some(Self { stream: Stream::Plain(tcp), peer: Peer(peer), counted: None })
    }
}

impl Entrance {
    /// Lets a connection in; `None` if it was not, which nobody can be told.
    pub(crate) async fn admit(&self, tcp: TcpStream) -> Option<Entered> {
        let peer = tcp.peer_addr().ok()?.ip().to_canonical();
        let counted = self.count(peer)?;
        match timeout(self.within, self.pass(tcp, peer, counted)).await {
            Ok(Ok(entered)) => entered,
            Ok(Err(error)) => {
                tracing::debug!(%error, %peer, "a connection did not begin as it should");
                None
            }
            Err(_) => {
                self.metrics.refused(Refusal::Time);
                None
            }
        }
    }

    async fn pass(&self, mut tcp: TcpStream, mut peer: IpAddr, mut counted: Counted) -> io::Result<Option<Entered>> {
        if self.proxy.protocol && is_in(&self.proxy.networks, peer) {
            peer = introduced(&mut tcp, peer).await?;
            let Some(of_client) = self.count(peer) else { return Ok(None) };
            counted = of_client;
        }
        let stream = match &self.certificate {
            None => Stream::Plain(tcp),
            Some(certificate) => Stream::Tls(Box::new(certificate.accept(tcp).await?)),
        };
        Ok(Some(Entered { stream, peer: Peer(peer), counted: Some(counted) }))
    }

    fn count(&self, address: IpAddr) -> Option<Counted> {
        let counted = self.addresses.enter(address);
        if counted.is_none() {
            tracing::debug!(%address, "too many connections of an address");
            self.metrics.refused(Refusal::ConnectionsOfAddress);
        }
        counted
    }

    /// Counts a connection on which HTTP has failed, if a limit was its end. One that has asked for something may be idle
    /// until it is closed.
    pub(crate) fn failed(&self, error: &hyper::Error, has_asked: bool) {
        let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
        let does_not_read = cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut);
        if error.is_parse_too_large() {
            self.metrics.refused(Refusal::HeadBytes);
        } else if does_not_read || (error.is_timeout() && !has_asked) {
            self.metrics.refused(Refusal::Time);
        }
    }
}

/// Reads the header that a proxy begins a connection with; returns who it speaks for. When it checks our health that is
/// itself.
async fn introduced(tcp: &mut TcpStream, peer: IpAddr) -> io::Result<IpAddr> {
    let mut header = vec![0; PROXY_HEAD];
    tcp.read_exact(&mut header).await?;
    if !header.starts_with(V2_SIGNATURE) {
        return Err(io::Error::other("a proxy does not speak the PROXY protocol, version 2"));
    }
    let rest = usize::from(u16::from_be_bytes([header[PROXY_HEAD - 2], header[PROXY_HEAD - 1]]));
    if rest > PROXY_REST_MAX {
        return Err(io::Error::other("the header of a proxy is too long"));
    }
    header.resize(PROXY_HEAD + rest, 0);
    tcp.read_exact(&mut header[PROXY_HEAD..]).await?;
    let (info, _) = parse(&header).map_err(io::Error::other)?;
    let client = info.source_ip().filter(|_| info.command == Command::Proxy);
    Ok(client.map_or(peer, |client| client.to_canonical()))
}
