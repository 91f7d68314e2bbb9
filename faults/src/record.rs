//! What one client said and heard, in order.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

/// One client's whole story.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) client: String,
    pub(crate) user: String,
    pub(crate) entries: Vec<Entry>,
}

/// One thing that happened, by the time since the run began.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Duration,
    pub(crate) what: What,
}

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A connection to a node was opened.
    Opened(usize),
    Said(Value),
    Heard(Value),
    /// The connection ended, or could not be made.
    Ended(String),
}

/// One connection of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection<'r> {
    pub(crate) node: usize,
    pub(crate) entries: &'r [Entry],
}

impl Record {
    /// Returns the connections in order.
    pub(crate) fn connections(&self) -> impl Iterator<Item = Connection<'_>> {
        let is_opened = |entry: &Entry| matches!(entry.what, What::Opened(_));
        self.entries.chunk_by(move |_, next| !is_opened(next)).filter_map(|entries| match entries.first()?.what {
            What::Opened(node) => Some(Connection { node, entries }),
            What::Said(_) | What::Heard(_) | What::Ended(_) => None,
        })
    }

    /// Returns all that was heard.
    pub(crate) fn heard(&self) -> impl Iterator<Item = &Value> {
        self.entries.iter().filter_map(|entry| entry.what.heard())
    }

    /// Returns it as one JSON text a line.
    pub(crate) fn lines(&self) -> String {
        let mut lines = String::new();
        for Entry { at, what } in &self.entries {
            let (name, value) = match what {
                What::Opened(node) => ("opened", json!(node)),
                What::Said(message) => ("said", message.clone()),
                What::Heard(message) => ("heard", message.clone()),
                What::Ended(why) => ("ended", json!(why)),
            };
            // Writing to a string does not fail.
            let _ = writeln!(lines, "{}", json!({ "ms": at.as_millis() as u64, name: value }));
        }
        lines
    }
}

impl What {
    /// Returns the message that was heard.
    pub(crate) fn heard(&self) -> Option<&Value> {
        match self {
            Self::Heard(message) => Some(message),
            Self::Opened(_) | Self::Said(_) | Self::Ended(_) => None,
        }
    }
}

#[cfg(test)]
impl Record {
    /// Makes a record of user `u` from what happened, 100 ms after each other.
    pub(crate) fn made_up(happened: impl IntoIterator<Item = What>) -> Self {
        let entries = happened.into_iter().enumerate();
        let entries = entries.map(|(nth, what)| Entry { at: Duration::from_millis(100 * nth as u64), what }).collect();
        Self { client: "u-0".to_owned(), user: "u".to_owned(), entries }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_told_apart_into_connections() {
        let record = Record::made_up([
            What::Ended("refused".to_owned()),
            What::Opened(1),
            What::Heard(json!(1)),
            What::Ended("gone".to_owned()),
            What::Opened(2),
            What::Heard(json!(2)),
        ]);
        let connections: Vec<(usize, usize)> = record.connections().map(|it| (it.node, it.entries.len())).collect();
        assert_eq!(connections, [(1, 3), (2, 2)]);
        assert_eq!(record.heard().count(), 2);
        assert_eq!(record.lines().lines().nth(2), Some(r#"{"heard":1,"ms":200}"#));
    }
}
