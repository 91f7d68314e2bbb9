//! Reading and writing a scope's history.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use timers::{HistoryId, IndexTerm, Timestamp};

/// A history row as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedRow {
    /// The row's id.
    pub id: HistoryId,
    /// The instant that orders the row.
    pub at: Timestamp,
    /// The content, encoded.
    pub body: Bytes,
    /// The terms by which queries find the row: distinct, and [`timers::ROW_TERMS_MAX`] at most.
    pub terms: Vec<IndexTerm>,
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
    /// Only rows that have this term.
    pub term: Option<IndexTerm>,
    /// Only rows of this instant or later.
    pub from: Option<Timestamp>,
    /// Only rows of this instant or earlier.
    pub to: Option<Timestamp>,
    /// Only rows older than this position. A row need not be there any more.
    pub before: Option<HistoryCursor>,
    /// The largest number of rows.
    pub limit: usize,
}

impl Query {
    /// Returns the query for the newest rows.
    pub fn newest(limit: usize) -> Self {
        Self { term: None, from: None, to: None, before: None, limit }
    }

    /// Returns the earliest instant that a row may have.
    pub fn oldest_at(&self) -> Timestamp {
        self.from.unwrap_or(Timestamp(0))
    }

    /// Returns the latest instant that a row may have, and, if rows of that instant may have been seen already, the id
    /// below which they are wanted.
    pub fn newest_at(&self) -> (Timestamp, Option<&HistoryId>) {
        let to = self.to.unwrap_or(Timestamp(u64::MAX));
        match &self.before {
            Some(before) if before.at <= to => (before.at, Some(&before.id)),
            Some(_) | None => (to, None),
        }
    }

    /// Tells whether the query wants a row.
    pub fn wants(&self, row: &ArchivedRow) -> bool {
        let (newest, below) = self.newest_at();
        let is_older = row.at < newest || (row.at == newest && below.is_none_or(|below| row.id < *below));
        is_older && row.at >= self.oldest_at() && self.term.as_ref().is_none_or(|term| row.terms.contains(term))
    }
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
