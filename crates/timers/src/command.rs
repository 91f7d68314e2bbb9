//! How repetitions of a command are recognised.

use xxhash_rust::xxh3::Xxh3;

use crate::systems::Command;

/// Tells repetitions of one command from other commands: a hash of the client's id *and* of the parsed command, since
/// clients count 1, 2, 3 and begin again when they reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

impl CommandId {
    /// Returns the id of a command that came with a client's own id.
    ///
    /// The hash is xxh3-64 over the id, a zero byte and the command as JSON. It is part of the storage format: two
    /// versions of Tickcast must agree on it.
    pub fn of(client_id: &str, command: &Command) -> Self {
        let mut hash = Xxh3::new();
        hash.update(client_id.as_bytes());
        hash.update(&[0]);
        let json = serde_json::to_vec(command).expect("a command has no key that JSON cannot write");
        hash.update(&json);
        Self(hash.digest())
    }
}
