//! What the rules make of a command.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::history::{HistoryId, Row};
use crate::item::ItemKey;
use crate::systems::Item;
use crate::time::Timestamp;

/// Most items that one change writes. One atomic step of the store holds up every other client of that store, so it
/// must stay below some ten milliseconds.
pub const ITEMS_MAX: usize = 1000;

/// Most items that one change removes; the reason is that of [`ITEMS_MAX`].
pub const REMOVALS_MAX: usize = 1000;

/// Most history rows that one change writes and deletes: some years of sessions, which an editor sends in one file.
pub const ROWS_MAX: usize = 5000;

/// The outcome of [`decide`](crate::decide).
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// The board is to be changed.
    Change(Change),
    /// More is due than one commit takes. This part is committed first; then the command is decided again.
    Partial(Change),
    /// The board already is as the command asks.
    Nothing,
}

/// One step of a board, committed whole or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The time of the change; never before the board's last change.
    pub at: Timestamp,
    /// Items to write, whole.
    pub put: BTreeMap<ItemKey, Arc<Item>>,
    /// Items to delete.
    pub removed: BTreeSet<ItemKey>,
    /// History rows to write; a row of the same id is replaced.
    pub archive: Vec<Row>,
    /// History rows to delete.
    pub archive_removed: BTreeSet<HistoryId>,
    /// The move of the scope's entry in the index of deadlines.
    pub deadline: DeadlineMove,
}

/// The effect of a change on the scope's next deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadlineMove {
    /// The deadline stays as it is.
    Keep,
    /// The scope has no deadline any more.
    Clear,
    /// The next deadline is this instant.
    Set(Timestamp),
}
