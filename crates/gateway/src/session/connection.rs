//! One WebSocket client's connection: one task that waits for the client, the subscription, the request in progress and
//! the clock, and writes what the client lacks. There is no queue: a slow client is sent the latest state.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use access::{AuthMethod, Credentials, Denied, Identity, ValidityEnd};
use bytes::Bytes;
use engine::{Delivery, ExecuteError, Outcome, Subscriber, Subscription, TraceParent};
use net::websocket::{CloseReason, Disconnected, HeartbeatAction, HeartbeatTimer, WebSocket, WebSocketEvent, frame};
use timers::{ClientId, Command, CommandId, Scope};
use tokio::time::sleep_until;
use wire::{ClientMessage, Code, Done, Fault, MessageId, Rejected, Request, TextDialect, Token};

use crate::node::Node;
use crate::ops::metrics::ConnectionGauge;
use crate::ops::telemetry::traces::{self, TraceOrigin};
use crate::session::connections::ConnectionGuard;
use crate::session::fault::fault;
use crate::session::render::render;
use crate::session::request_task::{EndedRequest, RequestTask, ended};
use crate::session::tick_subscriber::TickSubscriber;
use crate::session::time_validity::uncertain;
use crate::session::websocket::close_reason;
use crate::systems::System;

/// One client, while it is connected.
pub(crate) struct Connection<D: TextDialect> {
    node: Arc<Node>,
    system: System,
    socket: WebSocket,
    scope: Scope,
    subscription: Subscription,
    subscriber: Arc<TickSubscriber<D>>,
    guard: ConnectionGuard,
    /// The client whose ids count together.
    client: ClientId,
    is_guest: bool,
    /// Ends when the client's authentication is no longer valid.
    validity: Pin<Box<dyn Future<Output = ValidityEnd> + Send>>,
    in_flight: Option<Box<RequestTask<PendingRequest<D::Request>, RequestOutcome>>>,
    timer: HeartbeatTimer,
    _gauge: ConnectionGauge,
    /// The span of the handshake, if it was recorded.
    origin: Option<Box<TraceParent>>,
    /// The buffer for the next write; kept, so that a delivery allocates nothing.
    out: Vec<Bytes>,
}

/// What a connection consists of.
pub(super) struct ConnectionParts {
    pub(super) system: System,
    pub(super) socket: WebSocket,
    pub(super) subscription: Subscription,
    pub(super) guard: ConnectionGuard,
    pub(super) client: ClientId,
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

impl<D: TextDialect> Connection<D> {
    pub(super) fn new(node: Arc<Node>, parts: ConnectionParts, identity: &Identity) -> Self {
        let ConnectionParts { system, socket, mut subscription, guard, client } = parts;
        let (timer, heartbeat) = HeartbeatTimer::new(node.settings.heartbeat, node.started.into());
        let subscriber = Arc::new(TickSubscriber::<D>::new(socket.writer(), heartbeat));
        subscription.subscribe(Arc::clone(&subscriber) as Arc<dyn Subscriber>);
        Self {
            _gauge: ConnectionGauge::new(&node.metrics, D::NAME, identity.method),
            validity: Box::pin(node.auth.validity_end(identity)),
            origin: traces::current().map(Box::new),
            is_guest: identity.method == AuthMethod::Guest,
            scope: subscription.scope().clone(),
            in_flight: None,
            out: Vec::new(),
            node,
            system,
            socket,
            subscription,
            subscriber,
            guard,
            client,
            timer,
        }
    }

    /// Serves the client until it disconnects, is closed, or authenticates. Ten thousand of these futures stay in memory,
    /// so rare parts are boxed.
    #[expect(clippy::manual_async_fn, reason = "an async function would keep room for `self` twice")]
    pub(super) fn run(mut self) -> impl Future<Output = Option<Box<Authenticated>>> + Send {
        async move {
            let disconnected = match self.serve().await {
                Ok(never) => match never {},
                Err(TaskEnd::Disconnected(disconnected)) => disconnected,
                Err(TaskEnd::Authenticated(identity)) => {
                    let Self { socket, guard, client, .. } = self;
                    return Some(Box::new(Authenticated { socket, guard, identity, client }));
                }
            };
            let metrics = &self.node.metrics;
            let Disconnected::Close(reason) = disconnected else {
                metrics.broke();
                return None;
            };
            metrics.closed(&reason);
            tracing::debug!(?reason, "a socket is closed");
            Box::pin(self.socket.close(&reason)).await;
            None
        }
    }

    async fn serve(&mut self) -> Result<Infallible, TaskEnd> {
        let mut closing = Box::pin(self.node.drain.turn());
        // Futures that rarely complete stay registered from one iteration to the next.
        let mut time_uncertain = Box::pin(uncertain(self.node.engine.time_validity(), false));
        let mut ordered_to_disconnect = Box::pin(self.guard.disconnect_order());
        let mut ping = Box::pin(sleep_until(self.timer.deadline()));
        self.deliver(None).await?;
        loop {
            if ping.deadline() != self.timer.deadline() {
                ping.as_mut().reset(self.timer.deadline());
            }
            let last = tokio::select! {
                biased;
                reconnect_after = &mut closing, if self.in_flight.is_none() => {
                    return Err(Disconnected::Close(CloseReason::Restarting(reconnect_after)).into());
                }
                () = &mut ordered_to_disconnect => return Err(Disconnected::Close(CloseReason::Forbidden).into()),
                end = &mut self.validity => return Err(Disconnected::Close(close_reason(end)).into()),
                request = ended(&mut self.in_flight) => self.answer(request)?,
                () = self.subscriber.deferred() => None,
                certainty = &mut time_uncertain => {
                    time_uncertain.set(uncertain(certainty, true));
                    Some(frame::text(&D::error(None, &Fault::time_uncertain())))
                }
                incoming = self.socket.next(), if self.in_flight.is_none() => self.receive(incoming?),
                () = &mut ping => {
                    let ping = self.check_heartbeat()?;
                    self.deliver(Some(ping)).await?;
                    self.timer.ping_written();
                    continue;
                }
            };
            self.deliver(last).await?;
        }
    }

    /// Writes what the client lacks, and then `last`.
    async fn deliver(&mut self, last: Option<Bytes>) -> Result<(), Disconnected> {
        self.put(last)?;
        self.socket.flush().await
    }

    fn put(&mut self, last: Option<Bytes>) -> Result<(), Disconnected> {
        let Self { node, socket, subscription, subscriber, out, .. } = self;
        let now = || node.engine.clock().date().unwrap_or_default();
        let mut messages = last.iter().filter(|last| !frame::is_ping(last)).count() as u64;
        let mut state = subscriber.state();
        let receipt = subscription.catch_up(&mut state, |delivery| {
            let rendered = render::<D>(&delivery, now);
            if !rendered.frames.is_empty() {
                out.push(rendered.frames);
            }
            if !matches!(delivery, Delivery::Tick(..)) {
                messages += rendered.messages;
            }
        });
        let bytes = out.iter().map(Bytes::len).sum();
        out.extend(last);
        socket.write(out)?;
        out.clear();
        receipt.written(bytes);
        node.metrics.messages_sent(D::NAME, messages);
        Ok(())
    }

    /// Takes a frame from the client; returns the answer, if there is one now.
    fn receive(&mut self, incoming: WebSocketEvent) -> Option<Bytes> {
        self.timer.received(self.subscriber.heartbeat());
        let answer = match incoming {
            WebSocketEvent::Control => return None,
            WebSocketEvent::Text(text) => {
                self.node.metrics.message_received(D::NAME);
                match D::parse(&text) {
                    Ok(message) => self.begin(message)?,
                    Err(Rejected { id, fault }) => D::error(id.as_ref(), &fault),
                }
            }
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
            scope: self.scope.clone(),
            id: id.as_ref().map(|id| CommandId::of(&self.client, id.as_json(), &command)),
            command,
        };
        let span = self.node.traces.message(
            TraceOrigin { parent: traceparent, connect: self.origin.as_deref() },
            Some(&self.subscription),
            D::NAME,
            execution.command.name(),
        );
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
        self.timer.received(self.subscriber.heartbeat());
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
                let done = Done { scope: &self.scope, request, id: *command, revision: *revision };
                id.map(|id| D::ack(id, done))
            }
            Err(failed) => Some(D::error(id, &fault(failed, id.is_some()))),
        }
    }

    /// Takes a fresh token of the same user. A rejected one changes nothing. One of another user closes the connection:
    /// otherwise one user would act in the other's name.
    fn refresh(&mut self, id: Option<&MessageId>, result: Result<Identity, Denied>) -> Result<String, TaskEnd> {
        match result {
            Ok(identity) if self.is_guest => Err(TaskEnd::Authenticated(identity)),
            Ok(identity) if identity.user == *self.guard.user() => {
                // The organisation may be another. The user's connections stay as many.
                self.guard.reassign(&identity);
                self.validity = Box::pin(self.node.auth.validity_end(&identity));
                Ok(D::authenticated(id, identity.expires_at()))
            }
            Ok(_) => Err(Disconnected::Close(CloseReason::Forbidden).into()),
            Err(denied) => {
                self.node.record_auth_failure(&denied);
                Ok(D::error(id, &denied_fault(&denied)))
            }
        }
    }

    fn check_heartbeat(&mut self) -> Result<Bytes, Disconnected> {
        // While a request is in progress nothing is read, so nothing can be heard.
        match self.timer.fire(self.subscriber.heartbeat(), self.in_flight.is_none()) {
            HeartbeatAction::Ping => Ok(frame::ping()),
            HeartbeatAction::Timeout => Err(Disconnected::Close(CloseReason::HeartbeatTimeout)),
        }
    }
}

/// Returns the fault of a token that was not accepted.
pub(super) fn denied_fault(denied: &Denied) -> Fault {
    match denied {
        Denied::Missing | Denied::Rejected(_) | Denied::OriginRequired => {
            Fault::of_client(Code::Unauthorized, "the token was rejected")
        }
        Denied::Unavailable(_) => Fault::of_service(Code::Unavailable, "the token cannot be verified now"),
    }
}
