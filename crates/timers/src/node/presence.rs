//! The scopes in which a node has members: the members of a room, for example.

use serde::{Deserialize, Serialize};

use crate::board::Board;
use crate::ids::RoomId;
use crate::scope::Scope;
use crate::system::ItemType;
use crate::time::Millis;

/// A room in which a node has members. Versions that know presence in rooms only read and write this form, so rooms keep
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomPresence {
    /// The room.
    pub room: RoomId,
}

/// A scope of another kind in which a node has members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopePresence {
    /// The scope.
    pub scope: Scope,
}

/// Returns the scopes in which the node of a board has members, those of kinds included that this version does not know.
pub fn scopes_of(board: &Board) -> impl Iterator<Item = Scope> {
    let rooms = board.all::<RoomPresence>().map(|presence| Scope::room(&presence.room));
    rooms.chain(board.all::<ScopePresence>().map(|presence| presence.scope.clone()))
}

impl ItemType for RoomPresence {
    const KIND: &'static str = "presence";
    type Id = RoomId;

    fn id(&self) -> &RoomId {
        &self.room
    }

    fn move_back(&mut self, _: Millis) {}
}

impl ItemType for ScopePresence {
    const KIND: &'static str = "scope-presence";
    type Id = Scope;

    fn id(&self) -> &Scope {
        &self.scope
    }

    fn move_back(&mut self, _: Millis) {}
}
