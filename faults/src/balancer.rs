//! One address in front of all nodes, as clients have it in production.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Forwards each connection to the next node in turn that accepts it; stops when dropped, together with its connections.
///
/// It knows nothing of drains: like a load balancer between two health checks, it also chooses a node that answers
/// handshakes with 503.
pub(crate) struct Balancer {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Balancer {
    /// Listens on a loopback port.
    ///
    /// # Errors
    /// There is no free port.
    pub(crate) async fn start(nodes: Arc<[SocketAddr]>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, nodes));
        Ok(Self { address, _tasks: tasks })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept(listener: TcpListener, nodes: Arc<[SocketAddr]>) {
    let mut connections = JoinSet::new();
    let turn = Arc::new(AtomicUsize::new(0));
    loop {
        // The client may disconnect before it is accepted.
        if let Ok((client, _)) = listener.accept().await {
            connections.spawn(forward(client, Arc::clone(&nodes), Arc::clone(&turn)));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Forwards one connection until both sides have ended, or resets it if no node accepts it.
async fn forward(mut client: TcpStream, nodes: Arc<[SocketAddr]>, turn: Arc<AtomicUsize>) {
    for _ in 0..nodes.len() {
        let node = nodes[turn.fetch_add(1, Ordering::Relaxed) % nodes.len()];
        let Ok(mut server) = TcpStream::connect(node).await else { continue };
        // The balancer adds no delay of its own.
        client.set_nodelay(true).ok();
        server.set_nodelay(true).ok();
        if copy_bidirectional(&mut client, &mut server).await.is_err() {
            client.set_zero_linger().ok();
            server.set_zero_linger().ok();
        }
        return;
    }
    client.set_zero_linger().ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn connections_take_turns_and_skip_a_node_that_does_not_listen() {
        let (one, two) = (listener().await, listener().await);
        let gone = listener().await.local_addr().unwrap();
        let nodes = [one.local_addr().unwrap(), gone, two.local_addr().unwrap()];
        let balancer = Balancer::start(nodes.into()).await.unwrap();
        let mut clients = Vec::new();
        for node in [&one, &two, &one] {
            let mut client = TcpStream::connect(balancer.address()).await.unwrap();
            let (mut server, _) = node.accept().await.unwrap();
            client.write_all(b"x").await.unwrap();
            assert_eq!(server.read_u8().await.unwrap(), b'x');
            clients.push((client, server));
        }
        drop((one, two));
        let mut client = TcpStream::connect(balancer.address()).await.unwrap();
        assert!(client.read_u8().await.is_err(), "no node accepts it");
    }

    async fn listener() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").await.unwrap()
    }
}
