//! The task of a client: it owns the connection, the model and the outbox, and publishes snapshots.

mod returned;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::backoff::process_random;
use crate::client_channels::{ClientChannels, TaskChannels, channels, confirm};
use crate::client_core::{ClientCore, Input};
use crate::connection::{ConnectionState, Output};
use crate::credential::Credentials;
use crate::error::{ConnectionError, HttpError};
use crate::http_time::HttpTime;
use crate::network::Network;
use crate::options::ClientOptions;
use crate::outbox::{CommandQueue, OutboxLimits, Submission};
use crate::reloader::Reloader;
use crate::socketio::{SocketIoCodec, SocketIoMessage, request_packet, token_answer};
use crate::studio::calls::{StudioCalls, Written};
use crate::studio::client::{StudioEvent, StudioSnapshot};
use crate::studio::display::EntryDisplay;
use crate::studio::model::StudioModel;
use crate::studio::protocol::{StudioMessage, TaskType, TimerEvent};
use crate::studio::recent_events::RecentEvents;
use crate::studio::task::returned::{StudioAnswer, call, load};
use crate::times::Times;

/// A start or a stop takes effect when it arrives: one that waits for longer would record a wrong time. The server remembers
/// the id of a call for five minutes.
pub(crate) const LIMITS: OutboxLimits = OutboxLimits {
    resend_window: Duration::from_mins(4),
    queued_max: Duration::from_mins(2),
    attempts_max: Some(5),
    response_timeout: Duration::from_secs(10),
};

/// Answers that wait for the task: one command is in flight, and repetitions of it are rare.
const ANSWERS_MAX: usize = 4;

/// What the application asks of the task.
#[derive(Debug)]
pub(crate) enum StudioRequest {
    Submit(Submission<Written>),
    Reload,
    RetryNow,
    Close(oneshot::Sender<()>),
}

/// The channels of a client.
pub(crate) type StudioChannels = ClientChannels<StudioRequest, StudioSnapshot, StudioEvent>;

/// A message of the server.
type StudioPacket = SocketIoMessage<StudioMessage>;

/// Starts the task of a client.
pub(crate) fn start_task(
    options: ClientOptions,
    calls: Arc<StudioCalls>,
    outbox: CommandQueue<Written>,
) -> StudioChannels {
    let credentials = Arc::new(Credentials::new(options.credential));
    let network = Network::new(options.tls);
    let codec = SocketIoCodec::new(options.url.clone(), StudioMessage::parse);
    let core = ClientCore::over_sockets(network.clone(), credentials, codec, options.continues_locally);
    let (returns, returned) = mpsc::channel(ANSWERS_MAX);
    let (client, channels) = channels(StudioSnapshot {
        connection: ConnectionState::Connecting,
        entries: Arc::default(),
        task_types: Arc::default(),
        is_loaded: false,
        load_error: None,
        times: Times::LastKnown,
        pending: outbox.len(),
        server_time: None,
    });
    let task = StudioTask {
        channels,
        returned,
        returns,
        core,
        time: HttpTime::new(network, options.url),
        calls,
        outbox,
        reloader: Reloader::new(process_random()),
        recent: RecentEvents::default(),
        display: EntryDisplay::default(),
        model: StudioModel::default(),
        asked: StudioModel::default(),
        task_types: Arc::default(),
        is_loaded: false,
        is_current: false,
        load_error: None,
        last_request: 0,
    };
    tokio::spawn(task.run());
    client
}

struct StudioTask {
    channels: TaskChannels<StudioRequest, StudioSnapshot, StudioEvent>,
    returned: mpsc::Receiver<StudioAnswer>,
    returns: mpsc::Sender<StudioAnswer>,
    core: ClientCore<StudioPacket>,
    time: HttpTime,
    calls: Arc<StudioCalls>,
    outbox: CommandQueue<Written>,
    reloader: Reloader,
    recent: RecentEvents,
    display: EntryDisplay,
    model: StudioModel,
    /// The model when the lists were asked for.
    asked: StudioModel,
    task_types: Arc<Vec<Arc<TaskType>>>,
    is_loaded: bool,
    /// Whether the entries were loaded on this connection.
    is_current: bool,
    load_error: Option<HttpError>,
    last_request: u64,
}

impl StudioTask {
    /// Serves the client until it is closed, or until its last clone is dropped.
    async fn run(mut self) {
        self.core.connection.open(Instant::now());
        self.outbox.go_online();
        let done = loop {
            self.process_outputs(Instant::now());
            self.flush().await;
            let deadline = self.deadline(Instant::now());
            tokio::select! {
                request = self.channels.next_request() => match request {
                    Some(StudioRequest::Submit(submission)) => self.outbox.submit(submission, Instant::now()),
                    Some(StudioRequest::Reload) => self.reload(Instant::now()),
                    Some(StudioRequest::RetryNow) => self.core.connection.open(Instant::now()),
                    Some(StudioRequest::Close(done)) => break Some(done),
                    None => break None,
                },
                Some(returned) = self.returned.recv() => self.handle_returned(returned, Instant::now()),
                Some(answer) = self.time.next() => self.core.handle_time(&self.time, answer, Instant::now()),
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
            self.channels.notify(StudioEvent::Outbox(error));
        }
        let (calls, returns) = (&self.calls, &self.returns);
        self.outbox.send(Instant::now(), |command| {
            tokio::spawn(call(Arc::clone(calls), command.clone(), returns.clone()));
            true
        });
        self.publish(Instant::now());
        for failed in self.outbox.deliver() {
            self.channels.notify(StudioEvent::Command(failed));
        }
    }

    fn deadline(&self, now: Instant) -> Instant {
        // What runs is displayed by the clock, because the server sends no ticks.
        let beat = (!self.model.entries.is_empty()).then(|| self.core.clock.next_second(now).0);
        let others = [self.outbox.deadline(), self.reloader.deadline(), beat];
        others.into_iter().flatten().fold(self.core.deadline(), Instant::min)
    }

    fn handle_input(&mut self, input: Input<StudioPacket>, now: Instant) {
        match input {
            Input::Link(id, event) => {
                if let Some(error) = self.core.handle_link_event(id, event, now) {
                    self.channels.notify(StudioEvent::Token(error));
                }
            }
            Input::Token(token) => self.handle_token(token, now),
            Input::Deadline => self.handle_deadlines(now),
        }
    }

    fn handle_deadlines(&mut self, now: Instant) {
        if self.core.handle_deadline(now) && self.core.connection.is_online() {
            // The heartbeat of the protocol finds silent links.
            self.core.monitor.receive(false);
            self.core.check(false, now);
            self.time.sync(&mut self.core.clock, now);
        }
        self.outbox.handle_deadline(now);
        if self.reloader.begin_if_due(now) {
            self.asked = self.model.clone();
            tokio::spawn(load(Arc::clone(&self.calls), self.returns.clone()));
        }
    }

    fn handle_token(&mut self, token: Result<String, ConnectionError>, now: Instant) {
        if let Err(error) = &token {
            self.channels.notify(StudioEvent::Token(error.clone()));
        }
        if let Some(token) = self.core.refresh.handle_fetched(token, now) {
            self.last_request += 1;
            self.core.refresh.set_request(self.last_request.to_string());
            let packet = request_packet(self.last_request, "auth", Some(&json!({ "token": token })));
            self.core.connection.send(packet);
        }
    }

    fn process_outputs(&mut self, now: Instant) {
        while let Some(output) = self.core.connection.take_output() {
            match output {
                Output::Early(SocketIoMessage::Connected) => self.handle_online(now),
                // Both links of a handover deliver events for a while, so that none is missed that one delivers late.
                Output::Early(message) | Output::Message(message) | Output::Late(message) => self.receive(message, now),
                Output::NextFailed => {}
                Output::StateChanged => {
                    self.core.handle_state();
                    if !self.core.connection.is_online() {
                        self.is_current = false;
                        self.reloader.cancel();
                    }
                }
            }
        }
    }

    fn handle_online(&mut self, now: Instant) {
        let is_handover = self.core.connection.complete(now);
        self.core.handle_online(now);
        self.time.sync(&mut self.core.clock, now);
        // Events before a connection are not sent, nor those between two connections.
        if !is_handover {
            self.reloader.request(now);
        }
    }

    fn receive(&mut self, message: StudioPacket, now: Instant) {
        self.core.monitor.receive(false);
        match message {
            SocketIoMessage::Event(StudioMessage::Event(event)) => self.receive_event(event, now),
            SocketIoMessage::Event(StudioMessage::Error(error)) => self.channels.notify(StudioEvent::Server(error)),
            SocketIoMessage::Ack { id, answer } if self.core.refresh.is_request(&id.to_string()) => {
                self.core.handle_token_answer(token_answer(&answer), now);
            }
            SocketIoMessage::Ack { .. } | SocketIoMessage::Connected => {}
        }
    }

    fn receive_event(&mut self, event: TimerEvent, now: Instant) {
        if !self.recent.add(&event, now) {
            return;
        }
        self.core.clock.observe(event.server_time(), now);
        let needs_reload = self.core.clock.at(now).is_some_and(|now| self.model.is_incomplete(&event, now));
        self.model.apply(&event);
        if needs_reload {
            self.reload(now);
        }
        self.channels.notify(StudioEvent::Timer(event));
    }

    fn reload(&mut self, now: Instant) {
        if self.core.connection.is_online() {
            self.reloader.request(now);
        }
    }

    /// Replaces the snapshot if it differs.
    fn publish(&mut self, now: Instant) {
        let times = self.core.times(self.is_current, self.is_loaded);
        let told_ms = self.model.entries.values().map(|entry| entry.start_time).max().unwrap_or_default();
        let beat_ms = self.core.displayed_second(told_ms, now);
        let is_closed = *self.core.connection.state() == ConnectionState::Closed;
        if let Some(beat_ms) = beat_ms.filter(|_| !is_closed && (times != Times::LastKnown || !self.is_loaded)) {
            self.display.show(&self.model, beat_ms);
        }
        let next = StudioSnapshot {
            connection: self.core.connection.state().clone(),
            entries: self.display.shown(),
            task_types: Arc::clone(&self.task_types),
            is_loaded: self.is_loaded,
            load_error: self.load_error.clone(),
            times,
            pending: self.outbox.len(),
            server_time: self.core.clock.time(),
        };
        self.channels.publish(next);
    }
}
