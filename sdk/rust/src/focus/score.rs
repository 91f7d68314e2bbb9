//! How the score of a session comes about. Pure.

use crate::focus::protocol::FocusCounters;

/// The highest score of any server.
const SCORE_MAX: f64 = 1e12;

const PENALTY_PER_TAB_SWITCH: f64 = 2.0;
const IDLE_SECONDS_PER_PENALTY: f64 = 30.0;

/// A score and its parts: `max(0, round(100 × completion × activity_ratio − tab_switch_penalty − idle_penalty))`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FocusScore {
    pub score: u64,
    /// The share of the target that has passed; 1 is the whole target, and more is possible.
    pub completion: f64,
    /// The share of active seconds.
    pub activity_ratio: f64,
    pub tab_switch_penalty: f64,
    pub idle_penalty: f64,
}

/// Returns the score that a session would have if it ended with these counters. A server can limit scores
/// (`focus.score_max`), so that the score of the ended session is lower.
#[must_use]
pub fn explain_score(counters: &FocusCounters, target_minutes: f64) -> FocusScore {
    let (elapsed, active) = (counters.elapsed_seconds as f64, counters.active_seconds as f64);
    let completion = elapsed / Some(target_minutes * 60.0).filter(|target| *target != 0.0).unwrap_or(1.0);
    let activity_ratio = active / elapsed.max(1.0);
    let tab_switch_penalty = counters.tab_switches as f64 * PENALTY_PER_TAB_SWITCH;
    let idle_penalty = counters.idle_seconds as f64 / IDLE_SECONDS_PER_PENALTY;
    // Half up, as the server rounds. No number, of a tiny target without activity, becomes 0.
    let rounded = (100.0 * completion * activity_ratio - (tab_switch_penalty + idle_penalty) + 0.5).floor();
    let score = rounded.clamp(0.0, SCORE_MAX) as u64;
    FocusScore { score, completion, activity_ratio, tab_switch_penalty, idle_penalty }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_has_its_parts_and_limits() {
        let counters = |elapsed, active, idle, switches| FocusCounters {
            elapsed_seconds: elapsed,
            active_seconds: active,
            idle_seconds: idle,
            tab_switches: switches,
        };
        let explained = explain_score(&counters(1_500, 1_200, 300, 3), 25.0);
        assert_eq!((explained.score, explained.completion, explained.activity_ratio), (64, 1.0, 0.8));
        assert_eq!((explained.tab_switch_penalty, explained.idle_penalty), (6.0, 10.0));
        assert_eq!(explain_score(&counters(0, 0, 0, 0), 25.0).score, 0);
        assert_eq!(explain_score(&counters(60, 0, 60, 9), 25.0).score, 0);
        assert_eq!(explain_score(&counters(60, 60, 0, 0), 1e-300).score, 1_000_000_000_000);
        assert_eq!(explain_score(&counters(60, 0, 60, 0), f64::MIN_POSITIVE).score, 0);
    }
}
