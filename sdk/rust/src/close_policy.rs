//! Maps the end of a connection to what the client does next.

use std::time::Duration;

use serde_json::Value;

use crate::error::{ConnectionError, RefusalReason, RefusedError};

/// The codes of closes to which clients react.
pub(crate) const RESTARTING: u16 = 1012;
pub(crate) const OVERLOADED: u16 = 1013;
pub(crate) const UNAUTHORIZED: u16 = 4401;
pub(crate) const FORBIDDEN: u16 = 4403;
pub(crate) const TOO_LARGE: u16 = 4413;
pub(crate) const TOO_MANY: u16 = 4429;

/// Longer delays are treated as invalid and cut, because the client would seem dead for too long.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_mins(5);

/// Backoff steps to skip after the server reported too many connections or messages.
const RATE_LIMITED_STEPS: u32 = 3;

/// How to reconnect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReconnectPolicy {
    /// Not at all.
    Never(RefusedError),
    /// After the server's delay.
    After(Duration),
    /// By backoff with some steps skipped, and no earlier than `at_least`.
    Backoff { steps: u32, at_least: Duration },
}

impl ReconnectPolicy {
    /// Returns the policy for the end of a connection.
    pub(crate) fn of(error: &ConnectionError) -> Self {
        let backoff = |steps, at_least| Self::Backoff { steps, at_least };
        match error {
            ConnectionError::Closed { code, reason } => Self::of_close(*code, reason),
            ConnectionError::Handshake { status: 429, retry_after } => {
                backoff(RATE_LIMITED_STEPS, limited(*retry_after))
            }
            ConnectionError::Handshake { retry_after, .. } => backoff(0, limited(*retry_after)),
            ConnectionError::Unreachable { .. } | ConnectionError::Lost { .. } | ConnectionError::Token { .. } => {
                backoff(0, Duration::ZERO)
            }
        }
    }

    /// Only 1012 and 1013 have a delay, `{"reconnectAfterMs": n}`, as their reason.
    fn of_close(code: u16, reason: &str) -> Self {
        let refused = |why| Self::Never(RefusedError { reason: why, code, message: reason.to_owned() });
        match code {
            UNAUTHORIZED => refused(RefusalReason::Unauthorized),
            FORBIDDEN => refused(RefusalReason::Forbidden),
            TOO_MANY => Self::Backoff { steps: RATE_LIMITED_STEPS, at_least: Duration::ZERO },
            RESTARTING | OVERLOADED => match advised_delay(reason) {
                Some(delay) => Self::After(delay),
                None => Self::Backoff { steps: 0, at_least: Duration::ZERO },
            },
            _ => Self::Backoff { steps: 0, at_least: Duration::ZERO },
        }
    }
}

fn limited(delay: Option<Duration>) -> Duration {
    delay.unwrap_or_default().min(RETRY_AFTER_MAX)
}

fn advised_delay(reason: &str) -> Option<Duration> {
    let advice: Value = serde_json::from_str(reason).ok()?;
    let ms = advice.get("reconnectAfterMs")?.as_f64().filter(|ms| *ms >= 0.0)?;
    Some(Duration::try_from_secs_f64(ms / 1000.0).unwrap_or(RETRY_AFTER_MAX).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_1012_and_1013_have_a_delay_and_only_a_valid_one_is_used() {
        let backoff = |steps| ReconnectPolicy::Backoff { steps, at_least: Duration::ZERO };
        let after = |ms| ReconnectPolicy::After(Duration::from_millis(ms));
        for (code, reason, expected) in [
            (1012, r#"{"reconnectAfterMs":700}"#, after(700)),
            (1013, r#"{"reconnectAfterMs":0}"#, after(0)),
            (1012, "", backoff(0)),
            (1012, "null", backoff(0)),
            (1012, r#"{"reconnectAfterMs":-1}"#, backoff(0)),
            (1012, r#"{"reconnectAfterMs":"soon"}"#, backoff(0)),
            (1013, r#"{"reconnectAfterMs":1e300}"#, after(300_000)),
            (1006, r#"{"reconnectAfterMs":700}"#, backoff(0)),
            (4408, "", backoff(0)),
            (4413, "", backoff(0)),
            (4429, "", backoff(3)),
        ] {
            let error = ConnectionError::Closed { code, reason: reason.to_owned() };
            assert_eq!(ReconnectPolicy::of(&error), expected, "{code} {reason}");
        }
    }

    #[test]
    fn a_refusal_is_final_and_a_full_node_is_tried_no_earlier_than_it_says() {
        for (code, why) in [(4401, RefusalReason::Unauthorized), (4403, RefusalReason::Forbidden)] {
            let policy = ReconnectPolicy::of(&ConnectionError::Closed { code, reason: "no".to_owned() });
            assert!(matches!(policy, ReconnectPolicy::Never(refused) if refused.reason == why && refused.code == code));
        }
        let full = ConnectionError::Handshake { status: 503, retry_after: Some(Duration::from_secs(2)) };
        let expected = ReconnectPolicy::Backoff { steps: 0, at_least: Duration::from_secs(2) };
        assert_eq!(ReconnectPolicy::of(&full), expected);
    }
}
