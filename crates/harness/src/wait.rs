//! Waiting for a condition, with an end.

use std::time::{Duration, Instant};

/// How long anything that must happen may take.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Waits until a condition holds, in a fixture that blocks.
///
/// # Panics
/// If it does not within [`DEADLINE`].
pub(crate) fn block_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Waits until a condition holds.
///
/// # Panics
/// If it does not within [`DEADLINE`].
pub async fn wait_for(what: &str, holds: impl Fn() -> bool) {
    wait_until(what, async || holds()).await;
}

/// Waits until a condition holds that takes time to look at.
///
/// # Panics
/// If it does not within [`DEADLINE`].
pub async fn wait_until(what: &str, holds: impl AsyncFn() -> bool) {
    let end = Instant::now() + DEADLINE;
    let mut look = tokio::time::interval(LOOK_EVERY);
    while !holds().await {
        assert!(Instant::now() < end, "waited in vain for {what}");
        look.tick().await;
    }
}
