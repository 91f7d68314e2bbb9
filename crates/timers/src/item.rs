//! How items are named on a board, and the form that they are stored in.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::fields::{BadField, Fields};
use crate::raw_json::RawJson;
use crate::system::ItemType;
use crate::systems::Item;

/// Names an item on its board: the type's name, a colon, the item's own id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemKey(Arc<str>);

/// The id of an item among those of its type.
pub trait ItemId {
    /// Returns the id's text.
    fn as_text(&self) -> Cow<'_, str>;
}

impl ItemId for () {
    fn as_text(&self) -> Cow<'_, str> {
        "".into()
    }
}

impl ItemKey {
    /// Returns the key of an item.
    pub fn of<T: ItemType>(id: &T::Id) -> Self {
        Self(Self::text_of::<T>(id).into())
    }

    /// Returns the text of an item's key. Each tick looks an item up, so this costs one allocation, and no
    /// formatting for ids that are texts.
    pub(crate) fn text_of<T: ItemType>(id: &T::Id) -> String {
        [T::KIND, ":", &id.as_text()].concat()
    }

    /// Wraps a key as it is stored.
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

/// Why stored bytes are not an item.
#[derive(Debug, thiserror::Error)]
pub enum BadItem {
    /// The bytes do not have the shape that they claim.
    #[error("a stored item cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// The envelope lacks a field.
    #[error("a stored item cannot be read: {0}")]
    Envelope(#[from] BadField),
}

/// The stored form `{"v": <format>, "<kind>": <item>}`, with the item unread.
pub(crate) struct StoredItem {
    format: u32,
    pub(crate) kind: String,
    item: RawJson,
}

impl StoredItem {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, BadItem> {
        let mut fields: Fields = serde_json::from_slice(bytes)?;
        let format = fields.require("v")?;
        let mut rest = fields.into_unknown().into_iter();
        match (rest.next(), rest.next()) {
            (Some((kind, item)), None) => Ok(Self { format, kind, item }),
            // Only a newer version writes another number of fields.
            (_, _) => Ok(Self { format, kind: String::new(), item: RawJson::new("null")? }),
        }
    }

    /// Reads the item as a type; keeps it unread if its format is newer than the type's.
    pub(crate) fn decode<T: ItemType>(&self, bytes: &[u8]) -> Result<Item, BadItem> {
        if self.format > T::FORMAT {
            return self.keep(bytes);
        }
        let item: T = serde_json::from_str(self.item.as_str())?;
        Ok(item.into_item())
    }

    pub(crate) fn keep(&self, bytes: &[u8]) -> Result<Item, BadItem> {
        Ok(Item::Unknown(serde_json::from_slice(bytes)?))
    }
}

pub(crate) fn encode<T: ItemType>(item: &T) -> Vec<u8> {
    let mut bytes = format!(r#"{{"v":{},"{}":"#, T::FORMAT, T::KIND).into_bytes();
    serde_json::to_writer(&mut bytes, item).expect("an item has no key that JSON cannot write");
    bytes.push(b'}');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_of_a_newer_version_is_kept_byte_for_byte() {
        for stored in [
            r#"{"v":1,"sundial":{"b":1.0,"a":[2e3]}}"#,
            r#"{"v":2,"stopwatch":{"shape":"new"}}"#,
            r#"{"v":2,"member":{"shape":"new"}}"#,
            r#"{"v":1,"stopwatch":{"shape":"new"},"more":1}"#,
        ] {
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
