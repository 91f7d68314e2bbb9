//! How sockets, activity and pauses change a session.

use crate::focus::interval::Interval;
use crate::focus::limits::FocusLimits;
use crate::focus::session::{FocusSession, Tracker};
use crate::focus::spans::Spans;
use crate::focus::status::OpenStatus;
use crate::ids::NodeId;
use crate::time::Timestamp;

/// Closed intervals to which reports of activity can still be added. A report is some seconds late, longer while the store
/// is away, and each of these was closed by a person's request or half a minute after the last socket went.
const CLOSED_MAX: usize = 8;

/// Most tab switches: the largest integer that JavaScript reads exactly.
pub(super) const TAB_SWITCHES_MAX: u64 = (1 << 53) - 1;

impl FocusSession {
    /// Lets a socket track the session. Counts as activity, and goes on with the interval if there is one.
    pub(crate) fn start(&mut self, tracker: &Tracker, now: Timestamp, limits: &FocusLimits) {
        if !self.trackers.contains(tracker) {
            self.trackers.push(tracker.clone());
        }
        (self.status, self.was_tracked) = (OpenStatus::Active, true);
        match &mut self.tracking {
            Some(interval) => {
                interval.stopped_at = None;
                interval.add(&Spans::at(now));
            }
            None => self.tracking = Some(Interval::begin(now, limits)),
        }
    }

    /// Lets a socket go on that has tracked the session without a break since an instant, although it counted as gone.
    pub(crate) fn rejoin(&mut self, tracker: &Tracker, since: Timestamp, now: Timestamp, limits: &FocusLimits) {
        // It is recorded under the name that its node had before.
        self.trackers.retain(|known| known.connection != tracker.connection);
        self.trackers.push(tracker.clone());
        if self.status == OpenStatus::Paused {
            return;
        }
        let ended_too_early = |interval: &Interval| interval.stopped_at.is_some_and(|at| at >= since);
        if self.tracking.is_none() && self.closed.last().is_some_and(ended_too_early) {
            self.tracking = self.closed.pop();
        }
        let interval = self.tracking.get_or_insert_with(|| Interval::begin(now, limits));
        (interval.stopped_at, interval.seen_at) = (None, interval.seen_at.max(now));
    }

    /// Adds activity to the intervals in which it was.
    pub(crate) fn report(&mut self, spans: &Spans) {
        self.closed.iter_mut().chain(&mut self.tracking).for_each(|interval| interval.add(spans));
    }

    /// Counts a tab switch; `false` if no second counts.
    pub(crate) fn switch_tab(&mut self, now: Timestamp) -> bool {
        let Some(interval) = self.tracking.as_mut().filter(|interval| interval.stopped_at.is_none()) else {
            return false;
        };
        interval.seen_at = interval.seen_at.max(now);
        self.tab_switches = self.tab_switches.saturating_add(1).min(TAB_SWITCHES_MAX);
        true
    }

    /// Removes all sockets, whose nodes are gone, as of the last instant at which one certainly tracked the session; `false`
    /// if there is none.
    pub fn lose_sockets(&mut self) -> bool {
        self.remove_trackers(Timestamp::default(), |_| true)
    }

    /// Removes a socket that went at an instant; `false` if it did not track the session.
    pub(crate) fn disconnect(&mut self, tracker: &Tracker, at: Timestamp) -> bool {
        self.remove_trackers(at, |known| known == tracker)
    }

    /// Removes the sockets of a node that lived until an instant at least; `false` if none of them tracked the session.
    pub(crate) fn remove_node(&mut self, node: &NodeId, alive_until: Timestamp) -> bool {
        self.remove_trackers(alive_until, |known| known.node == *node)
    }

    fn remove_trackers(&mut self, seen_at: Timestamp, is_gone: impl Fn(&Tracker) -> bool) -> bool {
        let before = self.trackers.len();
        self.trackers.retain(|known| !is_gone(known));
        if self.trackers.len() == before {
            return false;
        }
        if let Some(interval) = &mut self.tracking {
            interval.seen_at = interval.seen_at.max(seen_at);
            if self.trackers.is_empty() {
                interval.stopped_at = Some(interval.seen_at);
            }
        }
        true
    }

    /// Stops counting.
    pub(crate) fn pause(&mut self, now: Timestamp) {
        self.status = OpenStatus::Paused;
        self.close(now);
    }

    /// Counts again if a socket tracks the session. Counts as activity.
    pub(crate) fn resume(&mut self, now: Timestamp, limits: &FocusLimits) {
        self.status = OpenStatus::Active;
        if self.tracking.is_none() && !self.trackers.is_empty() {
            self.tracking = Some(Interval::begin(now, limits));
        }
    }

    /// Closes the interval at an instant, or when the last socket went.
    pub(crate) fn close(&mut self, now: Timestamp) {
        let Some(mut interval) = self.tracking.take() else { return };
        interval.stopped_at.get_or_insert(now);
        self.closed.push(interval);
        while self.closed.len() > CLOSED_MAX {
            let oldest = self.closed.remove(0);
            self.settled = self.settled + oldest.counters_at(Timestamp(u64::MAX));
        }
    }
}
