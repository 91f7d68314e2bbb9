//! Waits for conditions, with a timeout.

use std::time::{Duration, Instant};

/// Timeout of every wait.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Interval at which a condition is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Waits until a condition holds; blocks the thread.
///
/// # Panics
/// After [`DEADLINE`].
pub(crate) fn block_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "timed out waiting for {what}");
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Waits until a condition holds.
///
/// # Panics
/// After [`DEADLINE`].
pub async fn wait_for(what: &str, holds: impl Fn() -> bool) {
    wait_until(what, async || holds()).await;
}

/// Waits until an asynchronous condition holds.
///
/// # Panics
/// After [`DEADLINE`].
pub async fn wait_until(what: &str, holds: impl AsyncFn() -> bool) {
    let end = Instant::now() + DEADLINE;
    let mut poll = tokio::time::interval(POLL_INTERVAL);
    while !holds().await {
        assert!(Instant::now() < end, "timed out waiting for {what}");
        poll.tick().await;
    }
}
