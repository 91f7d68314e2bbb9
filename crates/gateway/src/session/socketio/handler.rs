//! What a system provides to take part in Socket.IO connections.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use access::Identity;
use engine::Subscription;
use net::socketio::{EncodedPacket, packet};
use timers::Timestamp;
use wire::{Event, Fault};

use crate::node::Node;
use crate::session::socketio::Outbox;
use crate::systems::System;

/// The number of the acknowledgement that a client waits for.
pub(crate) type Ack = Option<i64>;

/// The result of a request, as the handler that began it defines it.
pub(crate) type RequestResult = Box<dyn Any + Send>;

/// A request in progress.
pub(crate) type RequestFuture = Pin<Box<dyn Future<Output = RequestResult> + Send>>;

/// A request that a handler begins.
pub(crate) struct Begun {
    /// The span that the event belongs to, as the client claims.
    pub(crate) traceparent: Option<String>,
    pub(crate) request: RequestFuture,
}

/// The client of a connection, as handlers see it.
pub(crate) struct Client<'c> {
    pub(crate) node: &'c Arc<Node>,
    pub(crate) outbox: &'c Arc<Outbox>,
}

/// One system's part of a Socket.IO connection.
///
/// The connection carries out one request at a time, so a handler begins a request only when it is asked to. A handler can
/// hold a subscription from the admission of the client on, each handler its own.
pub(crate) trait EventHandler: Send {
    /// Returns the system, for authentication.
    fn system(&self) -> System;

    /// Returns the name of the dialect, for metrics and traces.
    fn dialect(&self) -> &'static str;

    /// Returns the events that the handler takes. No two systems take the same event.
    fn events(&self) -> &'static [&'static str];

    /// Takes the identity with which the client is admitted to the namespace, and the one that it authenticates as later.
    /// A handler that needs a scope of the identity joins it by the request of its next [`Self::check`].
    fn admitted(&mut self, _: &Client<'_>, _: &Identity) {}

    /// Tells whether the handler has yet to subscribe the client to what it is served from the admission on. The client is
    /// told of its admission after that, so that it misses nothing.
    fn is_joining(&self) -> bool {
        false
    }

    /// Begins the request of an event.
    ///
    /// # Errors
    /// The fault to answer with.
    fn begin(&mut self, client: &Client<'_>, event: &str, payload: Option<&str>) -> Result<Begun, Fault>;

    /// Takes the result of a request that this handler began, and sends the answer behind what the client lacks.
    fn complete(&mut self, client: &Client<'_>, ack: Ack, result: RequestResult);

    /// Answers a request whose task panicked.
    fn fail(&mut self, client: &Client<'_>, ack: Ack, fault: &Fault);

    /// Sends what the client lacks. Without `force`, waits while earlier packets wait to be sent.
    fn deliver(&mut self, client: &Client<'_>, force: bool);

    /// Checks the handler's own state after anything has happened, while no request is in progress. Returns a request of
    /// the handler's own, if it needs one.
    fn check(&mut self, client: &Client<'_>) -> Option<RequestFuture>;

    /// Returns when the handler is to be checked although nothing has happened.
    fn check_at(&self) -> Option<Instant>;

    /// Waits until the handler is to be checked. Cancel-safe.
    fn changed(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Returns the subscription to the scope that the client has joined.
    fn subscription(&self) -> Option<&Subscription>;

    /// Leaves: the client has left the namespace, must not return, or its new identity is not accepted by the system. The
    /// handler is not used again.
    fn leave(&mut self, node: &Arc<Node>);

    /// Takes the end of the connection: the client may return.
    fn disconnected(&mut self, node: &Arc<Node>);

    /// Takes the result of a request that ended after the connection.
    fn abandoned(&self, node: &Arc<Node>, result: RequestResult);
}

impl Client<'_> {
    /// Returns the cluster's time.
    pub(crate) fn now(&self) -> Timestamp {
        self.node.engine.clock().date().unwrap_or_default()
    }

    /// Sends an event.
    pub(crate) fn send(&self, event: &Event) {
        self.outbox.push(packet_of(event));
    }

    /// Sends the acknowledgement that a client waits for, if it waits for one.
    pub(crate) fn acknowledge(&self, ack: Ack, payload: &str) {
        if let Some(number) = ack {
            self.outbox.push(packet::ack(number, payload));
        }
    }

    /// Sends the reason why a request has no effect, as the acknowledgement alone.
    pub(crate) fn refuse(&self, ack: Ack, fault: &Fault) {
        self.acknowledge(ack, &format!("{{\"error\":{}}}", Event::error(fault).payload));
    }

    /// Sends the reason why a request has no effect, as an event and as the acknowledgement.
    pub(crate) fn fail(&self, ack: Ack, fault: &Fault) {
        self.send(&Event::error(fault));
        self.refuse(ack, fault);
    }
}

/// Returns the packet of an event.
pub(crate) fn packet_of(event: &Event) -> EncodedPacket {
    packet::event(event.name, &event.payload)
}
