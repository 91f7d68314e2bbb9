//! The Socket.IO connection of a member.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use fastrand::Rng;
use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::{MemberProfile, MemberState};
use crate::client::{Load, RunContext};
use crate::reconnect::reconnect_after;
use crate::record::Event;
use crate::rooms::{Packet, Socket, answer, parse};

/// Timeout of a connection and of the handshake on it.
const READY_TIMEOUT: Duration = Duration::from_secs(3);

/// Longest pause before a reconnection, so that the members of a dead node do not return at once.
const JITTER_MS: u64 = 200;

/// Connects to one node after the other until the load has finished.
pub(super) async fn run(profile: MemberProfile, context: RunContext, state: Arc<Mutex<MemberState>>) {
    let mut load: watch::Receiver<Load> = context.load.clone();
    let mut random = Rng::with_seed(profile.seed);
    let mut node = profile.node;
    let write = |event| state.lock().write(context.started_at.elapsed(), event);
    while *load.borrow() != Load::Finished {
        let ended = match timeout(READY_TIMEOUT, connect(&profile, context.nodes[node])).await {
            Ok(Ok(mut socket)) => {
                write(Event::Opened(context.node_of(node, socket.get_ref()).await));
                state.lock().is_connected = true;
                let ended = tokio::select! {
                    ended = listen(&mut socket, context.silence_timeout, &write) => ended,
                    _ = load.wait_for(|load| *load == Load::Finished) => return,
                };
                state.lock().is_connected = false;
                ended
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(anyhow!("no connection to node {node} in time")),
        };
        let Err(reason) = ended;
        let pause = reconnect_after(&reason) + Duration::from_millis(random.u64(0..JITTER_MS));
        write(Event::Closed(format!("{reason:#}")));
        tokio::select! {
            () = tokio::time::sleep(pause) => {} // tidy: allow: a client reconnects after a pause
            _ = load.wait_for(|load| *load == Load::Finished) => {}
        }
        node = random.usize(0..context.nodes.len());
    }
}

/// Records events until the connection ends.
async fn listen(socket: &mut Socket, silence: Duration, write: impl Fn(Event)) -> Result<std::convert::Infallible> {
    loop {
        let received = timeout(silence, socket.next()).await.context("the node is silent")?;
        match received.context("closed without a close frame")?? {
            Message::Text(text) => match parse(&text)? {
                Packet::Ping => socket.send(Message::text("3")).await?,
                Packet::Message(message) => write(Event::Received(message)),
                Packet::Other => {}
            },
            Message::Close(Some(frame)) => bail!("{}: {}", u16::from(frame.code), frame.reason),
            Message::Close(None) => bail!("closed without a reason"),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}

/// Opens a WebSocket and connects to the namespace.
async fn connect(profile: &MemberProfile, node: SocketAddr) -> Result<Socket> {
    let tcp = TcpStream::connect(node).await?;
    tcp.set_nodelay(true)?;
    let url = format!("ws://{node}/socket.io/?EIO=4&transport=websocket");
    let mut request = url.into_client_request()?;
    for (name, value) in profile.headers() {
        request.headers_mut().insert(name, value.parse()?);
    }
    let mut socket = client_async(request, tcp).await?.0;
    answer(&mut socket, "0{").await?;
    socket.send(Message::text("40")).await?;
    answer(&mut socket, "40{").await?;
    Ok(socket)
}
