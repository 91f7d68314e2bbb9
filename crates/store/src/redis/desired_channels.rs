//! The channels that this node needs, by shard: each new connection subscribes to them.

use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeSet;

use engine::store::{SHARDS, Shard, Shards};

/// The channels that this node needs.
pub(crate) struct DesiredChannels(Mutex<Vec<BTreeSet<String>>>);

impl DesiredChannels {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(vec![BTreeSet::new(); SHARDS]))
    }

    pub(crate) fn insert(&self, shard: Shard, channel: String) {
        self.lock()[shard.index()].insert(channel);
    }

    pub(crate) fn remove(&self, shard: Shard, channel: &str) {
        self.lock()[shard.index()].remove(channel);
    }

    pub(crate) fn contains(&self, shard: Shard, channel: &str) -> bool {
        self.lock()[shard.index()].contains(channel)
    }

    /// Returns the number of channels.
    pub(crate) fn count(&self) -> usize {
        self.lock().iter().map(BTreeSet::len).sum()
    }

    /// Returns all channels of some shards.
    pub(crate) fn in_shards(&self, shards: Shards) -> Vec<(Shard, String)> {
        let channels = self.lock();
        let of_shard = |shard: Shard| channels[shard.index()].iter().map(move |channel| (shard, channel.clone()));
        shards.iter().flat_map(of_shard).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<BTreeSet<String>>> {
        self.0.lock()
    }
}
