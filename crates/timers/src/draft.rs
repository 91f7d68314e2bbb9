//! A board with the changes that a decision has made so far.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::board::Board;
use crate::change::{Change, DeadlineMove};
use crate::event::Event;
use crate::history::Row;
use crate::item::{Item, ItemKey};
use crate::limits::Limits;
use crate::refusal::Refusal;
use crate::time::Timestamp;

pub(crate) struct Draft<'a> {
    pub(crate) board: &'a Board,
    pub(crate) now: Timestamp,
    pub(crate) limits: &'a Limits,
    put: BTreeMap<ItemKey, Arc<Item>>,
    removed: BTreeSet<ItemKey>,
    archive: Vec<Row>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(board: &'a Board, now: Timestamp, limits: &'a Limits) -> Self {
        Self { board, now, limits, put: BTreeMap::new(), removed: BTreeSet::new(), archive: Vec::new() }
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = (&ItemKey, &Item)> {
        let kept = self.board.items.iter().filter(|(key, _)| !self.put.contains_key(*key));
        let kept = kept.filter(|(key, _)| !self.removed.contains(*key));
        kept.chain(&self.put).map(|(key, item)| (key, item.as_ref()))
    }

    pub(crate) fn get(&self, key: &ItemKey) -> Option<&Item> {
        if self.removed.contains(key) {
            return None;
        }
        self.put.get(key).or_else(|| self.board.items.get(key)).map(AsRef::as_ref)
    }

    /// Writes an item, unless the board has the very same one.
    pub(crate) fn put(&mut self, key: ItemKey, item: Item) {
        self.removed.remove(&key);
        if self.board.items.get(&key).is_some_and(|old| **old == item) {
            self.put.remove(&key);
        } else {
            self.put.insert(key, Arc::new(item));
        }
    }

    pub(crate) fn remove(&mut self, key: &ItemKey) {
        self.put.remove(key);
        if self.board.items.contains_key(key) {
            self.removed.insert(key.clone());
        }
    }

    pub(crate) fn archive(&mut self, row: Row) {
        self.archive.push(row);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.put.is_empty() && self.removed.is_empty() && self.archive.is_empty()
    }

    /// Refuses a draft that makes the board larger than the limit. One that makes it smaller passes,
    /// whatever its size: a limit that was lowered must not lock people in.
    pub(crate) fn check_weight(&self) -> Result<(), Refusal> {
        if self.put.is_empty() {
            return Ok(());
        }
        let after: usize = self.items().map(|(_, item)| item.weight()).sum();
        let before: usize = self.board.items.values().map(|item| item.weight()).sum();
        if after > self.limits.board_bytes && after > before {
            return Err(Refusal::BoardTooLarge(self.limits.board_bytes));
        }
        Ok(())
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.items().filter_map(|(_, item)| item.deadline(self.limits)).min()
    }

    pub(crate) fn into_change(self, event: Event, deadline: DeadlineMove) -> Change {
        let Self { now, put, removed, archive, .. } = self;
        Change { at: now, put, removed, archive, deadline, event }
    }
}
