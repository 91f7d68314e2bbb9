//! What someone asks about a room.

use serde::Serialize;

use crate::ids::{LinkId, MemberId, NodeId, ResumeSecret};
use crate::time::Millis;

/// One request about a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Make the room, and come in.
    Create(Option<Millis>, Joining),
    /// Come in, or take over a membership.
    Join(Joining),
    /// Whoever has this connection goes.
    Leave(LinkId),
    /// The connection is lost; the member may come back for a while.
    Lose(LinkId),
    /// A node is dead, and with it the connections of its members.
    Depart(NodeId),
    /// Begin the countdown anew, with another duration or the room's.
    Start(Option<Millis>),
    /// Hold it.
    Pause,
    /// Go on with it.
    Resume,
    /// Put it back to its duration.
    Reset,
    /// Move its end by so many milliseconds.
    Adjust(i64),
}

impl Command {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Create(..) => "room.create",
            Self::Join(_) => "room.join",
            Self::Leave(_) => "room.leave",
            Self::Lose(_) => "room.lose",
            Self::Depart(_) => "room.depart",
            Self::Start(_) => "room.start",
            Self::Pause => "room.pause",
            Self::Resume => "room.resume",
            Self::Reset => "room.reset",
            Self::Adjust(_) => "room.adjust",
        }
    }
}

/// Who comes in, and by which connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Joining {
    /// The id of a new membership.
    pub member: MemberId,
    /// The secret of a new membership.
    pub secret: ResumeSecret,
    /// The secret of a membership that is to be taken over.
    pub resume: Option<ResumeSecret>,
    /// The name; absent: "User" and the lowest free number.
    pub name: Option<String>,
    /// The connection.
    pub link: LinkId,
    /// The node that has the connection.
    pub node: NodeId,
}
