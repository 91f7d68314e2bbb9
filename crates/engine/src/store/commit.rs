//! One step of a board, and its outcome.

use std::collections::BTreeSet;

use bytes::Bytes;
use timers::{
    CommandId, DeadlineMove, HistoryBound, HistoryId, ItemKey, Millis, ROW_TERMS_MAX, Revision, Scope, Tag, Timestamp,
};

use crate::store::{ArchivedRow, Expiry, Fault, FaultKind, HistoryQuota};

/// A commit that was decided longer ago than this is refused: an abandoned command must not take effect later. Far above
/// a healthy round trip, far below the time for which command ids are remembered.
pub const COMMIT_AGE_MAX: Millis = Millis(2000);

/// Most items that one commit writes. A commit is one atomic step, during which a store serves nobody else.
pub const COMMIT_ITEMS_MAX: usize = 1000;

/// Most items that one commit deletes; the reason is that of [`COMMIT_ITEMS_MAX`].
pub const COMMIT_REMOVALS_MAX: usize = 1000;

/// Most history rows that one commit writes; the reason is that of [`COMMIT_ITEMS_MAX`].
pub const COMMIT_ROWS_MAX: usize = 5000;

/// Most history rows that one commit deletes; the reason is that of [`COMMIT_ITEMS_MAX`].
pub const COMMIT_ROW_REMOVALS_MAX: usize = 5000;

const _: () = assert!(timers::ITEMS_MAX <= COMMIT_ITEMS_MAX && timers::REMOVALS_MAX <= COMMIT_REMOVALS_MAX);
const _: () = assert!(timers::ROWS_MAX <= COMMIT_ROWS_MAX && timers::ROWS_MAX <= COMMIT_ROW_REMOVALS_MAX);

/// One step of a board, to be written atomically.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The scope of the board.
    pub scope: Scope,
    /// The tag that the board must have.
    pub expected: Tag,
    /// The command's id, by which a repetition is recognised.
    pub id: CommandId,
    /// The time of the decision, in store time.
    pub decided_at: Timestamp,
    /// The new time of the board.
    pub at: Timestamp,
    /// The new tag of the board.
    pub tag: Tag,
    /// Items to write.
    pub put: Vec<(ItemKey, Bytes)>,
    /// Items to delete.
    pub removed: Vec<ItemKey>,
    /// History rows to write. One of the same id is replaced with its terms; of several in one commit the last counts.
    pub archive: Vec<ArchivedRow>,
    /// History rows to delete; none of them is written as well.
    pub archive_removed: Vec<HistoryId>,
    /// The move of the scope's deadline.
    pub deadline: DeadlineMove,
    /// When the store deletes what it has of the scope.
    pub expiry: Expiry,
    /// The bounds of the scope's history; `None` for a commit that must not be refused because of them.
    pub quota: Option<HistoryQuota>,
    /// The message to publish: the [`Update`](crate::Update), encoded.
    pub update: Bytes,
}

impl Commit {
    /// Tells whether the commit writes or deletes history rows.
    pub fn has_rows(&self) -> bool {
        !self.archive.is_empty() || !self.archive_removed.is_empty()
    }

    /// Checks the commit against the limits of the port, before anything is sent or written.
    ///
    /// # Errors
    /// [`FaultKind::Damaged`], naming the limit: the commit is a bug of the caller, and a retry does not help.
    pub fn check_limits(&self) -> Result<(), Fault> {
        for (what, count, limit) in [
            ("items", self.put.len(), COMMIT_ITEMS_MAX),
            ("deletions", self.removed.len(), COMMIT_REMOVALS_MAX),
            ("history rows", self.archive.len(), COMMIT_ROWS_MAX),
            ("deletions of history rows", self.archive_removed.len(), COMMIT_ROW_REMOVALS_MAX),
        ] {
            if count > limit {
                return Err(refused(format!("a commit has {count} {what}, and the limit is {limit}")));
            }
        }
        let deleted: BTreeSet<&HistoryId> = self.archive_removed.iter().collect();
        self.archive.iter().try_for_each(|row| check_row(row, &deleted))
    }
}

fn check_row(row: &ArchivedRow, deleted: &BTreeSet<&HistoryId>) -> Result<(), Fault> {
    let count = row.terms.len();
    if count > ROW_TERMS_MAX {
        let why = format!("the history row {} has {count} index terms, and the limit is {ROW_TERMS_MAX}", row.id);
        return Err(refused(why));
    }
    if let Some(term) =
        row.terms.iter().enumerate().find_map(|(nth, term)| row.terms[..nth].contains(term).then_some(term))
    {
        return Err(refused(format!("the history row {} has the index term {term} twice", row.id)));
    }
    if deleted.contains(&row.id) {
        return Err(refused(format!("a commit writes and deletes the history row {}", row.id)));
    }
    Ok(())
}

fn refused(why: String) -> Fault {
    Fault::new(FaultKind::Damaged, why)
}

/// The outcome of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// The commit is done, and made this revision.
    Done(Revision, Timestamp),
    /// A commit of the same id was done before, and made this revision.
    Repeated(Revision, Timestamp),
    /// The board has another tag; nothing was done.
    Conflict(Timestamp),
    /// The decision is too old; nothing was done.
    Late(Timestamp),
    /// A second has begun since the decision; nothing was done.
    Stale(Timestamp),
    /// The rows would exceed this bound of [`Commit::quota`]; nothing was done.
    HistoryFull(HistoryBound, Timestamp),
}

impl Committed {
    /// Returns the store's time.
    pub fn now(self) -> Timestamp {
        match self {
            Self::Done(_, now)
            | Self::Repeated(_, now)
            | Self::Conflict(now)
            | Self::Late(now)
            | Self::Stale(now)
            | Self::HistoryFull(_, now) => now,
        }
    }
}
