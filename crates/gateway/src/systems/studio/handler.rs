//! Studio's part of a Socket.IO connection: the events of the client's organisation, from the admission on.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use access::Identity;
use engine::{Delivery, DeliveryState, JoinError, Subscriber, Subscription, TickContext, TickDelivery, View};
use net::socketio::EncodedPacket;
use timers::Scope;
use wire::studio::Studio;
use wire::{Code, Dialect, Event, Fault};

use crate::node::Node;
use crate::session::socketio::{Ack, Begun, Client, EventHandler, Outbox, RequestFuture, RequestResult, packet_of};
use crate::systems::System;

/// Pause before a subscription that failed is tried once more.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The kind of packets in the cache of a view.
const DIFF: u8 = 0;

/// Studio's part of a connection.
pub(super) struct StudioHandler {
    /// The scope of the client's organisation, if it has one.
    scope: Option<Scope>,
    subscription: Option<Subscription>,
    subscriber: Arc<EventSubscriber>,
    sent: DeliveryState,
    retry_at: Option<Instant>,
}

/// Wakes the connection's task.
struct EventSubscriber(Arc<Outbox>);

/// The result of a request of this handler: the scope, and its subscription.
struct Joined(Scope, Result<Subscription, JoinError>);

impl StudioHandler {
    pub(super) fn new(outbox: &Arc<Outbox>) -> Self {
        let subscriber = Arc::new(EventSubscriber(Arc::clone(outbox)));
        Self { scope: None, subscription: None, subscriber, sent: DeliveryState::default(), retry_at: None }
    }

    /// Takes a subscription. What happened before it is not sent.
    fn attach(&mut self, mut subscription: Subscription) {
        subscription.subscribe(Arc::clone(&self.subscriber) as Arc<dyn Subscriber>);
        self.sent = DeliveryState::default();
        subscription.catch_up(&mut self.sent, |_| {}).written(0);
        self.subscription = Some(subscription);
    }

    /// Sends the events that the client lacks.
    fn catch_up(&mut self, client: &Client<'_>) {
        let Some(subscription) = &self.subscription else { return };
        let mut bytes = 0;
        let receipt = subscription.catch_up(&mut self.sent, |delivery| match delivery {
            Delivery::Resync { old, new } | Delivery::Diff { old, new } => {
                for packet in packets(old, new).iter() {
                    bytes += packet.size();
                    client.outbox.push(packet.clone());
                }
            }
            Delivery::Initial(_) | Delivery::Redated(_) | Delivery::Tick(..) => {}
        });
        receipt.written(bytes);
    }
}

/// Returns the packets of a change, rendered once for all clients.
fn packets(old: &View, new: &View) -> Arc<[EncodedPacket]> {
    new.frames.get::<Studio, _>(DIFF, old.board.position.tag.0, || {
        let mut packets = Vec::new();
        // The instants of events are dates.
        Studio::diff(&old.board, &new.board, new.board.at, |event: Event| packets.push(packet_of(&event)));
        packets.into()
    })
}

impl Subscriber for EventSubscriber {
    fn on_tick(&self, _: &mut TickContext) -> TickDelivery {
        TickDelivery::Nothing
    }

    fn notify(&self) {
        self.0.notify();
    }
}

impl EventHandler for StudioHandler {
    fn system(&self) -> System {
        System::Studio
    }

    fn dialect(&self) -> &'static str {
        Studio::NAME
    }

    fn events(&self) -> &'static [&'static str] {
        &[]
    }

    fn admitted(&mut self, _: &Client<'_>, identity: &Identity) {
        let scope = identity.organization.as_ref().map(Scope::organization);
        if scope != self.scope {
            (self.scope, self.subscription, self.retry_at) = (scope, None, None);
        }
    }

    fn is_joining(&self) -> bool {
        self.scope.is_some() && self.subscription.is_none()
    }

    fn begin(&mut self, _: &Client<'_>, event: &str, _: Option<&str>) -> Result<Begun, Fault> {
        Err(Fault::of_client(Code::UnknownType, format!("there is no event {event:?}")))
    }

    fn complete(&mut self, _: &Client<'_>, _: Ack, result: RequestResult) {
        let Ok(joined) = result.downcast::<Joined>() else { return };
        match *joined {
            Joined(scope, Ok(subscription)) if self.scope.as_ref() == Some(&scope) => self.attach(subscription),
            // The client acts for another organisation now.
            Joined(_, Ok(_)) => {}
            Joined(_, Err(error)) => {
                tracing::debug!(%error, "the events of an organisation cannot be subscribed to yet");
                self.retry_at = Some(Instant::now() + RETRY_PAUSE);
            }
        }
    }

    fn fail(&mut self, _: &Client<'_>, _: Ack, _: &Fault) {
        self.retry_at = Some(Instant::now() + RETRY_PAUSE);
    }

    fn deliver(&mut self, client: &Client<'_>, force: bool) {
        if force || client.outbox.is_empty() {
            self.catch_up(client);
        }
    }

    fn check(&mut self, client: &Client<'_>) -> Option<RequestFuture> {
        let scope = self.scope.clone().filter(|_| self.subscription.is_none())?;
        if self.retry_at.is_some_and(|at| at > Instant::now()) {
            return None;
        }
        self.retry_at = None;
        let node = Arc::clone(client.node);
        Some(Box::pin(async move {
            let joined = node.join(&scope).await;
            Box::new(Joined(scope, joined)) as RequestResult
        }))
    }

    fn check_at(&self) -> Option<Instant> {
        self.retry_at
    }

    fn changed(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }

    fn subscription(&self) -> Option<&Subscription> {
        self.subscription.as_ref()
    }

    fn leave(&mut self, _: &Arc<Node>) {
        (self.scope, self.subscription) = (None, None);
    }

    fn disconnected(&mut self, _: &Arc<Node>) {}

    fn abandoned(&self, _: &Arc<Node>, _: RequestResult) {}
}
