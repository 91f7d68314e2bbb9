//! How sockets end, for counting.

use opentelemetry::KeyValue;

use crate::metrics::tally::Label;
use crate::ws::Closing;

/// How a socket has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Close {
    code: u16,
    reason: &'static str,
}

const fn close(code: u16, reason: &'static str) -> Close {
    Close { code, reason }
}

impl Close {
    /// It broke.
    pub(crate) const BROKEN: Self = close(1006, "broken");
}

impl From<&Closing> for Close {
    fn from(closing: &Closing) -> Self {
        close(closing.code(), closing.name())
    }
}

impl Label for Close {
    const ALL: &[Self] = &[
        close(1000, "requested"),
        close(1002, "protocol"),
        Self::BROKEN,
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

    fn index(self) -> usize {
        Self::ALL.iter().position(|close| *close == self).expect("each is listed")
    }

    fn attributes(self) -> Vec<KeyValue> {
        vec![KeyValue::new("code", i64::from(self.code)), KeyValue::new("reason", self.reason)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_closing_is_listed() {
        let all = [
            Closing::Requested,
            Closing::Protocol,
            Closing::InvalidUtf8,
            Closing::Restarting(1),
            Closing::Overloaded(1),
            Closing::Unauthorized,
            Closing::Forbidden,
            Closing::Silent,
            Closing::TooSlow,
            Closing::TooLarge(1),
            Closing::TooManyConnections,
            Closing::TooManyMessages,
        ];
        let mut places: Vec<usize> = all.iter().map(|closing| Close::from(closing).index()).collect();
        places.push(Close::BROKEN.index());
        places.sort_unstable();
        assert_eq!(places, (0..Close::ALL.len()).collect::<Vec<_>>());
    }
}
