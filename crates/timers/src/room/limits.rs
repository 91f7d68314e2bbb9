//! The bounds of rooms.

use crate::time::Millis;

/// Bounds on rooms, set by the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomLimits {
    /// Most members of a room.
    pub members: usize,
    /// Longest name of a member, in characters.
    pub name_chars: usize,
    /// How long a room without members stays, while its countdown does not run.
    pub empty_for: Millis,
    /// How long a disconnected member can resume its membership.
    pub reconnect_within: Millis,
}

impl Default for RoomLimits {
    /// The figures of the Rooms contract. The length of a name is ours: what fits on a card.
    fn default() -> Self {
        Self { members: 1000, name_chars: 80, empty_for: Millis::from_minutes(5), reconnect_within: Millis(10_000) }
    }
}
