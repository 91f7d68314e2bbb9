//! What one client has seen, and what it is to be shown next.

use std::sync::Arc;

use timers::Beat;

use crate::hub::view::{FILL_MAX, Shown, View};

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

/// What one client was shown: states are conflated, the latest wins; each beat is shown once, in order, with
/// the view that held at it.
#[derive(Default)]
pub struct Progress {
    seen: Option<Arc<View>>,
    last: Beat,
}

/// What a client was shown of beats.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Beats {
    pub(crate) shown: u64,
    /// Those that were too old.
    pub(crate) dropped: u64,
}

/// What a client lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Nothing.
    Nothing,
    /// The last beat of the view that it has seen, and nothing else.
    LastBeat,
    /// More.
    More,
}

impl Progress {
    /// Tells what the client lacks of a beat of a view that ticks.
    pub fn lacks(&self, view: &Arc<View>, beat: Beat) -> Lack {
        if !self.seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, view)) {
            return Lack::More;
        }
        match beat.0.checked_sub(self.last.0) {
            Some(0) => Lack::Nothing,
            Some(1) => Lack::LastBeat,
            Some(_) | None => Lack::More,
        }
    }

    /// Notes that the client was shown the last beat, which was all that it lacked.
    pub fn has_seen(&mut self, beat: Beat) {
        self.last = beat;
    }

    /// Shows all that the client lacks; `last_beat` is where the ticks of a new client begin.
    ///
    /// Of views that it has not seen, those that ticked at one of the last [`FILL_MAX`] beats are shown with
    /// their ticks; of the others only what is left of them in the latest.
    pub(crate) fn catch_up(&mut self, shown: Shown, last_beat: Beat, mut show: impl FnMut(Sight<'_>)) -> Beats {
        let mut beats = Beats::default();
        let Shown { view, beat, past, .. } = shown;
        let oldest = (beat.0 + 1).saturating_sub(FILL_MAX);
        let Some(mut seen) = self.seen.replace(Arc::clone(&view)) else {
            self.last = last_beat;
            show(Sight::First(&view));
            self.show_beats(&view, oldest, beat, &mut beats, &mut show);
            return beats;
        };
        if self.last.0 > beat.0 + FILL_MAX {
            // Beats are counted anew.
            self.last = seen.last_beat().min(beat);
        }
        if !Arc::ptr_eq(&seen, &view) {
            let ended = seen.last_beat();
            self.show_beats(&seen, oldest, ended, &mut beats, &mut show);
            let unseen = past.iter().filter(|past| past.since >= ended && past.last_beat().0 >= oldest);
            for next in unseen.chain([&view]) {
                show(if seen.epoch == next.epoch {
                    Sight::News { old: &seen, new: next }
                } else {
                    Sight::Whole { old: &seen, new: next }
                });
                self.last = self.last.max(next.since);
                self.show_beats(next, oldest, next.last_beat().min(beat), &mut beats, &mut show);
                seen = Arc::clone(next);
            }
        }
        self.show_beats(&view, oldest, beat, &mut beats, &mut show);
        beats
    }

    fn show_beats(
        &mut self,
        view: &View,
        oldest: u64,
        until: Beat,
        beats: &mut Beats,
        show: &mut impl FnMut(Sight<'_>),
    ) {
        if !view.ticks || until <= self.last {
            return;
        }
        let next = self.last.0 + 1;
        beats.dropped += oldest.min(until.0 + 1).saturating_sub(next);
        for beat in next.max(oldest)..=until.0 {
            beats.shown += 1;
            show(Sight::Beat(view, Beat(beat)));
        }
        self.last = until;
    }
}
