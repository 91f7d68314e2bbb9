//! What a listener holds.

use std::sync::Arc;

use timers::Beat;
use tokio::sync::watch;

use crate::hub::Hub;
use crate::hub::entry::Entry;
use crate::hub::view::Shown;

/// A listener's share in a view. Dropping it is leaving.
pub struct Feed {
    hub: Arc<Hub>,
    entry: Arc<Entry>,
    shown: watch::Receiver<Option<Shown>>,
}

impl Feed {
    pub(crate) fn new(hub: Arc<Hub>, entry: Arc<Entry>) -> Self {
        let shown = entry.subscribe();
        Self { hub, entry, shown }
    }

    pub(crate) fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    /// Waits until there is something newer than what [`Feed::shown`] returned last. Cancel-safe.
    pub async fn changed(&mut self) {
        // The sender lives in the entry, which the feed holds.
        self.shown.changed().await.expect("the entry outlives its feeds");
    }

    /// Returns what is to be seen now. What came in between is gone: the latest wins.
    pub fn shown(&mut self) -> Shown {
        self.shown.borrow_and_update().clone().expect("joining waits for the first view")
    }

    /// Returns the last beat of the node, where a new listener's ticks begin.
    pub fn last_beat(&self) -> Beat {
        self.hub.last_beat()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.entry.remove_listener(self.hub.clock.elapsed());
        self.hub.forget_blank(&self.entry);
    }
}
