//! The codes of errors that servers report.

/// Defines an enum of codes by their names in the protocol.
macro_rules! codes {
    ($(#[$doc:meta])* $kind:ident { $($(#[$what:meta])* $code:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $kind {
            $($(#[$what])* $code,)+
            /// A code of a later server.
            Other(String),
        }

        impl $kind {
            /// Returns the name that the protocol has for the code.
            #[must_use]
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$code => $name,)+
                    Self::Other(name) => name,
                }
            }
        }

        impl From<&str> for $kind {
            fn from(name: &str) -> Self {
                match name {
                    $($name => Self::$code,)+
                    _ => Self::Other(name.to_owned()),
                }
            }
        }
    };
}

codes! {
    /// The code of an error of Clockit.
    ErrorCode {
        /// A field is missing or invalid.
        InvalidMessage = "invalid_message",
        /// The server does not know the command.
        UnknownType = "unknown_type",
        /// The user has no such session.
        UnknownSession = "unknown_session",
        /// A limit is reached, which the message names.
        Limit = "limit",
        /// Too many commands wait for this user's sessions.
        Busy = "busy",
        /// The store is unavailable, and nothing was changed.
        Unavailable = "unavailable",
        /// The stored data is damaged, and an operator must repair it.
        Damaged = "damaged",
        /// The change may have been made.
        OutcomeUnknown = "outcome_unknown",
        /// The token is invalid.
        Unauthorized = "unauthorized",
        /// The server has been without its store for so long that its time is uncertain.
        TimeUncertain = "time_uncertain",
    }
}

codes! {
    /// The code of an error of Rooms.
    RoomErrorCode {
        /// The room does not exist, or no longer.
        SessionNotFound = "SESSION_NOT_FOUND",
        /// The client is in no room or in another one, or another client has taken over its membership.
        NotJoined = "NOT_JOINED",
        /// The room has as many members as it can have.
        RoomFull = "ROOM_FULL",
        /// The duration is outside of its range.
        InvalidDuration = "INVALID_DURATION",
        /// The seconds are outside of their range.
        InvalidSeconds = "INVALID_SECONDS",
        /// The payload does not fit the event.
        InvalidPayload = "INVALID_PAYLOAD",
        /// The token is invalid.
        Unauthorized = "UNAUTHORIZED",
        /// The store is unavailable, or the outcome is unknown, as the message then states.
        Unavailable = "UNAVAILABLE",
        /// The stored data is damaged, and an operator must repair it.
        Damaged = "DAMAGED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_the_name_of_the_protocol() {
        assert_eq!(ErrorCode::from("unknown_session"), ErrorCode::UnknownSession);
        assert_eq!(ErrorCode::UnknownSession.name(), "unknown_session");
        assert_eq!(RoomErrorCode::from("ROOM_FULL").name(), "ROOM_FULL");
        assert_eq!(ErrorCode::from("a_later_one").name(), "a_later_one");
    }
}
