//! A board as a node holds it, with the frames that were rendered of it.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use timers::{Beat, Board};

use crate::hub::spread::Spread;

/// Most beats that are made up for one after the other; a connection that lags further jumps to the
/// latest. A display that catches up five seconds looks alive, one that catches up a minute looks broken.
pub const FILL_MAX: u64 = 5;

/// Most frames kept with a view: two dialects, each with a greeting, news, and ticks, and one to spare.
const FRAMES_MAX: usize = 8;

/// A copy of a board.
pub struct View {
    /// The board.
    pub board: Arc<Board>,
    /// Grows when the view was replaced by a load instead of by updates: what lies between two epochs is
    /// not known change by change.
    pub epoch: u64,
    /// What was rendered of it.
    pub frames: Frames,
    /// Whether anything in it shows another value every second.
    pub(crate) ticks: bool,
    /// The last beat before the view came; ticks of later beats are this view's.
    pub(crate) since: Beat,
    /// The last beat that was this view's.
    last: AtomicU64,
    /// If the change that made it is traced.
    pub(crate) spread: Option<Arc<Spread>>,
}

impl View {
    pub(crate) fn new(board: Arc<Board>, epoch: u64, since: Beat, spread: Option<Arc<Spread>>) -> Self {
        let ticks = board.ticks();
        Self { board, epoch, frames: Frames::default(), ticks, since, last: AtomicU64::new(u64::MAX), spread }
    }

    pub(crate) fn end_at(&self, beat: Beat) {
        self.last.store(beat.0, Ordering::Release);
    }

    pub(crate) fn last_beat(&self) -> Beat {
        Beat(self.last.load(Ordering::Acquire))
    }

    /// Whether a beat up to `beat` was this view's, and something ticked at it.
    fn has_ticked(&self, beat: Beat) -> bool {
        self.ticks && self.since < beat
    }
}

/// What a listener is shown.
#[derive(Clone)]
pub struct Shown {
    /// The view.
    pub view: Arc<View>,
    /// The last beat.
    pub beat: Beat,
    /// As the view tells, for a fan-out that has no other reason to touch it.
    pub(crate) ticks: bool,
    /// The views before it that had ticks of the last [`FILL_MAX`] beats, for those who have not seen them.
    pub(crate) past: Arc<[Arc<View>]>,
}

impl Shown {
    /// Shows the first view there is.
    pub(crate) fn first(view: Arc<View>) -> Self {
        Self { beat: view.since, ticks: view.ticks, view, past: Arc::default() }
    }

    /// Shows another view.
    pub(crate) fn replace(&mut self, view: Arc<View>) {
        let beat = view.since;
        self.view.end_at(beat);
        (self.beat, self.ticks) = (beat, view.ticks);
        let old = std::mem::replace(&mut self.view, view);
        if let Some(spread) = &old.spread {
            spread.supersede();
        }
        self.forget_past();
        if old.has_ticked(beat) {
            self.past = self.past.iter().cloned().chain([old]).collect();
        }
    }

    /// Shows a beat.
    pub(crate) fn go_on(&mut self, beat: Beat) {
        if beat < self.beat {
            // Beats are counted anew, and so is what the view has shown.
            let before = Beat(beat.0 - 1);
            self.view.end_at(before);
            let View { board, epoch, .. } = &*self.view;
            self.view = Arc::new(View::new(Arc::clone(board), *epoch, before, None));
            self.past = Arc::default();
        }
        self.beat = beat;
        self.forget_past();
    }

    /// Lets go of views whose ticks nobody is shown any more.
    fn forget_past(&mut self) {
        let beat = self.beat.0;
        let is_old = |view: &Arc<View>| view.last_beat().0 + FILL_MAX <= beat;
        if self.past.iter().any(is_old) {
            self.past = self.past.iter().filter(|view| !is_old(view)).cloned().collect();
        }
    }
}

/// What was rendered of one view, shared by all its listeners: each thing is rendered once.
///
/// The key is the caller's: what kind of thing, and what else it depends on. All of a kind are of one type.
#[derive(Default)]
pub struct Frames(Mutex<Vec<(Key, Frame)>>);

type Key = (u8, u64);
type Frame = Box<dyn Any + Send + Sync>;

impl Frames {
    /// Returns what is rendered of that key, rendering it if nobody has.
    pub fn get<T: Clone + Send + Sync + 'static>(&self, kind: u8, basis: u64, render: impl FnOnce() -> T) -> T {
        let mut frames = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = frames.iter().find(|(key, _)| *key == (kind, basis));
        if let Some(frame) = known.and_then(|(_, frame)| frame.downcast_ref::<T>()) {
            return frame.clone();
        }
        let frame = render();
        if frames.len() >= FRAMES_MAX {
            frames.remove(0);
        }
        frames.push(((kind, basis), Box::new(frame.clone())));
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn a_frame_is_rendered_once_and_the_oldest_leave_first() {
        let frames = Frames::default();
        let first = frames.get(1, 1, || Bytes::from_static(b"a"));
        assert_eq!(frames.get::<Bytes>(1, 1, || panic!("rendered twice")), first);
        for basis in 2..=FRAMES_MAX as u64 + 1 {
            frames.get(1, basis, || Bytes::from_static(b"b"));
        }
        assert_eq!(frames.get(1, 1, || Bytes::from_static(b"c")), Bytes::from_static(b"c"));
    }
}
