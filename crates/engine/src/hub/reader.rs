//! A subscription that one task reads.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::hub::broadcast::{Subscriber, TickContext, TickDelivery};
use crate::hub::delivery::{Delivery, DeliveryState};
use crate::hub::subscription::Subscription;
use crate::hub::view::Snapshot;

/// Reads a subscription in one task.
pub struct Reader {
    subscription: Subscription,
    state: DeliveryState,
    wakeup: Arc<Wakeup>,
}

/// Wakes the reader's task for every tick and every change.
#[derive(Default)]
struct Wakeup(Notify);

impl Subscriber for Wakeup {
    fn on_tick(&self, _: &mut TickContext) -> TickDelivery {
        TickDelivery::Deferred
    }

    fn notify(&self) {
        self.0.notify_one();
    }
}

impl Reader {
    /// Begins to read.
    pub fn new(mut subscription: Subscription) -> Self {
        let wakeup = Arc::new(Wakeup::default());
        subscription.subscribe(Arc::clone(&wakeup) as Arc<dyn Subscriber>);
        Self { subscription, state: DeliveryState::default(), wakeup }
    }

    /// Waits until there may be something to show. Cancel-safe.
    pub async fn changed(&mut self) {
        self.wakeup.0.notified().await;
    }

    /// Returns the latest snapshot.
    pub fn snapshot(&self) -> Snapshot {
        self.subscription.snapshot()
    }

    /// Shows the whole backlog.
    pub fn catch_up(&mut self, show: impl FnMut(Delivery<'_>)) {
        self.subscription.catch_up(&mut self.state, show).written(0);
    }
}
