//! What one client has been shown, and what it is shown next.

use std::sync::Arc;

use timers::Beat;

use crate::hub::view::{FILL_MAX, Snapshot, View};

/// One thing to show a client. Deliveries are shown in the order in which they are given.
pub enum Delivery<'a> {
    /// The whole view, to a new client.
    Initial(&'a View),
    /// The whole view, to a client that has missed changes.
    Resync {
        /// The view that the client has seen.
        old: &'a View,
        /// The view to show.
        new: &'a View,
    },
    /// The change from the old view to the new one.
    Diff {
        /// The view that the client has seen.
        old: &'a View,
        /// The view to show.
        new: &'a View,
    },
    /// The whole view, to a client that has seen its content with other dates.
    Redated(&'a View),
    /// The tick of a view at a beat.
    Tick(&'a View, Beat),
}

/// The deliveries to one client so far. Views are conflated: the latest wins. Each beat is shown once, in order, with the view
/// that was valid at it.
#[derive(Default)]
pub struct DeliveryState {
    seen: Option<Arc<View>>,
    last: Beat,
}

/// The number of ticks that a client was shown, and was not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TickCounts {
    pub(crate) shown: u64,
    /// Ticks that were too old.
    pub(crate) dropped: u64,
}

/// What a client has not been shown yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backlog {
    /// Nothing.
    None,
    /// Only the latest beat of the view that the client has seen.
    LatestBeat,
    /// More than that.
    More,
}

impl DeliveryState {
    /// Returns the last view that the client was shown; `None` for a new client.
    pub fn seen(&self) -> Option<&Arc<View>> {
        self.seen.as_ref()
    }

    /// Returns the client's backlog at a beat of a view that ticks.
    pub fn backlog(&self, view: &Arc<View>, beat: Beat) -> Backlog {
        if !self.seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, view)) {
            return Backlog::More;
        }
        match beat.0.checked_sub(self.last.0) {
            Some(0) => Backlog::None,
            Some(1) => Backlog::LatestBeat,
            Some(_) | None => Backlog::More,
        }
    }

    /// Records that the client was shown the latest beat, when the backlog was [`Backlog::LatestBeat`].
    pub fn mark_delivered(&mut self, beat: Beat) {
        self.last = beat;
    }

    /// Shows the client its whole backlog. The ticks of a new client begin after `last_beat`.
    ///
    /// A view that the client has not seen is shown with its ticks if it ticked at one of the last [`FILL_MAX`] beats.
    /// Older views are conflated into the latest.
    pub(crate) fn catch_up(
        &mut self,
        snapshot: Snapshot,
        last_beat: Beat,
        mut show: impl FnMut(Delivery<'_>),
    ) -> TickCounts {
        let mut counts = TickCounts::default();
        let Snapshot { view, beat, past, .. } = snapshot;
        let oldest = (beat.0 + 1).saturating_sub(FILL_MAX);
        let Some(mut seen) = self.seen.replace(Arc::clone(&view)) else {
            self.last = last_beat;
            show(Delivery::Initial(&view));
            self.show_ticks(&view, oldest, beat, &mut counts, &mut show);
            return counts;
        };
        if self.last == Beat(0) {
            // The client came before the node knew the time; its ticks begin with the first beat.
            self.last = Beat(beat.0.saturating_sub(1));
        }
        if beat > Beat(0) && self.last.0 > beat.0 + FILL_MAX {
            // The clock was set back and the numbering of beats restarted.
            self.last = seen.last_beat().min(beat);
        }
        if !Arc::ptr_eq(&seen, &view) {
            let ended = seen.last_beat();
            self.show_ticks(&seen, oldest, ended, &mut counts, &mut show);
            let unseen = past.iter().filter(|past| past.since >= ended && past.last_beat().0 >= oldest);
            for next in unseen.chain([&view]) {
                show_change(&seen, next, &mut show);
                self.last = self.last.max(next.since);
                self.show_ticks(next, oldest, next.last_beat().min(beat), &mut counts, &mut show);
                seen = Arc::clone(next);
            }
        }
        self.show_ticks(&view, oldest, beat, &mut counts, &mut show);
        counts
    }

    fn show_ticks(
        &mut self,
        view: &View,
        oldest: u64,
        until: Beat,
        counts: &mut TickCounts,
        show: &mut impl FnMut(Delivery<'_>),
    ) {
        if !view.ticks || until <= self.last {
            return;
        }
        let next = self.last.0 + 1;
        counts.dropped += oldest.min(until.0 + 1).saturating_sub(next);
        for beat in next.max(oldest)..=until.0 {
            counts.shown += 1;
            show(Delivery::Tick(view, Beat(beat)));
        }
        self.last = until;
    }
}

/// Shows the change from one view to a later one. Only the same dates can be compared, so a client whose dates change is
/// shown the change in the new dates, then the whole view.
fn show_change(seen: &View, next: &View, show: &mut impl FnMut(Delivery<'_>)) {
    let has_other_dates = seen.ahead != next.ahead;
    if !has_other_dates || seen.board.position != next.board.position {
        let redated = has_other_dates.then(|| seen.redated(next.ahead));
        let old = redated.as_ref().unwrap_or(seen);
        show(if seen.epoch == next.epoch {
            Delivery::Diff { old, new: next }
        } else {
            Delivery::Resync { old, new: next }
        });
    }
    if has_other_dates {
        show(Delivery::Redated(next));
    }
}
