//! How often something may happen: a bucket of tokens, filled at a steady rate, of which each time takes one.

use std::time::Instant;

/// Counts how often something happens.
pub(crate) struct Bucket {
    per_second: f64,
    burst: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    pub(crate) fn new(per_second: usize, burst: usize) -> Self {
        let burst = burst as f64;
        Self { per_second: per_second as f64, burst, tokens: burst, at: Instant::now() }
    }

    /// Takes tokens; `false` if there are not so many.
    pub(crate) fn take(&mut self, count: usize) -> bool {
        self.take_at(count, Instant::now())
    }

    fn take_at(&mut self, count: usize, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.tokens = (self.tokens + since * self.per_second).min(self.burst);
        let takes = self.tokens >= count as f64;
        if takes {
            self.tokens -= count as f64;
        }
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_is_admitted_and_then_the_rate() {
        let begun = Instant::now();
        let mut bucket = Bucket { at: begun, ..Bucket::new(10, 5) };
        let mut take = |count, millis| bucket.take_at(count, begun + Duration::from_millis(millis));
        assert!(take(5, 0), "the burst");
        assert!(take(1, 100) && take(1, 200), "the rate");
        assert!(!take(1, 210), "one too many");
        assert!(take(5, 5000), "after a while, a burst again and no more");
        assert!(!take(1, 5000));
    }
}
