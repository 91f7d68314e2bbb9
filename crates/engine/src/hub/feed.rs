//! What a listener holds.

use std::sync::{Arc, Weak};

use timers::Beat;
use tokio::sync::watch;

use crate::hub::Hub;
use crate::hub::entry::Entry;
use crate::hub::view::Shown;

/// Somebody who can be shown a beat at once, by the task that fans it out: to wake a task for each of ten
/// thousand listeners costs as much as to write to them.
pub trait Onlooker: Send + Sync + 'static {
    /// Looks at what there is now, and does not wait for anything. What can't be shown at once is left to the
    /// listener's own task, which this has to wake.
    fn look(&self, shown: &Shown, scratch: &mut Scratch);
}

/// What was rendered of one beat of one view, for all its onlookers; its memory serves one view after the other.
#[derive(Default)]
pub struct Scratch {
    bytes: Vec<u8>,
    /// Where each kind ends.
    kinds: Vec<(u8, usize)>,
}

impl Scratch {
    /// Returns what was rendered of a kind, rendering it if nobody has.
    pub fn get(&mut self, kind: u8, render: impl FnOnce(&mut Vec<u8>)) -> &[u8] {
        let place = self.kinds.iter().position(|(other, _)| *other == kind).unwrap_or_else(|| {
            render(&mut self.bytes);
            self.kinds.push((kind, self.bytes.len()));
            self.kinds.len() - 1
        });
        let begin = place.checked_sub(1).map_or(0, |before| self.kinds[before].1);
        &self.bytes[begin..self.kinds[place].1]
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.kinds.clear();
    }
}

/// A listener's share in a view. Dropping it is leaving.
pub struct Feed {
    hub: Arc<Hub>,
    entry: Arc<Entry>,
    shown: watch::Receiver<Option<Shown>>,
    onlooker: Option<Weak<dyn Onlooker>>,
}

impl Feed {
    pub(crate) fn new(hub: Arc<Hub>, entry: Arc<Entry>) -> Self {
        let shown = entry.subscribe();
        Self { hub, entry, shown, onlooker: None }
    }

    pub(crate) fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    /// Has beats shown to an onlooker from now on; [`Feed::changed`] tells of all else. Once a feed.
    pub fn attend(&mut self, onlooker: &Arc<impl Onlooker>) {
        let onlooker: Weak<dyn Onlooker> = Arc::downgrade(onlooker) as Weak<dyn Onlooker>;
        self.entry.attend(Weak::clone(&onlooker));
        self.onlooker = Some(onlooker);
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
        if let Some(onlooker) = &self.onlooker {
            self.entry.dismiss(onlooker);
        }
        self.entry.remove_listener(self.hub.clock.elapsed());
        self.hub.forget_blank(&self.entry);
    }
}
