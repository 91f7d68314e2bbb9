//! Counted seconds, and the score that they make.

use std::ops::Add;

use serde::{Deserialize, Serialize};

use crate::focus::target::TargetMinutes;

/// The highest score that is kept: no work reaches it, and sums of millions of such scores are exact.
pub const SCORE_MAX: u64 = 1_000_000_000_000;

/// Percent of the target that a tab switch costs.
const PENALTY_PER_SWITCH: f64 = 2.0;

/// Idle seconds that cost one percent of the target.
const IDLE_SECONDS_PER_PENALTY: f64 = 30.0;

/// Counted seconds. Each tracked second is either active or idle; of counters that a client reports, some may be neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "[u64; 3]", into = "[u64; 3]")]
pub struct SecondCounters {
    /// All of them.
    pub elapsed: u64,
    /// Those at most `idle_after` after an activity.
    pub active: u64,
    /// Those later after one.
    pub idle: u64,
}

/// Why numbers are no [`SecondCounters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("active and idle seconds must be no more than all seconds")]
pub struct BadCounters;

impl SecondCounters {
    /// Returns the counters of tracked seconds.
    pub(crate) fn tracked(elapsed: u64, active: u64) -> Self {
        let active = active.min(elapsed);
        Self { elapsed, active, idle: elapsed - active }
    }

    /// Returns the score: 100 for a target that is reached with every second active, less for tab switches and idle
    /// seconds, never below 0, rounded half up.
    pub fn score(self, target: &TargetMinutes, tab_switches: u64, score_max: Option<u64>) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "exact below 285 million years")]
        let [elapsed, active, idle, switches] =
            [self.elapsed, self.active, self.idle, tab_switches].map(|number| number as f64);
        let divisor = |number: f64| if number == 0.0 { 1.0 } else { number };
        let completion = elapsed / divisor(target.as_f64() * 60.0);
        let activity_ratio = active / divisor(elapsed);
        let penalty = switches * PENALTY_PER_SWITCH + idle / IDLE_SECONDS_PER_PENALTY;
        rounded(100.0 * completion * activity_ratio - penalty).min(score_max.unwrap_or(SCORE_MAX))
    }
}

/// Rounds half up, as `Math.round` does, between 0 and [`SCORE_MAX`]. What is not a number is 0.
fn rounded(number: f64) -> u64 {
    // Adding a half first would round 0.49999999999999994 up.
    let whole = number.floor();
    let rounded = if number - whole >= 0.5 { whole + 1.0 } else { whole };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates, and NaN is 0")]
    let rounded = rounded as u64;
    rounded.min(SCORE_MAX)
}

impl Add for SecondCounters {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let [elapsed, active] =
            [(self.elapsed, other.elapsed), (self.active, other.active)].map(|(one, more)| one.saturating_add(more));
        // Damaged numbers can reach the largest one.
        Self { elapsed, active, idle: self.idle.saturating_add(other.idle).min(elapsed.saturating_sub(active)) }
    }
}

impl TryFrom<[u64; 3]> for SecondCounters {
    type Error = BadCounters;

    fn try_from([elapsed, active, idle]: [u64; 3]) -> Result<Self, BadCounters> {
        let is_sum = active.checked_add(idle).is_some_and(|sum| sum <= elapsed);
        if is_sum { Ok(Self { elapsed, active, idle }) } else { Err(BadCounters) }
    }
}

impl From<SecondCounters> for [u64; 3] {
    fn from(counters: SecondCounters) -> Self {
        [counters.elapsed, counters.active, counters.idle]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(target: &str, counters: [u64; 3], switches: u64) -> u64 {
        let target = serde_json::from_str(target).unwrap();
        SecondCounters::try_from(counters).unwrap().score(&target, switches, None)
    }

    #[test]
    fn the_score_is_that_of_the_original() {
        for (target, counters, switches, expected) in [
            ("25", [1500, 1500, 0], 0, 100),
            ("25", [1500, 1200, 300], 3, 64),
            ("25", [3000, 3000, 0], 0, 200),
            ("25", [0, 0, 0], 0, 0),
            ("25", [60, 60, 0], 9, 0),
            ("1", [1, 1, 0], 0, 2),
            // 100 × 3 ÷ 120 = 2.5, which is rounded up, and 1.5 − 1 = 0.5 as well.
            ("2", [3, 3, 0], 0, 3),
            ("100", [120, 90, 30], 0, 1),
            ("1e308", [86_400, 86_400, 0], 0, 0),
            ("5e-324", [1, 1, 0], 0, SCORE_MAX),
            // Infinite completion, and no activity: not a number.
            ("5e-324", [60, 0, 60], 0, 0),
        ] {
            assert_eq!(score(target, counters, switches), expected, "{target} {counters:?} {switches}");
        }
        let target = serde_json::from_str("1").unwrap();
        assert_eq!(SecondCounters::tracked(600, 600).score(&target, 0, Some(150)), 150);
    }

    #[test]
    fn numbers_are_rounded_as_javascript_does() {
        for (number, expected) in [
            (0.499_999_999_999_999_94, 0),
            (0.5, 1),
            (1.5, 2),
            (2.5, 3),
            (-0.5, 0),
            (-7.0, 0),
            (f64::NAN, 0),
            (f64::INFINITY, SCORE_MAX),
            (f64::NEG_INFINITY, 0),
        ] {
            assert_eq!(rounded(number), expected, "{number}");
        }
    }
}
