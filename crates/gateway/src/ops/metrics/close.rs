//! The close code and reason of a socket, as a label.

use net::websocket::CloseReason;
use opentelemetry::KeyValue;

use crate::ops::metrics::labelled_counter::Label;

/// The close code and reason of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CloseLabel {
    code: u16,
    reason: &'static str,
}

const fn close(code: u16, reason: &'static str) -> CloseLabel {
    CloseLabel { code, reason }
}

impl CloseLabel {
    /// The connection broke without a close frame.
    pub(crate) const BROKEN: Self = close(1006, "broken");
}

impl From<&CloseReason> for CloseLabel {
    fn from(reason: &CloseReason) -> Self {
        close(reason.code(), reason.name())
    }
}

const LABELS: &[CloseLabel] = &[
    close(1000, "requested"),
    close(1002, "protocol"),
    CloseLabel::BROKEN,
    close(1007, "invalid_utf8"),
    close(1012, "restarting"),
    close(1013, "overloaded"),
    close(4401, "unauthorized"),
    close(4403, "forbidden"),
    close(4408, "silent"),
    close(4408, "too_slow"),
    close(4413, "too_large"),
    close(4429, "too_many_connections"),
    close(4429, "too_many_messages"),
];

impl Label for CloseLabel {
    fn all() -> &'static [Self] {
        LABELS
    }

    fn index(self) -> usize {
        LABELS.iter().position(|label| *label == self).expect("each reason is listed")
    }

    fn attributes(self) -> Vec<KeyValue> {
        vec![KeyValue::new("code", i64::from(self.code)), KeyValue::new("reason", self.reason)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_listed() {
        let all = [
            CloseReason::ClosedByClient,
            CloseReason::Protocol,
            CloseReason::InvalidUtf8,
            CloseReason::Restarting(1),
            CloseReason::Overloaded(1),
            CloseReason::Unauthorized,
            CloseReason::MissingToken,
            CloseReason::InvalidToken,
            CloseReason::Forbidden,
            CloseReason::HeartbeatTimeout,
            CloseReason::TooSlow,
            CloseReason::TooLarge(1),
            CloseReason::TooManyConnections,
            CloseReason::TooManyMessages,
        ];
        let mut indices: Vec<usize> = all.iter().map(|reason| CloseLabel::from(reason).index()).collect();
        indices.push(CloseLabel::BROKEN.index());
        indices.sort_unstable();
        indices.dedup();
        assert_eq!(indices, (0..LABELS.len()).collect::<Vec<_>>());
    }
}
