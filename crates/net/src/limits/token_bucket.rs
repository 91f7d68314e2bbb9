//! A token bucket: limits how often something happens.

use std::time::{Duration, Instant};

/// A bucket of tokens that is refilled at a steady rate; each event takes one.
pub struct TokenBucket {
    per_second: f64,
    burst: f64,
    tokens: f64,
    refilled_at: Instant,
}

impl TokenBucket {
    /// Creates a full bucket that holds `burst` tokens.
    pub fn new(per_second: usize, burst: usize) -> Self {
        Self::of_rate(per_second as f64, burst)
    }

    /// Creates a full bucket that holds the tokens of one minute.
    pub fn per_minute(count: usize) -> Self {
        Self::of_rate(count as f64 / 60.0, count)
    }

    fn of_rate(per_second: f64, burst: usize) -> Self {
        let burst = burst as f64;
        Self { per_second, burst, tokens: burst, refilled_at: Instant::now() }
    }

    /// Takes `count` tokens; returns `false` and takes none if the bucket holds fewer.
    pub fn take(&mut self, count: usize) -> bool {
        self.take_at(count, Instant::now())
    }

    /// Returns the time until the bucket holds one token.
    pub(super) fn until_next(&self) -> Duration {
        Duration::from_secs_f64((1.0 - self.tokens).max(0.0) / self.per_second)
    }

    /// Tells whether the bucket has as many tokens at an instant as a new one.
    pub(super) fn is_full_at(&self, now: Instant) -> bool {
        self.tokens_at(now) >= self.burst
    }

    pub(super) fn take_at(&mut self, count: usize, now: Instant) -> bool {
        self.tokens = self.tokens_at(now);
        self.refilled_at = now.max(self.refilled_at);
        let is_enough = self.tokens >= count as f64;
        if is_enough {
            self.tokens -= count as f64;
        }
        is_enough
    }

    fn tokens_at(&self, now: Instant) -> f64 {
        let elapsed = now.saturating_duration_since(self.refilled_at).as_secs_f64();
        (self.tokens + elapsed * self.per_second).min(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_admitted_and_then_the_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket { refilled_at: start, ..TokenBucket::new(10, 5) };
        let mut take = |count, millis| bucket.take_at(count, start + Duration::from_millis(millis));
        assert!(take(5, 0), "the burst");
        assert!(take(1, 100) && take(1, 200), "the rate");
        assert!(!take(1, 210), "one too many");
        assert!(take(5, 5000), "after a pause the bucket holds one burst and no more");
        assert!(!take(1, 5000));
    }
}
