//! A focus session that has not ended.

use serde::{Deserialize, Serialize};

use crate::fields::stored_object;
use crate::focus::counters::SecondCounters;
use crate::focus::id::FocusId;
use crate::focus::interval::{Interval, RETURN_WITHIN};
use crate::focus::status::OpenStatus;
use crate::focus::target::TargetMinutes;
use crate::ids::{ConnectionId, NodeId};
use crate::raw_json::RawJson;
use crate::system::ItemType;
use crate::systems::Limits;
use crate::time::{Beat, Millis, Timestamp};

/// A focus session that has not ended. The instants of its intervals are cluster time, all others are dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FocusSession {
    /// The session's id.
    pub id: FocusId,
    /// What the person works with, if the page has told.
    pub content_id: Option<String>,
    /// The subject.
    pub subject: String,
    /// How long the person sets out to work.
    pub target_minutes: TargetMinutes,
    /// The status.
    pub status: OpenStatus,
    /// The date of the creation.
    pub created_at: Timestamp,
    /// The date from which the session is shown as started.
    pub started_at: Timestamp,
    /// The date of the last change.
    pub updated_at: Timestamp,
    /// How often the person has left the page.
    pub tab_switches: u64,
    /// Whether a socket has ever tracked the session.
    pub was_tracked: bool,
    /// The seconds of intervals that are over for so long that no report of activity comes.
    pub settled: SecondCounters,
    /// The last intervals that are over, in order.
    pub closed: Vec<Interval>,
    /// The interval that counts, or that counts again if a socket returns soon enough.
    pub tracking: Option<Interval>,
    /// The sockets that track the session.
    pub trackers: Vec<Tracker>,
    /// Fields of a newer version, kept byte for byte.
    pub unknown_fields: Vec<(String, RawJson)>,
}

stored_object!(FocusSession {
    id: required,
    content_id: optional,
    subject: required,
    target_minutes: required,
    status: required,
    created_at: required,
    started_at: required,
    updated_at: required,
    tab_switches: required,
    was_tracked: required,
    settled: required,
    closed: required,
    tracking: optional,
    trackers: required,
});

/// A socket that tracks a session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tracker {
    /// The node that has the connection.
    pub node: NodeId,
    /// The connection.
    pub connection: ConnectionId,
}

/// What a socket is shown of its session at a beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FocusTick {
    /// Whether the last counted second is idle.
    pub idle: bool,
    /// The seconds until the beat.
    pub counters: SecondCounters,
    /// How often the person has left the page.
    pub tab_switches: u64,
}

impl FocusSession {
    /// Counts the seconds until an instant of cluster time. While no socket tracks the session, those until the last one
    /// went.
    pub fn counters_at(&self, instant: Timestamp) -> SecondCounters {
        let intervals = self.closed.iter().chain(&self.tracking);
        intervals.fold(self.settled, |sum, interval| sum + interval.counters_at(instant))
    }

    /// Tells whether seconds count: a socket tracks the session, and it is not paused.
    pub fn is_tracked(&self) -> bool {
        self.tracking.as_ref().is_some_and(|interval| interval.stopped_at.is_none())
    }

    /// Tells whether a socket tracks the session, paused or not.
    pub fn is_tracked_by(&self, tracker: &Tracker) -> bool {
        self.trackers.contains(tracker)
    }

    /// Tells whether the last whole second before an instant is idle; `false` while no second counts.
    pub fn is_idle_at(&self, instant: Timestamp) -> bool {
        self.is_tracked() && self.tracking.as_ref().is_some_and(|interval| interval.is_idle_at(instant))
    }

    /// Returns what sockets are shown at a beat; `None` while no second counts, and before the first one does.
    pub fn tick_at(&self, beat: Beat) -> Option<FocusTick> {
        let instant = beat.instant();
        let interval =
            self.tracking.as_ref().filter(|interval| interval.stopped_at.is_none() && interval.since <= instant)?;
        Some(FocusTick {
            idle: interval.is_idle_at(instant),
            counters: self.counters_at(instant),
            tab_switches: self.tab_switches,
        })
    }
}

impl ItemType for FocusSession {
    const KIND: &'static str = "focus-session";
    type Id = FocusId;

    fn id(&self) -> &FocusId {
        &self.id
    }

    /// Returns the first instant at which no socket can return any more.
    fn deadline(&self, _: &Limits) -> Option<Timestamp> {
        let stopped_at = self.tracking.as_ref()?.stopped_at?;
        Some(stopped_at + RETURN_WITHIN + Millis(1))
    }

    fn ticks(&self) -> bool {
        self.is_tracked()
    }

    fn move_back(&mut self, by: Millis) {
        self.closed.iter_mut().chain(&mut self.tracking).for_each(|interval| interval.move_back(by));
    }
}
