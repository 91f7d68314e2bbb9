//! A room's countdown and its value at an instant.

use crate::raw_json::RawJson;
use crate::system::ItemType;
use crate::systems::Limits;
use crate::time::{Beat, Millis, Timestamp};

/// The duration of a room that was created without one: 25 minutes.
pub const DURATION_DEFAULT: Millis = Millis::from_minutes(25);

/// Longest duration.
pub const DURATION_MAX: Millis = Millis::from_hours(24);

/// Longest distance by which one command moves the end.
pub const ADJUST_MAX: Millis = Millis::from_hours(1);

/// A room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// When the room was created.
    pub created: Timestamp,
    /// When a member last joined, left, or operated the countdown.
    pub last_activity: Timestamp,
    /// The duration from which the countdown starts.
    pub duration: Millis,
    /// When the countdown was last started; resuming after a pause does not count.
    pub started_at: Option<Timestamp>,
    /// The state of the countdown.
    pub phase: CountdownPhase,
    /// When the countdown last reached zero.
    pub completed_at: Option<Timestamp>,
    /// Since when the room has no members.
    pub empty_since: Option<Timestamp>,
    /// Fields of a newer version, kept byte for byte.
    pub unknown_fields: Vec<(String, RawJson)>,
}

/// The state of a countdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountdownPhase {
    /// The countdown waits to be started.
    Idle,
    /// The countdown runs.
    Running {
        /// The start of the current run.
        since: Timestamp,
        /// When it reaches zero.
        ends_at: Timestamp,
    },
    /// The countdown is paused.
    Paused {
        /// Since when.
        at: Timestamp,
        /// The remaining time.
        remaining: Millis,
    },
}

impl Room {
    /// Tells whether the countdown runs.
    pub fn is_running(&self) -> bool {
        matches!(self.phase, CountdownPhase::Running { .. })
    }

    /// Returns the remaining time at an instant; the whole duration while the countdown is idle.
    pub fn remaining_at(&self, instant: Timestamp) -> Millis {
        match self.phase {
            CountdownPhase::Idle => self.duration,
            CountdownPhase::Running { since, ends_at } => ends_at.since(instant.max(since)),
            CountdownPhase::Paused { remaining, .. } => remaining,
        }
    }

    /// Returns the remaining time at a beat. `None` if the countdown does not run, was started after that beat, or has
    /// reached zero, which its completion tells.
    pub fn tick_at(&self, beat: Beat) -> Option<Millis> {
        let instant = beat.instant();
        match self.phase {
            CountdownPhase::Running { since, ends_at } if since <= instant && instant < ends_at => {
                Some(ends_at.since(instant))
            }
            CountdownPhase::Running { .. } | CountdownPhase::Idle | CountdownPhase::Paused { .. } => None,
        }
    }

    /// Returns when an empty room ends if no client joins and its countdown does not run.
    pub(crate) fn ends_at(&self, limits: &Limits) -> Option<Timestamp> {
        Some(self.empty_since? + limits.room.empty_for)
    }
}

impl ItemType for Room {
    const KIND: &'static str = "room";
    type Id = ();

    fn id(&self) -> &() {
        &()
    }

    fn deadline(&self, limits: &Limits) -> Option<Timestamp> {
        match self.phase {
            CountdownPhase::Running { ends_at, .. } => Some(ends_at),
            CountdownPhase::Idle | CountdownPhase::Paused { .. } => self.ends_at(limits),
        }
    }

    fn ticks(&self) -> bool {
        self.is_running()
    }

    fn move_back(&mut self, by: Millis) {
        let optional = [&mut self.started_at, &mut self.completed_at, &mut self.empty_since].into_iter().flatten();
        let of_phase: [Option<&mut Timestamp>; 2] = match &mut self.phase {
            CountdownPhase::Idle => [None, None],
            CountdownPhase::Running { since, ends_at } => [Some(since), Some(ends_at)],
            CountdownPhase::Paused { at, .. } => [Some(at), None],
        };
        let required = [&mut self.created, &mut self.last_activity];
        for at in required.into_iter().chain(optional).chain(of_phase.into_iter().flatten()) {
            *at = *at - by;
        }
    }
}
