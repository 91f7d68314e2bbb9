//! Conversion between instants and scores of sorted sets.

use timers::Timestamp;

#[expect(clippy::cast_precision_loss, reason = "milliseconds are exact in a double for another 285,000 years")]
pub(crate) fn score(at: Timestamp) -> f64 {
    at.0 as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "scores are written from u64 milliseconds")]
pub(crate) fn timestamp(score: f64) -> Timestamp {
    Timestamp(score as u64)
}
