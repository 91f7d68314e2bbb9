//! What the connections of a run tell: why they ended, how long clients were away, and how fast they came back.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::record::{Event, Record};

/// The close code of a node that ends in an orderly way.
const RESTARTING: &str = "1012";

/// The close code of a node that cannot serve a client now.
const OVERLOADED: &str = "1013";

/// The packet of Engine.IO by which a node that ends closes a connection of Socket.IO, before 1012.
const ENGINE_IO_CLOSE: &str = "Engine.IO close";

/// The code of a connection that ended without a close frame.
const BROKEN: &str = "1006";

/// The ends of connections, the failed dials and the returns of all clients.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    /// The number of connections that ended, by close code; those that the clients have ended are not counted.
    pub(crate) ends: BTreeMap<String, usize>,
    /// The number of those without a close code, by reason.
    pub(crate) broken: BTreeMap<String, usize>,
    /// The number of failed dials by cause.
    pub(crate) failed_dials: BTreeMap<String, usize>,
    /// How long clients were away, in ascending order.
    pub(crate) away: Vec<Duration>,
    /// The clients that each node has sent away with 1012.
    pub(crate) drains: BTreeMap<usize, DrainRecord>,
}

/// The clients that a node has sent away.
#[derive(Debug, Default)]
pub(crate) struct DrainRecord {
    /// When the node closed their connections.
    pub(crate) closed: Vec<Duration>,
    /// When they had a connection again.
    pub(crate) returned: Vec<Duration>,
}

/// The connection of a client.
#[derive(Default)]
struct ClientState {
    open: Option<usize>,
    loss: Option<Loss>,
    /// The loss before the open connection, and when that was opened: the client is back unless the node refuses to serve it.
    returned: Option<(Loss, Duration)>,
}

/// A connection that was lost.
struct Loss {
    at: Duration,
    node: usize,
    is_drain: bool,
}

impl Connections {
    pub(crate) fn of<'r>(records: impl Iterator<Item = &'r Record>) -> Self {
        let mut connections = Self::default();
        records.for_each(|record| connections.follow(record));
        connections.away.sort_unstable();
        connections
    }

    fn follow(&mut self, record: &Record) {
        let mut state = ClientState::default();
        for entry in &record.entries {
            match &entry.event {
                Event::Opened(node) => {
                    self.settle(&mut state);
                    state.open = Some(*node);
                    state.returned = state.loss.take().map(|loss| (loss, entry.at));
                }
                Event::Received(_) => self.settle(&mut state),
                Event::Closed(reason) => self.close(&mut state, entry.at, reason),
                Event::Sent(_) => {}
            }
        }
        self.settle(&mut state);
    }

    /// Counts a return that was not refused.
    fn settle(&mut self, state: &mut ClientState) {
        let Some((loss, at)) = state.returned.take() else { return };
        self.away.push(at - loss.at);
        if loss.is_drain {
            self.drains.entry(loss.node).or_default().returned.push(at);
        }
    }

    fn close(&mut self, state: &mut ClientState, at: Duration, reason: &str) {
        let Some(node) = state.open.take().filter(|_| !is_failed_dial(reason)) else {
            *self.failed_dials.entry(dial_failure(reason).to_owned()).or_default() += 1;
            return;
        };
        if reason.ends_with("by the client") {
            return self.settle(state);
        }
        let end = end_of(reason);
        *self.ends.entry(end.to_owned()).or_default() += 1;
        if end == BROKEN {
            *self.broken.entry(reason.to_owned()).or_default() += 1;
        }
        if end == OVERLOADED
            && let Some((loss, _)) = state.returned.take()
        {
            state.loss = Some(loss);
            return;
        }
        self.settle(state);
        let is_drain = end == RESTARTING || end == ENGINE_IO_CLOSE;
        if is_drain {
            self.drains.entry(node).or_default().closed.push(at);
        }
        state.loss = Some(Loss { at, node, is_drain });
    }

    /// Returns the time away that a share of the returns did not exceed.
    pub(crate) fn away_at(&self, share: f64) -> Duration {
        let last = self.away.len().saturating_sub(1);
        let nth = (share * self.away.len() as f64).ceil() as usize;
        self.away.get(nth.saturating_sub(1).min(last)).copied().unwrap_or_default()
    }
}

/// Returns the close code of a connection, or what ended it without one.
fn end_of(reason: &str) -> &str {
    let code = reason.split(':').next().unwrap_or_default();
    if code.len() == 4 && code.bytes().all(|byte| byte.is_ascii_digit()) {
        return code;
    }
    if reason == "disconnected by 1" {
        ENGINE_IO_CLOSE
    } else if reason.contains("silent") {
        "silent"
    } else if reason.contains("no reply") {
        "no reply"
    } else {
        BROKEN
    }
}

/// Tells whether a reason is that of a dial: a client that has dropped its connection itself may fail to open the next one.
fn is_failed_dial(reason: &str) -> bool {
    ["HTTP error", "refused", "no connection"].into_iter().any(|text| reason.contains(text))
}

/// Returns why a dial failed.
pub(super) fn dial_failure(reason: &str) -> &'static str {
    let causes =
        [("503", "503"), ("refused", "refused"), ("in time", "timeout"), ("No route", "no route"), ("reset", "reset")];
    causes.into_iter().find(|(text, _)| reason.contains(text)).map_or("other", |(_, cause)| cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_dials_and_returns_are_counted() {
        let closed = |reason: &str| Event::Closed(reason.to_owned());
        let record = Record::example([
            closed("Connection refused (os error 111)"),
            Event::Opened(3),
            closed(r#"1012: {"reconnectAfterMs":250}"#),
            closed("HTTP error: 503 Service Unavailable"),
            Event::Opened(4),
            closed("dropped by the client"),
            Event::Opened(4),
            closed("Connection reset by peer"),
            Event::Opened(5),
            closed("HTTP error: 503 Service Unavailable"),
            Event::Opened(5),
            closed("disconnected by 1"),
            Event::Opened(6),
        ]);
        let connections = Connections::of([record].iter());
        assert_eq!(connections.ends, counts([("1012", 1), ("1006", 1), ("Engine.IO close", 1)]));
        assert_eq!(connections.failed_dials, counts([("503", 2), ("refused", 1)]));
        assert_eq!(connections.away, [100, 100, 200].map(Duration::from_millis));
        let drain = &connections.drains[&3];
        assert_eq!(
            (&drain.closed[..], &drain.returned[..]),
            ([200].map(Duration::from_millis).as_slice(), [400].map(Duration::from_millis).as_slice())
        );
        assert_eq!(connections.away_at(0.5), Duration::from_millis(100));
        assert_eq!(connections.away_at(0.99), Duration::from_millis(200));
        assert_eq!(Connections::default().away_at(0.5), Duration::ZERO);
    }

    #[test]
    fn a_client_that_is_refused_is_still_away() {
        let overloaded = || Event::Closed(r#"1013: {"reconnectAfterMs":1}"#.to_owned());
        let gone = Event::Closed("Connection reset by peer".to_owned());
        let opened = || Event::Opened(0);
        let tick = Event::Received(serde_json::json!({ "type": "tick" }));
        let record = Record::example([opened(), gone, opened(), overloaded(), opened(), overloaded(), opened(), tick]);
        let connections = Connections::of([record].iter());
        assert_eq!(connections.away, [Duration::from_millis(500)]);
        assert_eq!(connections.ends, counts([("1006", 1), ("1013", 2)]));
    }

    fn counts<const N: usize>(pairs: [(&str, usize); N]) -> BTreeMap<String, usize> {
        pairs.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
    }

    #[test]
    fn an_end_without_a_code_is_named() {
        assert_eq!(end_of("the node is silent"), "silent");
        assert_eq!(end_of("no reply in time"), "no reply");
        assert_eq!(end_of("closed without a close frame"), "1006");
        assert_eq!(dial_failure("no connection to node 0 in time"), "timeout");
    }
}
