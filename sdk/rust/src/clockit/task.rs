//! The task of a client: it owns the connection, the model and the outbox, and publishes snapshots.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::http::HeaderMap;
use url::Url;

use crate::backoff::{process_random, random_id};
use crate::clockit::change::changes;
use crate::clockit::client::{ClockitEvent, ClockitSnapshot};
use crate::clockit::model::Model;
use crate::clockit::protocol::{Acknowledged, ServerMessage, decode};
use crate::close_policy::{TOO_LARGE, UNAUTHORIZED};
use crate::connection::{Connection, ConnectionState, Output};
use crate::credential::{Credentials, Identity};
use crate::endpoint::ServerUrl;
use crate::error::{CommandError, ConnectionError, ErrorCode};
use crate::events::EVENTS_KEPT;
use crate::link::{Dial, EVENTS_MAX, LinkEvent, LinkId};
use crate::link_monitor::{LinkCondition, LinkMonitor};
use crate::network::Network;
use crate::options::ClientOptions;
use crate::outbox::{Answer, Outbox, Submission};
use crate::server_clock::ServerClock;
use crate::socket::{Codec, Decoded, SocketDialer, identified};
use crate::times::Times;
use crate::token_refresh::TokenRefresh;

const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// A request for the server's time without an answer by then has none.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Requests of the application that wait for the task; it takes them at once.
const REQUESTS_MAX: usize = 16;

/// What the application asks of the task.
#[derive(Debug)]
pub(crate) enum Request {
    Submit(Submission<Acknowledged>),
    RetryNow,
    Close(oneshot::Sender<()>),
}

/// The ends of the channels that the client holds.
pub(crate) type Channels =
    (mpsc::Sender<Request>, watch::Receiver<Arc<ClockitSnapshot>>, broadcast::WeakSender<ClockitEvent>);

/// Starts a task that connects by WebSockets.
pub(crate) fn start_task(options: ClientOptions) -> Channels {
    let credentials = Arc::new(Credentials::new(options.credential));
    let (link_events, received) = mpsc::channel(EVENTS_MAX);
    let client_id = options.client_id.unwrap_or_else(random_id);
    let dialer = SocketDialer {
        network: Network::new(options.tls),
        credentials: Arc::clone(&credentials),
        codec: ClockitCodec { url: options.url, client_id },
        events: link_events,
    };
    start_task_with(Box::new(dialer), received, credentials, options.continues_locally)
}

/// Starts a task that connects by a dialer.
pub(crate) fn start_task_with(
    dialer: Box<dyn Dial>,
    received: mpsc::Receiver<(LinkId, LinkEvent<ServerMessage>)>,
    credentials: Arc<Credentials>,
    continues_locally: bool,
) -> Channels {
    let now = Instant::now();
    let (requests, requested) = mpsc::channel(REQUESTS_MAX);
    let (fetched, tokens) = mpsc::channel(1);
    let (events, _) = broadcast::channel(EVENTS_KEPT);
    let snapshot = ClockitSnapshot {
        connection: ConnectionState::Connecting,
        sessions: Arc::default(),
        is_loaded: false,
        times: Times::LastKnown,
        pending: 0,
        server_time: None,
    };
    let (snapshots, snapshot) = watch::channel(Arc::new(snapshot));
    let channels = (requests, snapshot, events.downgrade());
    let task = ClockitTask {
        requested,
        received,
        tokens,
        snapshots,
        events,
        connection: Connection::new(dialer, process_random(), credentials.is_renewable()),
        outbox: Outbox::new(process_random()),
        refresh: TokenRefresh::new(Arc::clone(&credentials), fetched, process_random()),
        credentials,
        monitor: LinkMonitor::default(),
        clock: ServerClock::new(now),
        model: Model::default(),
        ping: None,
        pings: 0,
        check_at: now + CHECK_INTERVAL,
        is_stale: false,
        has_received_since_send: true,
        continues_locally,
    };
    tokio::spawn(task.run());
    channels
}

struct ClockitTask {
    requested: mpsc::Receiver<Request>,
    received: mpsc::Receiver<(LinkId, LinkEvent<ServerMessage>)>,
    tokens: mpsc::Receiver<Result<String, ConnectionError>>,
    snapshots: watch::Sender<Arc<ClockitSnapshot>>,
    events: broadcast::Sender<ClockitEvent>,
    connection: Connection<ServerMessage>,
    outbox: Outbox<Acknowledged>,
    refresh: TokenRefresh,
    credentials: Arc<Credentials>,
    monitor: LinkMonitor,
    clock: ServerClock,
    model: Model,
    /// The request for the server's time that is in progress.
    ping: Option<Ping>,
    pings: u64,
    check_at: Instant,
    is_stale: bool,
    has_received_since_send: bool,
    continues_locally: bool,
}

#[derive(Clone, Copy, Debug)]
struct Ping {
    request: u64,
    sent_at: Instant,
}

impl ClockitTask {
    /// Serves the client until it is closed, or until its last clone is dropped.
    async fn run(mut self) {
        self.connection.open(Instant::now());
        let done = loop {
            self.process_outputs(Instant::now());
            self.publish();
            let deadline = self.deadline();
            tokio::select! {
                request = self.requested.recv() => match request {
                    Some(Request::Submit(submission)) => self.submit(submission, Instant::now()),
                    Some(Request::RetryNow) => self.connection.open(Instant::now()),
                    Some(Request::Close(done)) => break Some(done),
                    None => break None,
                },
                Some((id, event)) = self.received.recv() => self.handle_link_event(id, event, Instant::now()),
                Some(token) = self.tokens.recv() => self.handle_token(token, Instant::now()),
                () = sleep_until(deadline) => self.handle_deadlines(Instant::now()),
            }
        };
        self.connection.close();
        self.outbox.fail_all(None);
        self.publish();
        if let Some(done) = done {
            // The caller may have gone.
            done.send(()).ok();
        }
    }

    fn deadline(&self) -> Instant {
        let ping = self.ping.map(|ping| ping.sent_at + PING_TIMEOUT);
        let beat = (self.times() == Times::Continued).then(|| self.clock.next_second(Instant::now()).0);
        let others = [self.connection.deadline(), self.outbox.deadline(), self.refresh.deadline(), ping, beat];
        others.into_iter().flatten().fold(self.check_at, Instant::min)
    }

    fn handle_deadlines(&mut self, now: Instant) {
        self.connection.handle_deadline(now);
        self.refresh.handle_deadline(now);
        if self.ping.is_some_and(|ping| ping.sent_at + PING_TIMEOUT <= now) {
            self.cancel_ping(now);
        }
        let has_no_answer = self.with_outbox(|outbox, send| outbox.handle_deadline(now, send));
        if has_no_answer && !self.has_received_since_send {
            self.connection.abort(ConnectionError::lost("the server does not answer"), now);
        }
        if self.check_at <= now {
            self.check_at = now + CHECK_INTERVAL;
            self.check(now);
        }
        if self.times() == Times::Continued
            && let Some(server_now) = self.clock.at(now)
        {
            self.change_model(|model| model.continue_locally(server_now.div_euclid(1000) * 1000));
        }
    }

    fn submit(&mut self, submission: Submission<Acknowledged>, now: Instant) {
        if let ConnectionState::Refused(refused) = self.connection.state() {
            // The caller may have gone.
            submission.reply.send(Err(CommandError::Refused(refused.clone()))).ok();
        } else {
            self.with_outbox(|outbox, send| outbox.submit(submission, now, send));
        }
    }

    fn handle_link_event(&mut self, id: LinkId, event: LinkEvent<ServerMessage>, now: Instant) {
        match &event {
            LinkEvent::Closed(ConnectionError::Closed { code: UNAUTHORIZED, .. }) => self.credentials.reject(),
            LinkEvent::Closed(error @ ConnectionError::Token { .. }) => {
                self.notify(ClockitEvent::Token(error.clone()));
            }
            LinkEvent::Closed(_) | LinkEvent::GoingAway(_) | LinkEvent::Message(_) => {}
        }
        self.connection.handle_event(id, event, now);
    }

    fn handle_token(&mut self, token: Result<String, ConnectionError>, now: Instant) {
        if let Err(error) = &token {
            self.notify(ClockitEvent::Token(error.clone()));
        }
        if let Some(token) = self.refresh.handle_fetched(token, now) {
            let id = random_id();
            let message = json!({ "type": "auth", "id": id, "payload": { "token": token } });
            self.refresh.set_request(id);
            self.connection.send(message.to_string());
        }
    }

    fn process_outputs(&mut self, now: Instant) {
        while let Some(output) = self.connection.take_output() {
            match output {
                Output::Early(message) => self.receive_early(message, now),
                Output::Message(message) => {
                    let is_tick = message.is_tick();
                    self.receive(message, now);
                    if is_tick {
                        self.connection.drop_old();
                    }
                }
                // Not the answer to a command: its change may not have arrived on the current link yet, where the command
                // is repeated.
                Output::Late(message) if message.is_tick() => self.receive(message, now),
                Output::Late(_) | Output::NextFailed => {}
                Output::StateChanged => self.handle_state(now),
            }
        }
        if !self.model.has_running() {
            self.connection.drop_old();
        }
    }

    /// Processes a message before the handshake of its link is complete.
    fn receive_early(&mut self, message: ServerMessage, now: Instant) {
        match message {
            ServerMessage::Ready { .. } => {
                self.connection.complete(now);
                self.receive(message, now);
                self.monitor.reset();
                self.refresh.go_online(now, self.clock.at(now));
                self.cancel_ping(now);
                self.clock.invalidate(now);
                self.sync_clock(now);
                // The command in flight is repeated, because its answer can be lost with the old link.
                self.with_outbox(|outbox, send| outbox.go_online(now, send));
            }
            ServerMessage::Error(error) if !self.connection.is_online() => self.notify(ClockitEvent::Server(error)),
            ServerMessage::Snapshot { .. }
            | ServerMessage::Update { .. }
            | ServerMessage::Tick { .. }
            | ServerMessage::Answer { .. }
            | ServerMessage::Authenticated { .. }
            | ServerMessage::Time { .. }
            | ServerMessage::Error(_) => {}
        }
    }

    fn receive(&mut self, message: ServerMessage, now: Instant) {
        self.has_received_since_send = true;
        self.monitor.receive(message.is_tick());
        match message {
            ServerMessage::Answer { id, answer } if self.refresh.is_request(&id) => match answer {
                Answer::Failed { code: ErrorCode::Unavailable, .. } => self.refresh.handle_unverified(now),
                Answer::Failed { .. } => self.refresh.handle_rejected(now),
                Answer::Done(_) => {}
            },
            ServerMessage::Answer { id, answer } => {
                self.with_outbox(|outbox, send| outbox.settle(&id, answer, now, send));
            }
            ServerMessage::Authenticated { id, expires_at } => {
                if self.refresh.is_request(&id) {
                    self.refresh.handle_accepted(expires_at, now, self.clock.at(now));
                }
            }
            ServerMessage::Time { request, server_ms } => self.handle_time(request, server_ms, now),
            // The server does not know the time at present; it answers without naming the request.
            ServerMessage::Error(error) if error.code == ErrorCode::TimeUncertain && self.ping.is_some() => {
                self.cancel_ping(now);
            }
            ServerMessage::Error(error) => self.notify(ClockitEvent::Server(error)),
            ServerMessage::Ready { server_time, .. } | ServerMessage::Snapshot { server_time, .. } => {
                self.clock.observe(server_time, now);
                self.change_model(|model| model.apply(message));
            }
            ServerMessage::Tick { server_time, .. } => {
                self.is_stale = false;
                if let Some(server_time) = server_time {
                    self.clock.observe(server_time, now);
                }
                self.change_model(|model| model.apply(message));
            }
            ServerMessage::Update { .. } => self.change_model(|model| model.apply(message)),
        }
    }

    fn handle_state(&mut self, now: Instant) {
        self.monitor.reset();
        self.is_stale = false;
        let refused = match self.connection.state() {
            ConnectionState::Online => return,
            ConnectionState::Offline { error, .. } => {
                if matches!(**error, ConnectionError::Closed { code: TOO_LARGE, .. }) {
                    self.outbox.fail_too_large();
                }
                None
            }
            ConnectionState::Refused(refused) => Some(refused),
            ConnectionState::Closed | ConnectionState::Connecting => None,
        };
        self.outbox.go_offline();
        if refused.is_some() {
            self.outbox.fail_all(refused);
        }
        self.refresh.go_offline();
        self.cancel_ping(now);
    }

    /// Checks the link. Runs once a second.
    fn check(&mut self, now: Instant) {
        if !self.connection.is_online() {
            return;
        }
        let condition = self.monitor.check(self.model.has_running());
        match condition {
            LinkCondition::Dead => return self.connection.abort(ConnectionError::lost("no ticks arrive"), now),
            LinkCondition::Probe => self.clock.invalidate(now),
            LinkCondition::Good | LinkCondition::Stale => {}
        }
        self.is_stale = condition == LinkCondition::Stale;
        self.sync_clock(now);
    }

    fn sync_clock(&mut self, now: Instant) {
        if self.clock.begin_if_due(now) {
            self.send_ping(now);
        }
    }

    fn send_ping(&mut self, now: Instant) {
        self.pings += 1;
        self.ping = Some(Ping { request: self.pings, sent_at: now });
        if !self.connection.send(json!({ "type": "time-ping", "t0": self.pings }).to_string()) {
            self.cancel_ping(now);
        }
    }

    fn handle_time(&mut self, request: u64, server_ms: f64, now: Instant) {
        let Some(ping) = self.ping.take_if(|ping| ping.request == request) else { return };
        if self.clock.sample(ping.sent_at, server_ms, now) {
            self.send_ping(now);
        }
    }

    fn cancel_ping(&mut self, now: Instant) {
        self.ping = None;
        self.clock.fail(now);
    }

    fn change_model(&mut self, change: impl FnOnce(&mut Model) -> bool) {
        let before = self.model.clone();
        if change(&mut self.model) {
            for change in changes(&before, &self.model) {
                self.notify(ClockitEvent::Session(change));
            }
        }
    }

    fn with_outbox<R>(&mut self, act: impl FnOnce(&mut Outbox<Acknowledged>, &mut dyn FnMut(&str) -> bool) -> R) -> R {
        let Self { outbox, connection, has_received_since_send, .. } = self;
        act(outbox, &mut |text| {
            *has_received_since_send = false;
            connection.send(text.to_owned())
        })
    }

    fn notify(&self, event: ClockitEvent) {
        // Nobody may have subscribed.
        self.events.send(event).ok();
    }

    fn times(&self) -> Times {
        let is_known = self.model.is_loaded && *self.connection.state() != ConnectionState::Closed;
        match (self.connection.is_online() && !self.is_stale, is_known && self.continues_locally) {
            (true, _) => Times::Live,
            (false, true) => Times::Continued,
            (false, false) => Times::LastKnown,
        }
    }

    /// Replaces the snapshot if it differs.
    fn publish(&self) {
        let next = ClockitSnapshot {
            connection: self.connection.state().clone(),
            sessions: Arc::clone(&self.model.sessions),
            is_loaded: self.model.is_loaded,
            times: self.times(),
            pending: self.outbox.len(),
            server_time: self.clock.time(),
        };
        self.snapshots.send_if_modified(|current| {
            let is_same = next.is_same_as(current);
            if !is_same {
                *current = Arc::new(next);
            }
            !is_same
        });
    }
}

/// The endpoint `/session`.
#[derive(Clone)]
struct ClockitCodec {
    url: ServerUrl,
    client_id: String,
}

impl Codec for ClockitCodec {
    type Message = ServerMessage;

    fn request(&self, identity: &Identity) -> (Url, HeaderMap) {
        identified(self.url.with_query("session", &[("dialect", "v1"), ("client", &self.client_id)]), identity)
    }

    fn for_link(&self, _: &Identity) -> Self {
        self.clone()
    }

    fn decode(&mut self, text: &str) -> Decoded<ServerMessage> {
        decode(text)
    }

    fn silence_max(&self) -> Option<Duration> {
        None
    }

    fn end_reason(&self, error: ConnectionError) -> ConnectionError {
        error
    }
}

#[cfg(test)]
mod tests;
