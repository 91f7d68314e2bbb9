//! One client connection: connects, executes actions and records observations.

mod calls;
mod day;
mod focus;
mod http;
mod socket;

use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::client_pool::{ClientAction, ClientPool};
use crate::message::{Protocol, ServerMessage};
use crate::scenario::Work;

/// Pause before a failed connection is retried, ms.
const RETRY_PAUSE_MS: std::ops::Range<u64> = 200..400;

/// Runs one client, which reconnects whenever its connection ends.
pub(crate) async fn run(pool: Rc<ClientPool>, nth: usize, mut actions: UnboundedReceiver<ClientAction>) {
    if matches!(pool.assignment.scenario.work, Work::Days { .. }) {
        return day::run(pool, nth, actions).await;
    }
    if matches!(pool.assignment.scenario.work, Work::Focus { .. }) {
        return focus::run(pool, nth, actions).await;
    }
    let mut client = Client {
        nth,
        started: Instant::now(),
        connected: false,
        awaited: true,
        ready: false,
        next_id: 0,
        last: 0,
        paused: false,
        runs: true,
        calls: None,
        pool,
    };
    if client.pool.assignment.protocol == Protocol::Studio && client.is_controller() {
        let (sender, receiver) = unbounded_channel();
        client.calls = Some(sender);
        spawn_local(calls::run(Rc::clone(&client.pool), nth, client.observer_count(), receiver));
    }
    loop {
        let disconnect = match socket::open(&client.pool.assignment, nth, &client.path()).await {
            Ok(socket) => client.follow(socket, &mut actions).await,
            Err(reason) => Disconnect::Failed(reason),
        };
        if client.ready || matches!(disconnect, Disconnect::Requested) {
            client.started = Instant::now();
        }
        client.set_ready(false);
        client.connected = false;
        match disconnect {
            Disconnect::Requested => client.awaited = true,
            Disconnect::Failed(reason) => {
                client.pool.fail(&reason);
                sleep(Duration::from_millis(fastrand::u64(RETRY_PAUSE_MS))).await;
            }
        }
    }
}

enum Disconnect {
    /// By a reconnect action.
    Requested,
    Failed(String),
}

type Socket = WebSocketStream<tokio::net::TcpStream>;

struct Client {
    pool: Rc<ClientPool>,
    nth: usize,
    /// Start of the current connection attempt.
    started: Instant,
    /// Whether the namespace is connected; joining a room comes after it.
    connected: bool,
    /// Whether the worker waits for this connection to be ready.
    awaited: bool,
    ready: bool,
    next_id: u64,
    /// The second of the last tick, ms.
    last: u64,
    /// Whether the timer stopped since the last tick, so that seconds may be missing.
    paused: bool,
    /// Whether the last command started or resumed the session.
    runs: bool,
    /// The instants of the member's calls, if its commands are calls.
    calls: Option<UnboundedSender<Instant>>,
}

impl Client {
    async fn follow(&mut self, mut socket: Socket, actions: &mut UnboundedReceiver<ClientAction>) -> Disconnect {
        loop {
            tokio::select! {
                message = socket.next() => {
                    let answer = match message {
                        Some(Ok(Message::Text(text))) => self.receive(&text),
                        Some(Ok(Message::Close(Some(frame)))) => return Disconnect::Failed(format!("closed {}", frame.code)),
                        Some(Ok(Message::Close(None))) | None => return Disconnect::Failed("closed".to_owned()),
                        Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                        Some(Err(error)) => return Disconnect::Failed(error.to_string()),
                    };
                    for text in answer {
                        if let Err(error) = socket.send(Message::text(text)).await {
                            return Disconnect::Failed(error.to_string());
                        }
                    }
                }
                Some(action) = actions.recv() => match action {
                    ClientAction::Toggle(at) if self.calls.is_some() => {
                        self.calls.iter().for_each(|calls| calls.send(at).unwrap_or_default());
                    }
                    ClientAction::Toggle(at) => {
                        let command = self.toggle(at);
                        if let Err(error) = socket.send(Message::text(command)).await {
                            return Disconnect::Failed(error.to_string());
                        }
                    }
                    ClientAction::JoinRoom => {
                        if let Some(text) = self.enter()
                            && let Err(error) = socket.send(Message::text(text)).await
                        {
                            return Disconnect::Failed(error.to_string());
                        }
                    }
                    ClientAction::Reconnect => return Disconnect::Requested,
                    ClientAction::StopReading => std::future::pending().await,
                    ClientAction::BeActive | ClientAction::EndSession => {}
                }
            }
        }
    }

    fn path(&self) -> String {
        let assignment = &self.pool.assignment;
        assignment.protocol.path(self.nth / assignment.scenario.devices())
    }

    /// Handles a message; returns the replies.
    fn receive(&mut self, text: &str) -> Vec<String> {
        let now = Instant::now();
        self.pool.record(|observations| {
            observations.counts.messages += 1;
            observations.counts.bytes += text.len() as u64;
        });
        match self.pool.assignment.protocol.read(text) {
            ServerMessage::Tick(at) => self.tick(at),
            ServerMessage::Connected => {
                self.connected = true;
                return self.enter().into_iter().collect();
            }
            ServerMessage::Joined(room) => {
                if self.is_controller() {
                    self.pool.user(self.nth).borrow_mut().room = Some(room.to_owned());
                    self.pool.room_created(self.nth);
                }
                return self.on_ready(now);
            }
            ServerMessage::Ready => return self.on_ready(now),
            ServerMessage::Update { rev, stops } => {
                self.paused |= stops;
                if self.is_observer(self.nth) {
                    let delivered = self.pool.user(self.nth).borrow_mut().delivered(rev, now, self.observer_count());
                    self.pool.record(|observations| {
                        delivered.into_iter().for_each(|delivery| observations.record_update(delivery));
                    });
                }
            }
            ServerMessage::Ack { id, rev } => {
                let delivered = self.pool.user(self.nth).borrow_mut().ack(id, rev, self.observer_count());
                self.pool.record(|observations| {
                    observations.counts.acks += 1;
                    delivered.into_iter().for_each(|delivery| observations.record_update(delivery));
                });
                if self.pool.mutates_without_pause() {
                    return vec![self.toggle(now)];
                }
            }
            ServerMessage::Error => self.pool.record(|observations| observations.counts.errors += 1),
            ServerMessage::ReplyWith(answer) => return vec![answer.to_owned()],
            ServerMessage::Other => {}
        }
        Vec::new()
    }

    fn tick(&mut self, at: u64) {
        self.set_ready(true);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let late = u64::try_from(now.as_micros()).unwrap_or(u64::MAX).saturating_sub(at * 1000);
        let last = std::mem::replace(&mut self.last, at);
        let paused = std::mem::take(&mut self.paused);
        self.pool.record(|observations| {
            observations.counts.ticks += 1;
            observations.late.record(late);
            if last > 0 {
                match at.checked_sub(last) {
                    None | Some(0) => observations.counts.doubled += 1,
                    Some(_) if paused => {}
                    Some(step) => observations.counts.missing += (step / 1000).saturating_sub(1),
                }
            }
        });
    }

    /// Returns the command that joins the room, once the namespace is connected and the room exists; the controller
    /// creates the room.
    fn enter(&self) -> Option<String> {
        let user = self.pool.user(self.nth).borrow();
        (self.connected && (self.is_controller() || user.room.is_some())).then(|| Protocol::enter(user.room.as_deref()))
    }

    /// Handles a complete state; returns the commands that start the sessions.
    fn on_ready(&mut self, now: Instant) -> Vec<String> {
        let took = now - self.started;
        self.pool.record(|observations| observations.ready.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX)));
        self.last = 0;
        if self.sessions() == 0 || !self.is_controller() {
            self.set_ready(true);
        }
        let begun = if self.is_controller() { self.sessions() } else { 0 };
        (0..begun)
            .map(|nth| {
                self.next_id += 1;
                self.pool.assignment.protocol.begin(nth, self.next_id)
            })
            .collect()
    }

    fn toggle(&mut self, at: Instant) -> String {
        self.runs = !self.runs;
        self.next_id += 1;
        self.pool.user(self.nth).borrow_mut().send(self.next_id, at);
        self.pool.record(|observations| observations.counts.sent += 1);
        self.pool.assignment.protocol.toggle(self.runs, self.next_id)
    }

    fn set_ready(&mut self, ready: bool) {
        let was = std::mem::replace(&mut self.ready, ready);
        let count = &self.pool.ready;
        match (was, ready) {
            (false, true) => {
                count.set(count.get() + 1);
                let awaited = std::mem::take(&mut self.awaited);
                self.pool.arrived.set(self.pool.arrived.get() + usize::from(awaited));
            }
            (true, false) => count.set(count.get() - 1),
            (true, true) | (false, false) => {}
        }
    }

    fn sessions(&self) -> usize {
        match self.pool.assignment.protocol {
            // The timers of an organisation are started by calls, and those of Centrifugo exist.
            Protocol::Studio | Protocol::Centrifugo => 0,
            Protocol::Clockit | Protocol::SocketIo | Protocol::Rooms => self.pool.assignment.scenario.sessions(),
        }
    }

    /// Whether it is the device that sends the commands.
    fn is_controller(&self) -> bool {
        self.nth.is_multiple_of(self.pool.assignment.scenario.devices())
    }

    /// Whether deliveries to a device are measured: in a room those to all devices except the controller, else those
    /// to devices on another server than the controller, if there are several. In an organisation, those to all members.
    fn is_observer(&self, nth: usize) -> bool {
        let targets = self.pool.assignment.targets.len();
        let device = nth % self.pool.assignment.scenario.devices();
        if self.pool.assignment.protocol == Protocol::Studio {
            return true;
        }
        let counts_all = targets == 1 || self.pool.assignment.protocol == Protocol::Rooms;
        device > 0 && (counts_all || !device.is_multiple_of(targets))
    }

    fn observer_count(&self) -> usize {
        (0..self.pool.assignment.scenario.devices()).filter(|device| self.is_observer(*device)).count()
    }
}
