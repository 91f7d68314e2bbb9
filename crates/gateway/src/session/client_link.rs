//! One WebSocket client's link to its board, whatever the dialect: socket, subscription, heartbeat and authentication, and
//! what ends them. The connection's own task waits for [`ClientLink::next`] beside what only its dialect has, and writes
//! with [`ClientLink::deliver`]. There is no queue: a slow client is sent the latest state.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use access::{Identity, Validity, ValidityEnd};
use bytes::Bytes;
use engine::{Delivery, Subscriber, Subscription, TraceParent};
use net::websocket::{CloseReason, Disconnected, HeartbeatAction, HeartbeatTimer, WebSocket, WebSocketEvent, frame};
use smallvec::SmallVec;
use timers::{ClientId, Scope};
use tokio::time::{Sleep, sleep_until};
use tracing::Span;

use crate::node::Node;
use crate::ops::drain::DrainStep;
use crate::ops::metrics::ConnectionGauge;
use crate::ops::telemetry::traces::{self, TraceOrigin};
use crate::session::connection_signals::ConnectionSignal;
use crate::session::connections::ConnectionGuard;
use crate::session::render::ClientView;
use crate::session::tick_subscriber::{ClientState, TickSubscriber};
use crate::session::websocket::close_reason;

/// A future that rarely completes, and that stays registered from one wait to the next.
type RareFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Deliveries that are written without an allocation: a change, its ticks and an answer.
const FRAMES_INLINE: usize = 4;

/// One client's link.
pub(crate) struct ClientLink<V: ClientView> {
    node: Arc<Node>,
    socket: WebSocket,
    subscription: Subscription,
    subscriber: Arc<TickSubscriber<V>>,
    guard: ConnectionGuard,
    /// The client whose ids count together.
    client: ClientId,
    timer: HeartbeatTimer,
    ping: Pin<Box<Sleep>>,
    /// Ends when the client's authentication is no longer valid; `None` if that has no end.
    validity: Option<RareFuture<ValidityEnd>>,
    /// Ends at each step of the node's drain; `None` before it begins.
    drain: Option<RareFuture<DrainStep>>,
    _gauge: ConnectionGauge,
    /// The span of the handshake, if it was recorded.
    origin: Option<Box<TraceParent>>,
}

/// What a link consists of.
pub(super) struct LinkParts {
    pub(super) socket: WebSocket,
    pub(super) subscription: Subscription,
    pub(super) guard: ConnectionGuard,
    pub(super) client: ClientId,
}

/// Whether a request of the client is in progress. A node that stops waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestProgress {
    /// None is.
    None,
    /// One is, and the client is read meanwhile.
    Reading,
    /// One is, and nothing is read until it ends, which holds a flooding client back.
    Blocking,
}

/// What a connection's task has to act on.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// The client sent something.
    Received(WebSocketEvent),
    /// There may be something to deliver.
    Deliverable,
    /// The time that clients are shown is no longer certain. Each dialect tells it in its own words.
    TimeUncertain,
    /// A ping is due: [`ClientLink::ping`].
    PingDue,
    /// The node stops, and closes the socket within this duration.
    GoingAway(Duration),
}

impl<V: ClientView> ClientLink<V> {
    pub(super) fn new(node: Arc<Node>, parts: LinkParts, identity: &Identity, view: V) -> Self {
        let LinkParts { socket, mut subscription, guard, client } = parts;
        let (timer, heartbeat) = HeartbeatTimer::new(node.settings.heartbeat, node.started.into());
        let signals = Arc::clone(guard.signals());
        if node.drain.is_closing() {
            signals.send(ConnectionSignal::Drain);
        }
        if !*node.engine.time_validity().borrow() {
            signals.send(ConnectionSignal::TimeUncertain);
        }
        let subscriber = Arc::new(TickSubscriber::new(socket.writer(), heartbeat, view, signals));
        subscription.subscribe(Arc::clone(&subscriber) as Arc<dyn Subscriber>);
        Self {
            _gauge: ConnectionGauge::new(&node.metrics, V::DIALECT, identity.method),
            ping: Box::pin(sleep_until(timer.deadline())),
            validity: validity_end(&node, identity),
            drain: None,
            origin: traces::current().map(Box::new),
            node,
            socket,
            subscription,
            subscriber,
            guard,
            client,
            timer,
        }
    }

    /// Returns the node.
    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Returns the scope of the board.
    pub(crate) fn scope(&self) -> &Scope {
        self.subscription.scope()
    }

    /// Returns the client whose message ids count together.
    pub(crate) fn client(&self) -> &ClientId {
        &self.client
    }

    /// Changes what the client is shown of deliveries that come later.
    pub(crate) fn with_view<R>(&self, change: impl FnOnce(&mut V) -> R) -> R {
        change(&mut self.subscriber.state().view)
    }

    /// Begins the span of a client's message.
    pub(crate) fn span(&self, parent: Option<&str>, command: &str) -> Span {
        let origin = TraceOrigin { parent, connect: self.origin.as_deref() };
        self.node.traces.message(origin, Some(&self.subscription), V::DIALECT, command)
    }

    /// Waits for what comes next. Cancel-safe.
    ///
    /// # Errors
    /// The connection must end; see [`ClientLink::end`].
    pub(crate) async fn next(&mut self, progress: RequestProgress) -> Result<LinkEvent, Disconnected> {
        // Polled by hand: `select!` would keep a future for each thing that is waited for, in each connection.
        poll_fn(|cx| self.poll_next(progress, cx)).await
    }

    fn poll_next(&mut self, progress: RequestProgress, cx: &mut Context<'_>) -> Poll<Result<LinkEvent, Disconnected>> {
        loop {
            if progress == RequestProgress::None
                && let Poll::Ready(step) = poll_rare(&mut self.drain, cx)
            {
                return Poll::Ready(self.follow_drain(step));
            }
            if let Poll::Ready(end) = poll_rare(&mut self.validity, cx) {
                return Poll::Ready(Err(Disconnected::Close(close_reason(end))));
            }
            let Poll::Ready(signal) = self.guard.signals().poll_receive(cx) else { break };
            match signal {
                ConnectionSignal::Disconnect => return Poll::Ready(Err(Disconnected::Close(CloseReason::Forbidden))),
                ConnectionSignal::Drain => self.drain = Some(Box::pin(self.node.drain.announcement())),
                ConnectionSignal::Deliverable => return Poll::Ready(Ok(LinkEvent::Deliverable)),
                ConnectionSignal::TimeUncertain => return Poll::Ready(Ok(LinkEvent::TimeUncertain)),
            }
        }
        let is_reading = progress != RequestProgress::Blocking;
        if is_reading && let Poll::Ready(incoming) = self.socket.poll_next(cx) {
            let incoming = incoming?;
            self.heard();
            return Poll::Ready(Ok(LinkEvent::Received(self.counted(incoming))));
        }
        if self.ping.deadline() != self.timer.deadline() {
            self.ping.as_mut().reset(self.timer.deadline());
        }
        ready!(self.ping.as_mut().poll(cx));
        Poll::Ready(match self.timer.fire(self.subscriber.heartbeat(), is_reading) {
            HeartbeatAction::Ping => Ok(LinkEvent::PingDue),
            HeartbeatAction::Timeout => Err(Disconnected::Close(CloseReason::HeartbeatTimeout)),
        })
    }

    fn follow_drain(&mut self, step: DrainStep) -> Result<LinkEvent, Disconnected> {
        match step {
            DrainStep::Announce(within) => {
                self.drain = Some(Box::pin(DrainStep::close_after(within)));
                Ok(LinkEvent::GoingAway(within))
            }
            DrainStep::Close(reconnect_after) => Err(Disconnected::Close(CloseReason::Restarting(reconnect_after))),
        }
    }

    /// Counts what was received, by its kind.
    fn counted(&self, incoming: WebSocketEvent) -> WebSocketEvent {
        match incoming {
            WebSocketEvent::Text(_) => self.node.metrics.message_received(V::DIALECT),
            WebSocketEvent::Signal { is_surplus } => self.node.metrics.signal_received(V::DIALECT, is_surplus),
            WebSocketEvent::Binary(_) | WebSocketEvent::Control => {}
        }
        incoming
    }

    /// Records that the client lives. A request that ends counts too: its client was not read meanwhile.
    pub(crate) fn heard(&mut self) {
        self.timer.received(self.subscriber.heartbeat());
    }

    /// Writes what the client lacks, and then `last`.
    ///
    /// # Errors
    /// The connection must end.
    pub(crate) async fn deliver(&mut self, last: Option<Bytes>) -> Result<(), Disconnected> {
        self.put(last)?;
        self.socket.flush().await
    }

    /// Writes what the client lacks, and then a ping.
    ///
    /// # Errors
    /// The connection must end.
    pub(crate) async fn ping(&mut self) -> Result<(), Disconnected> {
        self.deliver(Some(frame::ping())).await?;
        self.timer.ping_written();
        Ok(())
    }

    fn put(&mut self, last: Option<Bytes>) -> Result<(), Disconnected> {
        let Self { node, socket, subscription, subscriber, .. } = self;
        let mut out = SmallVec::<[Bytes; FRAMES_INLINE]>::new();
        let now = || node.engine.clock().date().unwrap_or_default();
        let mut messages = last.iter().filter(|last| !frame::is_ping(last)).count() as u64;
        let mut state = subscriber.state();
        let ClientState { delivered, view } = &mut *state;
        let receipt = subscription.catch_up(delivered, |delivery| {
            let rendered = view.render(&delivery, now);
            if !rendered.frames.is_empty() {
                out.push(rendered.frames);
            }
            if !matches!(delivery, Delivery::Tick(..)) {
                messages += rendered.messages;
            }
        });
        let bytes = out.iter().map(Bytes::len).sum();
        out.extend(last);
        socket.write(&out)?;
        receipt.written(bytes);
        node.metrics.messages_sent(V::DIALECT, messages);
        Ok(())
    }

    /// Takes a fresh authentication of the same user.
    ///
    /// # Errors
    /// It is another user's: otherwise one user would act in the other's name.
    pub(crate) fn refresh(&mut self, identity: &Identity) -> Result<(), Disconnected> {
        if identity.user != *self.guard.user() {
            return Err(Disconnected::Close(CloseReason::Forbidden));
        }
        // The organisation may be another. The user's connections stay as many.
        self.guard.reassign(identity);
        self.validity = validity_end(&self.node, identity);
        Ok(())
    }

    /// Ends the connection, and counts why. Whatever the dialect must do for a client that is gone, it does before.
    pub(crate) async fn end(self, disconnected: Disconnected) {
        let Disconnected::Close(reason) = disconnected else { return self.node.metrics.broke() };
        self.node.metrics.closed(&reason);
        tracing::debug!(?reason, "a socket is closed");
        self.socket.close(&reason).await;
    }

    /// Ends the link, and returns the socket, which stays open.
    pub(super) fn into_socket(self) -> (WebSocket, ConnectionGuard, ClientId) {
        let Self { socket, guard, client, .. } = self;
        (socket, guard, client)
    }
}

/// Returns the end of an authentication's validity, if it has one.
fn validity_end(node: &Node, identity: &Identity) -> Option<RareFuture<ValidityEnd>> {
    if identity.validity == Validity::Unlimited {
        return None;
    }
    Some(Box::pin(node.auth.validity_end(identity)))
}

/// Polls a future that stays registered; there may be none.
fn poll_rare<T>(future: &mut Option<RareFuture<T>>, cx: &mut Context<'_>) -> Poll<T> {
    future.as_mut().map_or(Poll::Pending, |future| future.as_mut().poll(cx))
}
