//! A board with the changes that a decision has made so far.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::board::{Board, all_of_kind};
use crate::change::{Change, DeadlineMove, ITEMS_MAX, REMOVALS_MAX, ROWS_MAX};
use crate::history::{HistoryId, Row};
use crate::item::ItemKey;
use crate::system::ItemType;
use crate::systems::{Item, Limits};
use crate::time::{ClusterTime, Millis, Timestamp};

/// A board with the changes that a decision has made so far.
pub struct Draft<'a> {
    pub(crate) board: &'a Board,
    pub(crate) now: Timestamp,
    /// How far cluster time is ahead of the date.
    pub(crate) ahead: Millis,
    pub(crate) limits: &'a Limits,
    put: BTreeMap<ItemKey, Arc<Item>>,
    removed: BTreeSet<ItemKey>,
    archive: Vec<Row>,
    archive_removed: BTreeSet<HistoryId>,
    /// Something that is due was left to the next commit.
    is_partial: bool,
}

impl<'a> Draft<'a> {
    /// Makes a draft at `time`, or at the time of the board's last change if that is later.
    pub(crate) fn new(board: &'a Board, time: ClusterTime, limits: &'a Limits) -> Self {
        let (put, removed, archive_removed) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let ClusterTime { now, ahead } = time;
        Self {
            board,
            now: now.max(board.at),
            ahead,
            limits,
            put,
            removed,
            archive: Vec::new(),
            archive_removed,
            is_partial: false,
        }
    }

    /// Returns one item of a type.
    pub(crate) fn get<T: ItemType>(&self, id: &T::Id) -> Option<&T> {
        self.item::<T>(id)?.get()
    }

    /// Returns the item under the key of a type and id, whatever this version makes of it.
    pub(crate) fn item<T: ItemType>(&self, id: &T::Id) -> Option<&Item> {
        let key = ItemKey::of::<T>(id);
        if self.removed.contains(&key) {
            return None;
        }
        self.put.get(&key).or_else(|| self.board.items.get(&key)).map(AsRef::as_ref)
    }

    /// Returns all items of a type: those of the board in the order of their ids, then those written by this draft.
    pub(crate) fn all<T: ItemType>(&self) -> impl Iterator<Item = &T> {
        let kept = all_of_kind(&self.board.items, T::KIND)
            .filter(|(key, _)| !self.put.contains_key(*key) && !self.removed.contains(*key));
        kept.chain(all_of_kind(&self.put, T::KIND)).filter_map(|(_, item)| item.get())
    }

    /// Writes an item, unless the board has the same one.
    pub(crate) fn put<T: ItemType>(&mut self, item: T) {
        let (key, item) = (ItemKey::of::<T>(item.id()), item.into_item());
        self.removed.remove(&key);
        if self.board.items.get(&key).is_some_and(|old| **old == item) {
            self.put.remove(&key);
        } else {
            self.put.insert(key, Arc::new(item));
        }
    }

    pub(crate) fn remove<T: ItemType>(&mut self, id: &T::Id) {
        let key = ItemKey::of::<T>(id);
        self.put.remove(&key);
        if self.board.items.contains_key(&key) {
            self.removed.insert(key);
        }
    }

    /// Writes a row of the history; one of the same id is replaced.
    pub(crate) fn archive(&mut self, row: Row) {
        self.archive_removed.remove(&row.id);
        self.archive.push(row);
    }

    /// Returns the rows that this draft writes.
    pub(crate) fn archived(&self) -> impl Iterator<Item = &Row> {
        self.archive.iter()
    }

    /// Writes a row of the history, in place of what this draft writes of it already.
    pub(crate) fn replace_row(&mut self, row: Row) {
        self.archive.retain(|known| known.id != row.id);
        self.archive(row);
    }

    /// Deletes a row of the history.
    pub(crate) fn remove_row(&mut self, id: HistoryId) {
        self.archive.retain(|row| row.id != id);
        self.archive_removed.insert(id);
    }

    /// Tells whether one more item can be removed in this commit. If not, the rest of what is due is left to the next
    /// commit.
    pub(crate) fn has_capacity(&mut self) -> bool {
        let has_capacity = self.removals_left() > 0 && self.put.len() < ITEMS_MAX;
        self.is_partial |= !has_capacity;
        has_capacity
    }

    /// Returns how many more items this commit can remove.
    pub(crate) fn removals_left(&self) -> usize {
        REMOVALS_MAX.saturating_sub(self.removed.len())
    }

    /// Removes the items of a type whose deadline has passed.
    pub(crate) fn remove_due<T: ItemType<Id: ToOwned>>(&mut self) {
        let is_due = |item: &&T| item.deadline(self.limits).is_some_and(|at| at <= self.now);
        let due: Vec<_> = self.all::<T>().filter(is_due).map(|item| item.id().to_owned()).collect();
        for id in due {
            if !self.has_capacity() {
                return;
            }
            self.remove::<T>(std::borrow::Borrow::borrow(&id));
        }
    }

    pub(crate) fn is_partial(&self) -> bool {
        self.is_partial
    }

    pub(crate) fn fits_a_commit(&self) -> bool {
        let rows = self.archive.len() + self.archive_removed.len();
        self.put.len() <= ITEMS_MAX && self.removed.len() <= REMOVALS_MAX && rows <= ROWS_MAX
    }

    pub(crate) fn is_empty(&self) -> bool {
        let has_rows = !self.archive.is_empty() || !self.archive_removed.is_empty();
        self.put.is_empty() && self.removed.is_empty() && !has_rows
    }

    /// Tells whether the draft makes the items of a type heavier than `bytes_max`. A draft that makes them lighter passes,
    /// whatever their size: a limit that was lowered must not lock people in.
    pub(crate) fn outgrows<T: ItemType>(&self, bytes_max: usize) -> bool {
        if self.put.is_empty() {
            return false;
        }
        let weight = |items: &BTreeMap<ItemKey, Arc<Item>>| -> usize {
            all_of_kind(items, T::KIND).map(|(_, item)| item.weight()).sum()
        };
        let before = weight(&self.board.items);
        let replaced = |(key, _): &(&ItemKey, &Arc<Item>)| self.put.contains_key(*key) || self.removed.contains(*key);
        let replaced = all_of_kind(&self.board.items, T::KIND).filter(replaced);
        let after = before - replaced.map(|(_, item)| item.weight()).sum::<usize>() + weight(&self.put);
        after > bytes_max && after > before
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.items().filter_map(|item| item.deadline(self.limits)).min()
    }

    /// Tells whether there is an item that a newer version wrote.
    pub(crate) fn has_unknown(&self) -> bool {
        self.items().any(|item| matches!(item, Item::Unknown(_)))
    }

    fn items(&self) -> impl Iterator<Item = &Item> {
        let kept = self.board.items.iter().filter(|(key, _)| !self.put.contains_key(*key));
        let kept = kept.filter(|(key, _)| !self.removed.contains(*key));
        kept.chain(&self.put).map(|(_, item)| item.as_ref())
    }

    pub(crate) fn into_change(self, deadline: DeadlineMove) -> Change {
        let Self { now, put, removed, archive, archive_removed, .. } = self;
        Change { at: now, put, removed, archive, archive_removed, deadline }
    }
}
