//! One Socket.IO client's connection: one task that waits for the client, its handlers, the request in progress and the
//! clock, and sends what the client lacks. A slow client is sent the latest state.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use access::{Identity, ValidityEnd};
use engine::{ExecuteError, Subscription, TraceParent};
use net::socketio::{Packet, Socket, packet};
use net::websocket::{CloseReason, Disconnected};
use timers::Scope;
use tokio::time::sleep;
use tracing::Span;
use wire::{AUTH, Code, Event, Fault};

use crate::node::Node;
use crate::ops::drain::DrainStep;
use crate::ops::metrics::ConnectionGauge;
use crate::ops::telemetry::traces::TraceOrigin;
use crate::session::connections::ConnectionGuard;
use crate::session::fault::fault;
use crate::session::random_ids;
use crate::session::request_task::{EndedRequest, RequestTask, ended};
use crate::session::socketio::authentication::{Authentication, ConnectRequest};
use crate::session::socketio::handler::{Ack, Begun, Client, EventHandler, RequestResult};
use crate::session::socketio::outbox::Outbox;
use crate::session::time_validity::uncertain;
use crate::session::websocket::close_reason;
use crate::systems;

/// Longest part of an unknown event's name that is quoted in the answer, in characters.
const QUOTED_MAX: usize = 40;

/// One client, while it is connected.
pub(super) struct SocketIoConnection {
    pub(super) node: Arc<Node>,
    pub(super) socket: Socket,
    pub(super) request: Box<ConnectRequest>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) guard: ConnectionGuard,
    pub(super) handlers: Vec<Box<dyn EventHandler>>,
    /// The client's identity, while it is admitted to the namespace.
    pub(super) identity: Option<Box<Identity>>,
    /// Ends when the client's authentication is no longer valid.
    pub(super) validity: Pin<Box<dyn Future<Output = ValidityEnd> + Send>>,
    /// Since when the client is not admitted to the namespace; `None` once it is.
    pub(super) unauthenticated_since: Option<Instant>,
    /// Since when the client is to be told of its admission, which waits for the handlers.
    pub(super) admitted_since: Option<Instant>,
    /// The answer to a fresh token, which waits in the same way.
    pub(super) refreshed: Option<Box<(Ack, Event)>>,
    pub(super) in_flight: InFlight,
    pub(super) ended_since: Option<Instant>,
    /// The scopes that the client has joined, as recorded.
    joined: Vec<Scope>,
    pub(super) gauge: Option<ConnectionGauge>,
    /// The span of the authentication, if it was recorded.
    pub(super) origin: Option<Box<TraceParent>>,
}

/// The request in progress, if there is one.
type InFlight = Option<Box<RequestTask<SocketIoRequest, SocketIoOutcome>>>;

/// A request in progress.
pub(super) enum SocketIoRequest {
    /// Admission to the namespace.
    Admission,
    /// A fresh token.
    Refresh(Ack),
    /// A request of the handler of this index.
    Event(usize, Ack),
}

/// The result of a request.
pub(super) enum SocketIoOutcome {
    Authenticated(Authentication),
    Event(RequestResult),
}

impl SocketIoConnection {
    pub(super) fn new(node: Arc<Node>, socket: Socket, request: ConnectRequest, guard: ConnectionGuard) -> Self {
        let outbox = Arc::new(Outbox::new(socket.sender()));
        Self {
            handlers: systems::event_handlers(&node, &outbox),
            outbox,
            node,
            socket,
            request: Box::new(request),
            guard,
            identity: None,
            validity: Box::pin(pending()),
            unauthenticated_since: Some(Instant::now()),
            admitted_since: None,
            refreshed: None,
            in_flight: None,
            ended_since: None,
            joined: Vec::new(),
            gauge: None,
            origin: None,
        }
    }

    /// Serves the client until it disconnects or is closed. Ten thousand of these futures stay in memory, so rare parts are
    /// boxed.
    #[expect(clippy::manual_async_fn, reason = "an async function would keep room for `self` twice")]
    pub(super) fn run(mut self) -> impl Future<Output = ()> + Send {
        async move {
            let disconnected = self.serve().await;
            self.log("a client has disconnected");
            let node = &self.node;
            self.handlers.iter_mut().for_each(|handler| handler.disconnected(node));
            if self.in_flight.is_some() {
                // The client need not wait for the request.
                let (node, handlers, in_flight) =
                    (Arc::clone(node), std::mem::take(&mut self.handlers), self.in_flight.take());
                self.node.drain.spawn(abandon(node, handlers, in_flight));
            }
            tracing::debug!(?disconnected, "a session ends");
            Box::pin(self.socket.close(disconnected)).await;
        }
    }

    /// Returns why the session ends.
    async fn serve(&mut self) -> Disconnected {
        let mut drain: Pin<Box<dyn Future<Output = DrainStep> + Send>> = Box::pin(self.node.drain.announcement());
        let mut time_uncertain = Box::pin(uncertain(self.node.engine.time_validity(), false));
        let mut ordered_to_disconnect = Box::pin(self.guard.disconnect_order());
        loop {
            let is_idle = self.in_flight.is_none();
            let is_reading = is_idle && self.outbox.is_empty() && self.admitted_since.is_none();
            let check_in = self.check_in();
            let result = tokio::select! {
                biased;
                step = &mut drain, if is_idle => match step {
                    DrainStep::Announce(within) => {
                        drain = Box::pin(DrainStep::close_after(within));
                        self.announce_close(within);
                        Ok(())
                    }
                    DrainStep::Close(reconnect_after) => Err(CloseReason::Restarting(reconnect_after)),
                },
                () = &mut ordered_to_disconnect => Err(self.dismiss(CloseReason::Forbidden)),
                end = &mut self.validity => Err(self.dismiss(close_reason(end))),
                request = ended(&mut self.in_flight) => {
                    self.socket.heard();
                    self.complete(request)
                }
                () = self.outbox.deferred() => {
                    self.deliver(false);
                    Ok(())
                }
                () = changed(&mut self.handlers) => Ok(()),
                certainty = &mut time_uncertain => {
                    time_uncertain.set(uncertain(certainty, true));
                    self.fail(None, &Fault::of_service(Code::TimeUncertain, "the time shown is not certain"));
                    Ok(())
                }
                received = self.socket.next(is_reading) => match received {
                    Ok(Some(packet)) => self.receive(packet),
                    Ok(None) => {
                        self.continue_sending();
                        Ok(())
                    }
                    Err(disconnected) => return disconnected,
                },
                () = sleep(check_in.unwrap_or_default()), if check_in.is_some() => Ok(()),
            };
            if let Err(reason) = result.and_then(|()| self.check()) {
                return Disconnected::Close(reason);
            }
            if let Some(disconnected) = self.end_overdue() {
                return disconnected;
            }
        }
    }

    /// Tells the client that the node stops, if it is admitted: before, it is sent no event.
    fn announce_close(&mut self, within: Duration) {
        if self.identity.is_some() && self.admitted_since.is_none() {
            self.answer(None, &Event::going_away(within));
        }
    }

    /// Tells the client of its admission, once the handlers have subscribed it to what it is served.
    pub(super) fn confirm_admission(&mut self) {
        if self.admitted_since.is_some() && !self.handlers.iter().any(|handler| handler.is_joining()) {
            self.admitted_since = None;
            if let Some(refreshed) = self.refreshed.take() {
                return self.answer(refreshed.0, &refreshed.1);
            }
            // The events since the subscription follow the admission.
            self.outbox.push(packet::connect(&random_ids::plain()));
            self.flush(self.dialect());
        }
    }

    fn receive(&mut self, packet: Packet) -> Result<(), CloseReason> {
        match packet {
            Packet::ConnectNamespace(namespace) => {
                self.push(packet::connect_error(Some(namespace), "Invalid namespace"));
                Ok(())
            }
            Packet::Connect(auth) if self.unauthenticated_since.is_some() => {
                self.authenticate(auth.as_deref());
                Ok(())
            }
            Packet::Connect(_) => Err(CloseReason::Protocol),
            // Before the admission no other packet is allowed.
            _ if self.unauthenticated_since.is_some() => Err(CloseReason::Protocol),
            Packet::Disconnect => {
                self.leave_namespace();
                Ok(())
            }
            Packet::Event { name, payload, ack } => {
                self.begin(ack, &name, payload.as_deref());
                Ok(())
            }
            Packet::Invalid { reason, ack } => {
                self.fail(ack, &Fault::of_client(Code::InvalidMessage, reason));
                Ok(())
            }
        }
    }

    /// Begins the request of an event.
    fn begin(&mut self, ack: Ack, event: &str, payload: Option<&str>) {
        if event == AUTH {
            return match wire::token(payload) {
                Ok((token, traceparent)) => self.refresh(ack, token, traceparent.as_deref()),
                Err(fault) => self.fail(ack, &fault),
            };
        }
        let Some(index) = self.handlers.iter().position(|handler| handler.events().contains(&event)) else {
            return self.ignore(ack, event);
        };
        let client = Client { node: &self.node, outbox: &self.outbox };
        let Begun { traceparent, request } = match self.handlers[index].begin(&client, event, payload) {
            Ok(begun) => begun,
            Err(fault) => return self.fail(ack, &fault),
        };
        let handler = &self.handlers[index];
        let origin = TraceOrigin { parent: traceparent.as_deref(), connect: self.origin.as_deref() };
        let span = self.node.traces.message(origin, handler.subscription(), handler.dialect(), event);
        let task = async move { SocketIoOutcome::Event(request.await) };
        self.in_flight = Some(Box::new(RequestTask::spawn(SocketIoRequest::Event(index, ack), span, task)));
    }

    /// Ignores an event that no handler takes: the clients of one system send events of others and of older servers. A client
    /// that waits for an acknowledgement learns the reason.
    fn ignore(&mut self, ack: Ack, event: &str) {
        if ack.is_some() {
            let quoted: String = event.chars().take(QUOTED_MAX).collect();
            self.fail(ack, &Fault::of_client(Code::UnknownType, format!("there is no event {quoted:?}")));
        }
    }

    /// Takes the result of a request.
    fn complete(&mut self, ended: EndedRequest<SocketIoRequest, SocketIoOutcome>) -> Result<(), CloseReason> {
        let EndedRequest { request, result, span } = ended;
        match (request, result) {
            (SocketIoRequest::Admission, Ok(SocketIoOutcome::Authenticated(result))) => {
                return self.admit(result, &span);
            }
            (SocketIoRequest::Refresh(ack), Ok(SocketIoOutcome::Authenticated(result))) => {
                return self.refreshed(ack, result);
            }
            (SocketIoRequest::Event(index, ack), Ok(SocketIoOutcome::Event(result))) => {
                self.with_handler(index, |handler, client| handler.complete(client, ack, result));
            }
            (SocketIoRequest::Event(index, ack), _) => {
                let fault = fault(&ExecuteError::OutcomeUnknown, false);
                self.with_handler(index, |handler, client| handler.fail(client, ack, &fault));
            }
            (SocketIoRequest::Admission, _) => return Err(CloseReason::overloaded()),
            (SocketIoRequest::Refresh(ack), _) => self.fail(ack, &fault(&ExecuteError::OutcomeUnknown, false)),
        }
        Ok(())
    }

    /// Has every handler check its state, and begins the request of the first one that needs one.
    pub(super) fn check_handlers(&mut self) {
        for index in 0..self.handlers.len() {
            if self.in_flight.is_some() {
                break;
            }
            let request = self.with_handler(index, |handler, client| handler.check(client));
            if let Some(request) = request {
                let task = async move { SocketIoOutcome::Event(request.await) };
                self.in_flight =
                    Some(Box::new(RequestTask::spawn(SocketIoRequest::Event(index, None), Span::none(), task)));
            }
        }
    }

    /// Records the scopes that the client has joined, if they have changed.
    pub(super) fn update_joined(&mut self) {
        let joined = || self.handlers.iter().filter_map(|handler| handler.subscription()).map(Subscription::scope);
        if !joined().eq(&self.joined) {
            self.joined = joined().cloned().collect();
            self.guard.set_joined(self.joined.clone());
        }
    }
}

/// Waits for the request of a client that has disconnected, and passes its result to its handler.
async fn abandon(node: Arc<Node>, handlers: Vec<Box<dyn EventHandler>>, mut in_flight: InFlight) {
    let EndedRequest { request, result, .. } = ended(&mut in_flight).await;
    if let (SocketIoRequest::Event(handler, _), Ok(SocketIoOutcome::Event(result))) = (request, result) {
        handlers[handler].abandoned(&node, result);
    }
}

/// Waits until one of the handlers is to be checked.
async fn changed(handlers: &mut [Box<dyn EventHandler>]) {
    if handlers.is_empty() {
        return pending().await;
    }
    let waiting = handlers.iter_mut().map(|handler| handler.changed());
    futures_util::future::select_all(waiting).await;
}
