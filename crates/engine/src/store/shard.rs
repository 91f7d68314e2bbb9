//! The shards of a store, whose parts can fail separately.

use std::fmt;

use timers::Scope;
use xxhash_rust::xxh3::xxh3_64;

/// The number of shards. Part of the storage format.
pub const SHARDS: usize = 256;

const WORDS: usize = SHARDS / 64;

/// One of the [`SHARDS`] over which scopes are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard(u8);

impl Shard {
    /// Returns the shard of a scope: xxh3-64 of its text, modulo [`SHARDS`]. Part of the storage format.
    pub fn of(scope: &Scope) -> Self {
        Self(xxh3_64(scope.to_string().as_bytes()).to_le_bytes()[0])
    }

    /// Returns the shard's number.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Iterates over all shards.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }
}

/// A set of shards.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Shards([u64; WORDS]);

impl Shards {
    /// Every shard.
    pub const ALL: Self = Self([u64::MAX; WORDS]);

    /// No shard.
    pub const NONE: Self = Self([0; WORDS]);

    /// Tells whether a shard is in the set.
    pub fn contains(&self, shard: Shard) -> bool {
        self.0[shard.index() / 64] >> (shard.index() % 64) & 1 == 1
    }

    /// Returns the number of shards in the set.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Tells whether the set is empty.
    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    /// Iterates over the set in order.
    pub fn iter(self) -> impl Iterator<Item = Shard> {
        Shard::all().filter(move |shard| self.contains(*shard))
    }

    /// Returns the shards that are not in `others`.
    #[must_use]
    pub fn without(self, others: Self) -> Self {
        self.iter().filter(|shard| !others.contains(*shard)).collect()
    }
}

impl FromIterator<Shard> for Shards {
    fn from_iter<I: IntoIterator<Item = Shard>>(shards: I) -> Self {
        let mut words = [0; WORDS];
        for shard in shards {
            words[shard.index() / 64] |= 1 << (shard.index() % 64);
        }
        Self(words)
    }
}

impl fmt::Debug for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL { f.write_str("Shards::ALL") } else { f.debug_set().entries(self.iter()).finish() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use timers::UserId;

    #[test]
    fn a_set_contains_what_was_added() {
        let picked: Shards = [3, 64, 255].map(Shard).into_iter().collect();
        assert_eq!(picked.iter().map(Shard::index).collect::<Vec<_>>(), [3, 64, 255]);
        assert_eq!((picked.len(), Shards::ALL.len(), Shards::NONE.len()), (3, SHARDS, 0));
        let rest = Shards::ALL.without(picked);
        assert!(!rest.contains(Shard(64)) && rest.contains(Shard(65)) && rest.len() == SHARDS - 3);
        assert!(Shards::NONE.is_empty() && !picked.is_empty());
    }

    #[test]
    fn the_shard_of_a_scope_never_changes() {
        let shard = |name: &str| Shard::of(&Scope::user(&UserId::new(name).unwrap())).index();
        assert_eq!([shard("42"), shard("ann"), shard("ben")], [170, 160, 91]);
    }
}
