//! What one connection has seen, and what it is to be shown next.

use std::sync::Arc;

use timers::Beat;

use crate::hub::feed::Feed;
use crate::hub::view::{Shown, View};

/// Most beats that are made up for one after the other; a connection that lags further jumps to the
/// latest. A display that catches up five seconds looks alive, one that catches up a minute looks broken.
pub const FILL_MAX: u64 = 5;

/// One thing to show a client, in the order given.
pub enum Sight<'a> {
    /// Everything, to a client that has just come.
    First(&'a View),
    /// Everything, to a client that has missed changes.
    Whole {
        /// What the client has seen.
        old: &'a View,
        /// What it is to see.
        new: &'a View,
    },
    /// What changed from the old view to the new one.
    News {
        /// What the client has seen.
        old: &'a View,
        /// What it is to see.
        new: &'a View,
    },
    /// The second that a beat stands for.
    Beat(&'a View, Beat),
}

/// Follows a feed for one client: states are conflated, the latest wins; each beat is shown once, in
/// order, with the view that held at it.
pub struct Reader {
    feed: Feed,
    seen: Option<Arc<View>>,
    last: Beat,
}

impl Reader {
    /// Begins to follow.
    pub fn new(feed: Feed) -> Self {
        Self { feed, seen: None, last: Beat(0) }
    }

    /// Waits until there is something to show. Cancel-safe.
    pub async fn changed(&mut self) {
        self.feed.changed().await;
    }

    /// Shows all that the client lacks.
    pub fn catch_up(&mut self, mut show: impl FnMut(Sight<'_>)) {
        let Shown { view, since, beat } = self.feed.shown();
        match self.seen.replace(Arc::clone(&view)) {
            None => {
                self.last = self.feed.last_beat();
                show(Sight::First(&view));
            }
            Some(old) if Arc::ptr_eq(&old, &view) => {}
            Some(old) => {
                self.show_beats(&old, since.min(old.last_beat()), &mut show);
                self.last = self.last.max(since);
                let (old, new): (&View, &View) = (&old, &view);
                show(if old.epoch == new.epoch { Sight::News { old, new } } else { Sight::Whole { old, new } });
            }
        }
        self.show_beats(&view, beat, &mut show);
    }

    fn show_beats(&mut self, view: &View, until: Beat, show: &mut impl FnMut(Sight<'_>)) {
        if !view.ticks || until <= self.last {
            return;
        }
        let first = (self.last.0 + 1).max((until.0 + 1).saturating_sub(FILL_MAX));
        for beat in first..=until.0 {
            show(Sight::Beat(view, Beat(beat)));
        }
        self.last = until;
    }
}
