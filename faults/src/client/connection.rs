//! One connection of a client.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{ClientProfile, Dialect, Load, RunContext, State};
use crate::reconnect::reconnect_after;
use crate::record::Event;
use crate::workload::Workload;

/// Timeout of a connection, and of the first message on it.
const READY_TIMEOUT: Duration = Duration::from_secs(3);

/// Timeout of a reply, after which the client changes to another node: longer than the lifetime of a command.
const REPLY_TIMEOUT: Duration = Duration::from_secs(7);

/// Longest pause before a rejected command is retried.
const RETRY_PAUSE_MS: u64 = 300;

pub(super) struct Connection<'c> {
    profile: &'c ClientProfile,
    started_at: Instant,
    state: &'c Arc<Mutex<State>>,
    workload: &'c mut Workload,
    load: watch::Receiver<Load>,
    socket: WebSocketStream<TcpStream>,
    next: Next,
    silence_timeout: Duration,
}

/// The next action of a client.
#[derive(Clone, Copy)]
enum Next {
    /// Send a new command at this instant.
    Send(Instant),
    /// Send the pending command again at this instant.
    Repeat(Instant),
    /// Wait for a reply until this instant.
    Wait(Instant),
    Watch,
}

impl<'c> Connection<'c> {
    /// Keeps a connection to a node until it ends; returns the pause before the reconnection, or `None` if the
    /// load has finished.
    pub(super) async fn open(
        profile: &'c ClientProfile,
        context: &RunContext,
        node: usize,
        state: &'c Arc<Mutex<State>>,
        workload: &'c mut Workload,
    ) -> Option<Duration> {
        let started_at = context.started_at;
        let write = |what| state.lock().write(started_at.elapsed(), what);
        let ended = match timeout(READY_TIMEOUT, connect(context.nodes[node], profile)).await {
            Ok(Ok(socket)) => {
                write(Event::Opened(context.node_of(node, socket.get_ref()).await));
                let (load, silence_timeout) = (context.load.clone(), context.silence_timeout);
                let next = Next::Watch;
                let mut connection = Self { profile, started_at, state, workload, load, socket, next, silence_timeout };
                connection.begin();
                connection.serve().await
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(anyhow!("no connection to node {node} in time")),
        };
        state.lock().ready = false;
        match ended {
            Ok(reconnect_after) => reconnect_after,
            Err(reason) => {
                write(Event::Closed(format!("{reason:#}")));
                Some(reconnect_after(&reason))
            }
        }
    }

    fn begin(&mut self) {
        let is_pending = self.state.lock().pending.is_some();
        // Half of the clients send before they receive their sessions.
        let soon = Instant::now() + Duration::from_millis(self.workload.below(2) * 50);
        self.next = if is_pending { Next::Repeat(soon) } else { self.next_command() };
    }

    fn next_command(&mut self) -> Next {
        match self.profile.pace {
            Some(pace) if *self.load.borrow() == Load::Active => {
                let ms = self.workload.below(2 * pace.as_millis() as u64);
                Next::Send(Instant::now() + Duration::from_millis(ms))
            }
            Some(_) | None => Next::Watch,
        }
    }

    async fn serve(&mut self) -> Result<Option<Duration>> {
        let ready_by = Instant::now() + READY_TIMEOUT;
        loop {
            let is_ready = self.state.lock().ready;
            tokio::select! {
                heard = timeout(self.silence_timeout, self.socket.next()) => {
                    self.receive(heard.context("the node is silent")?)?;
                }
                () = at(self.next) => self.act().await?,
                changed = self.load.changed() => {
                    changed.context("the run has ended")?;
                    if *self.load.borrow_and_update() == Load::Finished {
                        self.socket.close(None).await.ok();
                        return Ok(None);
                    }
                    if matches!(self.next, Next::Send(_) | Next::Watch) {
                        self.next = self.next_command();
                    }
                }
                // tidy: allow: a client's timeout
                () = sleep_until(ready_by), if !is_ready => bail!("no sessions in time"),
            }
        }
    }

    async fn act(&mut self) -> Result<()> {
        match self.next {
            Next::Send(_) => {
                let command = self.workload.next();
                self.state.lock().pending = Some(command);
                self.send_pending().await
            }
            Next::Repeat(_) => self.send_pending().await,
            Next::Wait(_) => bail!("no reply in time"),
            Next::Watch => Ok(()),
        }
    }

    async fn send_pending(&mut self) -> Result<()> {
        let command = {
            let mut state = self.state.lock();
            let command = state.pending.clone().context("no pending command")?;
            state.write(self.started_at.elapsed(), Event::Sent(command.clone()));
            command
        };
        self.next = Next::Wait(Instant::now() + REPLY_TIMEOUT);
        let sent = self.socket.send(Message::text(command.to_string()));
        timeout(REPLY_TIMEOUT, sent).await.context("the node does not read")??;
        Ok(())
    }

    fn receive(&mut self, heard: Option<Result<Message, Error>>) -> Result<()> {
        let message = match heard.context("closed without a close frame")?? {
            Message::Text(text) => serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))?,
            Message::Close(Some(frame)) => bail!("{}: {}", u16::from(frame.code), frame.reason),
            Message::Close(None) => bail!("closed without a reason"),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Ok(()),
        };
        self.handle(message);
        Ok(())
    }

    fn handle(&mut self, message: Value) {
        let at = self.started_at.elapsed();
        let mut state = self.state.lock();
        state.view.apply(&message);
        match message["type"].as_str() {
            Some("ready") => state.ready = true,
            Some("tick") => state.ticked_at = Some(at),
            Some(_) | None => {}
        }
        let replied = state.pending.clone().filter(|command| command["id"] == message["id"]);
        state.write(at, Event::Received(message.clone()));
        let Some(command) = replied else { return };
        if message["type"] == "ack" {
            self.workload.done(&command);
        } else if message["payload"]["retry"] == true {
            self.next = Next::Repeat(Instant::now() + Duration::from_millis(self.workload.below(RETRY_PAUSE_MS)));
            return;
        } else {
            self.workload.lost(command["payload"]["sessionId"].as_str().unwrap_or_default());
        }
        state.pending = None;
        drop(state);
        self.next = self.next_command();
    }
}

async fn connect(node: SocketAddr, profile: &ClientProfile) -> Result<WebSocketStream<TcpStream>> {
    let tcp = TcpStream::connect(node).await?;
    tcp.set_nodelay(true)?;
    let dialect = match profile.dialect {
        Dialect::Seed => "seed",
        Dialect::V1 => "v1",
    };
    let ClientProfile { user, client, .. } = profile;
    let url = format!("ws://{node}/session?userId={user}&client={client}&dialect={dialect}");
    Ok(client_async(url, tcp).await?.0)
}

async fn at(next: Next) {
    match next {
        Next::Send(at) | Next::Repeat(at) | Next::Wait(at) => sleep_until(at).await, // tidy: allow: a client's pace
        Next::Watch => pending().await,
    }
}
