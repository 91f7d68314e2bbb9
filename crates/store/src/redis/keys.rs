//! The names of keys and channels. They are the storage format: changing one is a migration.

use engine::store::{SHARDS, Shard};
use timers::Scope;

/// A cluster has this many slots; a shard's tag is chosen so that the shards lie evenly over them.
const SLOTS: usize = 16384;

/// The shard that holds the beat.
pub(crate) fn shard_of_beat() -> Shard {
    Shard::all().next().expect("there are shards")
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
        let shard = Shard::of(scope);
        let at = |kind: &str| self.of_shard(shard, &format!("{kind}:{scope}"));
        ScopeKeys {
            board: at("board"),
            due: self.due(shard),
            rows: at("history"),
            index: at("history-index"),
            channel: self.channel(scope),
        }
    }

    pub(crate) fn board(&self, scope: &Scope) -> String {
        self.of_shard(Shard::of(scope), &format!("board:{scope}"))
    }

    pub(crate) fn channel(&self, scope: &Scope) -> String {
        self.of_shard(Shard::of(scope), &scope.to_string())
    }

    pub(crate) fn due(&self, shard: Shard) -> String {
        self.of_shard(shard, "due")
    }

    /// The beat's hash and channel.
    pub(crate) fn beat(&self) -> String {
        self.of_shard(shard_of_beat(), "beat")
    }

    /// What the fence writes on the server of a shard.
    pub(crate) fn fence(&self, shard: Shard) -> String {
        self.of_shard(shard, "fence")
    }

    /// What a node tries out on the server of a shard, named like a scope's so that the same rules of an
    /// ACL hold.
    pub(crate) fn probe(&self, shard: Shard, node: &str) -> ProbeKeys {
        let at = |kind: &str| self.of_shard(shard, &format!("{kind}:{node}"));
        ProbeKeys { hash: at("probe"), index: at("probe-index"), channel: at("probed") }
    }

    /// Tells what a channel carries.
    pub(crate) fn carried(channel: &str, node: &str) -> Carried {
        match channel.split_once("}:").map_or("", |(_, rest)| rest) {
            "beat" => Carried::Beats,
            rest if rest.strip_prefix("probed:") == Some(node) => Carried::Words,
            _ => Carried::Updates,
        }
    }

    /// Returns the slot of a shard.
    pub(crate) fn slot(&self, shard: Shard) -> u16 {
        fred::util::redis_keyslot(self.tags[shard.index()].to_string().as_bytes())
    }

    fn of_shard(&self, shard: Shard, rest: &str) -> String {
        format!("{}:{{{}}}:{rest}", self.prefix, self.tags[shard.index()])
    }
}

/// What a channel carries.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Carried {
    /// Beats.
    Beats,
    /// Words of this node's own probe.
    Words,
    /// Updates of a scope.
    Updates,
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
    fn a_channel_tells_what_it_carries_even_for_a_user_of_a_tricky_name() {
        let keys = Keys::new("tickcast");
        let shard = shard_of_beat();
        let tricky = Scope::User(UserId::new("}:beat").unwrap());
        assert_eq!(Keys::carried(&keys.beat(), "one"), Carried::Beats);
        let probed = keys.probe(shard, "one").channel;
        assert_eq!(Keys::carried(&probed, "one"), Carried::Words);
        assert_eq!(Keys::carried(&probed, "two"), Carried::Updates);
        assert_eq!(Keys::carried(&keys.channel(&tricky), "one"), Carried::Updates);
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
