//! Requests about a room.

use serde::Serialize;

use crate::ids::{ConnectionId, MemberId, NodeId, ResumeSecret};
use crate::time::Millis;

/// One request about a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoomCommand {
    /// Create the room with a duration, or the default one, and join it.
    Create(Option<Millis>, Joining),
    /// Join, or resume a membership.
    Join(Joining),
    /// Remove the member of this connection.
    Leave(ConnectionId),
    /// Mark the member of this connection as disconnected; it can resume its membership for a while.
    MarkDisconnected(ConnectionId),
    /// Remove the members of a dead node.
    RemoveNodeMembers(NodeId),
    /// Start the countdown from the beginning, with another duration or the room's.
    Start(Option<Millis>),
    /// Pause the countdown.
    Pause,
    /// Resume the countdown.
    Resume,
    /// Reset the countdown to its duration.
    Reset,
    /// Move the end of the countdown by this many milliseconds.
    Adjust(i64),
}

impl RoomCommand {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Create(..) => "room.create",
            Self::Join(_) => "room.join",
            Self::Leave(_) => "room.leave",
            Self::MarkDisconnected(_) => "room.mark_disconnected",
            Self::RemoveNodeMembers(_) => "room.remove_node_members",
            Self::Start(_) => "room.start",
            Self::Pause => "room.pause",
            Self::Resume => "room.resume",
            Self::Reset => "room.reset",
            Self::Adjust(_) => "room.adjust",
        }
    }
}

/// A client that joins, and its connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Joining {
    /// The id of a new membership.
    pub member: MemberId,
    /// The secret of a new membership.
    pub secret: ResumeSecret,
    /// The secret of a membership to resume.
    pub resume: Option<ResumeSecret>,
    /// The name; if absent, "User" and the lowest free number.
    pub name: Option<String>,
    /// The client's connection.
    pub connection: ConnectionId,
    /// The node that has the connection.
    pub node: NodeId,
}
