//! What a node knows of the servers of its store, for operators.

use crate::store::Capacity;

/// One server of the store, as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerStatus {
    /// The server's address, without passwords.
    pub name: String,
    /// Whether the server can be used, or why not.
    pub ready: Result<(), String>,
    /// The shards that the server has.
    pub shards: usize,
    /// What the server told of itself when it was last asked.
    pub details: ServerDetails,
}

/// What a server tells of itself, as far as it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerDetails {
    /// The version of the server's program.
    pub version: Option<String>,
    /// Whether the server is a primary or a replica, in the words of the server.
    pub role: Option<String>,
    /// The replicas that are connected to the server.
    pub replicas: Option<u64>,
    /// What the server does when its memory is full.
    pub memory_policy: Option<String>,
    /// The server's space.
    pub capacity: Option<Capacity>,
    /// How the server keeps its content.
    pub persistence: Option<Persistence>,
}

/// How a server keeps its content through a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Persistence {
    /// Each write is appended to a file.
    pub is_append_only: bool,
    /// The last write or flush of that file failed.
    pub is_append_failing: bool,
    /// The last snapshot of the whole content failed.
    pub is_snapshot_failing: bool,
    /// Changes since the last snapshot.
    pub unsaved_changes: u64,
    /// The instant of the last snapshot, or of the server's start, in seconds since 1970.
    pub saved_at: Option<u64>,
}
