//! What a node says of itself, and others of it.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::ids::RoomId;

/// One request about a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// It begins.
    Begin,
    /// It lives.
    Renew,
    /// It is about to have members in these rooms.
    Enter(BTreeSet<RoomId>),
    /// It has no members in these rooms any more.
    Exit(BTreeSet<RoomId>),
}

impl Command {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Begin => "node.begin",
            Self::Renew => "node.renew",
            Self::Enter(_) => "node.enter",
            Self::Exit(_) => "node.exit",
        }
    }
}
