//! A loopback TCP proxy that can hold, drop and delay data, reset connections, and change its target.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use pipe::forward;

use crate::port;

mod pipe;

/// The treatment of data in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pipe {
    /// Data is forwarded after this delay.
    Open(Duration),
    /// Data waits, as in a network that recovers before the sender times out.
    Held,
    /// Data is dropped without notice to either side. A connection that lost data is reset when its pipe opens.
    Dropped,
}

impl Pipe {
    /// Data is forwarded at once.
    pub const FREE: Self = Self::Open(Duration::ZERO);

    fn is_open(self) -> bool {
        matches!(self, Self::Open(_))
    }
}

/// A proxy between clients and one server; stops when dropped, together with its connections.
pub struct Proxy {
    port: u16,
    state: watch::Sender<State>,
    lost_bytes: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy)]
struct State {
    to_server: Pipe,
    to_client: Pipe,
    target: u16,
    /// The number of resets; older connections are reset.
    resets: u64,
}

impl Proxy {
    /// Starts to forward to a loopback port.
    ///
    /// # Panics
    /// If it cannot listen, or outside of a runtime.
    pub async fn start(target: u16) -> Self {
        let (listener, port) = port::listen();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let state = State { to_server: Pipe::FREE, to_client: Pipe::FREE, target, resets: 0 };
        let (state, receiver) = watch::channel(state);
        let lost_bytes = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(accept(listener, receiver, Arc::clone(&lost_bytes)));
        Self { port, state, lost_bytes, task }
    }

    /// Returns the port that clients connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sets the pipes to the server and to the clients. New connections are accepted only while both are
    /// open.
    pub fn set(&self, to_server: Pipe, to_client: Pipe) {
        self.state.send_modify(|state| {
            state.to_server = to_server;
            state.to_client = to_client;
        });
    }

    /// Opens both pipes.
    pub fn heal(&self) {
        self.set(Pipe::FREE, Pipe::FREE);
    }

    /// Resets all connections.
    pub fn reset(&self) {
        self.state.send_modify(|state| state.resets += 1);
    }

    /// Forwards new connections to another loopback port; open connections stay.
    pub fn redirect_to(&self, target: u16) {
        self.state.send_modify(|state| state.target = target);
    }

    /// Returns the number of dropped bytes.
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
        // The client may disconnect before it is accepted.
        if let Ok((client, _)) = listener.accept().await {
            tokio::spawn(serve(client, state.clone(), Arc::clone(&lost_bytes)));
        }
    }
}

/// Serves one connection until both sides have ended or it is reset.
async fn serve(mut client: TcpStream, mut state: watch::Receiver<State>, lost_bytes: Arc<AtomicU64>) {
    let resets_at_start = state.borrow().resets;
    let open = state
        .wait_for(|state| state.resets != resets_at_start || (state.to_server.is_open() && state.to_client.is_open()));
    let target = match open.await {
        Ok(state) if state.resets == resets_at_start => state.target,
        // The connection was reset, or the proxy stopped, before the server was connected.
        Ok(_) | Err(_) => return drop(client.set_zero_linger()),
    };
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", target)).await else {
        return drop(client.set_zero_linger());
    };
    let ended = {
        // The proxy adds no delay of its own.
        client.set_nodelay(true).ok();
        server.set_nodelay(true).ok();
        let (client_read, client_write) = client.split();
        let (server_read, server_write) = server.split();
        let mut resets = state.clone();
        tokio::select! {
            ended = async {
                tokio::try_join!(
                    forward(client_read, server_write, state.clone(), |state| state.to_server, &lost_bytes),
                    forward(server_read, client_write, state.clone(), |state| state.to_client, &lost_bytes),
                )
            } => ended.map(|_| ()),
            _ = resets.wait_for(|state| state.resets != resets_at_start) => Err(io::ErrorKind::ConnectionReset.into()),
        }
    };
    if ended.is_err() {
        client.set_zero_linger().ok();
        server.set_zero_linger().ok();
    }
}
