//! A node's copy of a board, and the latest snapshot of a scope.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use timers::{Beat, Board, ItemCounts, Millis};

use crate::hub::fan_out_trace::FanOutTrace;
use crate::hub::frames::Frames;

/// Most beats that are shown one after the other to a connection that lags; beyond that it jumps to the latest.
/// A display that catches up five seconds looks alive; one that catches up a minute looks broken.
pub const FILL_MAX: u64 = 5;

/// Beats for which the frames of a view are kept. At the first, some clients may not have been sent them yet.
const FRAMES_KEPT: u8 = 2;

/// A copy of a board.
pub struct View {
    /// The board, in cluster time.
    pub board: Arc<Board>,
    /// How far cluster time is ahead of the date.
    pub(crate) ahead: Millis,
    dated: OnceLock<Arc<Board>>,
    /// A number that grows when a load replaces the view, instead of updates. The changes between two epochs are not
    /// known one by one.
    pub epoch: u64,
    /// The frames that are rendered of the view.
    pub frames: Frames,
    /// Whether any item of the view shows another value every second.
    pub(crate) ticks: bool,
    /// The number of items by type.
    pub(crate) counts: ItemCounts,
    /// The last beat before the view was published; the ticks of later beats belong to this view.
    pub(crate) since: Beat,
    /// The last beat whose tick belongs to this view.
    last: AtomicU64,
    /// The fan-out trace of the change that made the view, if that is traced.
    pub(crate) trace: Option<Arc<FanOutTrace>>,
}

impl View {
    pub(crate) fn new(
        board: Arc<Board>,
        ahead: Millis,
        epoch: u64,
        since: Beat,
        trace: Option<Arc<FanOutTrace>>,
    ) -> Self {
        let (ticks, counts, last) = (board.ticks(), board.counts(), AtomicU64::new(u64::MAX));
        let (frames, dated) = (Frames::default(), OnceLock::new());
        Self { board, ahead, dated, epoch, frames, ticks, counts, since, last, trace }
    }

    /// Returns the board as clients are shown it, with dates in place of instants of cluster time.
    pub fn dated(&self) -> &Board {
        if self.ahead == Millis(0) {
            return &self.board;
        }
        self.dated.get_or_init(|| Arc::new(self.board.moved_back(self.ahead)))
    }

    /// Returns the number of a beat as clients are shown it: by the date.
    pub fn dated_beat(&self, beat: Beat) -> Beat {
        (beat.instant() - self.ahead).beat()
    }

    /// Returns the view as it would be shown with other dates.
    pub(crate) fn redated(&self, ahead: Millis) -> Self {
        Self::new(Arc::clone(&self.board), ahead, self.epoch, self.since, None)
    }

    pub(crate) fn end_at(&self, beat: Beat) {
        self.last.store(beat.0, Ordering::Release);
    }

    pub(crate) fn last_beat(&self) -> Beat {
        Beat(self.last.load(Ordering::Acquire))
    }

    /// Tells whether the view had a tick at a beat up to `beat`.
    fn has_ticked(&self, beat: Beat) -> bool {
        self.ticks && self.since < beat
    }
}

/// The latest view and beat of a scope.
#[derive(Clone)]
pub struct Snapshot {
    /// The view.
    pub view: Arc<View>,
    /// The last beat.
    pub beat: Beat,
    /// A copy of the view's field, so that the fan-out of a view without ticks does not touch the view.
    pub(crate) ticks: bool,
    /// The number of beats until the frames of the view are dropped; 0 if they are.
    beats_with_frames: u8,
    /// The earlier views that had ticks within the last [`FILL_MAX`] beats, for clients that have not seen them.
    pub(crate) past: Arc<[Arc<View>]>,
}

impl Snapshot {
    /// Makes the first snapshot of a scope.
    pub(crate) fn first(view: Arc<View>) -> Self {
        Self { beat: view.since, ticks: view.ticks, view, beats_with_frames: FRAMES_KEPT, past: Arc::default() }
    }

    /// Replaces the view.
    pub(crate) fn replace(&mut self, view: Arc<View>) {
        let beat = view.since;
        self.view.end_at(beat);
        (self.beat, self.ticks, self.beats_with_frames) = (beat, view.ticks, FRAMES_KEPT);
        let old = std::mem::replace(&mut self.view, view);
        if let Some(trace) = &old.trace {
            trace.supersede();
        }
        self.drop_old_views();
        if old.has_ticked(beat) {
            self.past = self.past.iter().cloned().chain([old]).collect();
        }
    }

    /// Moves to another beat.
    pub(crate) fn advance(&mut self, beat: Beat) {
        if beat < self.beat {
            // The clock was set back and the numbering of beats restarted: the view starts anew as well.
            let before = Beat(beat.0 - 1);
            self.view.end_at(before);
            let View { board, ahead, epoch, .. } = &*self.view;
            self.view = Arc::new(View::new(Arc::clone(board), *ahead, *epoch, before, None));
            self.past = Arc::default();
        }
        self.beat = beat;
        self.drop_old_views();
        self.drop_old_frames();
    }

    /// Drops the frames of a view that has had its beats: all clients but slow ones have been sent them, and for the rare
    /// slow one they are rendered again.
    fn drop_old_frames(&mut self) {
        if self.beats_with_frames > 0 {
            self.beats_with_frames -= 1;
            if self.beats_with_frames == 0 {
                self.view.frames.clear();
            }
        }
    }

    /// Drops the earlier views whose ticks are too old to be shown.
    fn drop_old_views(&mut self) {
        let beat = self.beat.0;
        let is_old = |view: &Arc<View>| view.last_beat().0 + FILL_MAX <= beat;
        if self.past.iter().any(is_old) {
            self.past = self.past.iter().filter(|view| !is_old(view)).cloned().collect();
        }
    }
}
