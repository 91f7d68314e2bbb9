//! The counters that a server with a tick each second would count, as far as a client can know them: it knows when it sent
//! something and when the answer came, and the server's instant lies between.

use std::ops::RangeInclusive;

use serde::Deserialize;

/// How long after the last activity a second counts as idle.
const IDLE_AFTER_MS: u64 = 15_000;

/// How far the clock of a node can be from that of the generator on the same machine: nodes derive theirs from the beats,
/// some of which are late on a busy machine.
const CLOCK_ERROR_MS: u64 = 50;

/// An instant of the server, which lies between two of the generator, ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Between {
    earliest: u64,
    latest: u64,
}

impl Between {
    /// Returns the instant of what was sent at one instant and answered at another.
    pub(super) fn new(sent: u64, answered: u64) -> Self {
        Self { earliest: sent.saturating_sub(CLOCK_ERROR_MS), latest: answered + CLOCK_ERROR_MS }
    }

    fn after(self, ms: u64) -> Self {
        Self { earliest: self.earliest + ms, latest: self.latest + ms }
    }

    /// Tells whether it is at or before another instant; `None` if it can be either.
    fn is_until(self, other: Self) -> Option<bool> {
        if self.latest <= other.earliest {
            Some(true)
        } else if self.earliest > other.latest {
            Some(false)
        } else {
            None
        }
    }
}

/// The counters of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Counters {
    pub(super) elapsed_seconds: u64,
    pub(super) active_seconds: u64,
    pub(super) idle_seconds: u64,
}

impl Counters {
    /// Returns the score of a session.
    pub(super) fn score(self, target_minutes: f64, tab_switches: u64) -> u64 {
        let [elapsed, active, idle] = [self.elapsed_seconds, self.active_seconds, self.idle_seconds].map(|n| n as f64);
        let completion = elapsed / (target_minutes * 60.0);
        let activity_ratio = active / elapsed.max(1.0);
        let penalty = tab_switches as f64 * 2.0 + idle / 30.0;
        (100.0 * completion * activity_ratio - penalty + 0.5).floor().max(0.0) as u64
    }
}

/// The counters that are possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    elapsed: RangeInclusive<u64>,
    active: RangeInclusive<u64>,
    idle: RangeInclusive<u64>,
}

impl Expected {
    /// Tells whether a server counts right.
    pub(super) fn allows(&self, counters: Counters) -> bool {
        let Counters { elapsed_seconds, active_seconds, idle_seconds } = counters;
        elapsed_seconds == active_seconds + idle_seconds
            && self.elapsed.contains(&elapsed_seconds)
            && self.active.contains(&active_seconds)
            && self.idle.contains(&idle_seconds)
    }

    /// Tells whether only one result is possible.
    pub(super) fn is_certain(&self) -> bool {
        [&self.elapsed, &self.active, &self.idle].iter().all(|range| range.start() == range.end())
    }
}

/// Counts the seconds of a session, one after another. Between the first and the last activity there may be others.
pub(super) fn expected(started: Between, activities: &[Between], ended: Between) -> Expected {
    let (mut least, mut most) = ([0; 3], [0; 3]);
    for second in 1.. {
        let at = started.after(second * 1000);
        let counts = at.is_until(ended);
        if counts == Some(false) {
            break;
        }
        let is_active = is_active(at, started, activities);
        for (nth, applies) in [Some(true), is_active, is_active.map(|active| !active)].into_iter().enumerate() {
            least[nth] += u64::from(counts == Some(true) && applies == Some(true));
            most[nth] += u64::from(applies != Some(false));
        }
    }
    Expected { elapsed: least[0]..=most[0], active: least[1]..=most[1], idle: least[2]..=most[2] }
}

/// Tells whether a second is active; `None` if it can be either.
fn is_active(at: Between, started: Between, activities: &[Between]) -> Option<bool> {
    // The rhythm of the seconds is that of the start, so the time since then is known exactly.
    if at.earliest - started.earliest <= IDLE_AFTER_MS {
        return Some(true);
    }
    let reaches = |activity: &Between| at.is_until(activity.after(IDLE_AFTER_MS));
    let is_certain = |activity: &&Between| activity.is_until(at) == Some(true) && reaches(activity) == Some(true);
    if activities.iter().any(|activity| is_certain(&activity)) {
        return Some(true);
    }
    let (Some(first), Some(last)) = (activities.first(), activities.last()) else { return Some(false) };
    let is_outside = first.is_until(at) == Some(false) || reaches(last) == Some(false);
    if is_outside { Some(false) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(elapsed: u64, active: u64, idle: u64) -> Counters {
        Counters { elapsed_seconds: elapsed, active_seconds: active, idle_seconds: idle }
    }

    #[test]
    fn seconds_are_counted_exactly_if_all_instants_are_far_from_a_whole_second() {
        let at = |ms: u64| Between::new(ms, ms + 100);
        let none = expected(at(1_000), &[], at(21_500));
        assert!(none.is_certain() && none.allows(counters(20, 15, 5)));
        assert!(!none.allows(counters(20, 16, 4)) && !none.allows(counters(21, 16, 5)));
        // Idle from second 16 to 30; active from 31 to 55, for the last activity is half a second after second 40.
        let some = expected(at(1_000), &[at(31_500), at(41_500)], at(61_500));
        assert!(some.is_certain() && some.allows(counters(60, 40, 20)), "{some:?}");
        // An activity within 15 s keeps the session active.
        let all = expected(at(0), &[at(14_500), at(24_500)], at(30_500));
        assert!(all.is_certain() && all.allows(counters(30, 30, 0)), "{all:?}");
    }

    #[test]
    fn a_late_answer_leaves_several_results_possible() {
        let start = Between::new(0, 100);
        let late = expected(start, &[Between::new(20_500, 22_600)], Between::new(40_500, 40_600));
        assert!(!late.is_certain());
        assert!((28..=32).all(|active| late.allows(counters(40, active, 40 - active))), "{late:?}");
        assert!(!late.allows(counters(40, 27, 13)) && !late.allows(counters(40, 33, 7)), "{late:?}");
        assert!(!late.allows(counters(40, 30, 9)), "the sum must be right");
    }

    #[test]
    fn the_score_is_that_of_the_original() {
        assert_eq!(counters(1500, 1200, 300).score(25.0, 3), 64);
        assert_eq!(counters(3, 3, 0).score(2.0, 0), 3);
        assert_eq!(counters(60, 60, 0).score(25.0, 9), 0);
        assert_eq!(counters(0, 0, 0).score(25.0, 0), 0);
    }
}
