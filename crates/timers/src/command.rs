//! What someone asks of a board.

use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

use crate::history::HistoryId;
use crate::{disconnect, node, room, stopwatch};

/// One request to a board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Something about stopwatch sessions.
    Stopwatch(stopwatch::Command),
    /// Something about a room.
    Room(room::Command),
    /// Something about a node.
    Node(node::Command),
    /// Something about clients of all nodes.
    Disconnect(disconnect::Command),
    /// Carry out what is due.
    Settle,
}

impl Command {
    /// Returns what it is called where commands are told apart, such as in traces.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stopwatch(command) => command.name(),
            Self::Room(command) => command.name(),
            Self::Node(command) => command.name(),
            Self::Disconnect(_) => "disconnect",
            Self::Settle => "settle",
        }
    }

    /// Returns the history rows that `decide` must know of.
    pub fn asks_about(&self) -> Vec<HistoryId> {
        match self {
            Self::Stopwatch(command) => command.asks_about(),
            Self::Room(_) | Self::Node(_) | Self::Disconnect(_) | Self::Settle => Vec::new(),
        }
    }
}

/// Tells repetitions of one command from other commands: a hash of the client's id *and* of the parsed
/// command, since clients count 1, 2, 3 and begin again when they reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

impl CommandId {
    /// Returns the id of a command that came with a client's own id.
    ///
    /// The hash is xxh3-64 over the id, a zero byte and the command as JSON, and part of the storage
    /// format: two versions of Tickcast must agree on it.
    pub fn of(client_id: &str, command: &Command) -> Self {
        let mut hash = Xxh3::new();
        hash.update(client_id.as_bytes());
        hash.update(&[0]);
        let json = serde_json::to_vec(command).expect("a command has no key that JSON can't write");
        hash.update(&json);
        Self(hash.digest())
    }
}
