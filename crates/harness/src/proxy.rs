//! A loopback TCP proxy whose links can be cut, held up, delayed, reset and led elsewhere.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use way::carry;

use crate::port;

mod way;

/// What becomes of the bytes that go one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// They go on after this long.
    Open(Duration),
    /// They wait, as in a network that comes back before the sender gives up.
    Held,
    /// They are swallowed and neither side is told. A connection that lost bytes is reset when its way opens.
    Swallowed,
}

impl Way {
    /// They go on at once.
    pub const FREE: Self = Self::Open(Duration::ZERO);

    fn is_open(self) -> bool {
        matches!(self, Self::Open(_))
    }
}

/// A link between clients and one server; gone with its handle, together with its connections.
pub struct Proxy {
    port: u16,
    state: watch::Sender<State>,
    lost_bytes: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy)]
struct State {
    to_server: Way,
    to_client: Way,
    target: u16,
    /// Connections that were made before the last reset are reset.
    resets: u64,
}

impl Proxy {
    /// Begins to lead to a loopback port.
    ///
    /// # Panics
    /// If it cannot listen, or outside of a runtime.
    pub async fn start(target: u16) -> Self {
        let (listener, port) = port::listen();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let state = State { to_server: Way::FREE, to_client: Way::FREE, target, resets: 0 };
        let (state, seen) = watch::channel(state);
        let lost_bytes = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(accept(listener, seen, Arc::clone(&lost_bytes)));
        Self { port, state, lost_bytes, task }
    }

    /// Returns the port that clients connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Says what becomes of bytes from now on: to the server, and to its clients. New connections are made
    /// only while both ways are open.
    pub fn set(&self, to_server: Way, to_client: Way) {
        self.state.send_modify(|state| {
            state.to_server = to_server;
            state.to_client = to_client;
        });
    }

    /// Lets everything through again.
    pub fn heal(&self) {
        self.set(Way::FREE, Way::FREE);
    }

    /// Resets all connections.
    pub fn reset(&self) {
        self.state.send_modify(|state| state.resets += 1);
    }

    /// Leads new connections to another loopback port; those that are open stay.
    pub fn lead_to(&self, target: u16) {
        self.state.send_modify(|state| state.target = target);
    }

    /// Returns how many bytes were swallowed so far.
    pub fn lost_bytes(&self) -> u64 {
        self.lost_bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, state: watch::Receiver<State>, lost_bytes: Arc<AtomicU64>) {
    loop {
        // A client that is gone before it was accepted harms nobody.
        if let Ok((client, _)) = listener.accept().await {
            tokio::spawn(link(client, state.clone(), Arc::clone(&lost_bytes)));
        }
    }
}

/// Serves one connection until both sides are done or it has to be reset.
async fn link(mut client: TcpStream, mut state: watch::Receiver<State>, lost_bytes: Arc<AtomicU64>) {
    let born = state.borrow().resets;
    let open = state.wait_for(|state| state.resets != born || (state.to_server.is_open() && state.to_client.is_open()));
    let target = match open.await {
        Ok(state) if state.resets == born => state.target,
        // It was reset, or the proxy is gone, before the link was made.
        Ok(_) | Err(_) => return drop(client.set_zero_linger()),
    };
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", target)).await else {
        return drop(client.set_zero_linger());
    };
    let ended = {
        // Whole segments as they come: the proxy adds no waiting of its own.
        client.set_nodelay(true).ok();
        server.set_nodelay(true).ok();
        let (client_read, client_write) = client.split();
        let (server_read, server_write) = server.split();
        let mut resets = state.clone();
        tokio::select! {
            ended = async {
                tokio::try_join!(
                    carry(client_read, server_write, state.clone(), |state| state.to_server, &lost_bytes),
                    carry(server_read, client_write, state.clone(), |state| state.to_client, &lost_bytes),
                )
            } => ended.map(|_| ()),
            _ = resets.wait_for(|state| state.resets != born) => Err(io::ErrorKind::ConnectionReset.into()),
        }
    };
    if ended.is_err() {
        client.set_zero_linger().ok();
        server.set_zero_linger().ok();
    }
}
