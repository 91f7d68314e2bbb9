//! The connection of a client that tracks a session: one task that waits for the client's link, the request in progress,
//! the write of activity, and the loss of the node's lease.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use access::{Credentials, Denied, Identity};
use bytes::Bytes;
use engine::Outcome;
use net::websocket::{Disconnected, WebSocketEvent, frame};
use timers::focus::{Ending, FocusCommand, FocusId, ReportedCounters};
use timers::{ConnectionId, NodeId, Revision};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::Span;
use wire::focus::{SocketRequest, connected, failed, parse, started, stopped, tab_switch_counted};
use wire::{ClientMessage, Code, Fault, MessageId, Rejected, Request, Token};

use crate::session::client_link::{ClientLink, LinkEvent};
use crate::session::fault::denied_fault;
use crate::session::random_ids;
use crate::session::request_task::{EndedRequest, RequestTask, ended};
use crate::session::websocket::Session;
use crate::systems::System;
use crate::systems::focus::Focus;
use crate::systems::focus::activity::Activity;
use crate::systems::focus::sessions::Sessions;
use crate::systems::focus::tracking::{self, Tracked};
use crate::systems::focus::view::FocusView;

/// Pause before a socket tells again that it goes on, after its node lost its lease.
const GO_ON_RETRY: Duration = Duration::from_secs(1);

/// One client, while it is connected.
pub(super) struct FocusConnection {
    link: ClientLink<FocusView>,
    sessions: Sessions,
    connection: ConnectionId,
    tracked: Option<Tracked>,
    activity: Activity,
    in_flight: Option<Box<RequestTask<TrackingRequest, TrackingOutcome>>>,
    /// The write of activity in progress. The client is read meanwhile.
    report: Option<Box<RequestTask<(), Result<Outcome, Fault>>>>,
    node_name: watch::Receiver<Option<NodeId>>,
    /// When the socket tells that it goes on, if it must.
    go_on_at: Option<Instant>,
    /// The session whose start is being answered, and the revision since which it is tracked.
    starting: Option<(FocusId, Revision)>,
}

/// A request in progress.
enum TrackingRequest {
    Start { id: Option<MessageId>, session: FocusId },
    SwitchTab { id: Option<MessageId> },
    Stop { id: Option<MessageId> },
    GoOn,
    Authenticate { id: Option<MessageId> },
}

/// The result of a request.
enum TrackingOutcome {
    Started(Result<(Tracked, Outcome), Fault>),
    Done(Result<Outcome, Fault>),
    WentOn(Tracked, Result<(), Fault>),
    Authenticated(Result<Identity, Denied>),
}

impl FocusConnection {
    /// Serves a client until it disconnects or is closed.
    pub(super) async fn serve(session: Session) {
        let damaged = || failed(None, &Fault::damaged());
        let Some(link) = session.link::<Focus, _>(FocusView::default(), damaged).await else { return };
        let Ok(connection) = ConnectionId::new(&random_ids::plain()) else { return };
        let sessions = Sessions { node: Arc::clone(link.node()), scope: link.scope().clone() };
        let spawner = Arc::clone(link.node());
        let client = Box::new(Self {
            activity: Activity::new(spawner.settings.rules.focus.idle_after),
            node_name: spawner.engine.presence().name(),
            link,
            sessions,
            connection,
            tracked: None,
            in_flight: None,
            report: None,
            go_on_at: None,
            starting: None,
        });
        // A task of its own, so that nothing of the handshake stays in memory.
        spawner.drain.spawn(client.run());
    }

    async fn run(mut self: Box<Self>) {
        let Err(disconnected) = self.talk().await;
        let Self { link, sessions, connection, tracked, activity, mut in_flight, .. } = *self;
        let gone_at = sessions.node.engine.clock().now();
        let spawner = Arc::clone(&sessions.node);
        spawner.drain.spawn(async move {
            // A request in progress can make the socket track a session.
            let request = if in_flight.is_some() { ended(&mut in_flight).await.result.ok() } else { None };
            let tracked = match request {
                Some(TrackingOutcome::Started(Ok((tracked, _))) | TrackingOutcome::WentOn(tracked, _)) => Some(tracked),
                Some(_) | None => tracked,
            };
            if let Some(tracked) = tracked {
                tracking::leave(&sessions, &connection, tracked, gone_at, activity.unstored()).await;
            }
        });
        Box::pin(link.end(disconnected)).await;
    }

    async fn talk(&mut self) -> Result<Infallible, Disconnected> {
        self.link.deliver(Some(frame::text(&connected(&self.connection)))).await?;
        loop {
            let is_reading = self.in_flight.is_none();
            let timer = self.next_timer();
            let last = tokio::select! {
                biased;
                request = ended(&mut self.in_flight) => self.answer(request)?,
                report = ended(&mut self.report) => {
                    self.activity.end(matches!(report.result, Ok(Ok(_))), Instant::now());
                    continue;
                }
                event = self.link.next(is_reading) => match event? {
                    LinkEvent::Received(incoming) => match self.receive(incoming) {
                        Some(answer) => Some(frame::text(&answer)),
                        // Nothing is new, unless a request has begun, whose end is waited for.
                        None => continue,
                    },
                    LinkEvent::Deliverable => None,
                    LinkEvent::TimeUncertain => Some(frame::text(&failed(None, &Fault::time_uncertain()))),
                    LinkEvent::PingDue => {
                        self.link.ping().await?;
                        continue;
                    }
                },
                Ok(()) = self.node_name.changed(), if self.tracked.is_some() => {
                    self.check_lease();
                    continue;
                }
                () = sleep_until(timer.unwrap_or_else(Instant::now)), if timer.is_some() => {
                    self.act_on_timer();
                    continue;
                }
            };
            self.link.deliver(last).await?;
            if let Some((session, since)) = self.starting.take() {
                // No tick comes before the answer.
                let ended = self.link.with_view(|view| view.confirm(since));
                if let Some(score) = ended {
                    self.link.deliver(Some(frame::text(&stopped(session, score)))).await?;
                }
            }
            if self.tracked.is_some() && !self.link.with_view(|view| view.is_shown()) {
                // The session has ended, here or elsewhere.
                self.forget();
            }
        }
    }

    /// Returns when the next write of activity may begin, or when the socket tells that it goes on.
    fn next_timer(&self) -> Option<Instant> {
        self.tracked.as_ref()?;
        if self.in_flight.is_some() {
            return None;
        }
        self.go_on_at.or_else(|| self.activity.due().filter(|_| self.report.is_none()))
    }

    fn act_on_timer(&mut self) {
        if self.go_on_at.is_some() {
            self.go_on();
            return;
        }
        let Some(tracked) = &self.tracked else { return };
        let (sessions, session) = (self.sessions.clone(), tracked.session);
        let spans = self.activity.begin(Instant::now());
        let command = FocusCommand::Report(session, spans);
        let task = async move { sessions.execute(command).await };
        self.report = Some(Box::new(RequestTask::spawn((), Span::none(), task)));
    }

    /// Takes what the client sent; returns the answer, if there is one now.
    fn receive(&mut self, incoming: WebSocketEvent) -> Option<String> {
        match incoming {
            WebSocketEvent::Control => None,
            WebSocketEvent::Signal { .. } => {
                self.record_activity();
                None
            }
            WebSocketEvent::Text(text) => match parse(&text) {
                Ok(message) => self.begin(message),
                Err(Rejected { id, fault }) => Some(failed(id.as_ref(), &fault)),
            },
            WebSocketEvent::Binary(_) => {
                let message = "messages are JSON in text frames, not binary ones";
                Some(failed(None, &Fault::of_client(Code::InvalidMessage, message)))
            }
        }
    }

    fn record_activity(&mut self) {
        if self.tracked.is_some()
            && let Some(now) = self.sessions.node.engine.clock().now()
        {
            self.activity.record(now);
        }
    }

    /// Begins a request; returns the answer of one that needs no task.
    fn begin(&mut self, message: ClientMessage<SocketRequest>) -> Option<String> {
        let ClientMessage { id, traceparent, request } = message;
        match request {
            Request::System(SocketRequest::Activity) => {
                self.record_activity();
                None
            }
            Request::System(SocketRequest::Start(session)) => {
                self.start(id, traceparent.as_deref(), session);
                None
            }
            Request::System(SocketRequest::SwitchTab) => self.switch_tab(id, traceparent.as_deref()),
            Request::System(SocketRequest::Stop(ending)) => self.stop(id, traceparent.as_deref(), ending),
            Request::Authenticate(token) => {
                self.authenticate(id, token);
                None
            }
            Request::Time(ping) => Some(match self.sessions.node.engine.valid_date() {
                Some(now) => ping.pong(now, now),
                None => failed(None, &Fault::time_uncertain()),
            }),
        }
    }

    fn start(&mut self, id: Option<MessageId>, traceparent: Option<&str>, session: FocusId) {
        let left = self.tracked.as_ref().filter(|tracked| tracked.session != session).map(|tracked| tracked.session);
        let left = left.map(|left| (left, self.activity.unstored()));
        self.link.with_view(|view| view.prepare(session));
        let (sessions, connection) = (self.sessions.clone(), self.connection.clone());
        let task =
            async move { TrackingOutcome::Started(tracking::start(&sessions, &connection, session, left).await) };
        self.spawn(TrackingRequest::Start { id, session }, traceparent, "focus.start", task);
    }

    fn switch_tab(&mut self, id: Option<MessageId>, traceparent: Option<&str>) -> Option<String> {
        let Some(tracked) = &self.tracked else { return Some(not_tracked(id.as_ref())) };
        let (sessions, command) = (self.sessions.clone(), FocusCommand::SwitchTab(tracked.session));
        let task = async move { TrackingOutcome::Done(sessions.execute(command).await) };
        self.spawn(TrackingRequest::SwitchTab { id }, traceparent, "focus.switch_tab", task);
        None
    }

    fn stop(&mut self, id: Option<MessageId>, traceparent: Option<&str>, ending: Ending) -> Option<String> {
        let Some(tracked) = &self.tracked else { return Some(not_tracked(id.as_ref())) };
        let (sessions, session) = (self.sessions.clone(), tracked.session);
        let spans = self.activity.unstored();
        let command = FocusCommand::End(session, ending, ReportedCounters::default(), spans);
        let task = async move { TrackingOutcome::Done(sessions.execute(command).await) };
        self.spawn(TrackingRequest::Stop { id }, traceparent, "focus.end", task);
        None
    }

    fn authenticate(&mut self, id: Option<MessageId>, Token(token): Token) {
        let node = Arc::clone(&self.sessions.node);
        let credentials = Credentials::default().with_token(Some(token));
        let task = async move {
            TrackingOutcome::Authenticated(node.auth.authenticate(&credentials, System::Focus.name()).await)
        };
        self.spawn(TrackingRequest::Authenticate { id }, None, "auth", task);
    }

    fn spawn(
        &mut self,
        request: TrackingRequest,
        traceparent: Option<&str>,
        name: &str,
        task: impl Future<Output = TrackingOutcome> + Send + 'static,
    ) {
        let span = self.link.span(traceparent, name);
        self.in_flight = Some(Box::new(RequestTask::spawn(request, span, task)));
    }

    /// Returns the answer to a request that has ended. Its change is delivered before.
    fn answer(&mut self, ended: EndedRequest<TrackingRequest, TrackingOutcome>) -> Result<Option<Bytes>, Disconnected> {
        let EndedRequest { request, result, span: _span } = ended;
        self.link.heard();
        let answer = match (request, result) {
            (TrackingRequest::Start { id, session }, result) => {
                let result = if let Ok(TrackingOutcome::Started(result)) = result { result } else { Err(unknown()) };
                Some(self.started(id.as_ref(), session, result))
            }
            (TrackingRequest::SwitchTab { id }, Ok(TrackingOutcome::Done(Ok(_)))) => {
                Some(tab_switch_counted(id.as_ref()))
            }
            // The end itself is told with the change of the board.
            (TrackingRequest::Stop { .. }, Ok(TrackingOutcome::Done(Ok(_)))) => None,
            (
                TrackingRequest::SwitchTab { id } | TrackingRequest::Stop { id },
                Ok(TrackingOutcome::Done(Err(fault))),
            ) => Some(failed(id.as_ref(), &fault)),
            (TrackingRequest::GoOn, result) => {
                self.went_on(result.ok());
                None
            }
            (TrackingRequest::Authenticate { id }, Ok(TrackingOutcome::Authenticated(result))) => {
                Some(self.refresh(id.as_ref(), result)?)
            }
            (
                TrackingRequest::SwitchTab { id } | TrackingRequest::Stop { id } | TrackingRequest::Authenticate { id },
                _,
            ) => Some(failed(id.as_ref(), &unknown())),
        };
        Ok(answer.map(|answer| frame::text(&answer)))
    }

    /// Returns the answer to a start.
    fn started(
        &mut self,
        id: Option<&MessageId>,
        session: FocusId,
        result: Result<(Tracked, Outcome), Fault>,
    ) -> String {
        match result {
            Ok((tracked, outcome)) => {
                if self.tracked.as_ref().is_some_and(|left| left.session != session) {
                    // It is stored with the session that it belongs to.
                    self.activity.take();
                }
                self.tracked = Some(tracked);
                self.check_lease();
                self.starting = Some((session, outcome.revision));
                started(id, session)
            }
            Err(fault) => {
                self.link.with_view(FocusView::cancel);
                failed(id, &fault)
            }
        }
    }

    /// Has the socket recorded anew if its node has lost its lease meanwhile.
    fn check_lease(&mut self) {
        let node = &self.sessions.node;
        let has_lease = self.tracked.as_ref().is_none_or(|tracked| tracked.has_lease(node));
        self.go_on_at = (!has_lease).then(Instant::now);
    }

    fn go_on(&mut self) {
        self.go_on_at = None;
        let Some(tracked) = self.tracked.take() else { return };
        let (sessions, connection) = (self.sessions.clone(), self.connection.clone());
        let task = async move {
            let (tracked, done) = tracking::go_on(&sessions, &connection, tracked).await;
            TrackingOutcome::WentOn(tracked, done)
        };
        self.spawn(TrackingRequest::GoOn, None, "focus.return", task);
    }

    fn went_on(&mut self, outcome: Option<TrackingOutcome>) {
        let Some(TrackingOutcome::WentOn(tracked, done)) = outcome else { return self.forget() };
        self.tracked = Some(tracked);
        match done {
            Ok(()) => self.check_lease(),
            Err(fault) if fault.retry || fault.code == Code::OutcomeUnknown => {
                self.go_on_at = Some(Instant::now() + GO_ON_RETRY.mul_f64(0.5 + fastrand::f64()));
            }
            // It has ended, which the board tells.
            Err(_) => {}
        }
    }

    fn forget(&mut self) {
        self.tracked = None;
        self.go_on_at = None;
        self.activity.take();
        self.link.with_view(FocusView::clear);
    }

    /// Takes a fresh token of the same user. A rejected one changes nothing. One of another user closes the connection.
    fn refresh(&mut self, id: Option<&MessageId>, result: Result<Identity, Denied>) -> Result<String, Disconnected> {
        match result {
            Ok(identity) => {
                self.link.refresh(&identity)?;
                Ok(wire::focus::authenticated(id, identity.expires_at()))
            }
            Err(denied) => {
                self.sessions.node.record_auth_failure(&denied);
                Ok(failed(id, &denied_fault(&denied)))
            }
        }
    }
}

fn not_tracked(id: Option<&MessageId>) -> String {
    failed(id, &Fault::of_client(Code::NotFound, wire::focus::INVALID_SESSION))
}

fn unknown() -> Fault {
    crate::session::fault::fault(&engine::ExecuteError::OutcomeUnknown, false)
}
