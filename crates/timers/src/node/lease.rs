//! What is on a node's board.

use serde::{Deserialize, Serialize};

use crate::ids::RoomId;
use crate::time::{Millis, Timestamp};

/// How long a lease lasts. Three renewals fit in, and a death is noticed and cleared up well within 15 s.
pub const LEASE: Millis = Millis(8000);

/// A node's proof of life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// When it runs out; of a lost one, when clearing up is tried again.
    pub until: Timestamp,
    /// It has run out, and somebody has noticed: the node's members are gone, or are about to be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
}

/// A room in which a node has members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Which.
    pub room: RoomId,
}

/// Why the rules refuse a command about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The node was taken for dead. What it had is cleared up; it goes on under another name.
    #[error("the node's lease is lost")]
    LeaseLost,
}
