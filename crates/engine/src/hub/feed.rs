//! What a listener holds.

use std::sync::Arc;

use timers::Beat;

use crate::hub::Hub;
use crate::hub::entry::Entry;
use crate::hub::stage::Onlooker;
use crate::hub::view::Shown;

/// A listener's share in a view. Dropping it is leaving.
pub struct Feed {
    hub: Arc<Hub>,
    entry: Arc<Entry>,
    onlooker: Option<Arc<dyn Onlooker>>,
}

impl Feed {
    pub(crate) fn new(hub: Arc<Hub>, entry: Arc<Entry>) -> Self {
        Self { hub, entry, onlooker: None }
    }

    pub(crate) fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    /// Has an onlooker told of all that comes from now on, instead of the one before.
    pub fn attend(&mut self, onlooker: Arc<dyn Onlooker>) {
        self.entry.stage.attend(Arc::clone(&onlooker));
        if let Some(before) = self.onlooker.replace(onlooker) {
            self.entry.stage.dismiss(&before);
        }
    }

    /// Returns what is to be seen now. What came in between is gone: the latest wins.
    pub fn shown(&self) -> Shown {
        self.entry.stage.shown().clone().expect("joining waits for the first view")
    }

    /// Returns the last beat of the node, where a new listener's ticks begin.
    pub fn last_beat(&self) -> Beat {
        self.hub.last_beat()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if let Some(onlooker) = &self.onlooker {
            self.entry.stage.dismiss(onlooker);
        }
        self.entry.remove_listener(self.hub.clock.elapsed());
        self.hub.forget_blank(&self.entry);
    }
}
