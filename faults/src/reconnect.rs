//! The pause before a client reconnects.

use std::time::Duration;

use serde_json::Value;

/// Pause before a reconnection without advice from the node.
const RECONNECT_DEFAULT: Duration = Duration::from_millis(100);

/// Limit of the advised pause: a run is short.
const RECONNECT_MAX: Duration = Duration::from_secs(3);

/// Reads the pause before the reconnection from the reason of a close frame.
pub(crate) fn reconnect_after(reason: &anyhow::Error) -> Duration {
    let reason = reason.to_string();
    let reason = reason.split_once(": ").map_or("", |(_, reason)| reason);
    let reconnect_after = serde_json::from_str::<Value>(reason).ok();
    let ms = reconnect_after.and_then(|advice| advice["reconnectAfterMs"].as_u64());
    ms.map_or(RECONNECT_DEFAULT, Duration::from_millis).min(RECONNECT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn the_reconnection_advice_of_a_close_frame_is_followed_within_limits() {
        let of = |reason: &str| reconnect_after(&anyhow!("{reason}"));
        assert_eq!(of(r#"1012: {"reconnectAfterMs":250}"#), Duration::from_millis(250));
        assert_eq!(of(r#"1013: {"reconnectAfterMs":60000}"#), RECONNECT_MAX);
        assert_eq!(of("connection reset"), RECONNECT_DEFAULT);
    }
}
