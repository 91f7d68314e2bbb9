//! Requests about a node.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::ids::RoomId;

/// One request about a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeCommand {
    /// Begin the lease.
    Begin,
    /// Renew the lease.
    Renew,
    /// Record that the node is about to have members in these rooms.
    Enter(BTreeSet<RoomId>),
    /// Record that the node has no members in these rooms any more.
    Exit(BTreeSet<RoomId>),
}

impl NodeCommand {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Begin => "node.begin",
            Self::Renew => "node.renew",
            Self::Enter(_) => "node.enter",
            Self::Exit(_) => "node.exit",
        }
    }
}
