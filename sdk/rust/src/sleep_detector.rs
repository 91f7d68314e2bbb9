//! Notices that the machine has slept: meanwhile its date advances and its monotonic clock does not, on most systems.

use std::time::Duration;

use tokio::time::Instant;

/// The date is corrected by less without a sleep, and a shorter one hardly changes what is displayed.
const DIVERGENCE_MAX: Duration = Duration::from_secs(2);

/// Both clocks at the last look.
#[derive(Debug)]
pub(crate) struct SleepDetector {
    instant: Instant,
    date: i64,
}

impl SleepDetector {
    /// `date` is in milliseconds since 1970.
    pub(crate) fn new(instant: Instant, date: i64) -> Self {
        Self { instant, date }
    }

    /// Tells whether the machine has slept since the last call, or its date was set forward.
    pub(crate) fn has_slept(&mut self, instant: Instant, date: i64) -> bool {
        let last = std::mem::replace(self, Self::new(instant, date));
        let by_date = Duration::from_millis(date.saturating_sub(last.date).max(0).unsigned_abs());
        by_date.saturating_sub(instant.saturating_duration_since(last.instant)) > DIVERGENCE_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_that_advances_alone_tells_of_a_sleep_once() {
        let start = Instant::now();
        let mut detector = SleepDetector::new(start, 0);
        let mut looks = |ms: u64, date| detector.has_slept(start + Duration::from_millis(ms), date);
        assert!(!looks(1_000, 1_000) && !looks(2_000, 4_000), "a small correction");
        assert!(looks(3_000, 8_000) && !looks(4_000, 9_000));
        assert!(!looks(5_000, 0), "the date was set back");
        assert!(!looks(60_000, 55_000), "a busy process");
    }
}
