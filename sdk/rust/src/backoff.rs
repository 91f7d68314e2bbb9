//! Exponential backoff with full jitter, so that many clients of one failed server reconnect spread out.

use std::time::Duration;

/// Returns a number from 0 to below 1.
pub(crate) type Random = Box<dyn FnMut() -> f64 + Send>;

/// The bounds of a delay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    pub(crate) base: Duration,
    pub(crate) cap: Duration,
}

impl Backoff {
    /// Returns the delay before an attempt, counted from 0.
    pub(crate) fn delay(self, attempt: u32, random: &mut Random) -> Duration {
        let doubled = self.base.saturating_mul(2_u32.saturating_pow(attempt));
        doubled.min(self.cap).mul_f64(random())
    }
}

/// Returns the randomness of the process.
pub(crate) fn process_random() -> Random {
    Box::new(fastrand::f64)
}

/// Returns an id that no other client generates.
pub(crate) fn random_id() -> String {
    format!("{:032x}", fastrand::u128(..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_doubles_up_to_its_cap_with_jitter_over_the_full_range() {
        let bounds = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(15) };
        let delay = |attempt, random: f64| {
            let mut random: Random = Box::new(move || random);
            bounds.delay(attempt, &mut random).as_millis()
        };
        assert_eq!([0, 1, 2, 3, 4, 99].map(|nth| delay(nth, 1.0)), [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
        assert_eq!((delay(3, 0.0), delay(3, 0.5)), (0, 4_000));
    }
}
