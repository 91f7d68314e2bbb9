//! How much of everything the rules allow.

use crate::time::Millis;

/// Largest goal in bytes of JSON. A hundred of them in 200 sessions would be 80 MB; the board's own
/// limit is what stops that, this one names the culprit.
pub const GOAL_BYTES_MAX: usize = 4096;

/// Most history rows a command brings. An editor sends its whole file again each time, some years of
/// sessions; more rows would hold up a Redis for more than some ten milliseconds.
pub const ROWS_MAX: usize = 5000;

/// Bounds on what a person can keep, set by the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest label, and longest group name, in characters.
    pub label_chars: usize,
    /// Longest comment in characters.
    pub comment_chars: usize,
    /// Most goals a session carries.
    pub goals: usize,
    /// Most running and paused sessions a person has.
    pub live_sessions: usize,
    /// Most stopped sessions that stay on the list; the oldest leave first.
    pub stopped_sessions: usize,
    /// Largest board in bytes, all items together.
    pub board_bytes: usize,
    /// How long a session may stay paused before it is removed.
    pub paused_for: Millis,
    /// How long a stopped session stays on the list.
    pub stopped_for: Millis,
    /// Bounds on rooms.
    pub rooms: RoomLimits,
}

/// Bounds on rooms, set by the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomLimits {
    /// Most members of a room.
    pub members: usize,
    /// Longest name of a member, in characters.
    pub name_chars: usize,
    /// How long a room lives when nobody is there and its countdown does not run.
    pub empty_for: Millis,
    /// How long a member whose connection is lost may come back.
    pub lost_for: Millis,
}

impl Default for RoomLimits {
    /// The figures of the Rooms contract; a name is ours: what fits on a card.
    fn default() -> Self {
        Self { members: 1000, name_chars: 80, empty_for: Millis::from_minutes(5), lost_for: Millis(10_000) }
    }
}

impl Default for Limits {
    /// The figures of the Clockit contract; `board_bytes` is ours: 2 MiB is 400 sessions of 5 KiB; a
    /// `ready` carries the list twice.
    fn default() -> Self {
        Self {
            label_chars: 500,
            comment_chars: 4000,
            goals: 100,
            live_sessions: 200,
            stopped_sessions: 200,
            board_bytes: 2 * 1024 * 1024,
            paused_for: Millis::from_hours(12),
            stopped_for: Millis::from_hours(24),
            rooms: RoomLimits::default(),
        }
    }
}
