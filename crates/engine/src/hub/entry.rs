//! One scope's view, and how it is kept true.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use timers::{Beat, Board, Scope, Tag};
use tokio::sync::Mutex as Gate;

use crate::hub::spread::{Audience, Spread};
use crate::hub::stage::{Stage, Ticks};
use crate::hub::view::View;
use crate::store::{Shard, Shards};
use crate::update::Update;

/// How long a view outlives its last listener, so that a reload of a page costs no load.
const LINGER: Duration = Duration::from_secs(5);

/// How many tags of the past a view knows, to tell a repeated update from a gap. Updates are repeated
/// only around a join or a commit of one's own, a handful at a time.
const KNOWN_TAGS: usize = 16;

/// Most updates that wait for a load. One scope does not change faster than a commit a round trip; when
/// more come, the load is simply done again.
const WAITING_MAX: usize = 256;

pub(crate) struct Entry {
    pub(crate) scope: Scope,
    shard: Shard,
    /// One load at a time.
    pub(crate) gate: Gate<()>,
    local: Mutex<Local>,
    pub(crate) stage: Stage,
    /// The node's last beat.
    beat: Arc<AtomicU64>,
}

#[derive(Default)]
struct Local {
    listeners: usize,
    /// How many have ever listened.
    ever: u64,
    unwanted_since: Option<Duration>,
    /// How often something may have been missed, and how many of these times are made good.
    doubts: u64,
    settled: u64,
    /// A task loads the view until it is current.
    reloading: bool,
    known: VecDeque<Tag>,
    /// Updates that came during a load.
    waiting: Option<Vec<Update>>,
    /// A board that was loaded by another way is shown since that load began.
    glimpsed: bool,
    epoch: u64,
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
    fn audience(&self) -> Audience {
        Audience { listeners: self.listeners, last: self.ever }
    }

    /// Keeps an update for the load that is under way; one more than the limit tells of the overflow.
    fn keep(&mut self, update: &Update) {
        if let Some(waiting) = &mut self.waiting
            && waiting.len() <= WAITING_MAX
        {
            waiting.push(update.clone());
        }
    }
}

/// A load under way.
pub(crate) struct Loading<'e> {
    entry: &'e Entry,
    doubts: u64,
}

impl Loading<'_> {
    pub(crate) fn install(self, board: Board) -> Installed {
        self.entry.install(board, self.doubts)
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.entry.lock().waiting = None;
    }
}

impl Entry {
    pub(crate) fn new(scope: Scope, beat: Arc<AtomicU64>) -> Self {
        let shard = Shard::of(&scope);
        Self { scope, shard, gate: Gate::new(()), local: Mutex::default(), stage: Stage::default(), beat }
    }

    pub(crate) fn is_among(&self, shards: Shards) -> bool {
        shards.contains(self.shard)
    }

    pub(crate) fn view(&self) -> Option<Arc<View>> {
        self.stage.shown().as_ref().map(|shown| Arc::clone(&shown.view))
    }

    pub(crate) fn is_current(&self) -> bool {
        self.stands(&self.lock())
    }

    fn stands(&self, local: &Local) -> bool {
        local.settled == local.doubts && self.stage.shown().is_some()
    }

    /// The doubts there are now: what is asked of the store from here on settles them.
    pub(crate) fn doubts(&self) -> u64 {
        self.lock().doubts
    }

    /// Claims the task of loading the view; `false` if somebody is at it.
    pub(crate) fn claim_reload(&self) -> bool {
        !std::mem::replace(&mut self.lock().reloading, true)
    }

    /// Ends the task of loading the view, unless there is a new doubt and `wanted`.
    pub(crate) fn end_reload(&self, wanted: bool) -> bool {
        let mut local = self.lock();
        let ends = !wanted || self.stands(&local);
        local.reloading = !ends;
        ends
    }

    pub(crate) fn is_blank_and_unwanted(&self) -> bool {
        self.lock().listeners == 0 && self.stage.shown().is_none()
    }

    /// Adds a listener; returns its number.
    pub(crate) fn add_listener(&self) -> u64 {
        let mut local = self.lock();
        local.listeners += 1;
        local.ever += 1;
        local.unwanted_since = None;
        local.ever
    }

    pub(crate) fn remove_listener(&self, now: Duration) {
        let mut local = self.lock();
        local.listeners -= 1;
        if local.listeners == 0 {
            local.unwanted_since = Some(now);
        }
    }

    /// Tells whether nobody has listened for a while.
    pub(crate) fn is_unwanted(&self, now: Duration) -> bool {
        self.lock().unwanted_since.is_some_and(|since| now.saturating_sub(since) > LINGER)
    }

    pub(crate) fn listeners(&self) -> usize {
        self.lock().listeners
    }

    /// Shows the node's last beat.
    pub(crate) fn show_beat(&self) -> Ticks {
        self.stage.show_beat(|| self.last_beat())
    }

    fn last_beat(&self) -> Beat {
        Beat(self.beat.load(Ordering::Acquire))
    }

    /// Marks the view as not to be trusted, and what is being loaded neither.
    pub(crate) fn fall_in_doubt(&self) {
        self.lock().doubts += 1;
    }

    /// Trusts the view again if it still stands at `tag`, which the store has confirmed.
    pub(crate) fn confirm(&self, tag: Tag, doubts: u64) -> bool {
        let mut local = self.lock();
        let stands = self.tag() == Some(tag);
        if stands {
            local.settled = local.settled.max(doubts);
        }
        stands
    }

    pub(crate) fn tag(&self) -> Option<Tag> {
        self.stage.shown().as_ref().map(|shown| shown.view.board.position.tag)
    }

    /// Takes in an update that was heard; if it is shown, `follow` is told to how many.
    pub(crate) fn heard(&self, update: &Update, follow: impl FnOnce(Audience) -> Option<Arc<Spread>>) -> Heard {
        let mut local = self.lock();
        local.keep(update);
        let Some(view) = self.view() else {
            return if local.waiting.is_some() { Heard::Kept } else { Heard::Skipped };
        };
        if let Some(board) = update.apply(&view.board) {
            let spread = follow(local.audience());
            self.show(&mut local, Arc::new(board), spread);
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
    pub(crate) fn committed(
        &self,
        after: &Arc<Board>,
        update: &Update,
        follow: impl FnOnce(Audience) -> Option<Arc<Spread>>,
    ) {
        let mut local = self.lock();
        local.keep(update);
        let Some(view) = self.view() else { return };
        let tag = after.position.tag;
        if view.board.position.tag == tag || local.known.contains(&tag) {
            return;
        }
        if view.board.position.revision < after.position.revision {
            let spread = follow(local.audience());
            self.show(&mut local, Arc::clone(after), spread);
        }
    }

    /// Takes in a board that was loaded for a command, so that nobody is told of what they have not seen; tells
    /// whether they have. It settles no doubt: updates may have been missed before it, and behind it.
    pub(crate) fn glimpse(&self, board: &Arc<Board>, doubts: u64) -> bool {
        let mut local = self.lock();
        let Some(view) = self.view() else { return true };
        if view.board.position.tag == board.position.tag || local.known.contains(&board.position.tag) {
            return true;
        }
        let is_newer = view.board.position.revision < board.position.revision;
        let shows = is_newer && local.doubts == doubts;
        if shows {
            local.epoch += 1;
            local.glimpsed = true;
            self.show(&mut local, Arc::clone(board), None);
        }
        shows
    }

    /// Begins to keep updates for a load; they are kept until the guard is dropped.
    pub(crate) fn begin_load(&self) -> Loading<'_> {
        let mut local = self.lock();
        local.waiting = Some(Vec::new());
        local.glimpsed = false;
        Loading { entry: self, doubts: local.doubts }
    }

    /// Takes in a loaded board, and behind it the updates that came meanwhile.
    fn install(&self, mut board: Board, doubts: u64) -> Installed {
        let mut local = self.lock();
        let waiting = local.waiting.take().unwrap_or_default();
        if waiting.len() > WAITING_MAX {
            return Installed::LoadAgain;
        }
        // What is shown was loaded since this load began.
        let is_older = self.view().is_some_and(|view| view.board.position.revision > board.position.revision);
        if local.glimpsed && is_older {
            return Installed::LoadAgain;
        }
        for update in &waiting {
            if let Some(after) = update.apply(&board) {
                board = after;
            }
        }
        if waiting.iter().any(|update| update.position.revision > board.position.revision) {
            return Installed::LoadAgain;
        }
        local.settled = local.settled.max(doubts);
        if self.tag() != Some(board.position.tag) {
            local.epoch += 1;
            self.show(&mut local, Arc::new(board), None);
        }
        Installed::Done
    }

    fn show(&self, local: &mut Local, board: Arc<Board>, spread: Option<Arc<Spread>>) {
        if local.known.len() >= KNOWN_TAGS {
            local.known.pop_front();
        }
        local.known.push_back(board.position.tag);
        let epoch = local.epoch;
        self.stage.put(|| View::new(board, epoch, self.last_beat(), spread));
    }

    fn lock(&self) -> MutexGuard<'_, Local> {
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
