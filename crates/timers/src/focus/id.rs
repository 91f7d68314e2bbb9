//! The ids of focus sessions.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use xxhash_rust::xxh3::xxh3_64;

use crate::history::HistoryId;
use crate::item::ItemId;
use crate::scope::Scope;
use crate::time::Timestamp;

const BYTES: usize = 12;

/// Where the tag of the owner, the random bytes and the check bytes begin. The seconds of the creation come first.
const OWNER: usize = 4;
const RANDOM: usize = 7;
const CHECK: usize = 10;

/// Names a focus session: 24 hexadecimal digits, in lower case, read without regard to case.
///
/// Ids that are made here consist of the second of the creation (4 bytes, as in an `ObjectId` of MongoDB), a tag of the
/// owner (3 bytes), random bytes (3), and a hash of the others (2). Ids of imported sessions are any 12 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FocusId([u8; BYTES]);

/// Why a text is not the id of a focus session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 24 hexadecimal digits")]
pub struct BadFocusId;

impl FocusId {
    /// Makes an id for a session of `owner` that is created at a date. Of the random bytes one in 16 million is the same,
    /// and the rules refuse an id that is taken.
    pub fn new(owner: &Scope, created_at: Timestamp, random: [u8; CHECK - RANDOM]) -> Self {
        let mut bytes = [0; BYTES];
        let seconds = u32::try_from(created_at.0 / 1000).unwrap_or(u32::MAX);
        bytes[..OWNER].copy_from_slice(&seconds.to_be_bytes());
        bytes[OWNER..RANDOM].copy_from_slice(&owner_tag(owner));
        bytes[RANDOM..CHECK].copy_from_slice(&random);
        let check = check_bytes(&bytes);
        bytes[CHECK..].copy_from_slice(&check);
        Self(bytes)
    }

    /// Tells whether the id was made for a session of another owner, without a look at the store.
    ///
    /// Of the ids that were not made here one in 65,536 looks as if it were, and of all owners two in 16 million have
    /// the same tag: then a session of another owner counts as one that does not exist.
    pub fn is_of_another(&self, owner: &Scope) -> bool {
        self.0[CHECK..] == check_bytes(&self.0) && self.0[OWNER..RANDOM] != owner_tag(owner)
    }

    /// Returns the second of the creation that the id holds, as an `ObjectId` of MongoDB does.
    pub fn second(&self) -> Timestamp {
        let [first, second, third, fourth, ..] = self.0;
        Timestamp(u64::from(u32::from_be_bytes([first, second, third, fourth])) * 1000)
    }

    /// Returns the id of the session's row in the history.
    pub fn row_id(&self) -> HistoryId {
        HistoryId::of("focus", &self.as_text())
    }
}

/// The first bytes of xxh3-64 of the scope's text. Part of the storage format.
fn owner_tag(owner: &Scope) -> [u8; RANDOM - OWNER] {
    let [first, second, third, ..] = xxh3_64(owner.to_string().as_bytes()).to_be_bytes();
    [first, second, third]
}

/// The first bytes of xxh3-64 of the bytes before them. Part of the storage format.
fn check_bytes(bytes: &[u8; BYTES]) -> [u8; BYTES - CHECK] {
    let [first, second, ..] = xxh3_64(&bytes[..CHECK]).to_be_bytes();
    [first, second]
}

impl ItemId for FocusId {
    fn as_text(&self) -> Cow<'_, str> {
        self.to_string().into()
    }
}

impl fmt::Display for FocusId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for FocusId {
    type Err = BadFocusId;

    fn from_str(text: &str) -> Result<Self, BadFocusId> {
        let digits = text.as_bytes();
        if digits.len() != BYTES * 2 {
            return Err(BadFocusId);
        }
        let digit =
            |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or(BadFocusId);
        let mut bytes = [0; BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for FocusId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FocusId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::UserId;

    fn scope(user: &str) -> Scope {
        Scope::focus(&UserId::new(user).unwrap())
    }

    #[test]
    fn an_id_tells_its_owner_from_others_and_is_read_in_any_case() {
        let id = FocusId::new(&scope("ann"), Timestamp(1_795_176_000_999), [1, 2, 3]);
        assert!(!id.is_of_another(&scope("ann")) && id.is_of_another(&scope("bob")));
        let text = id.to_string();
        assert_eq!((text.len(), &text[..8]), (24, "6b003640"), "the first digits are the second of the creation");
        assert_eq!((text.parse(), text.to_uppercase().parse()), (Ok(id), Ok(id)));
        assert_eq!((id.row_id().as_str(), id.second()), (&*format!("focus:{text}"), Timestamp(1_795_176_000_000)));
        assert_ne!(id, FocusId::new(&scope("ann"), Timestamp(1_795_176_000_999), [1, 2, 4]));
    }

    #[test]
    fn an_id_that_was_not_made_here_belongs_to_no_other() {
        let foreign: FocusId = "507f1f77bcf86cd799439011".parse().unwrap();
        assert!(!foreign.is_of_another(&scope("ann")) && !foreign.is_of_another(&scope("bob")));
        let damaged = FocusId::new(&scope("ann"), Timestamp(5), [0; 3]).to_string().replace('0', "1");
        assert!(!damaged.parse::<FocusId>().unwrap().is_of_another(&scope("bob")));
    }

    #[test]
    fn a_text_of_another_shape_is_refused() {
        for text in [
            "",
            "507f1f77bcf86cd79943901",
            "507f1f77bcf86cd7994390111",
            "507f1f77bcf86cd79943901g",
            "+07f1f77bcf86cd799439011",
            "é07f1f77bcf86cd79943901",
        ] {
            assert_eq!(text.parse::<FocusId>(), Err(BadFocusId), "{text}");
        }
    }
}
