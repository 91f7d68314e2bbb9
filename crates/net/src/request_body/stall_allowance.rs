//! How long a slow client is waited for.

use std::time::Duration;

/// Longest stall of a body. A network that loses packets recovers in less.
const STALL_MAX: Duration = Duration::from_secs(5);

/// Slowest rate at which a body may arrive, in bytes a second: a tenth of a slow mobile network.
const RATE_MIN: f64 = 16.0 * 1024.0;

/// The time that a client has before its body counts as stalled. Each byte that arrives gives some, up to [`STALL_MAX`].
pub(super) struct StallAllowance {
    left: Duration,
    seconds_per_byte: f64,
}

impl StallAllowance {
    /// Starts to wait for a body. A larger one holds more, and must arrive faster: at the rate with which it arrives just
    /// within `timeout`.
    pub(super) fn new(bytes: u64, timeout: Duration) -> Self {
        let rate = RATE_MIN.max(bytes as f64 / timeout.as_secs_f64());
        Self { left: STALL_MAX, seconds_per_byte: 1.0 / rate }
    }

    /// Returns how long the next bytes may take.
    pub(super) fn left(&self) -> Duration {
        self.left
    }

    /// Records that bytes have arrived after a wait.
    pub(super) fn record(&mut self, waited: Duration, bytes: usize) {
        let earned = Duration::from_secs_f64(bytes as f64 * self.seconds_per_byte);
        self.left = (self.left.saturating_sub(waited) + earned).min(STALL_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_may_stall_and_must_keep_its_rate() {
        let seconds = Duration::from_secs;
        let mut allowance = StallAllowance::new(1_000_000, seconds(30));
        allowance.record(seconds(4), 10);
        assert!(allowance.left() < seconds(2), "one stall used up most");
        allowance.record(seconds(0), 1_000_000);
        assert_eq!(allowance.left(), STALL_MAX, "fast clients earn no more");
        let keeps = |bytes_per_second: usize| {
            let mut allowance = StallAllowance::new(3_000_000, seconds(30));
            (0..1000).for_each(|_| allowance.record(seconds(1), bytes_per_second));
            allowance.left() > seconds(1)
        };
        assert!(keeps(100_000) && !keeps(90_000));
    }
}
