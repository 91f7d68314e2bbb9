//! The shards whose deadlines can't be read because of what is stored.

use std::time::Instant;

use engine::store::Shards;
use parking_lot::Mutex;

use crate::redis::shared::REPEAT_INTERVAL;

/// The damaged shards of all servers, according to the last queries.
#[derive(Default)]
pub(crate) struct DamagedShards(Mutex<Damage>);

struct Damage {
    shards: Shards,
    logged_at: Option<Instant>,
}

impl Default for Damage {
    fn default() -> Self {
        Self { shards: Shards::NONE, logged_at: None }
    }
}

impl DamagedShards {
    /// Records the damaged ones of a server's shards. Returns whether a log line is due: the damage has changed, or
    /// has lasted for another [`REPEAT_INTERVAL`].
    pub(crate) fn update(&self, owned: Shards, damaged: Shards) -> bool {
        let mut state = self.0.lock();
        let all: Shards = state.shards.without(owned).iter().chain(damaged.iter()).collect();
        let has_lasted = || state.logged_at.is_none_or(|logged_at| logged_at.elapsed() > REPEAT_INTERVAL);
        if all == state.shards && (damaged.is_empty() || !has_lasted()) {
            return false;
        }
        *state = Damage { shards: all, logged_at: Some(Instant::now()) };
        true
    }

    /// Returns the number of damaged shards.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().shards.len()
    }
}

#[cfg(test)]
mod tests {
    use engine::store::Shard;

    use super::*;

    #[test]
    fn a_change_of_the_damage_is_logged_once() {
        let of = |range: std::ops::Range<usize>| -> Shards {
            Shard::all().filter(|shard| range.contains(&shard.index())).collect()
        };
        let damaged = DamagedShards::default();
        assert!(!damaged.update(of(0..128), of(0..0)));
        assert!(damaged.update(of(0..128), of(3..5)) && !damaged.update(of(0..128), of(3..5)));
        assert!(damaged.update(of(128..256), of(200..201)));
        assert_eq!(damaged.count(), 3);
        assert!(damaged.update(of(0..128), of(4..5)) && damaged.update(of(0..128), of(0..0)));
        assert_eq!(damaged.count(), 1);
    }
}
