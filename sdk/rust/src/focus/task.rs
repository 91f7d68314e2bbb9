//! The task of a client: it owns the connection, the session and the outbox, and publishes snapshots.

mod messages;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::backoff::random_id;
use crate::client_channels::{ClientChannels, TaskChannels, channels, confirm};
use crate::client_core::{ClientCore, Input};
use crate::connection::ConnectionState;
use crate::credential::Credentials;
use crate::error::{CommandError, ConnectionError, ErrorCode};
use crate::focus::client::{FocusEvent, FocusSnapshot, ended};
use crate::focus::commands::{FocusAnswer, StatusChange, answer, load, post};
use crate::focus::counting::{Context, Counting};
use crate::focus::display::PendingStatus;
use crate::focus::options::FocusOptions;
use crate::focus::protocol::{FocusMessage, FocusSession, FocusStatus, decode};
use crate::focus::requests::FocusRequests;
use crate::focus::score::explain_score;
use crate::json_codec::JsonCodec;
use crate::link_monitor::LinkCondition;
use crate::network::Network;
use crate::outbox::{Answer, Command, CommandQueue, Reply, Submission};
use crate::time_pings::TimePings;
use crate::times::Times;

/// Answers that wait for the task: one command, the session and the statistics are requested at a time.
const ANSWERS_MAX: usize = 4;

/// What the application asks of the task.
#[derive(Debug)]
pub(crate) enum FocusRequest {
    Submit { kind: &'static str, status: FocusStatus, reply: Reply<Arc<FocusSession>> },
    Continue(Arc<FocusSession>, oneshot::Sender<()>),
    Apply(Arc<FocusSession>, oneshot::Sender<()>),
    Removed(String, oneshot::Sender<()>),
    Doubt(oneshot::Sender<()>),
    Activity,
    TabSwitch,
    RetryNow,
    Close(oneshot::Sender<()>),
}

/// The channels of a client.
pub(crate) type FocusChannels = ClientChannels<FocusRequest, FocusSnapshot, FocusEvent>;

/// Starts the task of a client.
pub(crate) fn start_task(
    options: FocusOptions,
    requests: Arc<FocusRequests>,
    outbox: CommandQueue<Arc<FocusSession>>,
) -> FocusChannels {
    let counting = Counting::new(&options);
    let options = options.client;
    let credentials = Arc::new(Credentials::new(options.credential));
    let codec = JsonCodec::new(&options.url, "ws/sessions", &[], decode);
    let network = Network::new(options.tls);
    let core = ClientCore::over_sockets(network, credentials, codec, options.continues_locally);
    let (returns, returned) = mpsc::channel(ANSWERS_MAX);
    let (client, channels) = channels(FocusSnapshot {
        connection: ConnectionState::Connecting,
        is_loaded: false,
        session: None,
        is_tracked: false,
        idle: false,
        activity: Arc::default(),
        score: None,
        stats: None,
        times: Times::LastKnown,
        pending: outbox.len(),
        server_time: None,
    });
    let pings = TimePings::default();
    let task = FocusTask { channels, returned, returns, core, pings, requests, outbox, counting };
    tokio::spawn(task.run());
    client
}

struct FocusTask {
    channels: TaskChannels<FocusRequest, FocusSnapshot, FocusEvent>,
    returned: mpsc::Receiver<FocusAnswer>,
    returns: mpsc::Sender<FocusAnswer>,
    core: ClientCore<FocusMessage>,
    pings: TimePings,
    requests: Arc<FocusRequests>,
    outbox: CommandQueue<Arc<FocusSession>>,
    counting: Counting,
}

impl FocusTask {
    /// Serves the client until it is closed, or until its last clone is dropped.
    async fn run(mut self) {
        self.core.connection.open(Instant::now());
        self.outbox.go_online();
        let done = loop {
            self.process_outputs(Instant::now());
            self.flush().await;
            let deadline = self.deadline();
            tokio::select! {
                request = self.channels.next_request() => match request {
                    Some(FocusRequest::Close(done)) => break Some(done),
                    Some(request) => self.handle_request(request, Instant::now()),
                    None => break None,
                },
                Some(returned) = self.returned.recv() => self.handle_returned(returned, Instant::now()),
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

    /// Stores and sends commands, begins what is due, publishes what has changed, and tells the outcomes of commands.
    async fn flush(&mut self) {
        if let Some(error) = self.outbox.prepare(Instant::now()).await {
            self.channels.notify(FocusEvent::Outbox(error));
        }
        let (requests, returns) = (&self.requests, &self.returns);
        self.outbox.send(Instant::now(), |command| {
            tokio::spawn(post(Arc::clone(requests), command.clone(), returns.clone()));
            true
        });
        let (pending, context) = (self.pending(), self.context(Instant::now()));
        let Self { counting, core, .. } = self;
        counting.ensure(pending, context, &mut |text| core.connection.send(text));
        for due in self.counting.take_due() {
            tokio::spawn(load(Arc::clone(&self.requests), due, self.returns.clone()));
        }
        self.publish();
        for failed in self.outbox.deliver() {
            self.channels.notify(FocusEvent::Command(failed));
        }
    }

    fn deadline(&self) -> Instant {
        let now = Instant::now();
        let beat = self.counting.uncounted(self.context(now)).map(|_| self.core.clock.next_second(now).0);
        let others = [self.outbox.deadline(), self.pings.deadline(), self.counting.deadline(), beat];
        others.into_iter().flatten().fold(self.core.deadline(), Instant::min)
    }

    fn handle_request(&mut self, request: FocusRequest, now: Instant) {
        let (pending, context) = (self.pending(), self.context(now));
        let Self { counting, core, .. } = self;
        let mut send = |text| core.connection.send(text);
        let done = match request {
            FocusRequest::Submit { kind, status, reply } => return self.submit(kind, status, reply, now),
            FocusRequest::Activity => return counting.report_activity(pending, context, &mut send),
            FocusRequest::TabSwitch => return counting.report_tab_switch(pending, context, &mut send),
            FocusRequest::RetryNow => return core.connection.open(now),
            // The loop of the task ends with it.
            FocusRequest::Close(_) => return,
            FocusRequest::Continue(session, done) => {
                counting.continue_with(session, context);
                done
            }
            FocusRequest::Apply(session, done) => {
                counting.apply(session, context);
                done
            }
            FocusRequest::Removed(id, done) => {
                counting.documents.remove(&id);
                done
            }
            FocusRequest::Doubt(done) => {
                counting.documents.doubt();
                done
            }
        };
        self.publish();
        confirm(done);
    }

    fn submit(&mut self, kind: &str, status: FocusStatus, reply: Reply<Arc<FocusSession>>, now: Instant) {
        if status == FocusStatus::Active {
            self.counting.continue_current();
        }
        let (pending, context) = (self.pending(), self.context(now));
        let rejected = match &self.counting.show(pending, context).session {
            Some(session) if session.status.is_open() => {
                let payload = json!({ "sessionId": session.id, "status": status });
                let command = Command { id: random_id(), kind: kind.to_owned(), payload };
                return self.outbox.submit(Submission { command, reply }, now);
            }
            Some(_) => ended(),
            None => {
                let message = "there is no session".to_owned();
                CommandError::Rejected { code: ErrorCode::UnknownSession, message }
            }
        };
        // The caller may have gone.
        reply.send(Err(rejected)).ok();
    }

    fn handle_returned(&mut self, returned: FocusAnswer, now: Instant) {
        let context = self.context(now);
        match returned {
            FocusAnswer::Loaded(loaded) => {
                if let Some(error) = self.counting.receive_loaded(loaded, context) {
                    self.channels.notify(FocusEvent::Load(error));
                }
            }
            FocusAnswer::Command(command, result) => {
                let Ok(change) = StatusChange::deserialize(&command.payload) else {
                    // Somebody has changed it in the outbox file.
                    let error = CommandError::OutcomeUnknown;
                    let answer = Answer::Failed { error, retry: false, retry_after: None };
                    return self.outbox.settle(&command.id, answer, now);
                };
                match &result {
                    Ok(session) => self.counting.apply(Arc::clone(session), context),
                    Err(error) if error.status() == Some(404) => self.counting.documents.remove(&change.session_id),
                    Err(_) => {}
                }
                self.outbox.settle(&command.id, answer(change.status, result), now);
                if change.status == FocusStatus::Active {
                    self.counting.tracking.urge();
                }
            }
        }
    }

    fn handle_input(&mut self, input: Input<FocusMessage>, now: Instant) {
        match input {
            Input::Link(id, event) => {
                if let Some(error) = self.core.handle_link_event(id, event, now) {
                    self.channels.notify(FocusEvent::Token(error));
                }
            }
            Input::Token(token) => {
                if let Some(error) = self.core.present_token(token, now) {
                    self.channels.notify(FocusEvent::Token(error));
                }
            }
            Input::Deadline => self.handle_deadlines(now),
        }
    }

    fn handle_deadlines(&mut self, now: Instant) {
        let is_check_due = self.core.handle_deadline(now);
        self.pings.handle_deadline(&mut self.core.clock, now);
        self.outbox.handle_deadline(now);
        if self.counting.handle_deadline(now) {
            self.core.connection.abort(ConnectionError::lost("the server does not answer"), now);
        }
        if is_check_due && self.core.connection.is_online() {
            let is_tracked = self.counting.is_tracked();
            if self.core.check(is_tracked, now) != LinkCondition::Dead {
                self.core.ping_if_due(&mut self.pings, now);
                self.counting.maintain(now);
            }
        }
    }

    /// Returns the commands that wait.
    fn pending(&self) -> Vec<PendingStatus> {
        let changes = self.outbox.commands().filter_map(|command| StatusChange::deserialize(&command.payload).ok());
        changes.map(|change| (change.session_id, change.status)).collect()
    }

    fn context(&self, now: Instant) -> Context {
        let is_closed = *self.core.connection.state() == ConnectionState::Closed;
        Context { now, time: self.core.clock.time(), is_live: self.core.is_live(), is_closed }
    }

    /// Replaces the snapshot if it differs.
    fn publish(&mut self) {
        let (pending, context) = (self.pending(), self.context(Instant::now()));
        let is_counting = self.counting.documents.model.status() == Some(FocusStatus::Active);
        let is_tracked = self.counting.is_tracked();
        let is_continued = self.counting.uncounted(context).is_some() && self.core.continues_locally();
        let times = if context.is_live && (!is_counting || is_tracked) {
            Times::Live
        } else if is_continued {
            Times::Continued
        } else {
            Times::LastKnown
        };
        let shown = self.counting.show(pending, context).clone();
        let session = shown.session.as_ref();
        let next = FocusSnapshot {
            connection: self.core.connection.state().clone(),
            is_loaded: self.counting.documents.is_loaded,
            score: session.map(|session| explain_score(&session.counters, session.target_minutes)),
            session: shown.session,
            is_tracked,
            idle: shown.idle,
            activity: shown.runs,
            stats: self.counting.documents.stats,
            times,
            pending: self.outbox.len(),
            server_time: self.core.clock.time(),
        };
        self.channels.publish(next);
    }
}
