//! How much of a scope the store keeps, and for how long.

use std::collections::{BTreeMap, BTreeSet};

use timers::{HistoryBound, Millis, Timestamp};

use crate::store::Commit;

/// The bounds of one scope's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryQuota {
    /// Most rows.
    pub rows: u64,
    /// Most bytes of all ids, bodies and index terms.
    pub bytes: u64,
}

/// The size of a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistorySize {
    /// The number of rows.
    pub rows: u64,
    /// The bytes of all ids and stored values; see [`ArchivedRow::value_len`](crate::store::ArchivedRow::value_len).
    pub bytes: u64,
}

/// What a commit changes of the time at which the store deletes a scope: its board, its deadline and its history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry {
    /// Nothing. A new scope is kept without limit.
    #[default]
    Keep,
    /// It is this long from now.
    After(Millis),
    /// It is this long from now, unless it is earlier already.
    Within(Millis),
}

impl HistoryQuota {
    /// Fifty thousand rows, which are twenty years of seven sessions a day, and 32 MiB: some 650 bytes a row.
    pub const DEFAULT: Self = Self { rows: 50_000, bytes: 32 * 1024 * 1024 };

    /// Returns the bound that a history exceeds and did not exceed as much before. What makes a history smaller passes,
    /// whatever its size: a bound that was lowered must not lock people in.
    pub fn exceeded(self, before: HistorySize, after: HistorySize) -> Option<HistoryBound> {
        let outgrows = |before: u64, after: u64, most: u64| after > most && after > before;
        if outgrows(before.rows, after.rows, self.rows) {
            return Some(HistoryBound::Rows(self.rows));
        }
        outgrows(before.bytes, after.bytes, self.bytes).then_some(HistoryBound::Bytes(self.bytes))
    }
}

impl Default for HistoryQuota {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl HistorySize {
    /// Adds a row with a value of this size, in place of one with a value of the size `replaced` if there is one.
    pub fn put(&mut self, id: &str, value: usize, replaced: Option<usize>) {
        match replaced {
            Some(old) => self.bytes = self.bytes.saturating_sub(old as u64),
            None => {
                self.rows += 1;
                self.bytes += id.len() as u64;
            }
        }
        self.bytes += value as u64;
    }

    /// Removes a row with a value of this size.
    pub fn remove(&mut self, id: &str, value: usize) {
        self.rows = self.rows.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub((id.len() + value) as u64);
    }

    /// Returns the size after a commit; `stored` returns the size of a row's value, if the row is stored.
    ///
    /// # Errors
    /// Those of `stored`.
    pub fn after<E>(
        mut self,
        commit: &Commit,
        mut stored: impl FnMut(&str) -> Result<Option<usize>, E>,
    ) -> Result<Self, E> {
        let mut new = BTreeMap::new();
        for row in &commit.archive {
            let id = row.id.as_str();
            let replaced = match new.insert(id, row.value_len()) {
                Some(earlier) => Some(earlier),
                None => stored(id)?,
            };
            self.put(id, row.value_len(), replaced);
        }
        for id in commit.archive_removed.iter().collect::<BTreeSet<_>>() {
            if let Some(value) = stored(id.as_str())? {
                self.remove(id.as_str(), value);
            }
        }
        Ok(self)
    }
}

impl Expiry {
    /// Returns when the scope ends after a commit at `now`, given when it ended before; `None` for never.
    pub fn moved(self, before: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Keep => before,
            Self::After(lifetime) => Some(now + lifetime),
            Self::Within(lifetime) => Some(before.map_or(now + lifetime, |before| before.min(now + lifetime))),
        }
    }
}
