//! A room's countdown and its value at an instant.

use crate::limits::Limits;
use crate::raw_json::RawJson;
use crate::time::{Beat, MILLIS_PER_BEAT, Millis, Timestamp};

/// The duration of a room that was made without one: 25 minutes.
pub const DURATION_USUAL: Millis = Millis::from_minutes(25);

/// Longest duration.
pub const DURATION_MAX: Millis = Millis::from_hours(24);

/// Farthest that one command moves the end.
pub const ADJUST_MAX: Millis = Millis::from_hours(1);

/// A room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// When it was made.
    pub created: Timestamp,
    /// When somebody last came, went, or drove the countdown.
    pub last_activity: Timestamp,
    /// What the countdown begins with.
    pub duration: Millis,
    /// When it was last begun; going on after a pause does not count.
    pub started_at: Option<Timestamp>,
    /// What it does.
    pub phase: Phase,
    /// When it last came to zero.
    pub completed_at: Option<Timestamp>,
    /// Since when nobody is there.
    pub empty_since: Option<Timestamp>,
    /// Fields of a newer version, kept as they came.
    pub rest: Vec<(String, RawJson)>,
}

/// What a countdown does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It waits to be begun.
    Idle,
    /// It runs.
    Running {
        /// Since when, without a pause.
        since: Timestamp,
        /// Until when.
        ends_at: Timestamp,
    },
    /// It is held.
    Paused {
        /// Since when.
        at: Timestamp,
        /// What is left.
        remaining: Millis,
    },
}

impl Room {
    /// Tells whether time is being counted.
    pub fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running { .. })
    }

    /// Returns what is left at an instant; all of the duration if nothing is under way.
    pub fn remaining_at(&self, instant: Timestamp) -> Millis {
        match self.phase {
            Phase::Idle => self.duration,
            Phase::Running { since, ends_at } => ends_at.since(instant.max(since)),
            Phase::Paused { remaining, .. } => remaining,
        }
    }

    /// Returns what is left at a beat; `None` if it does not run, began after that beat, or is at zero, which is
    /// told as its completion.
    pub fn tick_at(&self, beat: Beat) -> Option<Millis> {
        let instant = beat.instant();
        match self.phase {
            Phase::Running { since, ends_at } if since <= instant && instant < ends_at => Some(ends_at.since(instant)),
            Phase::Running { .. } | Phase::Idle | Phase::Paused { .. } => None,
        }
    }

    pub(crate) fn deadline(&self, limits: &Limits) -> Option<Timestamp> {
        match self.phase {
            Phase::Running { ends_at, .. } => Some(ends_at),
            Phase::Idle | Phase::Paused { .. } => self.gone_at(limits),
        }
    }

    /// Returns when an empty room ends, should nobody come and its countdown not run.
    pub(crate) fn gone_at(&self, limits: &Limits) -> Option<Timestamp> {
        Some(self.empty_since? + limits.rooms.empty_for)
    }
}

impl Millis {
    /// Returns whole seconds, rounded up: what a person reads on a countdown.
    pub fn seconds_up(self) -> u64 {
        self.0.div_ceil(MILLIS_PER_BEAT)
    }
}
