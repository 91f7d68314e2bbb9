//! The bounds of stopwatch sessions.

use crate::time::Millis;

/// Largest goal in bytes of JSON. 500 goals of this size in each of 200 sessions would take 400 MB; the limit of the board
/// prevents that, and this one names the goal that is too large.
pub const GOAL_BYTES_MAX: usize = 4096;

/// Bounds on a person's sessions, set by the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopwatchLimits {
    /// Longest label, and longest group name, in characters.
    pub label_chars: usize,
    /// Longest comment in characters.
    pub comment_chars: usize,
    /// Most goals of a session.
    pub goals: usize,
    /// Most running and paused sessions of a person.
    pub live_sessions: usize,
    /// Most stopped sessions that stay on the list; the oldest leave first.
    pub stopped_sessions: usize,
    /// Most bytes that all sessions of a person take.
    pub board_bytes: usize,
    /// How long a session can stay paused before it is removed.
    pub paused_for: Millis,
    /// How long a stopped session stays on the list.
    pub stopped_for: Millis,
}

impl Default for StopwatchLimits {
    /// The figures of the Clockit contract. `board_bytes` is ours: 2 MiB hold 400 sessions of 5 KiB, and a `ready`
    /// message carries the list twice.
    fn default() -> Self {
        Self {
            label_chars: 500,
            comment_chars: 4000,
            goals: 500,
            live_sessions: 200,
            stopped_sessions: 200,
            board_bytes: 2 * 1024 * 1024,
            paused_for: Millis::from_hours(12),
            stopped_for: Millis::from_hours(24),
        }
    }
}
