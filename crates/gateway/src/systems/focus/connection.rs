//! The connection of a client that tracks a session: one task that waits for the client's link, the request in progress,
//! the write of activity, and the loss of the node's lease.

mod answers;
mod rejoin;

use std::convert::Infallible;
use std::sync::Arc;

use access::{Credentials, Denied, Identity};
use engine::Outcome;
use net::websocket::{Disconnected, WebSocketEvent, frame};
use timers::focus::{Ending, FocusCommand, FocusId, ReportedCounters};
use timers::{ConnectionId, NodeId, Revision};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until};
use tracing::Span;
use wire::focus::{SocketRequest, connected, failed, parse, stopped};
use wire::{ClientMessage, Code, Fault, MessageId, Rejected, Request, Token};

use crate::session::client_link::{ClientLink, LinkEvent, RequestProgress};
use crate::session::random_ids;
use crate::session::request_task::{RequestTask, ended};
use crate::session::websocket::Session;
use crate::systems::System;
use crate::systems::focus::Focus;
use crate::systems::focus::activity::Activity;
use crate::systems::focus::sessions::Sessions;
use crate::systems::focus::tracking::{self, Tracked};
use crate::systems::focus::view::FocusView;

/// Writes of activity in progress on this node. They can wait, and more at once only make a store late for everyone: at 5 ms
/// each, these are some 25,000 a second.
static REPORTS: Semaphore = Semaphore::const_new(128);

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
    /// A message that has come while a request is in progress. Activity is read meanwhile, since it has no other date than
    /// the instant at which it is read.
    held: Option<WebSocketEvent>,
    /// When the socket tells that it goes on, if it must.
    rejoin_at: Option<Instant>,
    /// Whether it is telling so, which takes `tracked` away meanwhile.
    is_rejoining: bool,
    /// The session whose start is being answered, and the revision since which it is tracked.
    starting: Option<(FocusId, Revision)>,
}

/// A request in progress.
enum TrackingRequest {
    Start { id: Option<MessageId>, session: FocusId },
    SwitchTab { id: Option<MessageId> },
    Stop { id: Option<MessageId> },
    Rejoin,
    Authenticate { id: Option<MessageId> },
}

/// The result of a request.
enum TrackingOutcome {
    Started(Result<(Tracked, Outcome), Fault>),
    Done(Result<Outcome, Fault>),
    Rejoined(Tracked, Result<(), Fault>),
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
            held: None,
            rejoin_at: None,
            is_rejoining: false,
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
                Some(TrackingOutcome::Started(Ok((tracked, _))) | TrackingOutcome::Rejoined(tracked, _)) => {
                    Some(tracked)
                }
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
            if self.in_flight.is_none()
                && let Some(held) = self.held.take()
            {
                let answer = self.receive(held);
                self.link.deliver(answer.map(|answer| frame::text(&answer))).await?;
                self.follow_board();
                continue;
            }
            let progress = match (&self.in_flight, &self.held) {
                (None, _) => RequestProgress::None,
                (Some(_), None) => RequestProgress::Reading,
                (Some(_), Some(_)) => RequestProgress::Blocking,
            };
            let timer = self.next_timer();
            let last = tokio::select! {
                biased;
                request = ended(&mut self.in_flight) => self.answer(request)?,
                report = ended(&mut self.report) => {
                    self.activity.end(matches!(report.result, Ok(Ok(_))), Instant::now());
                    continue;
                }
                event = self.link.next(progress) => match event? {
                    // A pong is due.
                    LinkEvent::Received(WebSocketEvent::Control) => None,
                    LinkEvent::Received(text @ WebSocketEvent::Text(_)) if self.in_flight.is_some() => {
                        self.held = Some(text);
                        continue;
                    }
                    LinkEvent::Received(incoming) => match self.receive(incoming) {
                        Some(answer) => Some(frame::text(&answer)),
                        // Nothing is new, unless a request has begun, whose end is waited for.
                        None => continue,
                    },
                    LinkEvent::Deliverable => None,
                    LinkEvent::TimeUncertain => Some(frame::text(&failed(None, &Fault::time_uncertain()))),
                    LinkEvent::GoingAway(within) => Some(frame::text(&wire::going_away(within))),
                    LinkEvent::PingDue => {
                        self.link.ping().await?;
                        self.follow_board();
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
            self.follow_board();
        }
    }

    /// Acts on what the boards that were delivered tell about the socket.
    fn follow_board(&mut self) {
        if self.tracked.is_none() {
            return;
        }
        if !self.link.with_view(|view| view.has_selection()) {
            // The session has ended, here or elsewhere.
            self.forget();
        } else if self.link.with_view(FocusView::take_missing) {
            self.rejoin_soon();
        }
    }

    /// Returns when the next write of activity may begin, or when the socket tells that it goes on.
    fn next_timer(&self) -> Option<Instant> {
        self.tracked.as_ref()?;
        if self.in_flight.is_some() {
            return None;
        }
        self.rejoin_at.or_else(|| self.activity.due().filter(|_| self.report.is_none()))
    }

    fn act_on_timer(&mut self) {
        if self.rejoin_at.is_some() {
            self.rejoin();
            return;
        }
        let Some(tracked) = &self.tracked else { return };
        let Ok(permit) = REPORTS.try_acquire() else { return self.activity.postpone(Instant::now()) };
        let (sessions, session) = (self.sessions.clone(), tracked.session);
        let spans = self.activity.begin(Instant::now());
        let command = FocusCommand::Report(session, spans);
        let task = async move {
            let reported = sessions.execute(command).await;
            drop(permit);
            reported
        };
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
        if (self.tracked.is_some() || self.is_rejoining)
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
        let (sessions, connection) = (self.sessions.clone(), self.connection.clone());
        self.link.with_view(|view| view.prepare(session, connection.clone()));
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

    fn forget(&mut self) {
        self.tracked = None;
        self.rejoin_at = None;
        self.activity.take();
        self.link.with_view(FocusView::clear);
    }
}

fn not_tracked(id: Option<&MessageId>) -> String {
    failed(id, &Fault::of_client(Code::NotFound, wire::focus::INVALID_SESSION))
}
