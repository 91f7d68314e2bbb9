//! Ids that people and clients choose: each a type of its own, each with the same bounds.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

/// Longest id in bytes. Ids are parts of Redis keys and of every message; 200 leaves room for a UUID
/// behind an e-mail address and keeps 400 items a board small.
pub const ID_BYTES_MAX: usize = 200;

/// Why a text is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadId {
    /// The text is empty.
    #[error("must not be empty")]
    Empty,
    /// The text is longer than so many bytes.
    #[error("must be at most {0} bytes long")]
    TooLong(usize),
    /// The text has a control character, which no key, log line or header should carry.
    #[error("must not contain control characters")]
    Control,
}

pub(crate) fn check_id(text: &str, bytes_max: usize) -> Result<(), BadId> {
    if text.is_empty() {
        return Err(BadId::Empty);
    }
    if text.len() > bytes_max {
        return Err(BadId::TooLong(bytes_max));
    }
    if text.chars().any(char::is_control) {
        return Err(BadId::Control);
    }
    Ok(())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a text as an id.
            ///
            /// # Errors
            /// [`BadId`] for an empty, overlong or unprintable text.
            pub fn new(text: &str) -> Result<Self, BadId> {
                check_id(text, ID_BYTES_MAX)?;
                Ok(Self(text.into()))
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A person, as the authentication names them.
    UserId
);
id!(
    /// A stopwatch session; unique within its user.
    SessionId
);
id!(
    /// A goal; unique within its session.
    GoalId
);
id!(
    /// A room. Whoever has it may come in, so it must not be guessed.
    RoomId
);
id!(
    /// A member of a room; unique within the room.
    MemberId
);
id!(
    /// What a member may come back with.
    ResumeSecret
);
id!(
    /// One connection of a client, on one node.
    LinkId
);
id!(
    /// Clients that were sent away at one time.
    DisconnectId
);
id!(
    /// One run of a node, from its start to its end.
    NodeId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_non_empty_short_and_printable() {
        assert_eq!(UserId::new(""), Err(BadId::Empty));
        assert_eq!(UserId::new(&"x".repeat(ID_BYTES_MAX + 1)), Err(BadId::TooLong(ID_BYTES_MAX)));
        assert_eq!(UserId::new("a\nb"), Err(BadId::Control));
        assert_eq!(UserId::new("a b:{}é").map(|id| id.to_string()), Ok("a b:{}é".into()));
    }
}
