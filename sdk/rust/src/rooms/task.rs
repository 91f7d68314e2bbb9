//! The task of a client: it owns the connection and the membership, and publishes snapshots.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::backoff::process_random;
use crate::close_policy::UNAUTHORIZED;
use crate::connection::{Connection, ConnectionState, Output};
use crate::credential::Credentials;
use crate::endpoint::ServerUrl;
use crate::error::{ConnectionError, RoomError, RoomErrorCode};
use crate::events::EVENTS_KEPT;
use crate::http::server_time;
use crate::link::{EVENTS_MAX, LinkEvent, LinkId};
use crate::link_monitor::{LinkCondition, LinkMonitor};
use crate::network::Network;
use crate::options::ClientOptions;
use crate::rooms::client::{RoomsEvent, RoomsSnapshot};
use crate::rooms::codec::{RoomMessage, RoomsCodec, request_packet};
use crate::rooms::membership::{Membership, Notice, RoomCommand, RoomReply, Target};
use crate::rooms::model::{remaining_ms, remaining_seconds};
use crate::rooms::protocol::{Room, RoomEvent, fault_of_answer};
use crate::server_clock::ServerClock;
use crate::socket::SocketDialer;
use crate::times::Times;
use crate::token_refresh::TokenRefresh;

const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// While a request is pending, the connection is given up after this long; the server answers within 20 s.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(25);

/// Requests of the application that wait for the task; it takes them at once.
const REQUESTS_MAX: usize = 16;

/// What the application asks of the task.
#[derive(Debug)]
pub(crate) enum RoomsRequest {
    Join(Target, RoomReply<Arc<Room>>),
    Leave(RoomReply<()>),
    Command(RoomCommand),
    RetryNow,
    Close(oneshot::Sender<()>),
}

/// The ends of the channels that the client holds.
pub(crate) type RoomsChannels =
    (mpsc::Sender<RoomsRequest>, watch::Receiver<Arc<RoomsSnapshot>>, broadcast::WeakSender<RoomsEvent>);

/// An answer to a request for the server's time.
struct TimeAnswer {
    sent_at: Instant,
    received_at: Instant,
    server_ms: Result<f64, ConnectionError>,
}

/// Starts the task of a client.
pub(crate) fn start_task(options: ClientOptions) -> RoomsChannels {
    let now = Instant::now();
    let credentials = Arc::new(Credentials::new(options.credential));
    let network = Network::new(options.tls);
    let (link_events, received) = mpsc::channel(EVENTS_MAX);
    let (requests, requested) = mpsc::channel(REQUESTS_MAX);
    let (fetched, tokens) = mpsc::channel(1);
    let (time_answers, times_received) = mpsc::channel(1);
    let (events, _) = broadcast::channel(EVENTS_KEPT);
    let dialer = SocketDialer {
        network: network.clone(),
        credentials: Arc::clone(&credentials),
        codec: RoomsCodec::new(options.url.clone()),
        events: link_events,
    };
    let snapshot = RoomsSnapshot {
        connection: ConnectionState::Connecting,
        room: None,
        is_joined: false,
        remaining_seconds: None,
        completed_at: None,
        times: Times::LastKnown,
        join_error: None,
        server_time: None,
    };
    let (snapshots, snapshot) = watch::channel(Arc::new(snapshot));
    let channels = (requests, snapshot, events.downgrade());
    let task = RoomsTask {
        requested,
        received,
        tokens,
        times_received,
        time_answers,
        snapshots,
        events,
        network,
        url: options.url,
        connection: Connection::new(Box::new(dialer), process_random(), credentials.is_renewable()),
        membership: Membership::default(),
        refresh: TokenRefresh::new(Arc::clone(&credentials), fetched, process_random()),
        credentials,
        monitor: LinkMonitor::default(),
        clock: ServerClock::new(now),
        check_at: now + CHECK_INTERVAL,
        is_stale: false,
        continues_locally: options.continues_locally,
    };
    tokio::spawn(task.run());
    channels
}

struct RoomsTask {
    requested: mpsc::Receiver<RoomsRequest>,
    received: mpsc::Receiver<(LinkId, LinkEvent<RoomMessage>)>,
    tokens: mpsc::Receiver<Result<String, ConnectionError>>,
    times_received: mpsc::Receiver<TimeAnswer>,
    time_answers: mpsc::Sender<TimeAnswer>,
    snapshots: watch::Sender<Arc<RoomsSnapshot>>,
    events: broadcast::Sender<RoomsEvent>,
    network: Network,
    url: ServerUrl,
    connection: Connection<RoomMessage>,
    membership: Membership,
    refresh: TokenRefresh,
    credentials: Arc<Credentials>,
    monitor: LinkMonitor,
    clock: ServerClock,
    check_at: Instant,
    is_stale: bool,
    continues_locally: bool,
}

impl RoomsTask {
    /// Serves the client until it is closed, or until its last clone is dropped.
    async fn run(mut self) {
        self.connection.open(Instant::now());
        let done = loop {
            let now = Instant::now();
            self.process_outputs(now);
            self.publish(now);
            self.membership.flush_replies();
            let deadline = self.deadline(now);
            tokio::select! {
                request = self.requested.recv() => match request {
                    Some(RoomsRequest::Close(done)) => break Some(done),
                    Some(request) => self.handle_request(request, Instant::now()),
                    None => break None,
                },
                Some((id, event)) = self.received.recv() => self.handle_link_event(id, event, Instant::now()),
                Some(token) = self.tokens.recv() => self.handle_token(token, Instant::now()),
                Some(answer) = self.times_received.recv() => self.handle_time(answer),
                () = sleep_until(deadline) => self.handle_deadlines(Instant::now()),
            }
        };
        self.connection.close();
        self.membership.handle_loss(false);
        self.membership.fail(None);
        self.publish(Instant::now());
        self.membership.flush_replies();
        if let Some(done) = done {
            // The caller may have gone.
            done.send(()).ok();
        }
    }

    fn deadline(&self, now: Instant) -> Instant {
        let others = [self.connection.deadline(), self.refresh.deadline(), self.next_display(now)];
        others.into_iter().flatten().fold(self.check_at, Instant::min)
    }

    /// Returns when the displayed second changes: when the part above whole seconds has elapsed.
    fn next_display(&self, now: Instant) -> Option<Instant> {
        let remaining = self.remaining_ms(now).filter(|remaining| *remaining > 0 && self.is_running())?;
        let wait_ms = (remaining - 1) % 1000 + 1;
        Some(now + Duration::from_millis(wait_ms.unsigned_abs()))
    }

    fn handle_deadlines(&mut self, now: Instant) {
        self.connection.handle_deadline(now);
        self.refresh.handle_deadline(now);
        if self.check_at <= now {
            self.check_at = now + CHECK_INTERVAL;
            self.check(now);
        }
    }

    fn handle_request(&mut self, request: RoomsRequest, now: Instant) {
        match request {
            RoomsRequest::RetryNow => self.connection.open(now),
            RoomsRequest::Join(target, reply) => {
                if let ConnectionState::Refused(refused) = self.connection.state() {
                    // The caller may have gone.
                    return drop(reply.send(Err(RoomError::Refused(refused.clone()))));
                }
                self.with_membership(|membership, send| membership.set_target(target, reply, now, send));
            }
            RoomsRequest::Leave(reply) => {
                self.with_membership(|membership, send| membership.leave(reply, now, send));
            }
            RoomsRequest::Command(command) => {
                self.with_membership(|membership, send| membership.command(command, now, send));
            }
            // The loop of the task ends with it.
            RoomsRequest::Close(_) => {}
        }
    }

    fn handle_link_event(&mut self, id: LinkId, event: LinkEvent<RoomMessage>, now: Instant) {
        match &event {
            LinkEvent::Closed(ConnectionError::Closed { code: UNAUTHORIZED, .. }) => self.credentials.reject(),
            LinkEvent::Closed(error @ ConnectionError::Token { .. }) => self.notify(RoomsEvent::Token(error.clone())),
            LinkEvent::Closed(_) | LinkEvent::GoingAway(_) | LinkEvent::Message(_) => {}
        }
        self.connection.handle_event(id, event, now);
    }

    fn handle_token(&mut self, token: Result<String, ConnectionError>, now: Instant) {
        if let Err(error) = &token {
            self.notify(RoomsEvent::Token(error.clone()));
        }
        if let Some(token) = self.refresh.handle_fetched(token, now) {
            let id = self.membership.next_id();
            self.refresh.set_request(id.to_string());
            self.connection.send(request_packet(id, "auth", Some(&json!({ "token": token }))));
        }
    }

    fn process_outputs(&mut self, now: Instant) {
        while let Some(output) = self.connection.take_output() {
            match output {
                Output::Early(message) => self.receive_early(message, now),
                Output::Message(message) => {
                    let is_tick = matches!(message, RoomMessage::Event(RoomEvent::Tick(_)));
                    self.receive(message, now);
                    if is_tick && !self.membership.awaits_old_answers() {
                        self.connection.drop_old();
                    }
                }
                Output::Late(message @ RoomMessage::Ack { .. }) => self.receive(message, now),
                Output::Late(_) => {}
                Output::NextFailed => {
                    self.with_membership(|membership, send| membership.handle_failed_move(now, send));
                }
                Output::StateChanged => self.handle_state(),
            }
        }
        if !self.is_running() && !self.membership.awaits_old_answers() {
            self.connection.drop_old();
        }
        while let Some(notice) = self.membership.take_notice() {
            self.notify(match notice {
                Notice::Event(event) => RoomsEvent::Room(event),
                Notice::Fault(fault) => {
                    RoomsEvent::Server(RoomError::Rejected { code: fault.code, message: fault.message })
                }
            });
        }
    }

    /// Processes a message before the link is of use: it is when it has joined the room.
    fn receive_early(&mut self, message: RoomMessage, now: Instant) {
        match message {
            RoomMessage::Connected => {
                let Self { membership, connection, .. } = self;
                if !membership.join_early(&mut |text| connection.send_early(text)) {
                    self.connection.complete(now);
                    self.handle_online(now);
                    self.with_membership(|membership, send| membership.handle_connect(now, send));
                }
            }
            RoomMessage::Ack { id, answer } if self.membership.is_early_join(id) => self.handle_early_join(answer, now),
            RoomMessage::Ack { .. } | RoomMessage::Event(_) | RoomMessage::Error(_) => {}
        }
    }

    fn handle_early_join(&mut self, answer: Value, now: Instant) {
        let fault = fault_of_answer(&answer);
        // A node whose store is unavailable cannot continue the room of a link that works.
        if self.connection.is_online() && fault.is_some_and(|fault| fault.code == RoomErrorCode::Unavailable) {
            return self.connection.fail_next(ConnectionError::lost("the store of the node is unavailable"), now);
        }
        let is_handover = self.connection.complete(now);
        self.handle_online(now);
        self.with_membership(|membership, send| membership.handle_early_join(answer, is_handover, now, send));
        self.observe_room(now);
    }

    fn handle_online(&mut self, now: Instant) {
        self.monitor.reset();
        self.refresh.go_online(now, self.clock.at(now));
        self.clock.invalidate(now);
        self.sync_clock(now);
    }

    fn receive(&mut self, message: RoomMessage, now: Instant) {
        self.monitor.receive(matches!(message, RoomMessage::Event(RoomEvent::Tick(_))));
        match message {
            RoomMessage::Connected => {}
            RoomMessage::Ack { id, answer } if self.refresh.is_request(&id.to_string()) => {
                match fault_of_answer(&answer).map(|fault| fault.code) {
                    Some(RoomErrorCode::Unavailable) => self.refresh.handle_unverified(now),
                    Some(_) => self.refresh.handle_rejected(now),
                    None => {
                        let expires_at = answer.get("expiresAt").and_then(Value::as_i64);
                        self.refresh.handle_accepted(expires_at, now, self.clock.at(now));
                    }
                }
            }
            RoomMessage::Ack { id, answer } => {
                self.with_membership(|membership, send| membership.handle_answer(id, answer, now, send));
                self.observe_room(now);
            }
            RoomMessage::Event(event) => {
                if let Some(server_time) = event.server_time() {
                    self.clock.observe(server_time, now);
                }
                if matches!(event, RoomEvent::Tick(_)) {
                    self.is_stale = false;
                }
                self.membership.handle_event(event);
            }
            RoomMessage::Error(fault) => {
                self.with_membership(|membership, send| membership.handle_fault(fault, now, send));
            }
        }
    }

    /// Before the first measurement, the state of the room tells the server's time.
    fn observe_room(&mut self, now: Instant) {
        if let Some(room) = self.membership.model.room.as_ref().filter(|_| self.clock.time().is_none()) {
            self.clock.observe(room.state.server_time, now);
        }
    }

    fn handle_state(&mut self) {
        self.monitor.reset();
        self.is_stale = false;
        match self.connection.state() {
            ConnectionState::Online => return,
            ConnectionState::Connecting => self.membership.handle_loss(true),
            ConnectionState::Offline { .. } | ConnectionState::Closed => self.membership.handle_loss(false),
            ConnectionState::Refused(refused) => {
                self.membership.handle_loss(false);
                self.membership.fail(Some(refused));
            }
        }
        self.refresh.go_offline();
    }

    /// Checks the link and unfinished work. Runs once a second.
    fn check(&mut self, now: Instant) {
        if !self.connection.is_online() {
            return;
        }
        self.sync_clock(now);
        let is_silent = |since: Instant| now.saturating_duration_since(since) > RESPONSE_TIMEOUT;
        if self.membership.pending_since().is_some_and(is_silent) {
            return self.connection.abort(ConnectionError::lost("the server does not answer"), now);
        }
        // The heartbeat of the protocol finds silent links.
        self.monitor.receive(false);
        let condition = self.monitor.check(self.expects_ticks(now));
        if condition == LinkCondition::Dead {
            return self.connection.abort(ConnectionError::lost("no ticks arrive"), now);
        }
        self.is_stale = condition == LinkCondition::Stale;
        self.with_membership(|membership, send| membership.check(now, send));
    }

    fn sync_clock(&mut self, now: Instant) {
        if self.clock.begin_if_due(now) {
            self.request_time();
        }
    }

    fn request_time(&self) {
        let (network, url, answers) = (self.network.clone(), self.url.clone(), self.time_answers.clone());
        tokio::spawn(async move {
            let sent_at = Instant::now();
            let server_ms = server_time(&network, &url).await;
            // The client may have gone.
            answers.send(TimeAnswer { sent_at, received_at: Instant::now(), server_ms }).await.ok();
        });
    }

    fn handle_time(&mut self, answer: TimeAnswer) {
        match answer.server_ms {
            Ok(server_ms) => {
                if self.clock.sample(answer.sent_at, server_ms, answer.received_at) {
                    self.request_time();
                }
            }
            Err(_) => self.clock.fail(answer.received_at),
        }
    }

    fn with_membership<R>(&mut self, act: impl FnOnce(&mut Membership, &mut dyn FnMut(String) -> bool) -> R) -> R {
        let Self { membership, connection, .. } = self;
        act(membership, &mut |text| connection.send(text))
    }

    fn notify(&self, event: RoomsEvent) {
        // Nobody may have subscribed.
        self.events.send(event).ok();
    }

    fn is_running(&self) -> bool {
        self.membership.model.room.as_ref().is_some_and(|room| room.state.is_running)
    }

    fn expects_ticks(&self, now: Instant) -> bool {
        let is_due = |remaining| remaining > 1000;
        self.membership.is_joined && self.is_running() && self.remaining_ms(now).is_some_and(is_due)
    }

    fn remaining_ms(&self, now: Instant) -> Option<i64> {
        let room = self.membership.model.room.as_ref()?;
        Some(remaining_ms(&room.state, self.clock.at(now).unwrap_or(room.state.server_time)))
    }

    /// Replaces the snapshot if it differs.
    fn publish(&self, now: Instant) {
        let is_live = self.connection.is_online() && self.membership.is_joined && !self.is_stale;
        let is_known = self.membership.model.room.is_some() && *self.connection.state() != ConnectionState::Closed;
        let times = match (is_live, is_known && self.continues_locally) {
            (true, _) => Times::Live,
            (false, true) => Times::Continued,
            (false, false) => Times::LastKnown,
        };
        let is_frozen = times == Times::LastKnown && self.membership.model.room.is_some();
        let fault = self.membership.join_error.clone();
        self.snapshots.send_if_modified(|current| {
            let remaining = self.membership.model.room.as_ref().map(|room| {
                let server_now = self.clock.at(now).unwrap_or(room.state.server_time);
                remaining_seconds(&room.state, server_now, current.displayed())
            });
            let next = RoomsSnapshot {
                connection: self.connection.state().clone(),
                room: self.membership.model.room.clone(),
                is_joined: self.membership.is_joined,
                remaining_seconds: if is_frozen { current.remaining_seconds } else { remaining },
                completed_at: self.membership.model.completed_at,
                times,
                join_error: fault.map(|fault| RoomError::Rejected { code: fault.code, message: fault.message }),
                server_time: self.clock.time(),
            };
            let is_same = next == **current;
            if !is_same {
                *current = Arc::new(next);
            }
            !is_same
        });
    }
}
