//! The port to storage. An adapter stores boards as bytes, and knows nothing of timers.

mod beat;
mod capacity;
mod commit;
mod fault;
mod head;
mod history;
mod leadership;
mod measured;
mod node_reports;
mod retention;
mod row_value;
mod server_status;
mod shard;
mod signal_sender;
mod transfer;

use std::collections::BTreeSet;

use async_trait::async_trait;
use bytes::Bytes;
use timers::{HistoryId, ItemKey, Millis, Position, RequiredRows, Scope, Tag, Timestamp};
use tokio::sync::mpsc;

use crate::update::Update;

pub use beat::{ABSORBED_AS_DATE_MAX, BeatRequest, BeatStatus, STEP_BACK_MAX, ahead_of_date};
pub use capacity::Capacity;
pub use commit::{
    COMMIT_AGE_MAX, COMMIT_ITEMS_MAX, COMMIT_REMOVALS_MAX, COMMIT_ROW_REMOVALS_MAX, COMMIT_ROWS_MAX, Commit, Committed,
};
pub use fault::{Fault, FaultKind};
pub use head::{Head, RECENT_ID_AGE_MAX, RECENT_IDS_MAX, RecentId};
pub use history::{ArchivedRow, HistoryCursor, Page, Query};
pub use leadership::{lead, resign};
pub(crate) use measured::Measured;
pub use node_reports::{LocalReports, NodeReport, NodeReports, REPORTS_MAX, REPORTS_REMOVED_MAX};
pub use retention::{Expiry, HistoryQuota, HistorySize};
pub use server_status::{Persistence, ServerDetails, ServerStatus};
pub use shard::{SHARDS, Shard, Shards};
pub use signal_sender::SignalSender;
pub use transfer::{EXPORT_BYTES, EXPORT_ROWS_MAX, Export, ExportPart, RestoreStep, StoredScope, Transfer};

/// Most signals in the queue to the hub. A hub that is further behind receives a lost link instead, and compares
/// positions.
pub const SIGNALS_MAX: usize = 8192;

/// Stores boards, history and deadlines, and signals commits to all nodes.
///
/// Every answer carries the store's time, which is the only source of time. It never goes back: when the store's own clock
/// does, the store absorbs the step, and its beats tell how much is absorbed.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Reads a whole board, and of its history which rows exist and the rows whose bodies are required. One round trip.
    ///
    /// The rows are of the same state as the board. A refusal that follows from both is therefore right, and the board's tag guards
    /// a change that follows from both.
    ///
    /// # Errors
    /// [`Fault`]; a load changes nothing, so a retry is always safe.
    async fn load(&self, scope: &Scope, rows: &RequiredRows) -> Result<LoadedBoard, Fault>;

    /// Carries out one commit in one atomic step, or tells why not. One round trip.
    ///
    /// # Errors
    /// [`FaultKind::Unavailable`], [`FaultKind::Failing`]: nothing was done. [`FaultKind::Unknown`]: the commit may have been done; sending the
    /// same commit again is safe, and its answer tells. [`FaultKind::Damaged`]: the commit exceeds a limit
    /// ([`Commit::check_limits`]) or the store refuses it; nothing was done.
    async fn commit(&self, commit: &Commit) -> Result<Committed, Fault>;

    /// Waits until a board that was read at `tag` is as safe as an answered commit. Returns whether the board is still at
    /// `tag`; if not, what was read may be lost, and must be read again. A store whose commits are safe as soon as they
    /// can be read need not wait, and may return `true` without a look at the board.
    ///
    /// # Errors
    /// [`FaultKind::Unknown`]: a failover may still undo the commit; a retry is safe.
    async fn confirm(&self, scope: &Scope, tag: Tag) -> Result<bool, Fault>;

    /// Reads rows of a scope's history, newest first; rows of one instant in the descending order of their ids. The cost is that of
    /// the rows returned, however long the history is. One round trip for each thousand rows.
    ///
    /// A cursor stays valid whatever is written meanwhile: no row that is not written itself is skipped or returned twice.
    ///
    /// # Errors
    /// [`Fault`]; a retry is safe.
    async fn history(&self, scope: &Scope, query: &Query) -> Result<Page, Fault>;

    /// Lets what is stored of scopes live for this long from now, if a commit has limited its life ([`Expiry`]) to an
    /// earlier end. One round trip.
    ///
    /// # Errors
    /// [`Fault`]: some scopes may still end earlier; a retry is safe.
    async fn extend(&self, scopes: &[Scope], lifetime: Millis) -> Result<(), Fault>;

    /// Records that a scope was in use at this instant, a date. Not a commit: the board's position stays, nothing is
    /// published, and a crash can lose the last half minute of it. Costs one round trip, or none.
    ///
    /// # Errors
    /// [`Fault`]; a retry is safe.
    async fn touch(&self, scope: &Scope, at: Timestamp) -> Result<(), Fault>;

    /// Watches a scope. When this returns, every later commit is signalled. Watching a scope twice is harmless.
    ///
    /// # Errors
    /// [`Fault`]: the scope is not watched.
    async fn watch(&self, scope: &Scope) -> Result<(), Fault>;

    /// Stops watching a scope.
    fn unwatch(&self, scope: &Scope);

    /// Reads the positions of boards, in the order of `scopes`; `None` for boards whose part of the store is unavailable.
    /// Pipelined: one round trip.
    async fn positions(&self, scopes: &[Scope]) -> Vec<Option<Position>>;

    /// Reads the scopes whose deadline is not after `until`, earliest first, and at most `limit` of each part that the
    /// store reads separately. Parts that cannot be read are left out and named; the store reports damaged ones.
    ///
    /// Scopes of unknown kinds ([`Scope::is_known`]) stay in the index and are not returned. They do not hide known
    /// scopes with later deadlines.
    ///
    /// # Errors
    /// [`Fault`]: no part could be read; a retry is safe.
    async fn due(&self, until: Timestamp, limit: usize) -> Result<DuePage, Fault>;

    /// Postpones a deadline that cannot be carried out, unless it has moved meanwhile.
    ///
    /// # Errors
    /// [`Fault`]; a retry is safe.
    async fn postpone(&self, due: &Due, to: Timestamp) -> Result<(), Fault>;

    /// Requests to lead the beat of the current second.
    ///
    /// # Errors
    /// [`Fault`]; a retry is safe: each second has one beat.
    async fn beat(&self, request: &BeatRequest) -> Result<BeatStatus, Fault>;

    /// Resigns the leadership if `node` has it, so that another node takes over at once.
    ///
    /// # Errors
    /// [`Fault`]: the other nodes notice the missing beat.
    async fn vacate(&self, node: &str) -> Result<(), Fault>;

    /// Tells whether the store can be used; the error is a text for the operator.
    fn ready(&self) -> Result<(), String>;

    /// Returns the store's counters.
    fn counters(&self) -> StoreCounters {
        StoreCounters::default()
    }

    /// Returns the servers, for operators; none if the store has no server.
    fn servers(&self) -> Vec<ServerStatus> {
        Vec::new()
    }

    /// Returns the reports of nodes; `None` if the store keeps none.
    fn node_reports(&self) -> Option<&dyn NodeReports> {
        None
    }

    /// Returns the access to whole scopes; `None` if the store has none.
    fn transfer(&self) -> Option<&dyn Transfer> {
        None
    }

    /// Closes all links, and waits until all acknowledged commits are safe.
    async fn close(&self);
}

/// The counters of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreCounters {
    /// Scopes that are watched now.
    pub watched: u64,
    /// Connections to a server that were established, with the server usable.
    pub established: u64,
    /// Connections to a server that were lost.
    pub lost: u64,
    /// Commits that were done and not published.
    pub unpublished: u64,
    /// Commits that were done, and that replicas did not acknowledge in time.
    pub unreplicated: u64,
    /// Signals that were dropped since the hub did not read them in time.
    pub dropped: u64,
    /// Shards that can be used now; `None` if the store has no separate parts.
    pub shards: Option<u64>,
    /// Answers about deadlines and positions that could not be used because of what is stored.
    pub damaged: u64,
    /// Shards whose deadlines can't be read because of what is stored, in this node's last query.
    pub damaged_shards: u64,
    /// The space of the server that is fullest; `None` if it is not known.
    pub capacity: Option<Capacity>,
}

/// What the store sends to nodes unrequested. Updates of one scope come in the order of their commits.
#[derive(Clone, Debug)]
pub enum Signal {
    /// A commit of a watched scope.
    Updated(Box<Update>),
    /// A beat of the leader.
    Beat(BeatStatus),
    /// The leader has resigned.
    Vacant,
    /// Updates of these shards may be missing from now on.
    Lost(Shards),
    /// All watched scopes of these shards are watched again. The hub must find out what it has missed.
    Restored(Shards),
}

/// A store with its signals.
pub struct Connected<S: ?Sized> {
    /// The store.
    pub store: std::sync::Arc<S>,
    /// The signals, which the hub reads.
    pub signals: mpsc::Receiver<Signal>,
}

/// A board as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedBoard {
    /// The board's position; [`Position::NONE`] if it was never written.
    pub position: Position,
    /// The time of the last change.
    pub at: Timestamp,
    /// The items, encoded.
    pub items: Vec<(ItemKey, Bytes)>,
    /// Those of [`RequiredRows::existing`] that are in the history.
    pub existing: BTreeSet<HistoryId>,
    /// Those of [`RequiredRows::bodies`] that are in the history.
    pub rows: Vec<ArchivedRow>,
    /// The command ids that the board remembers.
    pub recent: Vec<RecentId>,
    /// When the scope was last in use, if that was ever recorded.
    pub touched_at: Option<Timestamp>,
    /// The store's time.
    pub now: Timestamp,
}

/// A scope with a deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The scope.
    pub scope: Scope,
    /// The deadline.
    pub at: Timestamp,
}

/// Due deadlines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuePage {
    /// The earliest ones, in order.
    pub due: Vec<Due>,
    /// Whether there may be more than the limit.
    pub more: bool,
    /// The shards that could not be read.
    pub unread: Shards,
}
