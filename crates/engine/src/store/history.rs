//! Reading and writing a scope's history.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use timers::{HistoryId, Timestamp};

/// A history row as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedRow {
    /// Which row.
    pub id: HistoryId,
    /// Where it stands.
    pub at: Timestamp,
    /// What it says, encoded.
    pub body: Bytes,
}

/// A place between two rows: before it stands everything older. Written as `<ms>_<id>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The instant of the last row seen.
    pub at: Timestamp,
    /// The id of the last row seen; rows of one instant are in the order of their ids.
    pub id: HistoryId,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.at, self.id)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, id) = text.split_once('_').ok_or(())?;
        let at = at.parse().map(Timestamp).map_err(|_| ())?;
        Ok(Self { at, id: HistoryId::new(id).map_err(|_| ())? })
    }
}

/// Which rows are wanted.
#[derive(Clone, Debug)]
pub struct Query {
    /// Only rows that stand before this place.
    pub before: Option<Cursor>,
    /// At most so many.
    pub limit: usize,
}

/// Some rows, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The rows.
    pub rows: Vec<ArchivedRow>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
}

impl Page {
    /// Makes a page of rows of which one more than `limit` was read, if there was one.
    pub fn of(mut rows: Vec<ArchivedRow>, limit: usize) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        let next = last.map(|row| Cursor { at: row.at, id: row.id.clone() });
        Self { rows, next }
    }
}
