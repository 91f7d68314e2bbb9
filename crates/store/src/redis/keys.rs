//! The names of keys and channels. Those of keys are part of the storage format: a change needs a migration.
//!
//! Redis delivers a message to the subscribers of all databases. The name of a channel therefore contains the
//! database, after the hash tag; that of database 0 does not.

use engine::store::{SHARDS, Shard};
use timers::Scope;

/// What the names of the probes' channels begin with, after the shard; the name of the node follows.
const PROBE_CHANNEL: &str = "probed:";

/// Number of slots in a cluster; the shards' tags are chosen so that shards spread evenly over slots.
const SLOTS: usize = 16384;

/// Returns the shard of the beat.
pub(crate) fn beat_shard() -> Shard {
    Shard::all().next().expect("there are shards")
}

/// Builds the names of keys and channels.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: String,
    tags: Vec<u32>,
    /// The part of a channel's name between the tag and the colon.
    database: String,
}

/// The keys of one scope.
pub(crate) struct ScopeKeys {
    pub(crate) board: String,
    pub(crate) due: String,
    pub(crate) rows: String,
    pub(crate) index: String,
    pub(crate) terms: String,
    pub(crate) channel: String,
}

/// The keys of a node's probe.
pub(crate) struct ProbeKeys {
    pub(crate) hash: String,
    pub(crate) index: String,
    pub(crate) channel: String,
}

impl Keys {
    pub(crate) fn new(prefix: &str, database: u8) -> Self {
        let suffix = if database == 0 { String::new() } else { format!("@{database}") };
        Self { prefix: prefix.to_owned(), tags: shard_tags(), database: suffix }
    }

    pub(crate) fn of(&self, scope: &Scope) -> ScopeKeys {
        let shard = Shard::of(scope);
        let name = scope.to_string();
        let at = |kind: &str| self.of_shard(shard, &[kind, ":", &name].concat());
        ScopeKeys {
            board: at("board"),
            due: self.due(shard),
            rows: at("history"),
            index: at("history-index"),
            terms: at("history-terms"),
            channel: self.channel_of_shard(shard, &name),
        }
    }

    pub(crate) fn board(&self, scope: &Scope) -> String {
        self.of_shard(Shard::of(scope), &format!("board:{scope}"))
    }

    pub(crate) fn channel(&self, scope: &Scope) -> String {
        self.channel_of_shard(Shard::of(scope), &scope.to_string())
    }

    pub(crate) fn due(&self, shard: Shard) -> String {
        self.of_shard(shard, "due")
    }

    /// Returns the name of the beat's hash.
    pub(crate) fn beat(&self) -> String {
        self.of_shard(beat_shard(), "beat")
    }

    /// Returns the key of the cluster's name, on the server of the beat.
    pub(crate) fn cluster_name(&self) -> String {
        self.of_shard(beat_shard(), "cluster")
    }

    /// Returns the key that tells of a restore that has not ended, on the server of the beat.
    pub(crate) fn unfinished_restore(&self) -> String {
        self.of_shard(beat_shard(), "restore")
    }

    /// Returns the hash of the nodes' reports, and the sorted set of their instants, on the server of the beat.
    pub(crate) fn node_reports(&self) -> [String; 2] {
        ["nodes", "nodes-seen"].map(|name| self.of_shard(beat_shard(), name))
    }

    /// Returns a pattern, as SCAN takes it, that matches the boards of all shards.
    pub(crate) fn board_pattern(&self) -> String {
        let is_special = |c: char| matches!(c, '*' | '?' | '[' | ']' | '\\');
        let literal = |c: char| if is_special(c) { vec!['\\', c] } else { vec![c] };
        let prefix: String = self.prefix.chars().flat_map(literal).collect();
        format!("{prefix}:{{*}}:board:*")
    }

    /// Returns the scope of a board's key; `None` if the key is not the one of a scope.
    pub(crate) fn scope_of_board(&self, key: &str) -> Option<Scope> {
        let (_tag, rest) = key.strip_prefix(&self.prefix)?.strip_prefix(":{")?.split_once('}')?;
        let scope: Scope = rest.strip_prefix(":board:")?.parse().ok()?;
        (self.board(&scope) == key).then_some(scope)
    }

    /// Returns the name of the beat's channel.
    pub(crate) fn beat_channel(&self) -> String {
        self.channel_of_shard(beat_shard(), "beat")
    }

    /// Returns the key that the replica wait writes on the server of a shard.
    pub(crate) fn replica_wait(&self, shard: Shard) -> String {
        self.of_shard(shard, "fence")
    }

    /// Returns the keys of a node's probe on the server of a shard. They match the same ACL patterns as a
    /// scope's keys.
    pub(crate) fn probe(&self, shard: Shard, node: &str) -> ProbeKeys {
        let at = |kind: &str| self.of_shard(shard, &format!("{kind}:{node}"));
        ProbeKeys {
            hash: at("probe"),
            index: at("probe-index"),
            channel: self.channel_of_shard(shard, &format!("{PROBE_CHANNEL}{node}")),
        }
    }

    /// Returns the scope of a channel; `None` for the channels of beats and probes.
    ///
    /// A scope of an unknown kind has any name, so the channels that are not a scope's are told apart first.
    pub(crate) fn scope_of_channel(&self, channel: &str) -> Option<Scope> {
        let rest = self.rest_of_channel(channel)?;
        if rest.starts_with(PROBE_CHANNEL) { None } else { rest.parse().ok() }
    }

    /// Returns the kind of a channel.
    pub(crate) fn channel_kind(&self, channel: &str, node: &str) -> ChannelKind {
        match self.rest_of_channel(channel).unwrap_or_default() {
            "beat" => ChannelKind::Beats,
            rest if rest.strip_prefix(PROBE_CHANNEL) == Some(node) => ChannelKind::ProbeMessages,
            _ => ChannelKind::Updates,
        }
    }

    /// Returns what follows the prefix, the tag and the database in the name of a channel.
    fn rest_of_channel<'c>(&self, channel: &'c str) -> Option<&'c str> {
        let (_tag, rest) = channel.strip_prefix(&self.prefix)?.strip_prefix(":{")?.split_once('}')?;
        rest.strip_prefix(&self.database)?.strip_prefix(':')
    }

    /// Returns the slot of a shard.
    pub(crate) fn slot(&self, shard: Shard) -> u16 {
        fred::util::redis_keyslot(self.tags[shard.index()].to_string().as_bytes())
    }

    fn of_shard(&self, shard: Shard, rest: &str) -> String {
        format!("{}:{{{}}}:{rest}", self.prefix, self.tags[shard.index()])
    }

    fn channel_of_shard(&self, shard: Shard, rest: &str) -> String {
        format!("{}:{{{}}}{}:{rest}", self.prefix, self.tags[shard.index()], self.database)
    }
}

/// The kind of messages on a channel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ChannelKind {
    /// Beats.
    Beats,
    /// Messages of this node's own probe.
    ProbeMessages,
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
    fn every_range_of_64_slots_holds_one_shard() {
        let tags = shard_tags();
        assert_eq!(tags.len(), SHARDS);
        for (shard, tag) in tags.iter().enumerate() {
            assert_eq!(usize::from(fred::util::redis_keyslot(tag.to_string().as_bytes())) / 64, shard);
        }
        assert_eq!(tags.iter().max(), Some(&477));
    }

    #[test]
    fn the_kind_of_a_channel_is_right_even_for_a_user_id_that_looks_like_a_channel() {
        for database in [0, 3] {
            let keys = Keys::new("tickcast", database);
            let shard = beat_shard();
            let tricky = Scope::user(&UserId::new("}:beat").unwrap());
            assert_eq!(keys.channel_kind(&keys.beat_channel(), "one"), ChannelKind::Beats);
            let probed = keys.probe(shard, "one").channel;
            assert_eq!(keys.channel_kind(&probed, "one"), ChannelKind::ProbeMessages);
            assert_eq!(keys.channel_kind(&probed, "two"), ChannelKind::Updates);
            assert_eq!(keys.channel_kind(&keys.channel(&tricky), "one"), ChannelKind::Updates);
        }
    }

    #[test]
    fn only_the_channel_of_a_scope_has_a_scope() {
        for database in [0, 3] {
            let keys = Keys::new("tickcast", database);
            for scope in ["user:}:beat", "user:probed:one", "room:1", "later:1"] {
                let scope: Scope = scope.parse().unwrap();
                assert_eq!(keys.scope_of_channel(&keys.channel(&scope)), Some(scope));
            }
            assert_eq!(keys.scope_of_channel(&keys.beat_channel()), None);
            assert_eq!(keys.scope_of_channel(&keys.probe(beat_shard(), "one").channel), None);
        }
    }

    #[test]
    fn the_scope_of_a_board_is_read_from_its_key_alone() {
        let keys = Keys::new("t[1]*", 0);
        assert_eq!(keys.board_pattern(), r"t\[1\]\*:{*}:board:*");
        for scope in ["user:}:board:x", "room:1", "later:1"] {
            let scope: Scope = scope.parse().unwrap();
            assert_eq!(keys.scope_of_board(&keys.board(&scope)), Some(scope.clone()));
            assert_eq!(Keys::new("t[1]", 0).scope_of_board(&keys.board(&scope)), None);
            assert_eq!(keys.scope_of_board(&keys.of(&scope).rows), None);
        }
        assert_eq!(keys.scope_of_board("t[1]*:{1}:board:user:42"), None, "of another shard");
    }

    #[test]
    fn the_names_are_those_of_the_storage_format() {
        let names = |database| {
            let all = Keys::new("tickcast", database);
            let keys = all.of(&Scope::user(&UserId::new("42").unwrap()));
            ([keys.board, keys.due, keys.rows, keys.index, keys.terms, all.beat()], [keys.channel, all.beat_channel()])
        };
        let keys = [
            "tickcast:{400}:board:user:42",
            "tickcast:{400}:due",
            "tickcast:{400}:history:user:42",
            "tickcast:{400}:history-index:user:42",
            "tickcast:{400}:history-terms:user:42",
            "tickcast:{460}:beat",
        ];
        let keys = keys.map(str::to_owned);
        let channels = |names: [&str; 2]| names.map(str::to_owned);
        assert_eq!(names(0), (keys.clone(), channels(["tickcast:{400}:user:42", "tickcast:{460}:beat"])));
        assert_eq!(names(12), (keys, channels(["tickcast:{400}@12:user:42", "tickcast:{460}@12:beat"])));
    }

    #[test]
    fn no_prefix_with_one_database_has_a_channel_of_another_prefix_or_database() {
        let scope: Scope = "user:1".parse().unwrap();
        let mut channels: Vec<String> = Vec::new();
        for prefix in ["a", "a:1", "a:", "a:0", "1"] {
            for database in [0, 1, 11] {
                let keys = Keys::new(prefix, database);
                channels.extend([keys.channel(&scope), keys.beat_channel()]);
            }
        }
        let count = channels.len();
        channels.sort();
        channels.dedup();
        assert_eq!(channels.len(), count);
    }

    #[test]
    fn a_channel_is_in_the_slot_of_its_shard() {
        let keys = Keys::new("tickcast", 7);
        let scope: Scope = "user:42".parse().unwrap();
        assert_eq!(fred::util::redis_keyslot(keys.channel(&scope).as_bytes()), keys.slot(Shard::of(&scope)));
    }
}
