//! Taking whole scopes out of a store, and putting them into another one unchanged: backup, restore and migration.

use async_trait::async_trait;
use bytes::Bytes;
use timers::{ItemKey, Position, Scope, Timestamp};

use crate::store::{ArchivedRow, Fault, HistorySize, RecentId};
use crate::store_clock::StoreTime;

/// Most history rows in one part of an export. A store may serve nobody else while it reads a part.
pub const EXPORT_ROWS_MAX: usize = 1000;

/// Bytes of history rows after which a part of an export ends, for the same reason.
pub const EXPORT_BYTES: usize = 1 << 20;

/// All that is stored of a scope, without its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredScope {
    /// The scope.
    pub scope: Scope,
    /// The board's position; [`Position::NONE`] if only the last use of the scope is stored.
    pub position: Position,
    /// The time of the last change.
    pub at: Timestamp,
    /// The items, encoded, in the order of their keys.
    pub items: Vec<(ItemKey, Bytes)>,
    /// The command ids that the board remembers, oldest first, dated in store time.
    pub recent: Vec<RecentId>,
    /// The scope's deadline.
    pub deadline: Option<Timestamp>,
    /// When the store deletes the scope, in store time.
    pub ends_at: Option<Timestamp>,
    /// When the scope was last in use.
    pub touched_at: Option<Timestamp>,
}

/// A part of an export.
#[derive(Debug)]
pub enum ExportPart {
    /// A scope; its rows follow.
    Scope(StoredScope),
    /// Rows of the last scope.
    Rows(Vec<ArchivedRow>),
    /// A scope, or the name of a key, whose content cannot be read. Nothing of it is exported.
    Damaged(String, Fault),
}

/// The scopes of a store, one after the other.
///
/// Each scope is of one state: its board, its history and its deadline are those of the same position.
#[async_trait]
pub trait Export: Send {
    /// Returns the number of scopes, as it was at the beginning.
    fn scopes(&self) -> u64;

    /// Reads the next part; `None` at the end.
    ///
    /// # Errors
    /// [`Fault`]; a repetition continues at the same scope.
    async fn next(&mut self) -> Result<Option<ExportPart>, Fault>;
}

/// A step of a restore.
#[derive(Clone, Debug)]
pub enum RestoreStep {
    /// Deletes all that is stored of a scope.
    Clear(Scope),
    /// Writes history rows of a scope.
    Rows(Scope, Vec<ArchivedRow>),
    /// Writes all else of a scope, after its rows, whose size is given.
    Finish(StoredScope, HistorySize),
}

/// Takes whole scopes out of a store and puts them in. No update is published: no node may use the scopes that are put in.
#[async_trait]
pub trait Transfer: Send + Sync {
    /// Begins an export of all scopes.
    ///
    /// # Errors
    /// [`Fault`]; a retry is safe.
    async fn export(&self) -> Result<Box<dyn Export>, Fault>;

    /// Carries out steps in their order. A scope whose end has passed is gone afterwards.
    ///
    /// # Errors
    /// [`Fault`]: some steps may be done; to repeat them is safe.
    async fn restore(&self, steps: Vec<RestoreStep>) -> Result<(), Fault>;

    /// Lets the store continue the time of another one: what that has absorbed is absorbed here too, and the time is not
    /// before `time.now`. A store that is not `empty` never absorbs less than before, since its instants depend on it.
    ///
    /// # Errors
    /// [`Fault`]; a retry is safe.
    async fn continue_time(&self, time: StoreTime, empty: bool) -> Result<(), Fault>;

    /// Returns the id of the backup whose restore has begun and not ended.
    ///
    /// # Errors
    /// [`Fault`]; a retry is safe.
    async fn unfinished_restore(&self) -> Result<Option<u64>, Fault>;

    /// Records that the restore of a backup has begun; `None` for its end.
    ///
    /// # Errors
    /// [`Fault`]; a retry is safe.
    async fn set_unfinished_restore(&self, backup: Option<u64>) -> Result<(), Fault>;
}

impl StoredScope {
    /// Tells whether the scope has ended at an instant of store time.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.ends_at.is_some_and(|at| at <= now)
    }
}
