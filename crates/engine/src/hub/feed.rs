//! What a listener holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use timers::Beat;

use crate::hub::Hub;
use crate::hub::entry::Entry;
use crate::hub::progress::{Progress, Sight};
use crate::hub::stage::Onlooker;
use crate::hub::view::{Shown, View};

/// A listener's share in a view. Dropping it is leaving.
pub struct Feed {
    hub: Arc<Hub>,
    entry: Arc<Entry>,
    onlooker: Option<Arc<dyn Onlooker>>,
    listener: u64,
    /// The tag of the last traced view that was shown.
    traced: AtomicU64,
}

impl Feed {
    pub(crate) fn new(hub: Arc<Hub>, entry: Arc<Entry>, listener: u64) -> Self {
        Self { hub, entry, onlooker: None, listener, traced: AtomicU64::new(0) }
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

    /// Returns how many listen to the scope on this node.
    pub fn audience(&self) -> usize {
        self.entry.listeners()
    }

    /// Shows a client all that it lacks; see [`Progress`].
    pub fn catch_up(&self, progress: &mut Progress, mut show: impl FnMut(Sight<'_>)) -> Caught {
        let (shown, mut has_view) = (self.shown(), false);
        let view = self.owes(&shown.view).then(|| Arc::clone(&shown.view));
        let beats = progress.catch_up(shown, self.last_beat(), |sight| {
            has_view |= !matches!(sight, Sight::Beat(..));
            show(sight);
        });
        self.hub.stats.ticks_sent.add(beats.shown);
        self.hub.stats.ticks_dropped.add(beats.dropped);
        let view = view.filter(|_| has_view);
        if let Some(view) = &view {
            self.traced.store(view.board.position.tag.0, Ordering::Release);
        }
        Caught(view)
    }

    /// Tells whether a traced view counts on being shown to this listener.
    fn owes(&self, view: &View) -> bool {
        let is_owed = view.spread.as_ref().is_some_and(|spread| spread.is_owed_to(self.listener));
        is_owed && self.traced.load(Ordering::Acquire) != view.board.position.tag.0
    }
}

/// What a client was shown to catch up.
pub struct Caught(Option<Arc<View>>);

impl Caught {
    /// Notes that it was written in so many bytes.
    pub fn written(self, bytes: usize) {
        if let Some(spread) = self.0.as_ref().and_then(|view| view.spread.as_ref()) {
            spread.reached(bytes);
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let view = self.entry.view();
        if let Some(view) = view.filter(|view| self.owes(view))
            && let Some(spread) = &view.spread
        {
            spread.left();
        }
        if let Some(onlooker) = &self.onlooker {
            self.entry.stage.dismiss(onlooker);
        }
        self.entry.remove_listener(self.hub.clock.elapsed());
        self.hub.forget_blank(&self.entry);
    }
}
