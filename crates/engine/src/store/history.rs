//! Reading and writing a scope's history.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use timers::{HistoryId, Timestamp};

/// A history row as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedRow {
    /// The row's id.
    pub id: HistoryId,
    /// The instant that orders the row.
    pub at: Timestamp,
    /// The content, encoded.
    pub body: Bytes,
}

/// A position between two rows of the history. Written as `<ms>_<id>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HistoryCursor {
    /// The instant of the last row seen.
    pub at: Timestamp,
    /// The id of the last row seen; rows of one instant are in the order of their ids.
    pub id: HistoryId,
}

impl fmt::Display for HistoryCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.at, self.id)
    }
}

impl FromStr for HistoryCursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, id) = text.split_once('_').ok_or(())?;
        let at = at.parse().map(Timestamp).map_err(|_| ())?;
        Ok(Self { at, id: HistoryId::new(id).map_err(|_| ())? })
    }
}

/// A query for rows of the history.
#[derive(Clone, Debug)]
pub struct Query {
    /// Only rows older than this position.
    pub before: Option<HistoryCursor>,
    /// The largest number of rows.
    pub limit: usize,
}

/// A page of rows, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The rows.
    pub rows: Vec<ArchivedRow>,
    /// The position to continue from; `None` at the end.
    pub next: Option<HistoryCursor>,
}

impl Page {
    /// Makes a page of up to `limit` rows. The caller has read one row more, if there is one.
    pub fn of(mut rows: Vec<ArchivedRow>, limit: usize) -> Self {
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        let next = last.map(|row| HistoryCursor { at: row.at, id: row.id.clone() });
        Self { rows, next }
    }
}
