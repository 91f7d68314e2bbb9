//! All live items of one scope.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::change::Change;
use crate::disconnect::Disconnect;
use crate::ids::{MemberId, RoomId, SessionId};
use crate::item::{Item, ItemKey};
use crate::limits::Limits;
use crate::node::Lease;
use crate::position::Position;
use crate::room::{Member, Room};
use crate::scope::Scope;
use crate::stopwatch::Stopwatch;
use crate::time::Timestamp;

/// The live items of a scope, with the position they stand at. Items are shared: a copy of a board
/// costs one reference an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Board {
    /// Whose board.
    pub scope: Scope,
    /// Where it stands.
    pub position: Position,
    /// When it was last changed.
    pub at: Timestamp,
    /// What is on it.
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

    /// Tells whether a change leaves nothing, and nothing will come.
    pub fn fades_by(&self, change: &Change) -> bool {
        let is_emptied = || change.put.is_empty() && self.items.keys().all(|key| change.removed.contains(key));
        self.scope.fades() && is_emptied()
    }

    /// Returns the instant of the next thing that happens by itself.
    pub fn deadline(&self, limits: &Limits) -> Option<Timestamp> {
        self.items.values().filter_map(|item| item.deadline(limits)).min()
    }

    /// Tells whether any item shows another value every second.
    pub fn ticks(&self) -> bool {
        self.items.values().any(|item| item.ticks())
    }

    /// Returns the stopwatch sessions, in the order of their ids.
    pub fn stopwatches(&self) -> impl Iterator<Item = &Stopwatch> {
        self.items.values().filter_map(|item| item.as_stopwatch())
    }

    /// Returns one stopwatch session.
    pub fn stopwatch(&self, id: &SessionId) -> Option<&Stopwatch> {
        self.items.get(&ItemKey::stopwatch(id))?.as_stopwatch()
    }

    /// Returns the room, if this is the board of one.
    pub fn room(&self) -> Option<&Room> {
        self.items.get(&ItemKey::room())?.as_room()
    }

    /// Returns the lease, if this is the board of a node.
    pub fn lease(&self) -> Option<&Lease> {
        self.items.get(&ItemKey::lease())?.as_lease()
    }

    /// Returns the rooms in which the node has members.
    pub fn presences(&self) -> impl Iterator<Item = &RoomId> {
        self.items.values().filter_map(|item| Some(&item.as_presence()?.room))
    }

    /// Returns the clients that were sent away lately.
    pub fn disconnects(&self) -> impl Iterator<Item = &Disconnect> {
        self.items.values().filter_map(|item| item.as_disconnect())
    }

    /// Returns one member of the room.
    pub fn member(&self, id: &MemberId) -> Option<&Member> {
        self.items.get(&ItemKey::member(id))?.as_member()
    }

    /// Returns the members of the room, in the order of their ids.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.items.values().filter_map(|item| item.as_member())
    }
}
