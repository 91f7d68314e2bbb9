//! The WebSocket of a page.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use fastrand::Rng;
use futures_util::StreamExt;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{DeviceProfile, DeviceState, LiveView, path_of};
use crate::client::{Load, RunContext};
use crate::reconnect::reconnect_after;
use crate::record::Event;

/// Timeout of a connection.
const READY_TIMEOUT: Duration = Duration::from_secs(3);

/// Longest pause before a reconnection, so that the devices of a dead node do not return at once.
const JITTER_MS: u64 = 200;

/// Connects to one node after the other until the load has finished.
pub(super) async fn run(profile: DeviceProfile, context: RunContext, state: Arc<Mutex<DeviceState>>) {
    let mut load: watch::Receiver<Load> = context.load.clone();
    let mut random = Rng::with_seed(profile.seed);
    // Another node than the one that takes the requests.
    let mut node = (profile.node + 1) % context.nodes.len();
    while *load.borrow() != Load::Finished {
        let ended = match timeout(READY_TIMEOUT, connect(&profile.person, context.nodes[node])).await {
            Ok(Ok(mut socket)) => {
                let node = context.node_of(node, socket.get_ref()).await;
                state.lock().write(context.started_at.elapsed(), Event::Opened(node));
                tokio::select! {
                    ended = listen(&mut socket, &state, &context) => ended,
                    _ = load.wait_for(|load| *load == Load::Finished) => return,
                }
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(anyhow!("no connection to node {node} in time")),
        };
        let Err(reason) = ended;
        let pause = reconnect_after(&reason) + Duration::from_millis(random.u64(0..JITTER_MS));
        {
            let mut state = state.lock();
            state.live = Some(LiveView::default());
            state.write(context.started_at.elapsed(), Event::Closed(format!("{reason:#}")));
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {} // tidy: allow: a client reconnects after a pause
            _ = load.wait_for(|load| *load == Load::Finished) => {}
        }
        node = random.usize(0..context.nodes.len());
    }
}

async fn connect(person: &str, node: SocketAddr) -> Result<WebSocketStream<TcpStream>> {
    let tcp = TcpStream::connect(node).await?;
    tcp.set_nodelay(true)?;
    let url = format!("ws://{node}{}", path_of("/api/session/live", person));
    Ok(client_async(url, tcp).await?.0)
}

/// Records messages until the connection ends.
async fn listen(
    socket: &mut WebSocketStream<TcpStream>,
    state: &Mutex<DeviceState>,
    context: &RunContext,
) -> Result<std::convert::Infallible> {
    loop {
        let received = timeout(context.silence_timeout, socket.next()).await.context("the node is silent")?;
        let message: Value = match received.context("closed without a close frame")?? {
            Message::Text(text) => serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))?,
            Message::Close(Some(frame)) => bail!("{}: {}", u16::from(frame.code), frame.reason),
            Message::Close(None) => bail!("closed without a reason"),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
        };
        let at = context.started_at.elapsed();
        let mut state = state.lock();
        let live = state.live.get_or_insert_default();
        match message["type"].as_str() {
            Some("session") => live.document = Some(message["payload"].clone()),
            Some("tick") => live.ticked_at = Some(at),
            Some(_) | None => {}
        }
        state.write(at, Event::Received(message));
    }
}
