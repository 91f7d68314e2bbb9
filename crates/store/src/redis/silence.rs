//! Detects a connection that receives nothing. A half-open connection reports no error, and a connection whose
//! write is stuck reports none either; a heartbeat makes sure that a live one has something to receive.

use std::time::Duration;

use fred::error::Error;
use fred::interfaces::MetricsInterface;
use tokio::time::sleep;

use crate::redis::fault::is_server_reply;

/// A connection without any input for this long, although a heartbeat is sent every [`HEARTBEAT`], is dead.
/// Longer than a slow command or a stalled disk of the server.
pub(crate) const SILENCE_MAX: Duration = Duration::from_millis(2500);

/// Interval of heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Interval at which the input is checked. Silence is counted in checks and not measured by the clock, so that a
/// process that was stopped does not take the time of its stop for silence.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

const CHECKS_MAX: u128 = SILENCE_MAX.as_millis() / CHECK_INTERVAL.as_millis();

const _: () = assert!(SILENCE_MAX.as_millis() > 2 * HEARTBEAT.as_millis(), "one heartbeat may be slow");

/// Sends heartbeats, and returns when nothing has been received for [`SILENCE_MAX`], connecting included.
/// `rejected` gets the server's error reply to a heartbeat.
pub(crate) async fn silence<R: Future<Output = ()>>(client: &impl MetricsInterface, rejected: impl Fn(Error) -> R) {
    let heartbeats = async {
        loop {
            sleep(HEARTBEAT).await;
            if let Err(error) = client.ping::<()>(None).await
                && is_server_reply(&error)
            {
                rejected(error).await;
            }
        }
    };
    tokio::select! {
        () = heartbeats => {}
        () = no_input(|| client.read_res_size_metrics().samples) => {}
    }
}

/// Returns when the number of received frames has not changed for [`CHECKS_MAX`] checks.
async fn no_input(received: impl Fn() -> u64) {
    let (mut last, mut silent_checks) = (received(), 0);
    while silent_checks < CHECKS_MAX {
        sleep(CHECK_INTERVAL).await;
        let now = received();
        silent_checks = if now == last { silent_checks + 1 } else { 0 };
        last = now;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_is_measured_from_the_last_frame_received() {
        let received = AtomicU64::new(0);
        let begun = Instant::now();
        let frames = async {
            for _ in 0..5 {
                sleep(SILENCE_MAX - CHECK_INTERVAL).await; // tidy: allow: virtual time
                received.fetch_add(1, Ordering::Relaxed);
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = frames => {}
            () = no_input(|| received.load(Ordering::Relaxed)) => {}
        }
        let last = (SILENCE_MAX - CHECK_INTERVAL) * 5;
        let silent = begun.elapsed() - last;
        assert!(silent >= SILENCE_MAX && silent <= SILENCE_MAX + 2 * CHECK_INTERVAL, "{silent:?}");
    }
}
