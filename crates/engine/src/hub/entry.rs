//! One scope's view, and how it is kept true.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use timers::{Beat, Board, Scope, Tag};
use tokio::sync::{Mutex as Gate, watch};

use crate::hub::view::{Shown, View};
use crate::update::Update;

/// How many tags of the past a view knows, to tell a repeated update from a gap. Updates are repeated
/// only around a join or a commit of one's own, a handful at a time.
const KNOWN_TAGS: usize = 16;

/// Most updates that wait for a load. One scope does not change faster than a commit a round trip; when
/// more come, the load is simply done again.
const WAITING_MAX: usize = 256;

pub(crate) struct Entry {
    pub(crate) scope: Scope,
    /// One load at a time.
    pub(crate) gate: Gate<()>,
    local: Mutex<Local>,
    shown: watch::Sender<Option<Shown>>,
}

#[derive(Default)]
struct Local {
    listeners: usize,
    unwanted_since: Option<Duration>,
    doubt: Doubt,
    known: VecDeque<Tag>,
    /// Updates that came during a load.
    waiting: Option<Vec<Update>>,
    epoch: u64,
}

/// Whether the view can be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Doubt {
    /// There is no view yet.
    #[default]
    Blank,
    /// It may have missed something.
    Some,
    /// Whatever happens next will be heard.
    None,
}

/// What became of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Applied,
    /// It waits for the load.
    Kept,
    Skipped,
    Gap,
}

/// What became of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Installed {
    Done,
    /// Updates came that fit neither before nor behind it.
    LoadAgain,
}

impl Local {
    /// Keeps an update for the load that is under way; one more than the limit tells of the overflow.
    fn keep(&mut self, update: &Update) {
        if let Some(waiting) = &mut self.waiting
            && waiting.len() <= WAITING_MAX
        {
            waiting.push(update.clone());
        }
    }
}

impl Entry {
    pub(crate) fn new(scope: Scope) -> Self {
        Self { scope, gate: Gate::new(()), local: Mutex::default(), shown: watch::Sender::new(None) }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<Shown>> {
        self.shown.subscribe()
    }

    pub(crate) fn view(&self) -> Option<Arc<View>> {
        self.shown.borrow().as_ref().map(|shown| Arc::clone(&shown.view))
    }

    pub(crate) fn is_current(&self) -> bool {
        self.lock().doubt == Doubt::None
    }

    pub(crate) fn add_listener(&self) {
        let mut local = self.lock();
        local.listeners += 1;
        local.unwanted_since = None;
    }

    pub(crate) fn remove_listener(&self, now: Duration) {
        let mut local = self.lock();
        local.listeners -= 1;
        if local.listeners == 0 {
            local.unwanted_since = Some(now);
        }
    }

    pub(crate) fn unwanted_for(&self, now: Duration) -> Option<Duration> {
        self.lock().unwanted_since.map(|since| now.saturating_sub(since))
    }

    pub(crate) fn show_beat(&self, beat: Beat) {
        self.shown.send_if_modified(|shown| match shown {
            Some(shown) if shown.view.ticks => {
                shown.beat = beat;
                true
            }
            Some(_) | None => false,
        });
    }

    /// Marks the view as not to be trusted; a view that was never loaded stays blank.
    pub(crate) fn fall_in_doubt(&self) {
        let mut local = self.lock();
        if local.doubt == Doubt::None {
            local.doubt = Doubt::Some;
        }
    }

    /// Trusts the view again if it still stands at `tag`, which the store has confirmed.
    pub(crate) fn confirm(&self, tag: Tag) -> bool {
        let mut local = self.lock();
        let stands = self.tag() == Some(tag);
        if stands && local.doubt == Doubt::Some {
            local.doubt = Doubt::None;
        }
        stands
    }

    pub(crate) fn tag(&self) -> Option<Tag> {
        self.shown.borrow().as_ref().map(|shown| shown.view.board.position.tag)
    }

    pub(crate) fn heard(&self, update: &Update, beat: Beat) -> Heard {
        let mut local = self.lock();
        local.keep(update);
        let Some(view) = self.view() else {
            return if local.waiting.is_some() { Heard::Kept } else { Heard::Skipped };
        };
        if let Some(board) = update.apply(&view.board) {
            self.show(&mut local, Arc::new(board), beat);
            return Heard::Applied;
        }
        let tag = update.position.tag;
        if tag == view.board.position.tag || local.known.contains(&tag) {
            return Heard::Skipped;
        }
        if local.waiting.is_some() { Heard::Kept } else { Heard::Gap }
    }

    /// Takes in a commit of this node's. The board that it left is the store's own, so it replaces a view
    /// that lags behind, whatever lies between.
    pub(crate) fn committed(&self, after: &Arc<Board>, update: &Update, beat: Beat) {
        let mut local = self.lock();
        local.keep(update);
        let Some(view) = self.view() else { return };
        let tag = after.position.tag;
        if view.board.position.tag == tag || local.known.contains(&tag) {
            return;
        }
        let follows = update.prev == view.board.position.tag;
        let overtaken = view.board.position.revision > after.position.revision && local.doubt == Doubt::None;
        if follows || !overtaken {
            self.show(&mut local, Arc::clone(after), beat);
        }
    }

    /// Begins to keep updates for a load.
    pub(crate) fn begin_load(&self) {
        self.lock().waiting = Some(Vec::new());
    }

    /// Ends a load that failed.
    pub(crate) fn abandon_load(&self) {
        self.lock().waiting = None;
    }

    /// Takes in a loaded board, and behind it the updates that came meanwhile.
    pub(crate) fn install(&self, mut board: Board, beat: Beat) -> Installed {
        let mut local = self.lock();
        let waiting = local.waiting.take().unwrap_or_default();
        if waiting.len() > WAITING_MAX {
            return Installed::LoadAgain;
        }
        let mut behind = follow(&mut board, &waiting);
        // Behind a load that missed them all, the last update heard tells whether they are in it.
        if behind.is_none() && waiting.last().is_some_and(|last| last.position.revision <= board.position.revision) {
            behind = Some(());
        }
        if behind.is_none() && !waiting.is_empty() {
            return Installed::LoadAgain;
        }
        local.doubt = Doubt::None;
        if self.tag() != Some(board.position.tag) {
            local.epoch += 1;
            self.show(&mut local, Arc::new(board), beat);
        }
        Installed::Done
    }

    fn show(&self, local: &mut Local, board: Arc<Board>, beat: Beat) {
        if local.known.len() >= KNOWN_TAGS {
            local.known.pop_front();
        }
        local.known.push_back(board.position.tag);
        let view = Arc::new(View::new(board, local.epoch));
        self.shown.send_replace(Some(Shown { view, since: beat, beat }));
    }

    fn lock(&self) -> MutexGuard<'_, Local> {
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Applies those of `updates` that come behind `board`; `None` if none is seen to touch it.
fn follow(board: &mut Board, updates: &[Update]) -> Option<()> {
    let first = updates.iter().position(|update| update.prev == board.position.tag);
    let Some(first) = first else {
        return updates.iter().any(|update| update.position.tag == board.position.tag).then_some(());
    };
    for update in &updates[first..] {
        match update.apply(board) {
            Some(after) => *board = after,
            None if update.position.tag == board.position.tag => {}
            None => return None,
        }
    }
    Some(())
}
