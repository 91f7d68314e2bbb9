//! One scope's view on this node, and its synchronisation with the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;
use timers::{Beat, Board, Scope, Tag};
use tokio::sync::Mutex as LoadLock;

use crate::clock::Clock;
use crate::hub::broadcast::{Broadcast, Ticks};
use crate::hub::fan_out_trace::{Audience, FanOutTrace};
use crate::hub::hub_counts::HubCounts;
use crate::hub::view::View;
use crate::store::{Shard, Shards};
use crate::update::Update;

/// How long a view outlives its last listener, so that reloading a page costs no load.
const UNUSED_FOR: Duration = Duration::from_secs(5);

/// The number of earlier tags that a view remembers, to tell a repeated update from a gap. Updates are repeated only
/// around a join or a commit of this node, a handful at a time.
const RECENT_TAGS: usize = 16;

/// Most updates that wait for a load. A scope changes at most once per round trip; when more updates come, the load is
/// repeated.
const PENDING_MAX: usize = 256;

pub(crate) struct ScopeState {
    pub(crate) scope: Scope,
    shard: Shard,
    /// Held during a load, so that there is one at a time.
    pub(crate) load_lock: LoadLock<()>,
    sync: Mutex<SyncState>,
    pub(crate) broadcast: Broadcast,
    /// The node's last beat.
    beat: Arc<AtomicU64>,
    clock: Arc<Clock>,
    counts: Arc<HubCounts>,
}

#[derive(Default)]
struct SyncState {
    listeners: usize,
    /// The number of listeners so far, those that have left included.
    listeners_ever: u64,
    unused_since: Option<Duration>,
    /// How many times something may have been missed, and how many of these are made good.
    invalidations: u64,
    validated: u64,
    /// A task loads the view until it is current.
    reloading: bool,
    /// The latest last. Inline while there are few: most views of a node change rarely.
    recent_tags: SmallVec<[Tag; 2]>,
    /// Updates that came during a load.
    pending: Option<Vec<Update>>,
    /// A snapshot was offered and shown since the load began.
    snapshot_offered: bool,
    /// A commit of this node replaced a view of another history since the load began.
    history_replaced: bool,
    epoch: u64,
    /// The number of views published so far.
    published: u64,
}

/// A moment in the life of a view, taken before a command is decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ViewMark {
    invalidations: u64,
    epoch: u64,
    published: u64,
}

/// The outcome of applying an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApplyResult {
    Applied,
    /// The update waits for the load.
    Pending,
    Skipped,
    Gap,
}

/// The outcome of installing a loaded board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InstallResult {
    Done,
    /// Updates came that fit neither before nor after the board.
    LoadAgain,
}

impl SyncState {
    fn audience(&self) -> Audience {
        Audience { listeners: self.listeners, last: self.listeners_ever }
    }

    /// Keeps an update for the load in progress. One update more than the limit marks the overflow.
    fn keep(&mut self, update: &Update) {
        if let Some(pending) = &mut self.pending
            && pending.len() <= PENDING_MAX
        {
            pending.push(update.clone());
        }
    }
}

/// A load in progress.
pub(crate) struct Loading<'s> {
    state: &'s ScopeState,
    invalidations: u64,
}

impl Loading<'_> {
    pub(crate) fn install(self, board: Board) -> InstallResult {
        self.state.install(board, self.invalidations)
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.state.lock().pending = None;
    }
}

impl ScopeState {
    pub(crate) fn new(scope: Scope, beat: Arc<AtomicU64>, clock: Arc<Clock>, counts: Arc<HubCounts>) -> Self {
        let shard = Shard::of(&scope);
        let (load_lock, sync, broadcast) = (LoadLock::new(()), Mutex::default(), Broadcast::default());
        Self { scope, shard, load_lock, sync, broadcast, beat, clock, counts }
    }

    pub(crate) fn is_in(&self, shards: Shards) -> bool {
        shards.contains(self.shard)
    }

    pub(crate) fn view(&self) -> Option<Arc<View>> {
        self.broadcast.snapshot().as_ref().map(|snapshot| Arc::clone(&snapshot.view))
    }

    pub(crate) fn is_current(&self) -> bool {
        self.is_valid(&self.lock())
    }

    fn is_valid(&self, sync: &SyncState) -> bool {
        sync.validated == sync.invalidations && self.broadcast.snapshot().is_some()
    }

    /// Returns the number of invalidations so far. An answer to a later request to the store validates them.
    pub(crate) fn invalidations(&self) -> u64 {
        self.lock().invalidations
    }

    pub(crate) fn mark(&self) -> ViewMark {
        let sync = self.lock();
        ViewMark { invalidations: sync.invalidations, epoch: sync.epoch, published: sync.published }
    }

    /// Claims the task of reloading the view; `false` if another task has it.
    pub(crate) fn claim_reload(&self) -> bool {
        !std::mem::replace(&mut self.lock().reloading, true)
    }

    /// Ends the task of reloading the view, unless the view is invalid and `wanted`.
    pub(crate) fn end_reload(&self, wanted: bool) -> bool {
        let mut sync = self.lock();
        let ends = !wanted || self.is_valid(&sync);
        sync.reloading = !ends;
        ends
    }

    pub(crate) fn is_blank_and_unused(&self) -> bool {
        self.lock().listeners == 0 && self.broadcast.snapshot().is_none()
    }

    /// Adds a listener; returns its number.
    pub(crate) fn add_listener(&self) -> u64 {
        let mut sync = self.lock();
        if sync.listeners == 0 {
            self.counts.begin_listening(self.scope.kind());
            if let Some(view) = self.view() {
                self.counts.add(&view.counts);
            }
        }
        sync.listeners += 1;
        sync.listeners_ever += 1;
        sync.unused_since = None;
        sync.listeners_ever
    }

    pub(crate) fn remove_listener(&self, now: Duration) {
        let mut sync = self.lock();
        sync.listeners -= 1;
        if sync.listeners == 0 {
            self.counts.end_listening(self.scope.kind());
            if let Some(view) = self.view() {
                self.counts.subtract(&view.counts);
            }
            sync.unused_since = Some(now);
        }
    }

    /// Tells whether the view has had no listener for [`UNUSED_FOR`].
    pub(crate) fn is_unused(&self, now: Duration) -> bool {
        self.lock().unused_since.is_some_and(|since| now.saturating_sub(since) > UNUSED_FOR)
    }

    pub(crate) fn listeners(&self) -> usize {
        self.lock().listeners
    }

    /// Delivers the node's last beat.
    pub(crate) fn publish_beat(&self) -> Ticks {
        self.broadcast.publish_beat(|| self.last_beat())
    }

    fn last_beat(&self) -> Beat {
        Beat(self.beat.load(Ordering::Acquire))
    }

    /// Invalidates the view, and the result of a load in progress.
    pub(crate) fn invalidate(&self) {
        self.lock().invalidations += 1;
    }

    /// Validates the view if it is at `tag`, the store's position; returns whether it is.
    pub(crate) fn validate(&self, tag: Tag, invalidations: u64) -> bool {
        let mut sync = self.lock();
        let is_equal = self.tag() == Some(tag);
        if is_equal {
            sync.validated = sync.validated.max(invalidations);
        }
        is_equal
    }

    pub(crate) fn tag(&self) -> Option<Tag> {
        self.broadcast.snapshot().as_ref().map(|snapshot| snapshot.view.board.position.tag)
    }

    /// Applies a received update. If it is shown, `trace` gets the audience.
    pub(crate) fn apply_update(
        &self,
        update: &Update,
        trace: impl FnOnce(Audience) -> Option<Arc<FanOutTrace>>,
    ) -> ApplyResult {
        let mut sync = self.lock();
        sync.keep(update);
        let Some(view) = self.view() else {
            return if sync.pending.is_some() { ApplyResult::Pending } else { ApplyResult::Skipped };
        };
        if let Some(board) = update.apply(&view.board) {
            let trace = trace(sync.audience());
            self.publish(&mut sync, Arc::new(board), trace);
            return ApplyResult::Applied;
        }
        let tag = update.position.tag;
        if tag == view.board.position.tag || sync.recent_tags.contains(&tag) {
            return ApplyResult::Skipped;
        }
        if sync.pending.is_some() { ApplyResult::Pending } else { ApplyResult::Gap }
    }

    /// Applies a commit of this node, which was decided after `mark`; returns whether listeners have seen it.
    ///
    /// The commit's board is the store's own. It replaces an older view, whatever lies between the two, and a view that
    /// is not of its history: after a failover that lost changes, a view may have a greater revision than the store.
    /// A view that was loaded since `mark` may be that of a later commit, so it stays.
    pub(crate) fn apply_commit(
        &self,
        after: &Arc<Board>,
        update: &Update,
        mark: ViewMark,
        trace: impl FnOnce(Audience) -> Option<Arc<FanOutTrace>>,
    ) -> bool {
        let mut sync = self.lock();
        sync.keep(update);
        let Some(view) = self.view() else { return true };
        let tag = after.position.tag;
        if view.board.position.tag == tag || sync.recent_tags.contains(&tag) {
            return true;
        }
        if view.board.position.revision >= after.position.revision {
            // Without a load, each view follows from the one before. One that follows from the commit has left the
            // commit's tag, if that is not forgotten.
            let remembers_all = sync.published - mark.published <= RECENT_TAGS as u64;
            if sync.epoch != mark.epoch || !remembers_all {
                return false;
            }
            sync.epoch += 1;
            sync.history_replaced = true;
        }
        let trace = trace(sync.audience());
        self.publish(&mut sync, Arc::clone(after), trace);
        true
    }

    /// Shows a board that was loaded for a command, so that an answer never tells of a state that listeners have not
    /// seen; returns whether they have seen it. It validates nothing: updates may have been missed before and after it.
    pub(crate) fn offer_snapshot(&self, board: &Arc<Board>, mark: ViewMark) -> bool {
        let mut sync = self.lock();
        let Some(view) = self.view() else { return true };
        if view.board.position.tag == board.position.tag || sync.recent_tags.contains(&board.position.tag) {
            return true;
        }
        let is_newer = view.board.position.revision < board.position.revision;
        let is_accepted = is_newer && sync.invalidations == mark.invalidations;
        if is_accepted {
            sync.epoch += 1;
            sync.snapshot_offered = true;
            self.publish(&mut sync, Arc::clone(board), None);
        }
        is_accepted
    }

    /// Begins to keep updates for a load, until the guard is dropped.
    pub(crate) fn begin_load(&self) -> Loading<'_> {
        let mut sync = self.lock();
        sync.pending = Some(Vec::new());
        sync.snapshot_offered = false;
        sync.history_replaced = false;
        Loading { state: self, invalidations: sync.invalidations }
    }

    /// Installs a loaded board, and applies the updates that came meanwhile.
    fn install(&self, mut board: Board, invalidations: u64) -> InstallResult {
        let mut sync = self.lock();
        let pending = sync.pending.take().unwrap_or_default();
        if pending.len() > PENDING_MAX {
            return InstallResult::LoadAgain;
        }
        // The board of an offered snapshot was loaded after this load began.
        let is_older = self.view().is_some_and(|view| view.board.position.revision > board.position.revision);
        if sync.snapshot_offered && is_older {
            return InstallResult::LoadAgain;
        }
        // The board may be one of the history that was replaced.
        if sync.history_replaced {
            return InstallResult::LoadAgain;
        }
        for update in &pending {
            if let Some(after) = update.apply(&board) {
                board = after;
            }
        }
        if pending.iter().any(|update| update.position.revision > board.position.revision) {
            return InstallResult::LoadAgain;
        }
        sync.validated = sync.validated.max(invalidations);
        if self.tag() != Some(board.position.tag) {
            sync.epoch += 1;
            self.publish(&mut sync, Arc::new(board), None);
        }
        InstallResult::Done
    }

    /// Shows the view again if its dates have changed.
    pub(crate) fn redate(&self) {
        let mut sync = self.lock();
        if let Some(view) = self.view().filter(|view| view.ahead != self.clock.ahead_of_date()) {
            self.publish(&mut sync, Arc::clone(&view.board), None);
        }
    }

    fn publish(&self, sync: &mut SyncState, board: Arc<Board>, trace: Option<Arc<FanOutTrace>>) {
        if sync.recent_tags.len() >= RECENT_TAGS {
            sync.recent_tags.remove(0);
        }
        sync.recent_tags.push(board.position.tag);
        sync.published += 1;
        let (epoch, is_counted, old) = (sync.epoch, sync.listeners > 0, self.view());
        self.broadcast.publish(|| {
            let view = View::new(board, self.clock.ahead_of_date(), epoch, self.last_beat(), trace);
            if is_counted {
                self.counts.add(&view.counts);
            }
            view
        });
        if let Some(old) = old.filter(|_| is_counted) {
            self.counts.subtract(&old.counts);
        }
    }

    fn lock(&self) -> MutexGuard<'_, SyncState> {
        self.sync.lock()
    }
}
