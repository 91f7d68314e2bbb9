//! The task of a client: it owns the connection and the membership, and publishes snapshots.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::client_channels::{ClientChannels, TaskChannels, channels, confirm};
use crate::client_core::{ClientCore, Input};
use crate::connection::{ConnectionState, Output};
use crate::credential::Credentials;
use crate::error::{ConnectionError, RoomError, RoomErrorCode};
use crate::http_time::HttpTime;
use crate::link_monitor::LinkCondition;
use crate::network::Network;
use crate::options::ClientOptions;
use crate::rooms::client::{RoomsEvent, RoomsSnapshot};
use crate::rooms::membership::{Membership, Notice};
use crate::rooms::model::{remaining_ms, remaining_seconds};
use crate::rooms::protocol::{Room, RoomEvent, RoomMessage, fault_of_answer};
use crate::rooms::request::{RoomCommand, RoomReply, Target};
use crate::socketio::{SocketIoCodec, SocketIoMessage, request_packet, token_answer};
use crate::times::Times;

/// While a request is pending, the connection is given up after this long; the server answers within 20 s.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(25);

/// What the application asks of the task.
#[derive(Debug)]
pub(crate) enum RoomsRequest {
    Join(Target, RoomReply<Arc<Room>>),
    Leave(RoomReply<()>),
    Command(RoomCommand),
    RetryNow,
    Close(oneshot::Sender<()>),
}

/// The channels of a client.
pub(crate) type RoomsChannels = ClientChannels<RoomsRequest, RoomsSnapshot, RoomsEvent>;

/// A message of the server.
type RoomPacket = SocketIoMessage<RoomMessage>;

/// Starts the task of a client.
pub(crate) fn start_task(options: ClientOptions) -> RoomsChannels {
    let credentials = Arc::new(Credentials::new(options.credential));
    let network = Network::new(options.tls);
    let codec = SocketIoCodec::new(options.url.clone(), RoomMessage::parse);
    let core = ClientCore::over_sockets(network.clone(), credentials, codec, options.continues_locally);
    let (client, channels) = channels(RoomsSnapshot {
        connection: ConnectionState::Connecting,
        room: None,
        is_joined: false,
        remaining_seconds: None,
        completed_at: None,
        times: Times::LastKnown,
        join_error: None,
        server_time: None,
    });
    let time = HttpTime::new(network, options.url);
    let membership = Membership::default();
    tokio::spawn(RoomsTask { channels, core, time, membership }.run());
    client
}

struct RoomsTask {
    channels: TaskChannels<RoomsRequest, RoomsSnapshot, RoomsEvent>,
    core: ClientCore<RoomPacket>,
    time: HttpTime,
    membership: Membership,
}

impl RoomsTask {
    /// Serves the client until it is closed, or until its last clone is dropped.
    async fn run(mut self) {
        self.core.connection.open(Instant::now());
        let done = loop {
            let now = Instant::now();
            self.process_outputs(now);
            self.publish(now);
            self.membership.flush_replies();
            let deadline = self.deadline(now);
            tokio::select! {
                request = self.channels.next_request() => match request {
                    Some(RoomsRequest::Close(done)) => break Some(done),
                    Some(request) => self.handle_request(request, Instant::now()),
                    None => break None,
                },
                Some(answer) = self.time.next() => self.core.handle_time(&self.time, answer, Instant::now()),
                input = self.core.next_input(deadline) => self.handle_input(input, Instant::now()),
            }
        };
        self.core.connection.close();
        self.membership.handle_loss(false);
        self.membership.fail(None);
        self.publish(Instant::now());
        self.membership.flush_replies();
        if let Some(done) = done {
            confirm(done);
        }
    }

    fn deadline(&self, now: Instant) -> Instant {
        self.next_display(now).into_iter().fold(self.core.deadline(), Instant::min)
    }

    /// Returns when the displayed second changes: when the part above whole seconds has elapsed.
    fn next_display(&self, now: Instant) -> Option<Instant> {
        let remaining = self.remaining_ms(now).filter(|remaining| *remaining > 0 && self.is_running())?;
        let wait_ms = (remaining - 1) % 1000 + 1;
        Some(now + Duration::from_millis(wait_ms.unsigned_abs()))
    }

    fn handle_input(&mut self, input: Input<RoomPacket>, now: Instant) {
        match input {
            Input::Link(id, event) => {
                if let Some(error) = self.core.handle_link_event(id, event, now) {
                    self.channels.notify(RoomsEvent::Token(error));
                }
            }
            Input::Token(token) => self.handle_token(token, now),
            Input::Deadline => {
                if self.core.handle_deadline(now) {
                    self.check(now);
                }
            }
        }
    }

    fn handle_request(&mut self, request: RoomsRequest, now: Instant) {
        match request {
            RoomsRequest::RetryNow => self.core.connection.open(now),
            RoomsRequest::Join(target, reply) => {
                if let ConnectionState::Refused(refused) = self.core.connection.state() {
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

    fn handle_token(&mut self, token: Result<String, ConnectionError>, now: Instant) {
        if let Err(error) = &token {
            self.channels.notify(RoomsEvent::Token(error.clone()));
        }
        if let Some(token) = self.core.refresh.handle_fetched(token, now) {
            let id = self.membership.next_id();
            self.core.refresh.set_request(id.to_string());
            self.core.connection.send(request_packet(id, "auth", Some(&json!({ "token": token }))));
        }
    }

    fn process_outputs(&mut self, now: Instant) {
        while let Some(output) = self.core.connection.take_output() {
            match output {
                Output::Early(message) => self.receive_early(message, now),
                Output::Message(message) => {
                    let is_tick = is_tick(&message);
                    self.receive(message, now);
                    if is_tick && !self.membership.awaits_old_answers() {
                        self.core.connection.drop_old();
                    }
                }
                Output::Late(message @ SocketIoMessage::Ack { .. }) => self.receive(message, now),
                Output::Late(_) => {}
                Output::NextFailed => {
                    self.with_membership(|membership, send| membership.handle_failed_move(now, send));
                }
                Output::StateChanged => self.handle_state(),
            }
        }
        if !self.is_running() && !self.membership.awaits_old_answers() {
            self.core.connection.drop_old();
        }
        while let Some(notice) = self.membership.take_notice() {
            self.channels.notify(match notice {
                Notice::Event(event) => RoomsEvent::Room(event),
                Notice::Fault(fault) => RoomsEvent::Server(fault.into()),
            });
        }
    }

    /// Processes a message before the link is of use: it is when it has joined the room.
    fn receive_early(&mut self, message: RoomPacket, now: Instant) {
        match message {
            SocketIoMessage::Connected => {
                let Self { membership, core: ClientCore { connection, .. }, .. } = self;
                if !membership.join_early(&mut |text| connection.send_early(text)) {
                    self.core.connection.complete(now);
                    self.handle_online(now);
                    self.with_membership(|membership, send| membership.handle_connect(now, send));
                }
            }
            SocketIoMessage::Ack { id, answer } if self.membership.is_early_join(id) => {
                self.handle_early_join(answer, now);
            }
            SocketIoMessage::Ack { .. } | SocketIoMessage::Event(_) => {}
        }
    }

    fn handle_early_join(&mut self, answer: Value, now: Instant) {
        let fault = fault_of_answer(&answer);
        // A node whose store is unavailable cannot continue the room of a link that works.
        if self.core.connection.is_online() && fault.is_some_and(|fault| fault.code == RoomErrorCode::Unavailable) {
            return self.core.connection.fail_next(ConnectionError::lost("the store of the node is unavailable"), now);
        }
        let is_handover = self.core.connection.complete(now);
        self.handle_online(now);
        self.with_membership(|membership, send| membership.handle_early_join(answer, is_handover, now, send));
        self.observe_room(now);
    }

    fn handle_online(&mut self, now: Instant) {
        self.core.handle_online(now);
        self.time.sync(&mut self.core.clock, now);
    }

    fn receive(&mut self, message: RoomPacket, now: Instant) {
        self.core.monitor.receive(is_tick(&message));
        match message {
            SocketIoMessage::Connected => {}
            SocketIoMessage::Ack { id, answer } if self.core.refresh.is_request(&id.to_string()) => {
                self.core.handle_token_answer(token_answer(&answer), now);
            }
            SocketIoMessage::Ack { id, answer } => {
                self.with_membership(|membership, send| membership.handle_answer(id, answer, now, send));
                self.observe_room(now);
            }
            SocketIoMessage::Event(RoomMessage::Event(event)) => {
                if let Some(server_time) = event.server_time() {
                    self.core.clock.observe(server_time, now);
                }
                if matches!(event, RoomEvent::Tick(_)) {
                    self.core.is_stale = false;
                }
                self.membership.handle_event(event);
            }
            SocketIoMessage::Event(RoomMessage::Fault(fault)) => {
                self.with_membership(|membership, send| membership.handle_fault(fault, now, send));
            }
        }
    }

    /// Before the first measurement, the state of the room tells the server's time.
    fn observe_room(&mut self, now: Instant) {
        if let Some(room) = self.membership.model.room.as_ref().filter(|_| self.core.clock.time().is_none()) {
            self.core.clock.observe(room.state.server_time, now);
        }
    }

    fn handle_state(&mut self) {
        self.core.handle_state();
        match self.core.connection.state() {
            ConnectionState::Online => {}
            ConnectionState::Connecting => self.membership.handle_loss(true),
            ConnectionState::Offline { .. } | ConnectionState::Closed => self.membership.handle_loss(false),
            ConnectionState::Refused(refused) => {
                self.membership.handle_loss(false);
                self.membership.fail(Some(refused));
            }
        }
    }

    /// Checks the link and unfinished work. Runs once a second.
    fn check(&mut self, now: Instant) {
        if !self.core.connection.is_online() {
            return;
        }
        self.time.sync(&mut self.core.clock, now);
        let is_silent = |since: Instant| now.saturating_duration_since(since) > RESPONSE_TIMEOUT;
        if self.membership.pending_since().is_some_and(is_silent) {
            return self.core.connection.abort(ConnectionError::lost("the server does not answer"), now);
        }
        // The heartbeat of the protocol finds silent links.
        self.core.monitor.receive(false);
        if self.core.check(self.expects_ticks(now), now) != LinkCondition::Dead {
            self.with_membership(|membership, send| membership.check(now, send));
        }
    }

    fn with_membership<R>(&mut self, act: impl FnOnce(&mut Membership, &mut dyn FnMut(String) -> bool) -> R) -> R {
        let Self { membership, core: ClientCore { connection, .. }, .. } = self;
        act(membership, &mut |text| connection.send(text))
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
        Some(remaining_ms(&room.state, self.core.clock.at(now).unwrap_or(room.state.server_time)))
    }

    /// Replaces the snapshot if it differs.
    fn publish(&self, now: Instant) {
        let times = self.core.times(self.membership.is_joined, self.membership.model.room.is_some());
        let is_frozen = times == Times::LastKnown && self.membership.model.room.is_some();
        let fault = self.membership.join_error.clone();
        let last = self.channels.published();
        let remaining = self.membership.model.room.as_ref().map(|room| {
            let server_now = self.core.clock.at(now).unwrap_or(room.state.server_time);
            remaining_seconds(&room.state, server_now, last.displayed())
        });
        self.channels.publish(RoomsSnapshot {
            connection: self.core.connection.state().clone(),
            room: self.membership.model.room.clone(),
            is_joined: self.membership.is_joined,
            remaining_seconds: if is_frozen { last.remaining_seconds } else { remaining },
            completed_at: self.membership.model.completed_at,
            times,
            join_error: fault.map(RoomError::from),
            server_time: self.core.clock.time(),
        });
    }
}

fn is_tick(message: &RoomPacket) -> bool {
    matches!(message, SocketIoMessage::Event(RoomMessage::Event(RoomEvent::Tick(_))))
}
