//! The messages of one client, in order.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

/// The record of one client.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) client: String,
    pub(crate) user: String,
    pub(crate) entries: Vec<Entry>,
}

/// An event, with the time since the start of the run.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Duration,
    pub(crate) event: Event,
}

/// An event.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A connection to a node was opened.
    Opened(usize),
    Sent(Value),
    Received(Value),
    /// The connection ended or could not be opened.
    Closed(String),
}

/// One connection of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionRecord<'r> {
    pub(crate) node: usize,
    pub(crate) entries: &'r [Entry],
}

impl Record {
    /// Returns the connections in order.
    pub(crate) fn connections(&self) -> impl Iterator<Item = ConnectionRecord<'_>> {
        let is_opened = |entry: &Entry| matches!(entry.event, Event::Opened(_));
        self.entries.chunk_by(move |_, next| !is_opened(next)).filter_map(|entries| match entries.first()?.event {
            Event::Opened(node) => Some(ConnectionRecord { node, entries }),
            Event::Sent(_) | Event::Received(_) | Event::Closed(_) => None,
        })
    }

    /// Returns all received messages.
    pub(crate) fn received(&self) -> impl Iterator<Item = &Value> {
        self.entries.iter().filter_map(|entry| entry.event.received())
    }

    /// Returns the events as lines of JSON.
    pub(crate) fn lines(&self) -> String {
        let mut lines = String::new();
        for Entry { at, event } in &self.entries {
            let (name, value) = match event {
                Event::Opened(node) => ("opened", json!(node)),
                Event::Sent(message) => ("said", message.clone()),
                Event::Received(message) => ("heard", message.clone()),
                Event::Closed(reason) => ("ended", json!(reason)),
            };
            // Writing to a string does not fail.
            let _ = writeln!(lines, "{}", json!({ "ms": at.as_millis() as u64, name: value }));
        }
        lines
    }
}

impl Event {
    /// Returns the received message.
    pub(crate) fn received(&self) -> Option<&Value> {
        match self {
            Self::Received(message) => Some(message),
            Self::Opened(_) | Self::Sent(_) | Self::Closed(_) => None,
        }
    }
}

#[cfg(test)]
impl Record {
    /// Makes a record of user `u` from events at intervals of 100 ms.
    pub(crate) fn example(events: impl IntoIterator<Item = Event>) -> Self {
        let entries = events.into_iter().enumerate();
        let entries =
            entries.map(|(nth, event)| Entry { at: Duration::from_millis(100 * nth as u64), event }).collect();
        Self { client: "u-0".to_owned(), user: "u".to_owned(), entries }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_split_into_connections() {
        let record = Record::example([
            Event::Closed("refused".to_owned()),
            Event::Opened(1),
            Event::Received(json!(1)),
            Event::Closed("gone".to_owned()),
            Event::Opened(2),
            Event::Received(json!(2)),
        ]);
        let connections: Vec<(usize, usize)> = record.connections().map(|it| (it.node, it.entries.len())).collect();
        assert_eq!(connections, [(1, 3), (2, 2)]);
        assert_eq!(record.received().count(), 2);
        assert_eq!(record.lines().lines().nth(2), Some(r#"{"heard":1,"ms":200}"#));
    }
}
