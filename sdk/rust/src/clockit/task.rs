//! The task of a client: it owns the connection, the model and the outbox, and publishes snapshots.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::client_channels::{ClientChannels, TaskChannels, channels, confirm};
use crate::client_core::{ClientCore, Input, TokenAnswer};
use crate::clockit::change::changes;
use crate::clockit::client::{ClockitEvent, ClockitSnapshot};
use crate::clockit::model::Model;
use crate::clockit::protocol::{Acknowledged, ServerMessage, decode};
use crate::close_policy::TOO_LARGE;
use crate::connection::{ConnectionState, Output};
use crate::credential::Credentials;
use crate::error::{CommandError, ConnectionError, ErrorCode};
use crate::json_codec::JsonCodec;
use crate::link_monitor::LinkCondition;
use crate::network::Network;
use crate::options::ClientOptions;
use crate::outbox::{Answer, CommandQueue, OutboxLimits, Submission};
use crate::time_pings::TimePings;
use crate::times::Times;

/// What the application asks of the task.
#[derive(Debug)]
pub(crate) enum Request {
    Submit(Submission<Acknowledged>),
    RetryNow,
    Close(oneshot::Sender<()>),
}

/// The channels of a client.
pub(crate) type Channels = ClientChannels<Request, ClockitSnapshot, ClockitEvent>;

/// Nobody expects a timer to start by a command of the day before. The server remembers an id for 5 minutes, so that an
/// older command could be carried out twice. It fails a command after 5 s and reports it; a longer silence means that the
/// answer was lost.
pub(crate) const LIMITS: OutboxLimits = OutboxLimits {
    resend_window: Duration::from_mins(4),
    queued_max: Duration::from_hours(24),
    attempts_max: Some(5),
    response_timeout: Duration::from_secs(10),
};

/// Starts a task that connects by WebSockets.
pub(crate) fn start_task(options: ClientOptions, client_id: &str, outbox: CommandQueue<Acknowledged>) -> Channels {
    let credentials = Arc::new(Credentials::new(options.credential));
    let codec = JsonCodec::new(&options.url, "session", &[("dialect", "v1"), ("client", client_id)], decode);
    let network = Network::new(options.tls);
    start_task_with(ClientCore::over_sockets(network, credentials, codec, options.continues_locally), outbox)
}

/// Starts a task on a core.
pub(crate) fn start_task_with(core: ClientCore<ServerMessage>, outbox: CommandQueue<Acknowledged>) -> Channels {
    let (client, channels) = channels(ClockitSnapshot {
        connection: ConnectionState::Connecting,
        sessions: Arc::default(),
        is_loaded: false,
        times: Times::LastKnown,
        pending: outbox.len(),
        server_time: None,
    });
    let task = ClockitTask {
        channels,
        core,
        outbox,
        pings: TimePings::default(),
        model: Model::default(),
        has_received_since_send: true,
    };
    tokio::spawn(task.run());
    client
}

struct ClockitTask {
    channels: TaskChannels<Request, ClockitSnapshot, ClockitEvent>,
    core: ClientCore<ServerMessage>,
    outbox: CommandQueue<Acknowledged>,
    pings: TimePings,
    model: Model,
    has_received_since_send: bool,
}

impl ClockitTask {
    /// Serves the client until it is closed, or until its last clone is dropped.
    async fn run(mut self) {
        self.core.connection.open(Instant::now());
        let done = loop {
            self.process_outputs(Instant::now());
            self.flush().await;
            let deadline = self.deadline();
            tokio::select! {
                request = self.channels.next_request() => match request {
                    Some(Request::Submit(submission)) => self.submit(submission, Instant::now()),
                    Some(Request::RetryNow) => self.core.connection.open(Instant::now()),
                    Some(Request::Close(done)) => break Some(done),
                    None => break None,
                },
                input = self.core.next_input(deadline) => self.handle_input(input, Instant::now()),
            }
        };
        self.core.connection.close();
        self.outbox.close();
        self.flush().await;
        // The file is free for the next client.
        drop(self.outbox);
        if let Some(done) = done {
            confirm(done);
        }
    }

    /// Stores and sends commands, publishes what has changed, and tells the outcomes of commands.
    async fn flush(&mut self) {
        if let Some(error) = self.outbox.prepare(Instant::now()).await {
            self.channels.notify(ClockitEvent::Outbox(error));
        }
        let Self { outbox, core: ClientCore { connection, .. }, has_received_since_send, .. } = self;
        outbox.send(Instant::now(), |command| {
            *has_received_since_send = false;
            connection.send(command.message())
        });
        self.publish();
        for failed in self.outbox.deliver() {
            self.channels.notify(ClockitEvent::Command(failed));
        }
    }

    fn deadline(&self) -> Instant {
        let beat = (self.times() == Times::Continued).then(|| self.core.clock.next_second(Instant::now()).0);
        let others = [self.outbox.deadline(), self.pings.deadline(), beat];
        others.into_iter().flatten().fold(self.core.deadline(), Instant::min)
    }

    fn handle_input(&mut self, input: Input<ServerMessage>, now: Instant) {
        match input {
            Input::Link(id, event) => {
                if let Some(error) = self.core.handle_link_event(id, event, now) {
                    self.channels.notify(ClockitEvent::Token(error));
                }
            }
            Input::Token(token) => {
                if let Some(error) = self.core.present_token(token, now) {
                    self.channels.notify(ClockitEvent::Token(error));
                }
            }
            Input::Deadline => self.handle_deadlines(now),
        }
    }

    fn handle_deadlines(&mut self, now: Instant) {
        let is_check_due = self.core.handle_deadline(now);
        self.pings.handle_deadline(&mut self.core.clock, now);
        let has_no_answer = self.outbox.handle_deadline(now);
        if has_no_answer && !self.has_received_since_send {
            self.core.connection.abort(ConnectionError::lost("the server does not answer"), now);
        }
        if is_check_due {
            self.check(now);
        }
        if self.times() == Times::Continued
            && let Some(server_now) = self.core.clock.at(now)
        {
            self.change_model(|model| model.continue_locally(server_now.div_euclid(1000) * 1000));
        }
    }

    fn submit(&mut self, submission: Submission<Acknowledged>, now: Instant) {
        if let ConnectionState::Refused(refused) = self.core.connection.state() {
            // The caller may have gone.
            submission.reply.send(Err(CommandError::Refused(refused.clone()))).ok();
        } else {
            self.outbox.submit(submission, now);
        }
    }

    fn process_outputs(&mut self, now: Instant) {
        while let Some(output) = self.core.connection.take_output() {
            match output {
                Output::Early(message) => self.receive_early(message, now),
                Output::Message(message) => {
                    let is_tick = message.is_tick();
                    self.receive(message, now);
                    if is_tick {
                        self.core.connection.drop_old();
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
            self.core.connection.drop_old();
        }
    }

    /// Processes a message before the handshake of its link is complete.
    fn receive_early(&mut self, message: ServerMessage, now: Instant) {
        match message {
            ServerMessage::Ready { .. } => {
                self.core.connection.complete(now);
                self.receive(message, now);
                self.cancel_ping(now);
                self.core.handle_online(now);
                self.core.ping_if_due(&mut self.pings, now);
                // The command in flight is repeated, because its answer can be lost with the old link.
                self.outbox.go_online();
            }
            ServerMessage::Error(error) if !self.core.connection.is_online() => {
                self.channels.notify(ClockitEvent::Server(error));
            }
            ServerMessage::Snapshot { .. }
            | ServerMessage::Update { .. }
            | ServerMessage::Tick { .. }
            | ServerMessage::Answer { .. }
            | ServerMessage::Authenticated { .. }
            | ServerMessage::Time(_)
            | ServerMessage::Error(_) => {}
        }
    }

    fn receive(&mut self, message: ServerMessage, now: Instant) {
        self.has_received_since_send = true;
        self.core.monitor.receive(message.is_tick());
        match message {
            ServerMessage::Answer { id, answer } if self.core.refresh.is_request(&id) => match answer {
                Answer::Failed { error: CommandError::Rejected { code: ErrorCode::Unavailable, .. }, .. } => {
                    self.core.handle_token_answer(TokenAnswer::Unverified, now);
                }
                Answer::Failed { .. } | Answer::Refused(_) => self.core.handle_token_answer(TokenAnswer::Rejected, now),
                Answer::Done(_) => {}
            },
            ServerMessage::Answer { id, answer } => {
                self.outbox.settle(&id, answer, now);
            }
            ServerMessage::Authenticated { id, expires_at } => {
                if self.core.refresh.is_request(&id) {
                    self.core.handle_token_answer(TokenAnswer::Accepted { expires_at }, now);
                }
            }
            ServerMessage::Time(pong) => self.core.handle_pong(&mut self.pings, pong, now),
            // The server does not know the time at present; it answers without naming the request.
            ServerMessage::Error(error) if error.code == ErrorCode::TimeUncertain && self.pings.is_pending() => {
                self.cancel_ping(now);
            }
            ServerMessage::Error(error) => self.channels.notify(ClockitEvent::Server(error)),
            ServerMessage::Ready { server_time, .. } | ServerMessage::Snapshot { server_time, .. } => {
                self.core.clock.observe(server_time, now);
                self.change_model(|model| model.apply(message));
            }
            ServerMessage::Tick { server_time, .. } => {
                self.core.is_stale = false;
                if let Some(server_time) = server_time {
                    self.core.clock.observe(server_time, now);
                }
                self.change_model(|model| model.apply(message));
            }
            ServerMessage::Update { .. } => self.change_model(|model| model.apply(message)),
        }
    }

    fn handle_state(&mut self, now: Instant) {
        self.core.handle_state();
        let refused = match self.core.connection.state() {
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
        self.cancel_ping(now);
    }

    /// Checks the link. Runs once a second.
    fn check(&mut self, now: Instant) {
        if self.core.connection.is_online() && self.core.check(self.model.has_running(), now) != LinkCondition::Dead {
            self.core.ping_if_due(&mut self.pings, now);
        }
    }

    fn cancel_ping(&mut self, now: Instant) {
        self.pings.cancel(&mut self.core.clock, now);
    }

    fn change_model(&mut self, change: impl FnOnce(&mut Model) -> bool) {
        let before = self.model.clone();
        if change(&mut self.model) {
            for change in changes(&before, &self.model) {
                self.channels.notify(ClockitEvent::Session(change));
            }
        }
    }

    fn times(&self) -> Times {
        self.core.times(true, self.model.is_loaded)
    }

    /// Replaces the snapshot if it differs.
    fn publish(&self) {
        let next = ClockitSnapshot {
            connection: self.core.connection.state().clone(),
            sessions: Arc::clone(&self.model.sessions),
            is_loaded: self.model.is_loaded,
            times: self.times(),
            pending: self.outbox.len(),
            server_time: self.core.clock.time(),
        };
        self.channels.publish(next);
    }
}

#[cfg(test)]
mod tests;
