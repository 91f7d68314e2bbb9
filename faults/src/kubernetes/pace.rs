//! The pace at which the clients of a draining node return.

use std::time::Duration;

use super::connections::DrainRecord;

/// Returns that are expected in an interval, at least: with fewer, the peak of evenly spread returns exceeds twice their mean
/// by chance.
const EXPECTED_MIN: f64 = 16.0;

/// Fewest intervals of a drain: with two, the peak cannot exceed twice the mean.
const INTERVALS_MIN: u32 = 4;

/// The pace of the returns to one draining node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    pub(crate) returns: usize,
    pub(crate) interval: Duration,
    /// Returns in an interval: the mean over `drain.grace`, and the most.
    pub(crate) mean: f64,
    pub(crate) peak: usize,
}

impl Pace {
    /// Counts the returns in equal intervals from the first close on. The mean is that over the time in which the node closes
    /// connections, whatever the returns are, so that a burst does not raise it.
    pub(crate) fn of(drain: &DrainRecord, grace: Duration) -> Option<Self> {
        let first = drain.closed.iter().min()?;
        let returns = drain.returned.len();
        let most = f64::from(u32::try_from(grace.as_secs()).unwrap_or(u32::MAX));
        let intervals =
            (returns as f64 / EXPECTED_MIN).floor().clamp(f64::from(INTERVALS_MIN), most.max(f64::from(INTERVALS_MIN)));
        let interval = grace.div_f64(intervals);
        let mut counts: Vec<usize> = Vec::new();
        for at in &drain.returned {
            let nth = (at.saturating_sub(*first).as_secs_f64() / interval.as_secs_f64()) as usize;
            counts.resize(counts.len().max(nth + 1), 0);
            counts[nth] += 1;
        }
        let peak = counts.into_iter().max().unwrap_or_default();
        Some(Self { returns, interval, mean: returns as f64 / intervals, peak })
    }

    /// Returns the most returns in an interval: twice the mean. Where fewer than [`EXPECTED_MIN`] are expected, three standard
    /// deviations of a Poisson distribution are added.
    pub(crate) fn limit(&self) -> f64 {
        let twice = 2.0 * self.mean;
        if self.is_of_many() { twice } else { twice + 3.0 * twice.sqrt() }
    }

    /// Tells whether so many returned that their peak is no matter of chance.
    pub(crate) fn is_of_many(&self) -> bool {
        self.mean >= EXPECTED_MIN
    }

    pub(crate) fn is_burst(&self) -> bool {
        self.peak as f64 > self.limit()
    }

    pub(crate) fn describe(&self) -> String {
        let Self { returns, interval, mean, peak } = self;
        format!(
            "{returns} returned; in {:.1} s: {mean:.1} on average, {peak} at most, {:.0} permitted",
            interval.as_secs_f64(),
            self.limit()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(20);

    #[test]
    fn returns_that_are_spread_over_the_drain_are_paced() {
        let pace = Pace::of(&drain((0..160).map(|nth| nth * 125)), GRACE).unwrap();
        assert_eq!((pace.returns, pace.interval, pace.peak), (160, Duration::from_secs(2), 16));
        assert!(!pace.is_burst(), "{pace:?}");
    }

    #[test]
    fn a_burst_is_found_among_many_and_among_few() {
        for count in [160, 27] {
            let pace = Pace::of(&drain((0..count).map(|nth| 500 + nth)), GRACE).unwrap();
            assert!(pace.is_burst(), "{pace:?}");
        }
        let half = (0..80).map(|nth| nth * 250).chain((0..80).map(|_| 9_000));
        assert!(Pace::of(&drain(half), GRACE).unwrap().is_burst());
    }

    #[test]
    fn without_closes_there_is_no_pace() {
        assert_eq!(Pace::of(&DrainRecord::default(), GRACE), None);
    }

    fn drain(returned_ms: impl Iterator<Item = u64>) -> DrainRecord {
        DrainRecord { closed: vec![Duration::ZERO], returned: returned_ms.map(Duration::from_millis).collect() }
    }
}
