//! What the rules make of a command.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::event::Event;
use crate::history::Row;
use crate::item::{Item, ItemKey};
use crate::time::Timestamp;

/// The outcome of [`decide`](crate::decide).
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// The board is to be changed.
    Change(Change),
    /// The command is obeyed already.
    Nothing,
}

/// One step of a board, committed whole or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// When it happens; never before the board's last change.
    pub at: Timestamp,
    /// Items to write, whole.
    pub put: BTreeMap<ItemKey, Arc<Item>>,
    /// Items to delete.
    pub removed: BTreeSet<ItemKey>,
    /// History rows to write; a row of the same id is replaced.
    pub archive: Vec<Row>,
    /// What becomes of the scope's entry in the index of deadlines.
    pub deadline: DeadlineMove,
    /// What the change was about.
    pub event: Event,
}

/// What a change does to the scope's next deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadlineMove {
    /// It stays where it is.
    Keep,
    /// The scope has nothing to come.
    Clear,
    /// The next thing to happen by itself happens then.
    Set(Timestamp),
}
