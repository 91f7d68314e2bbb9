//! Which channels this node listens to, by shard: what every connection subscribes to anew.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine::store::{SHARDS, Shard, Shards};

/// The channels wanted.
pub(crate) struct Wanted(Mutex<Vec<BTreeSet<String>>>);

impl Wanted {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(vec![BTreeSet::new(); SHARDS]))
    }

    pub(crate) fn insert(&self, shard: Shard, channel: String) {
        self.lock()[shard.index()].insert(channel);
    }

    pub(crate) fn remove(&self, shard: Shard, channel: &str) {
        self.lock()[shard.index()].remove(channel);
    }

    pub(crate) fn has(&self, shard: Shard, channel: &str) -> bool {
        self.lock()[shard.index()].contains(channel)
    }

    /// Returns how many channels are wanted.
    pub(crate) fn count(&self) -> usize {
        self.lock().iter().map(BTreeSet::len).sum()
    }

    /// Returns all channels of some shards.
    pub(crate) fn of(&self, shards: Shards) -> Vec<(Shard, String)> {
        let wanted = self.lock();
        let of_shard = |shard: Shard| wanted[shard.index()].iter().map(move |channel| (shard, channel.clone()));
        shards.iter().flat_map(of_shard).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<BTreeSet<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
