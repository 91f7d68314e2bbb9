//! A member of a room.

use crate::ids::{ConnectionId, MemberId, NodeId, ResumeSecret};
use crate::raw_json::RawJson;
use crate::system::ItemType;
use crate::systems::Limits;
use crate::time::{Millis, Timestamp};

/// One member of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The member's id, unique within the room and visible to the other members.
    pub id: MemberId,
    /// The name that the other members see.
    pub name: String,
    /// When the member joined.
    pub connected_at: Timestamp,
    /// The secret with which the member resumes its membership; no other member sees it.
    pub secret: ResumeSecret,
    /// The member's connection.
    pub connection: ConnectionId,
    /// The node that has the connection.
    pub node: NodeId,
    /// Since when the member is disconnected.
    pub disconnected_at: Option<Timestamp>,
    /// Fields of a newer version, kept byte for byte.
    pub unknown_fields: Vec<(String, RawJson)>,
}

impl ItemType for Member {
    const KIND: &'static str = "member";
    type Id = MemberId;

    fn id(&self) -> &MemberId {
        &self.id
    }

    fn deadline(&self, limits: &Limits) -> Option<Timestamp> {
        Some(self.disconnected_at? + limits.room.reconnect_within)
    }

    fn move_back(&mut self, by: Millis) {
        self.connected_at = self.connected_at - by;
        self.disconnected_at = self.disconnected_at.map(|at| at - by);
    }
}
