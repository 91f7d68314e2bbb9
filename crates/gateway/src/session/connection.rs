//! The connection of a client of a text dialect: one task that waits for the client's link and the request in progress.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use access::{AuthMethod, Credentials, Denied, Identity};
use bytes::Bytes;
use engine::{ExecuteError, Outcome};
use net::websocket::{Disconnected, WebSocket, WebSocketEvent, frame};
use timers::{ClientId, Command, CommandId};
use wire::{ClientMessage, Code, Done, Fault, MessageId, Rejected, Request, TextDialect, Token};

use crate::node::Node;
use crate::ops::telemetry::traces::TraceOrigin;
use crate::session::client_link::{ClientLink, LinkEvent, RequestProgress};
use crate::session::connections::ConnectionGuard;
use crate::session::fault::{denied_fault, fault};
use crate::session::render::WholeBoard;
use crate::session::request_task::{EndedRequest, RequestTask, ended};
use crate::systems::System;

/// One client, while it is connected.
pub(crate) struct Connection<D: TextDialect> {
    node: Arc<Node>,
    system: System,
    link: ClientLink<WholeBoard<D>>,
    is_guest: bool,
    in_flight: Option<Box<RequestTask<PendingRequest<D::Request>, RequestOutcome>>>,
}

/// A request in progress.
enum PendingRequest<R> {
    Command { id: Option<MessageId>, request: R },
    Authenticate { id: Option<MessageId> },
}

/// The result of a request.
enum RequestOutcome {
    Command(Result<Outcome, ExecuteError>),
    Authenticate(Result<Identity, Denied>),
}

/// Why the connection's task ends.
enum TaskEnd {
    Disconnected(Disconnected),
    /// The guest has authenticated.
    Authenticated(Identity),
}

impl From<Disconnected> for TaskEnd {
    fn from(disconnected: Disconnected) -> Self {
        Self::Disconnected(disconnected)
    }
}

/// A guest that has authenticated, and its connection.
pub(super) struct Authenticated {
    pub(super) socket: WebSocket,
    pub(super) guard: ConnectionGuard,
    pub(super) identity: Identity,
    pub(super) client: ClientId,
}

/// Serves a guest that has authenticated, as the user that it is.
type Resume = fn(Arc<Node>, Authenticated) -> Pin<Box<dyn Future<Output = ()> + Send>>;

impl<D: TextDialect> Connection<D> {
    pub(super) fn new(system: System, link: ClientLink<WholeBoard<D>>, identity: &Identity) -> Self {
        let (node, is_guest) = (Arc::clone(link.node()), identity.method == AuthMethod::Guest);
        Self { node, system, link, is_guest, in_flight: None }
    }

    /// Serves the client until it disconnects or is closed; `resume` serves a guest that authenticates. Ten thousand of
    /// these futures stay in memory, so rare parts are boxed.
    #[expect(clippy::manual_async_fn, reason = "an async function would keep room for `self` twice")]
    pub(super) fn run(mut self, resume: Resume) -> impl Future<Output = ()> + Send {
        async move {
            match self.serve().await {
                Ok(never) => match never {},
                Err(TaskEnd::Authenticated(identity)) => {
                    let (socket, guard, client) = self.link.into_socket();
                    resume(self.node, Authenticated { socket, guard, identity, client }).await;
                }
                Err(TaskEnd::Disconnected(disconnected)) => Box::pin(self.link.end(disconnected)).await,
            }
        }
    }

    async fn serve(&mut self) -> Result<Infallible, TaskEnd> {
        self.link.deliver(None).await?;
        loop {
            let is_idle = self.in_flight.is_none();
            let progress = if is_idle { RequestProgress::None } else { RequestProgress::Blocking };
            let last = tokio::select! {
                biased;
                request = ended(&mut self.in_flight) => self.answer(request)?,
                event = self.link.next(progress) => match event? {
                    LinkEvent::Received(incoming) => self.receive(incoming),
                    LinkEvent::Deliverable => None,
                    LinkEvent::TimeUncertain => Some(frame::text(&D::error(None, &Fault::time_uncertain()))),
                    LinkEvent::GoingAway(within) => Some(frame::text(&wire::going_away(within))),
                    LinkEvent::PingDue => {
                        self.link.ping().await?;
                        continue;
                    }
                },
            };
            self.link.deliver(last).await?;
        }
    }

    /// Takes a frame from the client; returns the answer, if there is one now.
    fn receive(&mut self, incoming: WebSocketEvent) -> Option<Bytes> {
        let answer = match incoming {
            // Text dialects have no signals.
            WebSocketEvent::Control | WebSocketEvent::Signal { .. } => return None,
            WebSocketEvent::Text(text) => match D::parse(&text) {
                Ok(message) => self.begin(message)?,
                Err(Rejected { id, fault }) => D::error(id.as_ref(), &fault),
            },
            WebSocketEvent::Binary(_) => D::error(
                None,
                &Fault::of_client(Code::InvalidMessage, "messages are JSON in text frames, not binary ones"),
            ),
        };
        Some(frame::text(&answer))
    }

    /// Begins a request; returns the answer of one that needs no task.
    fn begin(&mut self, message: ClientMessage<D::Request>) -> Option<String> {
        let ClientMessage { id, traceparent, request } = message;
        match request {
            Request::System(request) => {
                self.execute(id, traceparent.as_deref(), request);
                None
            }
            Request::Authenticate(token) => {
                self.authenticate(id, token);
                None
            }
            Request::Time(ping) => Some(match self.node.engine.valid_date() {
                Some(now) => ping.pong(now, now),
                None => D::error(None, &Fault::time_uncertain()),
            }),
        }
    }

    fn execute(&mut self, id: Option<MessageId>, traceparent: Option<&str>, request: D::Request) {
        let command: Command = request.clone().into();
        let execution = engine::Request {
            scope: self.link.scope().clone(),
            id: id.as_ref().map(|id| CommandId::of(self.link.client(), id.as_json(), &command)),
            command,
        };
        let span = self.link.span(traceparent, execution.command.name());
        let node = Arc::clone(&self.node);
        let task = async move { RequestOutcome::Command(node.execute(execution).await) };
        self.in_flight = Some(Box::new(RequestTask::spawn(PendingRequest::Command { id, request }, span, task)));
    }

    fn authenticate(&mut self, id: Option<MessageId>, Token(token): Token) {
        let (node, system) = (Arc::clone(&self.node), self.system);
        let credentials = Credentials::default().with_token(Some(token));
        let task =
            async move { RequestOutcome::Authenticate(node.auth.authenticate(&credentials, system.name()).await) };
        let span = self.node.traces.message(TraceOrigin::default(), None, D::NAME, "auth");
        self.in_flight = Some(Box::new(RequestTask::spawn(PendingRequest::Authenticate { id }, span, task)));
    }

    /// Returns the answer to a request that has ended. Its change is delivered before.
    fn answer(
        &mut self,
        ended: EndedRequest<PendingRequest<D::Request>, RequestOutcome>,
    ) -> Result<Option<Bytes>, TaskEnd> {
        let EndedRequest { request, result, span: _span } = ended;
        self.link.heard();
        let answer = match (request, result) {
            (PendingRequest::Authenticate { id }, Ok(RequestOutcome::Authenticate(result))) => {
                Some(self.refresh(id.as_ref(), result)?)
            }
            (PendingRequest::Authenticate { id }, _) => {
                Some(D::error(id.as_ref(), &fault(&ExecuteError::OutcomeUnknown, true)))
            }
            (PendingRequest::Command { id, request }, Ok(RequestOutcome::Command(result))) => {
                self.acknowledge(id.as_ref(), &request, &result)
            }
            (PendingRequest::Command { id, request }, _) => {
                self.acknowledge(id.as_ref(), &request, &Err(ExecuteError::OutcomeUnknown))
            }
        };
        Ok(answer.map(|answer| frame::text(&answer)))
    }

    /// Returns the answer to a command; `None` if the client gave it no id and it succeeded.
    fn acknowledge(
        &self,
        id: Option<&MessageId>,
        request: &D::Request,
        result: &Result<Outcome, ExecuteError>,
    ) -> Option<String> {
        match result {
            Ok(Outcome { id: command, revision, .. }) => {
                let done = Done { scope: self.link.scope(), request, id: *command, revision: *revision };
                id.map(|id| D::ack(id, done))
            }
            Err(failed) => Some(D::error(id, &fault(failed, id.is_some()))),
        }
    }

    /// Takes a fresh token of the same user. A rejected one changes nothing. One of another user closes the connection.
    fn refresh(&mut self, id: Option<&MessageId>, result: Result<Identity, Denied>) -> Result<String, TaskEnd> {
        match result {
            Ok(identity) if self.is_guest => Err(TaskEnd::Authenticated(identity)),
            Ok(identity) => {
                self.link.refresh(&identity)?;
                Ok(D::authenticated(id, identity.expires_at()))
            }
            Err(denied) => {
                self.node.record_auth_failure(&denied);
                Ok(D::error(id, &denied_fault(&denied)))
            }
        }
    }
}
