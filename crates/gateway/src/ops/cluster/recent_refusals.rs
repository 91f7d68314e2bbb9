//! How many refusals there were lately, from samples of counters.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The time that counts as recent: an operator sees what is going on, and what went on while the page was opened.
pub(super) const WINDOW: Duration = Duration::from_secs(5 * 60);

/// The interval of samples, by which the window can be longer. With [`WINDOW`] it bounds their number.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(15);

/// Samples of counters that only grow and begin at zero.
#[derive(Debug, Default)]
pub(super) struct RecentRefusals {
    samples: Mutex<VecDeque<(Instant, Vec<u64>)>>,
}

impl RecentRefusals {
    /// Records the counts, unless a sample was recorded within the interval.
    pub(super) fn sample(&self, now: Instant, counts: &[u64]) {
        let mut samples = self.samples.lock();
        if samples.back().is_some_and(|(at, _)| now.duration_since(*at) < SAMPLE_INTERVAL) {
            return;
        }
        samples.push_back((now, counts.to_vec()));
        // The newest sample before the window stays: it is what the window begins with.
        while samples.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
            samples.pop_front();
        }
    }

    /// Returns by how much each counter grew within the window.
    pub(super) fn within_window(&self, now: Instant, counts: &[u64]) -> Vec<u64> {
        let samples = self.samples.lock();
        let before = samples.iter().rfind(|(at, _)| now.duration_since(*at) >= WINDOW);
        let at_start = |index: usize| before.and_then(|(_, counts)| counts.get(index).copied()).unwrap_or_default();
        counts.iter().enumerate().map(|(index, count)| count.saturating_sub(at_start(index))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_growth_within_the_window_counts() {
        let (refusals, start) = (RecentRefusals::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(refusals.within_window(at(0), &[2, 0]), [2, 0], "all of it is recent");
        for second in (0..=900).step_by(3) {
            // One a second of the first, and none of the second after the first minute.
            refusals.sample(at(second), &[second, second.min(60)]);
        }
        assert_eq!(refusals.within_window(at(900), &[900, 60]), [300, 0]);
        assert_eq!(refusals.within_window(at(910), &[905, 61]), [305, 1], "the window begins at a sample");
        let most = (WINDOW.as_secs() / SAMPLE_INTERVAL.as_secs() + 2) as usize;
        assert!(refusals.samples.lock().len() <= most, "{}", refusals.samples.lock().len());
    }
}
