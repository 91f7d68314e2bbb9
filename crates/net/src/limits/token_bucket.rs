//! A token bucket: limits how often something happens.

use std::time::Instant;

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
        let burst = burst as f64;
        Self { per_second: per_second as f64, burst, tokens: burst, refilled_at: Instant::now() }
    }

    /// Takes `count` tokens; returns `false` and takes none if the bucket holds fewer.
    pub fn take(&mut self, count: usize) -> bool {
        self.take_at(count, Instant::now())
    }

    fn take_at(&mut self, count: usize, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.refilled_at).as_secs_f64();
        self.refilled_at = now;
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.burst);
        let is_enough = self.tokens >= count as f64;
        if is_enough {
            self.tokens -= count as f64;
        }
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

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
