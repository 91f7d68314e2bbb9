//! The numbers of items and of scopes on a node, kept up to date by the changes instead of counted by walks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use timers::{ItemCounts, ItemType, ScopeKind};

/// The numbers of scopes with listeners and of their items.
#[derive(Default)]
pub(crate) struct HubCounts {
    items: [AtomicUsize; ItemCounts::KINDS.len()],
    /// Scopes with listeners, in the order of [`ScopeKind::KNOWN`]; the last number is that of unknown kinds.
    listened_to: [AtomicUsize; ScopeKind::KNOWN.len() + 1],
}

impl HubCounts {
    /// Counts the items of a view that got listeners, or that was published to some.
    pub(crate) fn add(&self, view: &ItemCounts) {
        for (count, added) in self.items.iter().zip(view.by_kind()) {
            count.fetch_add(*added as usize, Ordering::Relaxed);
        }
    }

    /// Subtracts the items of a view that was replaced, or that lost its last listener.
    pub(crate) fn subtract(&self, view: &ItemCounts) {
        for (count, subtracted) in self.items.iter().zip(view.by_kind()) {
            count.fetch_sub(*subtracted as usize, Ordering::Relaxed);
        }
    }

    /// Returns the number of items of a type.
    pub(crate) fn items<T: ItemType>(&self) -> usize {
        let at = ItemCounts::KINDS.iter().position(|kind| *kind == T::KIND);
        at.map_or(0, |at| self.items[at].load(Ordering::Relaxed))
    }

    /// Counts a scope that got its first listener.
    pub(crate) fn begin_listening(&self, kind: &ScopeKind) {
        self.listened_to[index_of(kind)].fetch_add(1, Ordering::Relaxed);
    }

    /// Subtracts a scope that lost its last listener.
    pub(crate) fn end_listening(&self, kind: &ScopeKind) {
        self.listened_to[index_of(kind)].fetch_sub(1, Ordering::Relaxed);
    }

    /// Returns the number of scopes with listeners by kind. Unknown kinds are listed only if there are any.
    pub(crate) fn listened_to(&self) -> BTreeMap<&'static str, usize> {
        let labels = ScopeKind::KNOWN.iter().copied().chain(["unknown"]);
        let counts = labels.zip(self.listened_to.iter().map(|count| count.load(Ordering::Relaxed)));
        counts.filter(|(label, count)| *count > 0 || ScopeKind::KNOWN.contains(label)).collect()
    }
}

fn index_of(kind: &ScopeKind) -> usize {
    let known = ScopeKind::KNOWN.iter().position(|known| *known == kind.as_str());
    known.unwrap_or(ScopeKind::KNOWN.len())
}
