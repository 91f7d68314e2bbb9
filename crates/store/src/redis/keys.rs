//! The names of keys and channels. They are the storage format: changing one is a migration.

use timers::Scope;
use xxhash_rust::xxh3::xxh3_64;

/// How many shards the scopes are spread over.
pub const SHARDS: usize = 256;

/// A cluster has this many slots; a shard's tag is chosen so that the shards lie evenly over them.
const SLOTS: usize = 16384;

/// Returns the shard of a scope: xxh3-64 of its text, modulo [`SHARDS`].
pub fn shard_of(scope: &Scope) -> usize {
    usize::try_from(xxh3_64(scope.to_string().as_bytes()) % SHARDS as u64).unwrap_or(0)
}

/// Names keys and channels.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: String,
    tags: Vec<u32>,
}

/// The keys of one scope.
pub(crate) struct ScopeKeys {
    pub(crate) board: String,
    pub(crate) due: String,
    pub(crate) rows: String,
    pub(crate) index: String,
    pub(crate) channel: String,
}

/// The keys of a node's probe.
pub(crate) struct ProbeKeys {
    pub(crate) hash: String,
    pub(crate) index: String,
    pub(crate) channel: String,
}

impl Keys {
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), tags: shard_tags() }
    }

    pub(crate) fn of(&self, scope: &Scope) -> ScopeKeys {
        let shard = shard_of(scope);
        let at = |kind: &str| format!("{}:{{{}}}:{kind}:{scope}", self.prefix, self.tags[shard]);
        ScopeKeys {
            board: at("board"),
            due: self.due(shard),
            rows: at("history"),
            index: at("history-index"),
            channel: self.channel(scope),
        }
    }

    pub(crate) fn board(&self, scope: &Scope) -> String {
        format!("{}:{{{}}}:board:{scope}", self.prefix, self.tags[shard_of(scope)])
    }

    pub(crate) fn channel(&self, scope: &Scope) -> String {
        format!("{}:{{{}}}:{scope}", self.prefix, self.tags[shard_of(scope)])
    }

    pub(crate) fn due(&self, shard: usize) -> String {
        format!("{}:{{{}}}:due", self.prefix, self.tags[shard])
    }

    /// The beat's hash and channel.
    pub(crate) fn beat(&self) -> String {
        format!("{}:beat", self.prefix)
    }

    /// What a node tries out, named like a scope's so that the same rules of an ACL hold.
    pub(crate) fn probe(&self, node: &str) -> ProbeKeys {
        let at = |kind: &str| format!("{}:{{{}}}:{kind}:{node}", self.prefix, self.tags[0]);
        ProbeKeys { hash: at("probe"), index: at("probe-index"), channel: at("probed") }
    }
}

/// Tag `i` is the first decimal whose slot divided by 64 is `i`, so that every 64 slots hold one shard.
fn shard_tags() -> Vec<u32> {
    let mut tags = vec![None; SHARDS];
    let mut missing = SHARDS;
    for tag in 0.. {
        let shard = usize::from(fred::util::redis_keyslot(tag.to_string().as_bytes())) / (SLOTS / SHARDS);
        if tags[shard].is_none() {
            tags[shard] = Some(tag);
            missing -= 1;
        }
        if missing == 0 {
            break;
        }
    }
    tags.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use timers::UserId;

    #[test]
    fn every_stretch_of_64_slots_holds_one_shard() {
        let tags = shard_tags();
        assert_eq!(tags.len(), SHARDS);
        for (shard, tag) in tags.iter().enumerate() {
            assert_eq!(usize::from(fred::util::redis_keyslot(tag.to_string().as_bytes())) / 64, shard);
        }
        assert_eq!(tags.iter().max(), Some(&477));
    }

    #[test]
    fn the_names_are_the_storage_format() {
        let keys = Keys::new("tickcast").of(&Scope::User(UserId::new("42").unwrap()));
        assert_eq!(
            [keys.board, keys.due, keys.rows, keys.index, keys.channel],
            [
                "tickcast:{400}:board:user:42",
                "tickcast:{400}:due",
                "tickcast:{400}:history:user:42",
                "tickcast:{400}:history-index:user:42",
                "tickcast:{400}:user:42",
            ]
        );
    }
}
