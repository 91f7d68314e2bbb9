//! The work and the breaks of a day.

use crate::punch_clock::punch::PunchKind;
use crate::punch_clock::standing::Standing;
use crate::time::{Millis, Timestamp};

/// The work after which a day is complete: eight hours.
pub const COMPLETE_AFTER: Millis = Millis::from_minutes(480);

const MILLIS_PER_MINUTE: u64 = 60_000;

/// The work and the breaks of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayTotals {
    /// From each IN to its OUT, and from an open IN to now, or to the end of the day.
    pub work: Millis,
    /// From each OUT to the next IN, and, on the current day, from the last OUT to now.
    pub breaks: Millis,
}

impl DayTotals {
    /// Counts a day from `start` until `until`, which is now or the end of the day. Only the current day has a break that
    /// lasts.
    pub(crate) fn of(standing: &Standing<'_>, start: Timestamp, until: Timestamp, is_current: bool) -> Self {
        let mut totals = Self::default();
        let mut before: Option<(PunchKind, Timestamp)> = None;
        for (punch, at) in standing.shown(start) {
            match before {
                Some((PunchKind::In, since)) => totals.work = totals.work + at.since(since),
                Some((PunchKind::Out, since)) => totals.breaks = totals.breaks + at.since(since),
                None => {}
            }
            before = Some((punch.kind, at));
        }
        match before {
            Some((PunchKind::In, since)) => totals.work = totals.work + until.since(since),
            Some((PunchKind::Out, since)) if is_current => totals.breaks = totals.breaks + until.since(since),
            Some((PunchKind::Out, _)) | None => {}
        }
        totals
    }

    /// Returns the work in minutes, rounded.
    pub fn work_minutes(self) -> u64 {
        rounded(self.work)
    }

    /// Returns the breaks in minutes, rounded.
    pub fn break_minutes(self) -> u64 {
        rounded(self.breaks)
    }

    /// Tells whether the day's work is done. Decided before rounding.
    pub fn is_complete(self) -> bool {
        self.work >= COMPLETE_AFTER
    }
}

fn rounded(duration: Millis) -> u64 {
    duration.0.saturating_add(MILLIS_PER_MINUTE / 2) / MILLIS_PER_MINUTE
}
