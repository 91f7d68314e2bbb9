//! All live items of one scope.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::change::Change;
use crate::item::ItemKey;
use crate::position::Position;
use crate::scope::Scope;
use crate::system::ItemType;
use crate::systems::{Item, ItemCounts, Limits};
use crate::time::{Millis, Timestamp};

/// The live items of a scope, with the board's position. Items are shared: a copy of a board costs one reference an
/// item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Board {
    /// The scope that the board belongs to.
    pub scope: Scope,
    /// The position of the last commit.
    pub position: Position,
    /// The time of the last change.
    pub at: Timestamp,
    /// The items, by key.
    pub items: BTreeMap<ItemKey, Arc<Item>>,
}

impl Board {
    /// Returns the board of a scope that was never written.
    pub fn empty(scope: Scope) -> Self {
        Self { scope, position: Position::NONE, at: Timestamp(0), items: BTreeMap::new() }
    }

    /// Returns the board as a change leaves it, at the position that the commit gave.
    pub fn after(&self, change: &Change, position: Position) -> Self {
        let mut items = self.items.clone();
        for key in &change.removed {
            items.remove(key);
        }
        for (key, item) in &change.put {
            items.insert(key.clone(), Arc::clone(item));
        }
        Self { scope: self.scope.clone(), position, at: change.at, items }
    }

    /// Returns the board with every instant moved back: as dates show it while cluster time is ahead of them.
    #[must_use]
    pub fn moved_back(&self, by: Millis) -> Self {
        let items = self.items.iter().map(|(key, item)| (key.clone(), Arc::new(item.moved_back(by))));
        Self { scope: self.scope.clone(), position: self.position, at: self.at - by, items: items.collect() }
    }

    /// Tells whether the store may delete the board after a change: nothing is left on it, and its scope never returns.
    pub fn expires_after(&self, change: &Change) -> bool {
        let is_emptied = || change.put.is_empty() && self.items.keys().all(|key| change.removed.contains(key));
        self.scope.kind().expires_when_empty() && is_emptied()
    }

    /// Returns the earliest deadline of all items.
    pub fn deadline(&self, limits: &Limits) -> Option<Timestamp> {
        self.items.values().filter_map(|item| item.deadline(limits)).min()
    }

    /// Tells whether any item shows another value every second.
    pub fn ticks(&self) -> bool {
        self.items.values().any(|item| item.ticks())
    }

    /// Returns one item of a type.
    pub fn get<T: ItemType>(&self, id: &T::Id) -> Option<&T> {
        self.items.get(ItemKey::text_of::<T>(id).as_str())?.get()
    }

    /// Returns all items of a type, in the order of their ids. Costs nothing for items of other types.
    pub fn all<T: ItemType>(&self) -> impl Iterator<Item = &T> {
        all_of_kind(&self.items, T::KIND).filter_map(|(_, item)| item.get())
    }

    /// Returns the items of a type that differ between this board and a newer one, in the order of their ids: the old
    /// one, if there was one, and the new one, if there is one. Costs one step for each item of the type.
    pub fn changed<'b, T: ItemType>(&'b self, newer: &'b Self) -> impl Iterator<Item = (Option<&'b T>, Option<&'b T>)> {
        let mut old = all_of_kind(&self.items, T::KIND).peekable();
        let mut new = all_of_kind(&newer.items, T::KIND).peekable();
        let next_pair = move || {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return None,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((old, _)), Some((new, _))) => old.cmp(new),
            };
            Some(match order {
                Ordering::Less => (old.next(), None),
                Ordering::Greater => (None, new.next()),
                Ordering::Equal => (old.next(), new.next()),
            })
        };
        std::iter::from_fn(next_pair).filter_map(|(old, new)| {
            let (old, new) = (old.map(|(_, item)| item), new.map(|(_, item)| item));
            // Boards share the items that no commit between them wrote.
            let is_same = old.zip(new).is_some_and(|(old, new)| Arc::ptr_eq(old, new) || old == new);
            let pair = (old.and_then(|item| item.get()), new.and_then(|item| item.get()));
            // Items of an unknown format differ in nothing that this version can read.
            (!is_same && !matches!(pair, (None, None))).then_some(pair)
        })
    }

    /// Counts the items by type.
    pub fn counts(&self) -> ItemCounts {
        ItemCounts::of(self.items.values().map(AsRef::as_ref))
    }
}

/// Returns the items whose keys begin with a kind and a colon.
pub(crate) fn all_of_kind<'i>(
    items: &'i BTreeMap<ItemKey, Arc<Item>>,
    kind: &str,
) -> impl Iterator<Item = (&'i ItemKey, &'i Arc<Item>)> + use<'i> {
    // `;` is the character after `:`.
    let (from, until) = (format!("{kind}:"), format!("{kind};"));
    items.range::<str, _>((Bound::Included(from.as_str()), Bound::Excluded(until.as_str())))
}
