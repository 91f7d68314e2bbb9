//! How repetitions of a command are recognised.

use xxhash_rust::xxh3::Xxh3;

use crate::ids::ClientId;
use crate::systems::Command;

/// Tells repetitions of one command from other commands: a hash of the client, of the id that it gave, *and* of the
/// parsed command. Clients count 1, 2, 3, each for itself, and begin again when they reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

impl CommandId {
    /// Returns the id of a command that a client has sent with an id of its own.
    ///
    /// The hash is xxh3-64 over the client, the id that it gave and the command as JSON, with a zero byte between them,
    /// which neither of the first two can contain. It is part of the storage format: two versions of Tickcast must
    /// agree on it.
    pub fn of(client: &ClientId, given: &str, command: &Command) -> Self {
        let mut hash = Xxh3::new();
        hash.update(client.as_str().as_bytes());
        hash.update(&[0]);
        hash.update(given.as_bytes());
        hash.update(&[0]);
        let json = serde_json::to_vec(command).expect("a command has no key that JSON cannot write");
        hash.update(&json);
        Self(hash.digest())
    }
}
