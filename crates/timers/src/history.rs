//! Finished items of a scope, by time.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::{BadId, check_id};
use crate::raw_json::RawJson;
use crate::time::Timestamp;

/// Longest history id in bytes: the kind's name and an id.
const HISTORY_ID_BYTES_MAX: usize = 256;

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

/// One row of a scope's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The row's id.
    pub id: HistoryId,
    /// The instant by which the history is ordered.
    pub at: Timestamp,
    /// The content, in the format of its kind.
    pub body: RawJson,
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

/// Those of the rows that a command requires which are in the history already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExistingRows(pub BTreeSet<HistoryId>);
