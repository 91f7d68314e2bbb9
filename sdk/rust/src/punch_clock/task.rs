//! The task of a client: it owns the connection, the day and the outbox, and publishes snapshots.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::backoff::random_id;
use crate::client_channels::{ClientChannels, TaskChannels, channels, confirm};
use crate::client_core::{ClientCore, Input};
use crate::connection::{ConnectionState, Output};
use crate::credential::Credentials;
use crate::http_answer::patient_answer;
use crate::http_time::HttpTime;
use crate::json_codec::JsonCodec;
use crate::live_message::LiveMessage;
use crate::network::Network;
use crate::options::ClientOptions;
use crate::outbox::{Answer, Command, CommandQueue, OutboxLimits, Reply, Submission};
use crate::punch_clock::client::{PunchClockEvent, PunchClockSnapshot};
use crate::punch_clock::day::{LiveSeconds, live_seconds};
use crate::punch_clock::display::DayDisplay;
use crate::punch_clock::protocol::{Punch, PunchClockMessage, PunchId, PunchStored, WorkDay, WorkStatus, decode};
use crate::punch_clock::requests::PunchClockRequests;
use crate::server_clock::machine_time;
use crate::times::Times;

/// How often the client says that it is there.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// A punch is known to the server by its id for 30 days, and lands at its own time however late it arrives.
pub(crate) const LIMITS: OutboxLimits = OutboxLimits {
    resend_window: Duration::from_hours(29 * 24),
    queued_max: Duration::from_hours(29 * 24),
    attempts_max: None,
    response_timeout: Duration::from_secs(10),
};

/// Answers that wait for the task: one punch is in flight, and repetitions of it are rare.
const ANSWERS_MAX: usize = 4;

/// What the application asks of the task.
#[derive(Debug)]
pub(crate) enum PunchClockRequest {
    Clock(WorkStatus, Reply<PunchStored>),
    Punch(Punch, Reply<PunchStored>),
    Accept(Arc<WorkDay>, oneshot::Sender<()>),
    RetryNow,
    Close(oneshot::Sender<()>),
}

/// The channels of a client.
pub(crate) type PunchClockChannels = ClientChannels<PunchClockRequest, PunchClockSnapshot, PunchClockEvent>;

/// Starts the task of a client.
pub(crate) fn start_task(
    options: ClientOptions,
    http: Arc<PunchClockRequests>,
    outbox: CommandQueue<PunchStored>,
) -> PunchClockChannels {
    let credentials = Arc::new(Credentials::new(options.credential));
    let network = Network::new(options.tls);
    let codec = JsonCodec::new(&options.url, "api/session/live", &[], decode);
    let core = ClientCore::over_sockets(network.clone(), credentials, codec, options.continues_locally);
    let (answers, answered) = mpsc::channel(ANSWERS_MAX);
    let (client, channels) = channels(PunchClockSnapshot {
        connection: ConnectionState::Connecting,
        day: None,
        work_seconds: 0,
        break_seconds: 0,
        times: Times::LastKnown,
        pending: outbox.len(),
        server_time: None,
    });
    let task = PunchClockTask {
        channels,
        answered,
        answers,
        core,
        time: HttpTime::new(network, options.url),
        http,
        outbox,
        stored: None,
        display: DayDisplay::default(),
        beat_at: Instant::now() + HEARTBEAT,
    };
    tokio::spawn(task.run());
    client
}

struct PunchClockTask {
    channels: TaskChannels<PunchClockRequest, PunchClockSnapshot, PunchClockEvent>,
    answered: mpsc::Receiver<(String, Answer<PunchStored>)>,
    answers: mpsc::Sender<(String, Answer<PunchStored>)>,
    core: ClientCore<PunchClockMessage>,
    time: HttpTime,
    http: Arc<PunchClockRequests>,
    outbox: CommandQueue<PunchStored>,
    /// The day as the server has it.
    stored: Option<Arc<WorkDay>>,
    display: DayDisplay,
    /// When the next heartbeat is due.
    beat_at: Instant,
}

impl PunchClockTask {
    /// Serves the client until it is closed, or until its last clone is dropped.
    async fn run(mut self) {
        let now = Instant::now();
        self.core.connection.open(now);
        // A punch is dated by the server's time, also before there is a connection.
        self.time.sync(&mut self.core.clock, now);
        self.outbox.go_online();
        let done = loop {
            self.process_outputs(Instant::now());
            self.flush().await;
            let deadline = self.deadline(Instant::now());
            tokio::select! {
                request = self.channels.next_request() => match request {
                    Some(PunchClockRequest::Close(done)) => break Some(done),
                    Some(request) => self.handle_request(request, Instant::now()),
                    None => break None,
                },
                Some((id, answer)) = self.answered.recv() => self.handle_answer(&id, answer, Instant::now()),
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

    /// Stores and sends punches, publishes what has changed, and tells the outcomes of punches.
    async fn flush(&mut self) {
        if let Some(error) = self.outbox.prepare(Instant::now()).await {
            self.channels.notify(PunchClockEvent::Outbox(error));
        }
        let (http, answers) = (&self.http, &self.answers);
        self.outbox.send(Instant::now(), |command| {
            tokio::spawn(post(Arc::clone(http), command.clone(), answers.clone()));
            true
        });
        self.publish(Instant::now());
        for failed in self.outbox.deliver() {
            self.channels.notify(PunchClockEvent::Command(failed));
        }
    }

    fn deadline(&self, now: Instant) -> Instant {
        let beat = self.expects_ticks().then(|| self.core.clock.next_second(now).0);
        [self.outbox.deadline(), beat].into_iter().flatten().fold(self.core.deadline(), Instant::min)
    }

    fn handle_request(&mut self, request: PunchClockRequest, now: Instant) {
        match request {
            PunchClockRequest::Clock(kind, reply) => {
                // The server corrects a date in the future.
                let timestamp = self.core.clock.at(now).unwrap_or_else(machine_time);
                let id = PunchId::Text(random_id());
                self.submit(&Punch { id, timestamp, kind, time: None }, reply, now);
            }
            PunchClockRequest::Punch(punch, reply) => self.submit(&punch, reply, now),
            PunchClockRequest::Accept(day, done) => {
                self.accept(day);
                self.publish(now);
                confirm(done);
            }
            PunchClockRequest::RetryNow => self.core.connection.open(now),
            // The loop of the task ends with it.
            PunchClockRequest::Close(_) => {}
        }
    }

    fn submit(&mut self, punch: &Punch, reply: Reply<PunchStored>, now: Instant) {
        let payload = json!({ "entries": [punch] });
        let command = Command { id: random_id(), kind: "punch".to_owned(), payload };
        self.outbox.submit(Submission { command, reply }, now);
    }

    fn handle_answer(&mut self, id: &str, answer: Answer<PunchStored>, now: Instant) {
        if let Answer::Done(stored) = &answer {
            self.accept(Arc::clone(&stored.day));
        }
        self.outbox.settle(id, answer, now);
    }

    fn handle_input(&mut self, input: Input<PunchClockMessage>, now: Instant) {
        match input {
            Input::Link(id, event) => {
                if let Some(error) = self.core.handle_link_event(id, event, now) {
                    self.channels.notify(PunchClockEvent::Token(error));
                }
            }
            Input::Token(token) => {
                if let Some(error) = self.core.present_token(token, now) {
                    self.channels.notify(PunchClockEvent::Token(error));
                }
            }
            Input::Deadline => self.handle_deadlines(now),
        }
    }

    fn handle_deadlines(&mut self, now: Instant) {
        self.outbox.handle_deadline(now);
        if !self.core.handle_deadline(now) {
            return;
        }
        if !matches!(self.core.connection.state(), ConnectionState::Refused(_)) {
            self.time.sync(&mut self.core.clock, now);
        }
        if !self.core.connection.is_online() {
            return;
        }
        let expects_ticks = self.expects_ticks();
        if !expects_ticks {
            // Without ticks the server is silent; the heartbeat and the clock use other connections.
            self.core.monitor.receive(false);
        }
        self.core.check(expects_ticks, now);
        if self.beat_at <= now {
            self.beat_at = now + HEARTBEAT;
            let http = Arc::clone(&self.http);
            // The next one is due soon.
            tokio::spawn(async move { http.beat().await.ok() });
        }
    }

    fn process_outputs(&mut self, now: Instant) {
        while let Some(output) = self.core.connection.take_output() {
            match output {
                Output::Early(message) => {
                    if matches!(message, PunchClockMessage::Day(_)) {
                        self.core.connection.complete(now);
                        self.core.handle_online(now);
                        self.time.sync(&mut self.core.clock, now);
                        // A punch that pauses after a failure is sent now.
                        self.outbox.go_online();
                    }
                    self.receive(message, now);
                }
                Output::Message(message) => {
                    let is_tick = message.is_tick();
                    self.receive(message, now);
                    if is_tick {
                        self.core.connection.drop_old();
                    }
                }
                Output::Late(message) if message.is_tick() => self.receive(message, now),
                Output::Late(_) | Output::NextFailed => {}
                Output::StateChanged => self.core.handle_state(),
            }
        }
        if !self.expects_ticks() {
            self.core.connection.drop_old();
        }
    }

    fn receive(&mut self, message: PunchClockMessage, now: Instant) {
        self.core.monitor.receive(message.is_tick());
        match message {
            // The newest message of the server counts, also after its clock was set back.
            PunchClockMessage::Day(day) => self.stored = Some(day),
            PunchClockMessage::Tick => self.core.is_stale = false,
            PunchClockMessage::Live(LiveMessage::Token { id, answer }) => {
                if self.core.refresh.is_request(&id) {
                    self.core.handle_token_answer(answer, now);
                }
            }
            PunchClockMessage::Live(LiveMessage::Error { id, error }) => {
                if let Some(error) = self.core.handle_error(id.as_deref(), error, now) {
                    self.channels.notify(PunchClockEvent::Server(error));
                }
            }
            PunchClockMessage::Live(LiveMessage::Time(_)) => {}
        }
    }

    /// Displays the day of an answer, unless a newer one has arrived.
    fn accept(&mut self, day: Arc<WorkDay>) {
        if self.stored.as_ref().is_none_or(|stored| stored.updated_at <= day.updated_at) {
            self.stored = Some(day);
        }
    }

    /// The server ticks once there is a punch.
    fn expects_ticks(&self) -> bool {
        self.stored.as_ref().is_some_and(|day| !day.entries.is_empty())
    }

    /// Replaces the snapshot if it differs.
    fn publish(&mut self, now: Instant) {
        let day = self.stored.as_ref().map(|stored| self.display.show(stored, self.outbox.commands()));
        let times = self.core.times(true, day.is_some());
        let told_ms = day.as_ref().map_or(0, |day| day.updated_at);
        let beat_ms = self.core.displayed_second(told_ms, now);
        let LiveSeconds { work_seconds, break_seconds } = match day.as_ref().zip(beat_ms) {
            Some((day, beat_ms)) if times != Times::LastKnown => live_seconds(day, beat_ms),
            Some(_) | None => {
                let last = self.channels.published();
                LiveSeconds { work_seconds: last.work_seconds, break_seconds: last.break_seconds }
            }
        };
        self.channels.publish(PunchClockSnapshot {
            connection: self.core.connection.state().clone(),
            day,
            work_seconds,
            break_seconds,
            times,
            pending: self.outbox.len(),
            server_time: self.core.clock.time(),
        });
    }
}

/// No punch is given up because a server is not reached: a repeated one is stored once.
async fn post(http: Arc<PunchClockRequests>, command: Command, answers: mpsc::Sender<(String, Answer<PunchStored>)>) {
    let answer = http.post(&command.payload).await.map_or_else(patient_answer, Answer::Done);
    // The client may have gone.
    answers.send((command.id, answer)).await.ok();
}
