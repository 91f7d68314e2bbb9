//! The items on a node's board.

use serde::{Deserialize, Serialize};

use crate::ids::RoomId;
use crate::system::ItemType;
use crate::systems::Limits;
use crate::time::{Millis, Timestamp};

/// How long a lease lasts. Three renewals fit into it, and the members of a dead node leave well within 15 s.
pub const LEASE_DURATION: Millis = Millis(8000);

/// A node's lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// When the lease ends; for a lost lease, when the removal of its members is tried again.
    pub until: Timestamp,
    /// The lease has ended and another node has noticed: the node's members are removed, or are about to be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
}

/// A room in which a node has members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The room.
    pub room: RoomId,
}

/// Why the rules refuse a command about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeRefusal {
    /// The cluster considers the node dead and removes its members. The node continues under another name.
    #[error("the node's lease is lost")]
    LeaseLost,
}

impl ItemType for Lease {
    const KIND: &'static str = "lease";
    type Id = ();

    fn id(&self) -> &() {
        &()
    }

    fn deadline(&self, _: &Limits) -> Option<Timestamp> {
        Some(self.until)
    }

    fn move_back(&mut self, by: Millis) {
        self.until = self.until - by;
    }
}

impl ItemType for Presence {
    const KIND: &'static str = "presence";
    type Id = RoomId;

    fn id(&self) -> &RoomId {
        &self.room
    }

    fn move_back(&mut self, _: Millis) {}
}
