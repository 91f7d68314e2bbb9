//! The port to storage. An adapter keeps boards as bytes and knows nothing of timers.

mod fault;
mod head;
mod history;
mod measured;
mod outlet;
mod shard;

use std::collections::BTreeSet;

use async_trait::async_trait;
use bytes::Bytes;
use timers::{Beat, CommandId, DeadlineMove, HistoryId, ItemKey, Millis, Position, Revision, Scope, Tag, Timestamp};
use tokio::sync::mpsc;

use crate::update::Update;

pub use fault::{Fault, FaultKind};
pub use head::{Head, RECENT_ID_AGE_MAX, RECENT_IDS_MAX, RecentId};
pub use history::{ArchivedRow, Cursor, Page, Query};
pub(crate) use measured::Measured;
pub use outlet::{Outlet, lead, resign};
pub use shard::{SHARDS, Shard, Shards};

/// A commit decided longer ago than this is refused: an abandoned command must not happen behind anyone's
/// back. Far above a healthy round trip, far below the memory of command ids.
pub const COMMIT_AGE_MAX: Millis = Millis(2000);

/// A step back of the store's clock that is larger than this is a clock that was put right: it is believed, and
/// beats are counted anew. Smaller ones are absorbed.
pub const STEP_BACK_MAX: Millis = Millis(60_000);

/// Most signals that wait for the hub. A hub that is this far behind is told that it lost the link, and
/// compares positions instead of reading on.
pub const SIGNALS_MAX: usize = 8192;

/// Keeps boards, history and deadlines, and tells nodes of each other's commits.
///
/// Every answer carries the store's time, which is the only source of time there is.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Reads a whole board, and which of `ask` are in its history. One round trip.
    ///
    /// # Errors
    /// [`Fault`]; a load changes nothing, so a retry is always safe.
    async fn load(&self, scope: &Scope, ask: &[HistoryId]) -> Result<Loaded, Fault>;

    /// Carries out one commit in one atomic step, or says why not. One round trip.
    ///
    /// # Errors
    /// [`FaultKind::Unavailable`]: nothing happened. [`FaultKind::Unknown`]: it may have happened; sending
    /// the very same commit again is safe and tells.
    async fn commit(&self, commit: &Commit) -> Result<Committed, Fault>;

    /// Waits until a board that was read at `tag` is as safe as a commit that was answered. Tells whether it
    /// still stands there: if not, what was read may be gone, and is read again. Where commits are safe as
    /// soon as they can be read, there is nothing to wait for, and it may say so without looking.
    ///
    /// # Errors
    /// [`FaultKind::Unknown`]: a failover may still take it back; a retry is safe.
    async fn confirm(&self, scope: &Scope, tag: Tag) -> Result<bool, Fault>;

    /// Reads rows of a scope's history, newest first. One round trip, or a few where many rows share one
    /// instant.
    ///
    /// # Errors
    /// [`Fault`]; a retry is safe.
    async fn history(&self, scope: &Scope, query: &Query) -> Result<Page, Fault>;

    /// Asks for the updates of a scope. When this returns, every later commit will be signalled; asking
    /// again does no harm.
    ///
    /// # Errors
    /// [`Fault`]: the scope is not watched.
    async fn watch(&self, scope: &Scope) -> Result<(), Fault>;

    /// Lets go of a scope.
    fn unwatch(&self, scope: &Scope);

    /// Reads where boards stand, in the order asked; `None` of those whose part of the store is away.
    /// Pipelined: one round trip.
    async fn positions(&self, scopes: &[Scope]) -> Vec<Option<Position>>;

    /// Reads scopes whose deadline is not after `until`, earliest first and at most `limit` of each part
    /// that the store reads by itself. What is away is left out.
    ///
    /// # Errors
    /// [`Fault`]: nothing could be read; a retry is safe.
    async fn due(&self, until: Timestamp, limit: usize) -> Result<DueLook, Fault>;

    /// Puts off a deadline that can't be carried out, unless it has moved meanwhile.
    ///
    /// # Errors
    /// [`Fault`]; a retry is safe.
    async fn put_off(&self, due: &Due, to: Timestamp) -> Result<(), Fault>;

    /// Tries to lead the beat of the current second.
    ///
    /// # Errors
    /// [`Fault`]; a retry is safe: a second is beaten once.
    async fn beat(&self, ask: &BeatAsk) -> Result<BeatAnswer, Fault>;

    /// Gives leadership up, if `node` has it, so that another takes over at once.
    ///
    /// # Errors
    /// [`Fault`]: the others will notice by the missing beat.
    async fn vacate(&self, node: &str) -> Result<(), Fault>;

    /// Tells whether the store can be used, or why not, in words for the operator.
    fn ready(&self) -> Result<(), String>;

    /// Returns what the store counts of itself.
    fn tally(&self) -> Tally {
        Tally::default()
    }

    /// Ends all links and waits for what was accepted to be safe.
    async fn close(&self);
}

/// What a store counts of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Scopes that it watches now.
    pub watched: u64,
    /// Times that a server of it was connected to and found usable.
    pub established: u64,
    /// Times that one could not be used any more.
    pub lost: u64,
    /// Commits that were done and could not be published.
    pub unpublished: u64,
    /// Commits that were done, and that replicas did not have in time.
    pub unsafe_yet: u64,
    /// Signals that came and could not be read in time.
    pub dropped: u64,
    /// Parts of the store that can be used now; `None` if it has no parts.
    pub shards: Option<u64>,
}

/// What nodes hear from the store without asking. Updates of one scope come in the order of their commits.
#[derive(Clone, Debug)]
pub enum Signal {
    /// A commit of a watched scope.
    Updated(Box<Update>),
    /// A beat, from whoever leads.
    Beat(BeatAnswer),
    /// The leader has resigned.
    Vacant,
    /// Updates of these shards may have been missed from here on.
    Lost(Shards),
    /// All watched scopes of these shards are watched again; what was missed is for the hub to find out.
    Restored(Shards),
}

/// A store with the stream of its signals.
pub struct Connected<S: ?Sized> {
    /// The store.
    pub store: std::sync::Arc<S>,
    /// What it has to say; the hub reads it.
    pub signals: mpsc::Receiver<Signal>,
}

/// A board as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Where it stands; [`Position::NONE`] if it was never written.
    pub position: Position,
    /// When it was last changed.
    pub at: Timestamp,
    /// Its items, encoded.
    pub items: Vec<(ItemKey, Bytes)>,
    /// Which of the rows asked about are in the history.
    pub known: BTreeSet<HistoryId>,
    /// The commands that the board remembers.
    pub recent: Vec<RecentId>,
    /// The store's time.
    pub now: Timestamp,
}

/// One step of a board, ready to be written.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Whose board.
    pub scope: Scope,
    /// The tag it must stand at.
    pub expected: Tag,
    /// Tells a repetition.
    pub id: CommandId,
    /// When it was decided, on the store's time scale.
    pub decided_at: Timestamp,
    /// What becomes the board's time.
    pub at: Timestamp,
    /// What becomes the board's tag.
    pub tag: Tag,
    /// Items to write.
    pub put: Vec<(ItemKey, Bytes)>,
    /// Items to delete.
    pub removed: Vec<ItemKey>,
    /// History rows to write.
    pub archive: Vec<ArchivedRow>,
    /// What becomes of the scope's deadline.
    pub deadline: DeadlineMove,
    /// Nothing is left on the board and its scope does not come again: it may be forgotten from now on.
    pub fades: bool,
    /// What to publish: the [`Update`], encoded.
    pub update: Bytes,
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is done, and made this revision.
    Done(Revision, Timestamp),
    /// A commit of this id was done before, and made this revision.
    Repeated(Revision, Timestamp),
    /// The board stands elsewhere; nothing was done.
    Conflict(Timestamp),
    /// It was decided too long ago; nothing was done.
    Late(Timestamp),
    /// A second has begun since it was decided; nothing was done.
    Stale(Timestamp),
}

impl Committed {
    /// Returns the store's time.
    pub fn now(self) -> Timestamp {
        match self {
            Self::Done(_, now) | Self::Repeated(_, now) | Self::Conflict(now) | Self::Late(now) | Self::Stale(now) => {
                now
            }
        }
    }
}

/// A scope that has something to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Whose board.
    pub scope: Scope,
    /// When.
    pub at: Timestamp,
}

/// What falls due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueLook {
    /// The earliest, in order.
    pub due: Vec<Due>,
    /// Whether there may be more than was asked for.
    pub more: bool,
}

/// A node's wish to lead the beat.
#[derive(Clone, Debug)]
pub struct BeatAsk {
    /// Which node.
    pub node: String,
    /// How late the leader must be before another takes over.
    pub takeover_after: Millis,
    /// What becomes the generation if the store has none.
    pub generation: Tag,
    /// The node's cluster clock, if it has one.
    pub now: Option<Timestamp>,
}

/// The last beat there was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeatAnswer {
    /// Its number.
    pub beat: Beat,
    /// The store's time.
    pub now: Timestamp,
    /// Which node leads; empty after a resignation.
    pub leader: String,
    /// Changes when the store was emptied.
    pub generation: Tag,
    /// How far the store's own clock is behind its time, after steps back that were absorbed.
    pub absorbed: Millis,
}
