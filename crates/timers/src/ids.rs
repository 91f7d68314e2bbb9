//! Ids that people and clients choose. Each is a type of its own; all have the same bounds.

/// Longest id in bytes. Ids are parts of Redis keys and of every message; 200 has room for an e-mail address followed by
/// a UUID, and keeps a board of 400 items small.
pub const ID_BYTES_MAX: usize = 200;

/// Why a text is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadId {
    /// The text is empty.
    #[error("must not be empty")]
    Empty,
    /// The text is longer than this many bytes.
    #[error("must be at most {0} bytes long")]
    TooLong(usize),
    /// The text has a control character, which keys, log lines and headers must not carry.
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

/// Defines a type of ids.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Makes an id of a text.
            ///
            /// # Errors
            /// `BadId` if the text is empty, too long or has control characters.
            pub fn new(text: &str) -> Result<Self, $crate::ids::BadId> {
                $crate::ids::check_id(text, $crate::ids::ID_BYTES_MAX)?;
                Ok(Self(text.into()))
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl $crate::item::ItemId for $name {
            fn as_text(&self) -> std::borrow::Cow<'_, str> {
                std::borrow::Cow::Borrowed(&self.0)
            }
        }

        /// Shares the text.
        impl From<&$name> for std::sync::Arc<str> {
            fn from(id: &$name) -> Self {
                Self::clone(&id.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use id;

id!(
    /// A person, as authentication names them.
    UserId
);
id!(
    /// An organisation, as authentication names it.
    OrganizationId
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
    /// A room. Anyone with the id can join, so it must be impossible to guess.
    RoomId
);
id!(
    /// A member of a room; unique within the room.
    MemberId
);
id!(
    /// The secret with which a member resumes its membership.
    ResumeSecret
);
id!(
    /// One connection of a client, on one node.
    ConnectionId
);
id!(
    /// A client within its user: one device, page or editor, whatever its connections.
    ClientId
);
id!(
    /// One run of a node, from its start to its end.
    NodeId
);

/// What the id of a guest begins with; 16 hexadecimal digits follow.
const GUEST_PREFIX: &str = "guest_";

impl UserId {
    /// Returns the id of an anonymous person, made of a random number. Verified credentials never name such an id.
    pub fn guest(random: u64) -> Self {
        Self(format!("{GUEST_PREFIX}{random:016x}").into())
    }

    /// Tells whether the id is of the form that [`UserId::guest`] gives.
    pub fn is_guest(&self) -> bool {
        is_guest_id(self.as_str())
    }
}

/// Tells whether a text is the id of a guest.
pub(crate) fn is_guest_id(text: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.strip_prefix(GUEST_PREFIX).is_some_and(|rest| rest.len() == 16 && rest.bytes().all(is_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_form_that_guests_get_is_a_guests() {
        assert!(UserId::guest(0).is_guest() && UserId::guest(u64::MAX).is_guest());
        for other in [
            "guest_",
            "guest_1",
            "guest_bob",
            "guest_00000000000000000",
            "guest_000000000000000G",
            "xguest_0000000000000000",
        ] {
            assert!(!UserId::new(other).unwrap().is_guest(), "{other}");
        }
    }

    #[test]
    fn an_id_is_non_empty_short_and_printable() {
        assert_eq!(UserId::new(""), Err(BadId::Empty));
        assert_eq!(UserId::new(&"x".repeat(ID_BYTES_MAX + 1)), Err(BadId::TooLong(ID_BYTES_MAX)));
        assert_eq!(UserId::new("a\nb"), Err(BadId::Control));
        assert_eq!(UserId::new("a b:{}é").map(|id| id.to_string()), Ok("a b:{}é".into()));
    }
}
