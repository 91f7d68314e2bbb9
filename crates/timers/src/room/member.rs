//! Who is in a room.

use crate::ids::{LinkId, MemberId, NodeId, ResumeSecret};
use crate::limits::Limits;
use crate::raw_json::RawJson;
use crate::time::Timestamp;

/// One member of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Unique within the room; others see it.
    pub id: MemberId,
    /// What others call them.
    pub name: String,
    /// When they came.
    pub connected_at: Timestamp,
    /// What they may come back with; for them alone.
    pub secret: ResumeSecret,
    /// Their connection.
    pub link: LinkId,
    /// The node that has it.
    pub node: NodeId,
    /// Since when the connection is lost.
    pub lost_at: Option<Timestamp>,
    /// Fields of a newer version, kept as they came.
    pub rest: Vec<(String, RawJson)>,
}

impl Member {
    pub(crate) fn deadline(&self, limits: &Limits) -> Option<Timestamp> {
        Some(self.lost_at? + limits.rooms.lost_for)
    }
}
