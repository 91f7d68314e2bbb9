//! The announcement that a node stops: a client can open its next connection before this one closes.

use std::time::Duration;

use serde::Serialize;

use crate::event::Event;

/// The event or message type of the announcement.
pub(crate) const GOING_AWAY: &str = "going-away";

/// The node stops, and closes this connection soon. A client that opens its next connection first misses nothing.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct GoingAway {
    /// How many milliseconds from now the connection closes.
    within_ms: u64,
}

/// Renders `going-away` as a text message: the node closes the socket within this duration.
pub fn going_away(within: Duration) -> String {
    let Event { name, payload, .. } = Event::going_away(within);
    format!(r#"{{"type":"{name}","payload":{payload}}}"#)
}

impl Event {
    /// Renders `going-away`: the node closes the socket within this duration.
    pub fn going_away(within: Duration) -> Self {
        Self::new(GOING_AWAY, &GoingAway { within_ms: u64::try_from(within.as_millis()).unwrap_or(u64::MAX) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_announcement_says_how_many_milliseconds_are_left() {
        let text = going_away(Duration::from_millis(5000));
        assert_eq!(text, r#"{"type":"going-away","payload":{"withinMs":5000}}"#);
    }
}
