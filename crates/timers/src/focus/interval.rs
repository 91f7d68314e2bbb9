//! A stretch of time whose seconds count.

use serde::{Deserialize, Serialize};

use crate::fields::stored_object;
use crate::focus::counters::SecondCounters;
use crate::focus::limits::FocusLimits;
use crate::focus::spans::{Span, Spans};
use crate::raw_json::RawJson;
use crate::time::{MILLIS_PER_BEAT, Millis, Timestamp};

/// How long after the last socket has gone another one can return so that the seconds between count.
pub const RETURN_WITHIN: Millis = Millis(30_000);

/// Most spans of an interval. Spans are more than `idle_after` apart, so these cover eight minutes at least, and no report
/// comes later. Earlier ones are folded into counters.
const SPANS_MAX: usize = 32;

/// A stretch of time whose seconds count: second `k` is the instant `since + k × 1000` ms, and counts unless it is after the
/// end. It is idle if it is more than `idle_after` later than the last activity. All instants are cluster time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The instant from which seconds are counted; an activity.
    pub since: Timestamp,
    /// How long after the last activity the person counts as idle.
    pub idle_after: Millis,
    /// The activity.
    pub spans: Spans,
    /// The seconds that are counted already.
    pub folded: FoldedSeconds,
    /// An instant at which a socket certainly tracked the session; the latest that is known.
    pub seen_at: Timestamp,
    /// The instant at which the last socket went, or the session was paused: no second after it counts.
    pub stopped_at: Option<Timestamp>,
    /// Fields of a newer version, kept byte for byte.
    pub unknown_fields: Vec<(String, RawJson)>,
}

stored_object!(Interval {
    since: required,
    idle_after: required,
    spans: required,
    folded: required,
    seen_at: required,
    stopped_at: optional,
});

/// The first seconds of an interval, as they were counted: all, and those that were active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "(u64, u64)")]
pub struct FoldedSeconds(u64, u64);

/// Why numbers are no [`FoldedSeconds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("active seconds must be no more than all seconds")]
pub struct BadFoldedSeconds;

impl TryFrom<(u64, u64)> for FoldedSeconds {
    type Error = BadFoldedSeconds;

    fn try_from((all, active): (u64, u64)) -> Result<Self, BadFoldedSeconds> {
        if active <= all { Ok(Self(all, active)) } else { Err(BadFoldedSeconds) }
    }
}

impl Interval {
    /// Returns an interval that begins.
    pub(crate) fn begin(since: Timestamp, limits: &FocusLimits) -> Self {
        Self {
            since,
            idle_after: limits.idle_after,
            spans: Spans::at(since),
            folded: FoldedSeconds::default(),
            seen_at: since,
            stopped_at: None,
            unknown_fields: Vec::new(),
        }
    }

    /// Counts the seconds until an instant, or until the end if that is earlier.
    pub fn counters_at(&self, instant: Timestamp) -> SecondCounters {
        let seconds = self.seconds_until(self.stopped_at.map_or(instant, |at| at.min(instant)));
        let FoldedSeconds(folded, mut active) = self.folded;
        for span in self.spans.as_slice() {
            active = active.saturating_add(self.active_seconds(*span, folded, seconds));
        }
        SecondCounters::tracked(seconds, active)
    }

    /// Tells whether the last whole second before an instant is idle.
    pub fn is_idle_at(&self, instant: Timestamp) -> bool {
        let second = self.since + Millis(self.seconds_until(instant) * MILLIS_PER_BEAT);
        self.spans.last_before(second).is_none_or(|last| second.since(last) > self.idle_after)
    }

    /// Adds activity, of which parts outside the interval have no effect. The order of reports does not matter.
    pub(crate) fn add(&mut self, reported: &Spans) {
        // A socket that returns makes the time without one count.
        let end = self.stopped_at.map_or(Timestamp(u64::MAX), |at| at + RETURN_WITHIN);
        let inside = reported.as_slice().iter().filter_map(|span| span.within(self.since, end));
        let inside: Vec<Span> = inside.filter(|span| self.reach(*span) > self.folded.0).collect();
        let Some(last) = inside.last() else { return };
        self.seen_at = self.seen_at.max(last.last);
        self.spans.unite(inside, self.idle_after);
        self.fold();
    }

    /// Counts the seconds of the earliest spans, until few enough are left.
    fn fold(&mut self) {
        while self.spans.len() > SPANS_MAX {
            let Some(first) = self.spans.pop_first() else { return };
            let end = first.last + self.idle_after;
            if self.stopped_at.is_some_and(|at| at < end) {
                // No second after the end may be counted, so the earliest span stays and the latest goes.
                self.spans.unite([first], self.idle_after);
                self.spans.truncate(SPANS_MAX);
                return;
            }
            let seconds = self.reach(first).max(self.folded.0);
            let active = self.folded.1.saturating_add(self.active_seconds(first, self.folded.0, seconds));
            self.folded = FoldedSeconds(seconds, active);
        }
    }

    /// Returns the last second that the activity of a span makes active.
    fn reach(&self, span: Span) -> u64 {
        self.seconds_until(span.last + self.idle_after)
    }

    /// Counts the seconds after one and until another that the activity of a span makes active.
    fn active_seconds(&self, span: Span, after: u64, until: u64) -> u64 {
        let first = span.first.since(self.since).0.div_ceil(MILLIS_PER_BEAT).max(after.saturating_add(1));
        (self.reach(span).min(until) + 1).saturating_sub(first)
    }

    fn seconds_until(&self, instant: Timestamp) -> u64 {
        instant.since(self.since).0 / MILLIS_PER_BEAT
    }

    pub(crate) fn move_back(&mut self, by: Millis) {
        self.since = self.since - by;
        self.spans.move_back(by);
        self.seen_at = self.seen_at - by;
        self.stopped_at = self.stopped_at.map(|at| at - by);
    }
}
