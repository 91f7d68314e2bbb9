//! The handle of a listener.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use timers::{Beat, Scope, Timestamp};

use crate::hub::Hub;
use crate::hub::broadcast::Subscriber;
use crate::hub::delivery::{Delivery, DeliveryState};
use crate::hub::scope_state::ScopeState;
use crate::hub::view::{Snapshot, View};

/// One listener's subscription to a scope. Dropping it ends the subscription.
pub struct Subscription {
    hub: Arc<Hub>,
    state: Arc<ScopeState>,
    subscriber: Option<Arc<dyn Subscriber>>,
    listener: u64,
    /// The tag of the last traced view that was shown.
    traced: AtomicU64,
}

impl Subscription {
    pub(crate) fn new(hub: Arc<Hub>, state: Arc<ScopeState>, listener: u64) -> Self {
        Self { hub, state, subscriber: None, listener, traced: AtomicU64::new(0) }
    }

    pub(crate) fn state(&self) -> &Arc<ScopeState> {
        &self.state
    }

    /// Sets the subscriber that receives what comes from now on. It replaces the previous one.
    pub fn subscribe(&mut self, subscriber: Arc<dyn Subscriber>) {
        self.state.broadcast.subscribe(Arc::clone(&subscriber));
        if let Some(previous) = self.subscriber.replace(subscriber) {
            self.state.broadcast.unsubscribe(&previous);
        }
    }

    /// Returns the scope.
    pub fn scope(&self) -> &Scope {
        &self.state.scope
    }

    /// Returns the latest snapshot. Intermediate views are conflated.
    pub fn snapshot(&self) -> Snapshot {
        self.state.broadcast.snapshot().clone().expect("joining waits for the first view")
    }

    /// Returns the last beat of the node, after which a new listener's ticks begin; before the first beat, the current second.
    pub fn last_beat(&self) -> Beat {
        match self.hub.last_beat() {
            Beat(0) => self.hub.clock.now().map_or(Beat(0), Timestamp::beat),
            beat => beat,
        }
    }

    /// Returns the number of listeners of the scope on this node.
    pub fn audience(&self) -> usize {
        self.state.listeners()
    }

    /// Shows a client its whole backlog; see [`DeliveryState`].
    pub fn catch_up(&self, state: &mut DeliveryState, mut show: impl FnMut(Delivery<'_>)) -> DeliveryReceipt {
        let (snapshot, mut has_view) = (self.snapshot(), false);
        let view = self.is_traced(&snapshot.view).then(|| Arc::clone(&snapshot.view));
        let counts = state.catch_up(snapshot, self.last_beat(), |delivery| {
            has_view |= !matches!(delivery, Delivery::Tick(..));
            show(delivery);
        });
        self.hub.stats.ticks_sent.add(counts.shown);
        self.hub.stats.ticks_dropped.add(counts.dropped);
        let view = view.filter(|_| has_view);
        if let Some(view) = &view {
            self.traced.store(view.board.position.tag.0, Ordering::Release);
        }
        DeliveryReceipt(view)
    }

    /// Tells whether the fan-out trace of a view waits for this listener.
    fn is_traced(&self, view: &View) -> bool {
        let is_awaited = view.trace.as_ref().is_some_and(|trace| trace.includes(self.listener));
        is_awaited && self.traced.load(Ordering::Acquire) != view.board.position.tag.0
    }
}

/// The view that a client was shown when it caught up; reports the write to the fan-out trace.
pub struct DeliveryReceipt(Option<Arc<View>>);

impl DeliveryReceipt {
    /// Records that it was written in this many bytes.
    pub fn written(self, bytes: usize) {
        if let Some(trace) = self.0.as_ref().and_then(|view| view.trace.as_ref()) {
            trace.record_delivery(bytes);
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let view = self.state.view();
        if let Some(view) = view.filter(|view| self.is_traced(view))
            && let Some(trace) = &view.trace
        {
            trace.record_departure();
        }
        if let Some(subscriber) = &self.subscriber {
            self.state.broadcast.unsubscribe(subscriber);
        }
        self.state.remove_listener(self.hub.clock.elapsed());
        self.hub.remove_if_blank(&self.state);
    }
}
