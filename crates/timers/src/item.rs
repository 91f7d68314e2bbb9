//! The timed things on a board, and the form they are stored in.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::SessionId;
use crate::raw_json::RawJson;
use crate::stopwatch::Stopwatch;
use crate::time::Timestamp;

/// The format that this version writes. A reader takes every format up to its own and keeps what is
/// newer unread.
const FORMAT: u32 = 1;

/// Names an item on its board: the kind, a colon, the item's own id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemKey(Arc<str>);

impl ItemKey {
    /// Returns the key of a stopwatch session.
    pub fn stopwatch(id: &SessionId) -> Self {
        Self(format!("stopwatch:{id}").into())
    }

    /// Takes a key as it is stored.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ItemKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One timed thing on a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A stopwatch session of Clockit.
    Stopwatch(Stopwatch),
    /// Something a newer version wrote. It is kept, and never changed.
    Unknown(RawJson),
}

/// Why stored bytes are no item.
#[derive(Debug, thiserror::Error)]
#[error("a stored item can't be read: {0}")]
pub struct BadItem(#[from] serde_json::Error);

/// The stored form: the format's number, then one key for the kind.
#[derive(Serialize, Deserialize)]
struct Stored<T> {
    v: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopwatch: Option<T>,
}

impl Item {
    /// Returns the bytes to store, JSON.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Stopwatch(stopwatch) => serde_json::to_vec(&Stored { v: FORMAT, stopwatch: Some(stopwatch) })
                .expect("a stopwatch has no key that JSON can't write"),
            Self::Unknown(raw) => raw.as_str().as_bytes().to_vec(),
        }
    }

    /// Reads stored bytes. What is JSON but of a newer format or another kind becomes
    /// [`Item::Unknown`].
    ///
    /// # Errors
    /// [`BadItem`] if the bytes are no JSON, or claim a known format and break it: the store is
    /// damaged, and a retry does not help.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadItem> {
        let head: Stored<RawJson> = serde_json::from_slice(bytes)?;
        match head.stopwatch {
            Some(stopwatch) if head.v <= FORMAT => Ok(Self::Stopwatch(serde_json::from_str(stopwatch.as_str())?)),
            Some(_) | None => Ok(Self::Unknown(serde_json::from_slice(bytes)?)),
        }
    }

    /// Returns when something happens to this item by itself.
    pub fn deadline(&self, limits: &crate::Limits) -> Option<Timestamp> {
        match self {
            Self::Stopwatch(stopwatch) => stopwatch.deadline(limits),
            Self::Unknown(_) => None,
        }
    }

    /// Tells whether the item shows another value every second.
    pub fn ticks(&self) -> bool {
        match self {
            Self::Stopwatch(stopwatch) => stopwatch.is_running(),
            Self::Unknown(_) => false,
        }
    }

    /// Returns about how many bytes the item takes when stored.
    pub fn weight(&self) -> usize {
        match self {
            Self::Stopwatch(stopwatch) => stopwatch.weight(),
            Self::Unknown(raw) => raw.as_str().len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_version_wrote_is_kept_letter_by_letter() {
        for stored in [r#"{"v":1,"sundial":{"b":1.0,"a":[2e3]}}"#, r#"{"v":2,"stopwatch":{"shape":"new"}}"#] {
            let item = Item::decode(stored.as_bytes()).unwrap();
            assert!(matches!(item, Item::Unknown(_)), "{stored}");
            assert_eq!(String::from_utf8(item.encode()).unwrap(), stored);
        }
    }

    #[test]
    fn damaged_bytes_are_an_error() {
        for stored in ["", "{", r#"{"stopwatch":{}}"#, r#"{"v":1,"stopwatch":{}}"#] {
            assert!(Item::decode(stored.as_bytes()).is_err(), "{stored}");
        }
    }
}
