//! One WebSocket of a device.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::log::DepartureKind;
use super::{FocusState, path_of};
use crate::client::RunContext;
use crate::record::Event;

/// Timeout of a connection.
const READY_TIMEOUT: Duration = Duration::from_secs(3);

/// A connection, which a task of its own reads.
pub(super) struct Link {
    pub(super) node: usize,
    orders: UnboundedSender<Value>,
    /// The messages other than ticks.
    pub(super) inbox: UnboundedReceiver<Value>,
    task: JoinHandle<()>,
}

/// What the task of a connection knows.
struct Reader {
    device: usize,
    state: Arc<Mutex<FocusState>>,
    started_at: Instant,
    silence_timeout: Duration,
}

impl Link {
    /// Connects to a node.
    ///
    /// # Errors
    /// The node does not answer.
    pub(super) async fn open(
        dialed: usize,
        device: usize,
        state: &Arc<Mutex<FocusState>>,
        context: &RunContext,
    ) -> Result<Self> {
        let person = state.lock().person.clone();
        let connected = timeout(READY_TIMEOUT, connect(&person, context.nodes[dialed])).await;
        let socket = connected.context("no connection in time")??;
        let node = context.node_of(dialed, socket.get_ref()).await;
        let (started_at, silence_timeout) = (context.started_at, context.silence_timeout);
        state.lock().write(device, started_at.elapsed(), Event::Opened(node));
        let (orders, received) = unbounded_channel();
        let (sender, inbox) = unbounded_channel();
        let reader = Reader { device, state: Arc::clone(state), started_at, silence_timeout };
        let task = tokio::spawn(async move {
            if let Err(reason) = reader.serve(socket, received, &sender).await {
                reader.lost(&reason);
            }
        });
        Ok(Self { node, orders, inbox, task })
    }

    /// Sends a message, unless the connection is lost.
    pub(super) fn send(&self, message: Value) {
        // The inbox tells of a lost connection.
        let _ = self.orders.send(message);
    }

    pub(super) fn is_lost(&self) -> bool {
        self.task.is_finished()
    }

    /// Drops the socket without a close frame.
    pub(super) async fn cut(self) {
        drop((self.orders, self.inbox));
        // A panic of the task shows as a missing record.
        let _ = self.task.await;
    }
}

impl Reader {
    /// Sends and receives until the device drops the socket.
    ///
    /// # Errors
    /// The connection ends.
    async fn serve(
        &self,
        mut socket: WebSocketStream<TcpStream>,
        mut orders: UnboundedReceiver<Value>,
        inbox: &UnboundedSender<Value>,
    ) -> Result<()> {
        loop {
            tokio::select! {
                order = orders.recv() => {
                    let Some(message) = order else { return Ok(()) };
                    self.sent(&message);
                    timeout(READY_TIMEOUT, socket.send(Message::text(message.to_string()))).await.context("not read")??;
                }
                received = timeout(self.silence_timeout, socket.next()) => {
                    self.receive(received.context("the node is silent")?, inbox)?;
                }
            }
        }
    }

    fn sent(&self, message: &Value) {
        let at = self.started_at.elapsed();
        let mut state = self.state.lock();
        if message["type"] == "activity"
            && let Some((session, socket)) = state.devices[self.device].tracked
        {
            state.sessions[session].sockets[socket].activity.push(at);
        }
        state.write(self.device, at, Event::Sent(message.clone()));
    }

    fn receive(&self, received: Option<Result<Message, Error>>, inbox: &UnboundedSender<Value>) -> Result<()> {
        let message: Value = match received.context("closed without a close frame")?? {
            Message::Text(text) => serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))?,
            Message::Close(Some(frame)) => bail!("{}: {}", u16::from(frame.code), frame.reason),
            Message::Close(None) => bail!("closed without a reason"),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Ok(()),
        };
        let at = self.started_at.elapsed();
        let mut state = self.state.lock();
        state.write(self.device, at, Event::Received(message.clone()));
        match message["type"].as_str() {
            Some("tick") => state.devices[self.device].ticked_at = Some(at),
            Some("stopped") => {
                self.stopped(&mut state, &message, at);
                // The device may have dropped the socket.
                let _ = inbox.send(message);
            }
            Some(_) | None => {
                let _ = inbox.send(message);
            }
        }
        Ok(())
    }

    fn stopped(&self, state: &mut FocusState, message: &Value, at: Duration) {
        let Some(nth) = state.sessions.iter().position(|session| message["sessionId"] == session.id) else { return };
        state.sessions[nth].scores.extend(message["focusScore"].as_u64());
        if state.devices[self.device].tracked.is_some_and(|(session, _)| session == nth) {
            state.depart(self.device, at, at, DepartureKind::Told);
        }
    }

    fn lost(&self, reason: &anyhow::Error) {
        let at = self.started_at.elapsed();
        let is_told = reason.to_string().starts_with(|first: char| first.is_ascii_digit());
        let kind = if is_told { DepartureKind::Told } else { DepartureKind::Lost };
        let mut state = self.state.lock();
        state.depart(self.device, at, at, kind);
        state.write(self.device, at, Event::Closed(format!("{reason:#}")));
    }
}

async fn connect(person: &str, node: SocketAddr) -> Result<WebSocketStream<TcpStream>> {
    let tcp = TcpStream::connect(node).await?;
    tcp.set_nodelay(true)?;
    let url = format!("ws://{node}{}", path_of("/ws/sessions", person));
    Ok(client_async(url, tcp).await?.0)
}
