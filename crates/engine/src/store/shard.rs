//! How scopes are spread over a store whose parts can fail one by one.

use std::fmt;

use timers::Scope;
use xxhash_rust::xxh3::xxh3_64;

/// How many shards there are. Part of the storage format.
pub const SHARDS: usize = 256;

const WORDS: usize = SHARDS / 64;

/// One of the [`SHARDS`] that the scopes are spread over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard(u8);

impl Shard {
    /// Returns the shard of a scope: xxh3-64 of its text, modulo [`SHARDS`]. Part of the storage format.
    pub fn of(scope: &Scope) -> Self {
        Self(xxh3_64(scope.to_string().as_bytes()).to_le_bytes()[0])
    }

    /// Returns its number.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Goes through all shards.
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

    /// Tells whether a shard is among them.
    pub fn contains(&self, shard: Shard) -> bool {
        self.0[shard.index() / 64] >> (shard.index() % 64) & 1 == 1
    }

    /// Returns how many they are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    /// Goes through them in order.
    pub fn iter(self) -> impl Iterator<Item = Shard> {
        Shard::all().filter(move |shard| self.contains(*shard))
    }

    /// Returns those that are not among `others`.
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
    fn sets_hold_what_is_put_in() {
        let picked: Shards = [3, 64, 255].map(Shard).into_iter().collect();
        assert_eq!(picked.iter().map(Shard::index).collect::<Vec<_>>(), [3, 64, 255]);
        assert_eq!((picked.len(), Shards::ALL.len(), Shards::NONE.len()), (3, SHARDS, 0));
        let rest = Shards::ALL.without(picked);
        assert!(!rest.contains(Shard(64)) && rest.contains(Shard(65)) && rest.len() == SHARDS - 3);
        assert!(Shards::NONE.is_empty() && !picked.is_empty());
    }

    #[test]
    fn a_scope_has_its_shard_for_ever() {
        let shard = |name: &str| Shard::of(&Scope::User(UserId::new(name).unwrap())).index();
        assert_eq!([shard("42"), shard("ann"), shard("ben")], [170, 160, 91]);
    }
}
