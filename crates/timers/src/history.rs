//! Finished items of a scope, by time.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::{BadId, check_id};
use crate::raw_json::RawJson;
use crate::time::Timestamp;

/// Longest history id in bytes: the kind's name and an id.
const HISTORY_ID_BYTES_MAX: usize = 256;

/// Longest index term in bytes. Terms name kinds and short ids, and each is a part of a key.
const TERM_BYTES_MAX: usize = 64;

/// Most index terms of a row: each costs an entry of an index, which a commit writes in the same step.
pub const ROW_TERMS_MAX: usize = 8;

/// Names a row of a scope's history. A second row of the same id replaces the first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct HistoryId(Arc<str>);

impl HistoryId {
    /// Makes a row's id of a text.
    ///
    /// # Errors
    /// [`BadId`] if the text is empty, too long or has control characters.
    pub fn new(text: &str) -> Result<Self, BadId> {
        check_id(text, HISTORY_ID_BYTES_MAX)?;
        Ok(Self(text.into()))
    }

    pub(crate) fn of(kind: &str, id: &str) -> Self {
        Self(format!("{kind}:{id}").into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for HistoryId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HistoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for HistoryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

/// Finds rows of a scope's history, such as `session:12`. A row has the terms that its writer gives it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct IndexTerm(Arc<str>);

impl IndexTerm {
    /// Makes a term of a text.
    ///
    /// # Errors
    /// [`BadId`] if the text is empty, too long or has control characters.
    pub fn new(text: &str) -> Result<Self, BadId> {
        check_id(text, TERM_BYTES_MAX)?;
        Ok(Self(text.into()))
    }

    pub(crate) fn of(kind: &str, id: impl fmt::Display) -> Self {
        Self(format!("{kind}:{id}").into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IndexTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One row of a scope's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The row's id.
    pub id: HistoryId,
    /// The instant by which the history is ordered.
    pub at: Timestamp,
    /// The content, in the format of its kind.
    pub body: RawJson,
    /// The terms by which the row is found, besides its instant: distinct, and [`ROW_TERMS_MAX`] at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<IndexTerm>,
}

/// The bound of a history that a command would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryBound {
    /// The number of rows.
    #[error("{0} rows")]
    Rows(u64),
    /// The size of all rows.
    #[error("{0} bytes")]
    Bytes(u64),
}

/// The rows of the history that a command must know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequiredRows {
    /// Rows of which it must know whether they exist.
    pub existing: Vec<HistoryId>,
    /// Rows that it must read.
    pub bodies: Vec<HistoryId>,
}

impl RequiredRows {
    /// Tells whether the command must know no row.
    pub fn is_empty(&self) -> bool {
        self.existing.is_empty() && self.bodies.is_empty()
    }
}

/// The stored state of the rows that a command must know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredRows {
    /// Those of [`RequiredRows::existing`] that exist.
    pub existing: BTreeSet<HistoryId>,
    /// Those of [`RequiredRows::bodies`] that exist.
    pub rows: BTreeMap<HistoryId, Row>,
}
