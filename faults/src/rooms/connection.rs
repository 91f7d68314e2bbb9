//! One Socket.IO connection of a client of a room.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::packet::{self, Packet};
use super::view::RoomView;
use super::workload::{Action, Role, RoomWorkload};
use super::{RoomIds, RoomProfile, RoomState};
use crate::client::{Load, RunContext};
use crate::reconnect::reconnect_after;
use crate::record::Event;

/// Timeout of a connection and of the handshake on it.
const READY_TIMEOUT: Duration = Duration::from_secs(3);

/// Timeout of a reply, after which the client changes to another node: longer than the lifetime of a command.
const REPLY_TIMEOUT: Duration = Duration::from_secs(7);

/// Longest pause before a failed join is tried again.
const RETRY_PAUSE_MS: u64 = 200;

/// Longest pause before a client reconnects after it has dropped its connection: within the time for a resumption, or
/// a little longer.
const RETURN_PAUSE_MS: u64 = 1000;

pub(crate) type Socket = WebSocketStream<TcpStream>;

pub(super) struct RoomConnection<'c> {
    profile: &'c RoomProfile,
    started_at: Instant,
    ids: &'c RoomIds,
    state: &'c Arc<Mutex<RoomState>>,
    workload: &'c mut RoomWorkload,
    load: watch::Receiver<Load>,
    socket: Socket,
    next: RoomNext,
    /// The client has ended the connection itself, and reconnects after this pause.
    dropped: Option<Duration>,
    silence_timeout: Duration,
}

/// The next action of a client.
#[derive(Clone, Copy)]
enum RoomNext {
    /// Execute an action of the workload at this instant.
    Act(Instant),
    /// Join the room, or create it, at this instant.
    Join(Instant),
    /// Wait for a reply until this instant.
    Wait(Instant),
    Watch,
}

impl<'c> RoomConnection<'c> {
    /// Keeps a connection to a node until it ends; returns the pause before the reconnection, or `None` if the load has
    /// finished.
    pub(super) async fn open(
        profile: &'c RoomProfile,
        context: &RunContext,
        ids: &'c RoomIds,
        node: usize,
        state: &'c Arc<Mutex<RoomState>>,
        workload: &'c mut RoomWorkload,
    ) -> Option<Duration> {
        let started_at = context.started_at;
        let write = |what| state.lock().write(started_at.elapsed(), what);
        let mut dropped = None;
        let ended = match timeout(READY_TIMEOUT, connect(context.nodes[node])).await {
            Ok(Ok(socket)) => {
                write(Event::Opened(context.node_of(node, socket.get_ref()).await));
                state.lock().is_connected = true;
                let (load, silence_timeout) = (context.load.clone(), context.silence_timeout);
                let next = RoomNext::Watch;
                let mut connection =
                    Self { profile, started_at, ids, state, workload, load, socket, next, dropped, silence_timeout };
                connection.plan(false);
                let ended = connection.serve().await;
                connection.choose_return();
                dropped = connection.dropped;
                ended
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(anyhow!("no connection to node {node} in time")),
        };
        let mut state = state.lock();
        (state.is_connected, state.view, state.pending) = (false, None, None);
        let reason = ended.err()?;
        state.write(started_at.elapsed(), Event::Closed(format!("{reason:#}")));
        Some(dropped.unwrap_or_else(|| reconnect_after(&reason)))
    }

    /// Decides whether the client resumes its membership after a fault has ended the connection.
    fn choose_return(&mut self) {
        // The members of a dead node that do not resume are removed when its lease ends.
        if self.dropped.is_none() && self.profile.role == Role::Guest && self.workload.below(2) == 0 {
            self.state.lock().resume = None;
        }
    }

    /// Chooses the next action, unless the client waits for a reply.
    fn plan(&mut self, has_just_started: bool) {
        let state = self.state.lock();
        if state.pending.is_some() {
            return;
        }
        let in_ms = |ms| Instant::now() + Duration::from_millis(ms);
        self.next = if state.wants_room && state.view.is_none() {
            RoomNext::Join(in_ms(self.workload.below(RETRY_PAUSE_MS)))
        } else if *self.load.borrow() == Load::Active {
            let countdown = state.view.as_ref().map(|view| &view.countdown);
            RoomNext::Act(Instant::now() + self.workload.pause(countdown, has_just_started))
        } else {
            RoomNext::Watch
        };
    }

    /// Serves the connection until the load has finished. An error ends the connection.
    async fn serve(&mut self) -> Result<()> {
        loop {
            tokio::select! {
                heard = timeout(self.silence_timeout, self.socket.next()) => {
                    self.receive(heard.context("the node is silent")?).await?;
                }
                () = at(self.next) => self.act().await?,
                changed = self.load.changed() => {
                    changed.context("the run has ended")?;
                    if *self.load.borrow_and_update() == Load::Finished {
                        self.socket.close(None).await.ok();
                        return Ok(());
                    }
                    self.plan(false);
                }
            }
        }
    }

    async fn act(&mut self) -> Result<()> {
        match self.next {
            RoomNext::Join(_) => self.join().await,
            RoomNext::Act(_) => {
                let action = {
                    let mut state = self.state.lock();
                    state.wants_room = true;
                    self.workload.next(state.view.as_ref())
                };
                match action {
                    Action::Send(event, payload) => self.send(event, payload).await,
                    Action::Disconnect => self.disconnect().await,
                    Action::Drop { resumes } => {
                        if !resumes {
                            self.state.lock().resume = None;
                        }
                        self.dropped = Some(Duration::from_millis(self.workload.below(RETURN_PAUSE_MS)));
                        bail!("dropped by the client")
                    }
                    Action::Nothing => {
                        self.plan(false);
                        Ok(())
                    }
                }
            }
            RoomNext::Wait(_) => bail!("no reply in time"),
            RoomNext::Watch => Ok(()),
        }
    }

    async fn join(&mut self) -> Result<()> {
        let name = &self.profile.client;
        let Some(room) = self.ids.get(self.profile.slot) else {
            if self.profile.role == Role::Host {
                return self.send("session:create", json!({ "duration": 2, "name": name })).await;
            }
            self.next = RoomNext::Join(Instant::now() + Duration::from_millis(50));
            return Ok(());
        };
        let mut payload = json!({ "sessionId": room, "name": name });
        if let Some((_, secret)) = self.state.lock().resume.as_ref().filter(|(of, _)| *of == room) {
            payload["resume"] = json!(secret);
        }
        self.send("session:join", payload).await
    }

    async fn disconnect(&mut self) -> Result<()> {
        {
            let mut state = self.state.lock();
            state.write(self.started_at.elapsed(), Event::Sent(json!({ "event": "disconnect" })));
            state.resume = None;
        }
        self.write("41".to_owned()).await?;
        self.dropped = Some(Duration::from_millis(self.workload.below(RETURN_PAUSE_MS)));
        bail!("disconnected by the client")
    }

    async fn send(&mut self, event: &str, payload: Value) -> Result<()> {
        let message = {
            let mut state = self.state.lock();
            state.last_ack += 1;
            let message = json!({ "event": event, "payload": payload, "ack": state.last_ack });
            state.pending = Some(message.clone());
            if event == "session:leave" {
                state.wants_room = false;
            }
            state.write(self.started_at.elapsed(), Event::Sent(message.clone()));
            message
        };
        self.next = RoomNext::Wait(Instant::now() + REPLY_TIMEOUT);
        self.write(packet::event(&message)).await
    }

    async fn write(&mut self, packet: String) -> Result<()> {
        let sent = self.socket.send(Message::text(packet));
        timeout(REPLY_TIMEOUT, sent).await.context("the node does not read")??;
        Ok(())
    }

    async fn receive(&mut self, heard: Option<Result<Message, Error>>) -> Result<()> {
        let message = match heard.context("closed without a close frame")?? {
            Message::Text(text) => match packet::parse(&text)? {
                Packet::Ping => return self.write("3".to_owned()).await,
                Packet::Message(message) => message,
                Packet::Other => return Ok(()),
            },
            Message::Close(Some(frame)) => bail!("{}: {}", u16::from(frame.code), frame.reason),
            Message::Close(None) => bail!("closed without a reason"),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Ok(()),
        };
        self.handle(&message);
        Ok(())
    }

    fn handle(&mut self, message: &Value) {
        let payload = &message["payload"];
        let mut state = self.state.lock();
        state.write(self.started_at.elapsed(), Event::Received(message.clone()));
        match message["event"].as_str() {
            Some("session:joined") => {
                let view = RoomView::joined(payload);
                state.resume = Some((view.room.clone(), view.resume.clone()));
                state.view = Some(view);
                return;
            }
            Some("error") => {
                let code = payload["code"].as_str();
                if !matches!(code, Some("SESSION_NOT_FOUND" | "NOT_JOINED")) || state.view.take().is_none() {
                    return;
                }
                drop(state);
                return self.plan(false);
            }
            Some(event) => {
                if let Some(view) = &mut state.view {
                    view.apply(event, payload);
                }
                return;
            }
            None => {}
        }
        let Some(request) = state.pending.take_if(|request| request["ack"] == message["ack"]) else { return };
        let has_failed = payload["error"].is_object();
        match request["event"].as_str() {
            Some("session:create") if !has_failed => {
                self.ids.set(self.profile.slot, payload["sessionId"].as_str().unwrap_or_default());
            }
            Some("session:join") if payload["error"]["code"] == "SESSION_NOT_FOUND" => {
                let room = request["payload"]["sessionId"].as_str().unwrap_or_default();
                self.ids.forget(self.profile.slot, room);
            }
            Some("session:leave") => (state.view, state.resume) = (None, None),
            Some(_) | None => {}
        }
        drop(state);
        self.plan(!has_failed && matches!(request["event"].as_str(), Some("timer:start" | "timer:resume")));
    }
}

/// Opens a WebSocket and connects to the namespace.
async fn connect(node: SocketAddr) -> Result<Socket> {
    let tcp = TcpStream::connect(node).await?;
    tcp.set_nodelay(true)?;
    let url = format!("ws://{node}/socket.io/?EIO=4&transport=websocket");
    let mut socket = client_async(url, tcp).await?.0;
    answer(&mut socket, "0{").await?;
    socket.send(Message::text("40")).await?;
    answer(&mut socket, "40{").await?;
    Ok(socket)
}

/// Waits for an answer in the handshake, replying to pings.
pub(crate) async fn answer(socket: &mut Socket, wanted: &str) -> Result<()> {
    loop {
        match socket.next().await.context("closed without a close frame")?? {
            Message::Text(text) if text == "2" => socket.send(Message::text("3")).await?,
            Message::Text(text) => {
                ensure!(text.starts_with(wanted), "no answer: {text}");
                return Ok(());
            }
            Message::Close(Some(frame)) => bail!("{}: {}", u16::from(frame.code), frame.reason),
            Message::Close(None) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                bail!("no answer to the handshake")
            }
        }
    }
}

async fn at(next: RoomNext) {
    match next {
        RoomNext::Act(at) | RoomNext::Join(at) | RoomNext::Wait(at) => sleep_until(at).await, // tidy: allow: a client's pace
        RoomNext::Watch => pending().await,
    }
}
