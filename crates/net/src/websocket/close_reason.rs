//! Why the server closes a socket, with the codes and reasons of the protocol.

use std::ops::RangeInclusive;

/// Range of the random time, in milliseconds, after which a client may reconnect to an overloaded node. It is random so
/// that clients do not reconnect all at once.
pub const RECONNECT_AFTER_MS: RangeInclusive<u64> = 1000..=5000;

/// Why a socket is closed. The codes are part of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client is not authenticated.
    Unauthorized,
    /// The client sent no token, in a dialect that says so.
    MissingToken,
    /// The client's token was rejected, in a dialect that says so.
    InvalidToken,
    /// A write timed out.
    TooSlow,
    /// A message exceeded this many bytes.
    TooLarge(usize),
    /// The user or the address has too many connections.
    TooManyConnections,
    /// The client sends too many messages.
    TooManyMessages,
    /// An operator disconnected the client, or the client authenticated as another user.
    Forbidden,
    /// The node restarts; the client may reconnect after this many milliseconds.
    Restarting(u64),
    /// The node can't serve the client now; the client may reconnect after this many milliseconds.
    Overloaded(u64),
    /// A text frame was not UTF-8.
    InvalidUtf8,
    /// The client violated the protocol.
    Protocol,
    /// The client did not answer a ping.
    HeartbeatTimeout,
    /// The client closed the socket.
    ClosedByClient,
}

impl CloseReason {
    /// Returns [`CloseReason::Overloaded`] with a random time within [`RECONNECT_AFTER_MS`].
    pub fn overloaded() -> Self {
        Self::Overloaded(fastrand::u64(RECONNECT_AFTER_MS))
    }

    /// Returns the close code.
    pub fn code(&self) -> u16 {
        match self {
            Self::ClosedByClient => 1000,
            Self::Protocol => 1002,
            Self::InvalidUtf8 => 1007,
            Self::Restarting(_) => 1012,
            Self::Overloaded(_) => 1013,
            Self::Unauthorized | Self::MissingToken | Self::InvalidToken => 4401,
            Self::TooSlow | Self::HeartbeatTimeout => 4408,
            Self::TooLarge(_) => 4413,
            Self::Forbidden => 4403,
            Self::TooManyConnections | Self::TooManyMessages => 4429,
        }
    }

    /// Returns the name for metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ClosedByClient => "requested",
            Self::Protocol => "protocol",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::Restarting(_) => "restarting",
            Self::Overloaded(_) => "overloaded",
            Self::Unauthorized | Self::MissingToken | Self::InvalidToken => "unauthorized",
            Self::TooSlow => "too_slow",
            Self::HeartbeatTimeout => "silent",
            Self::TooLarge(_) => "too_large",
            Self::Forbidden => "forbidden",
            Self::TooManyConnections => "too_many_connections",
            Self::TooManyMessages => "too_many_messages",
        }
    }

    /// Returns the reason that is sent with the code: JSON with advice for the client library, or text for people.
    pub fn reason(&self) -> String {
        match self {
            Self::ClosedByClient => String::new(),
            Self::Protocol => "Protocol error".to_owned(),
            Self::InvalidUtf8 => "Text must be UTF-8".to_owned(),
            Self::Restarting(after) | Self::Overloaded(after) => format!(r#"{{"reconnectAfterMs":{after}}}"#),
            Self::Unauthorized => "Unauthorized".to_owned(),
            Self::MissingToken => "Missing token".to_owned(),
            Self::InvalidToken => "Invalid token".to_owned(),
            Self::TooSlow => "Too slow".to_owned(),
            Self::HeartbeatTimeout => "No answer to a ping".to_owned(),
            Self::TooLarge(most) => format!("A message is at most {most} bytes"),
            Self::Forbidden => "Forbidden".to_owned(),
            Self::TooManyConnections => "Too many connections".to_owned(),
            Self::TooManyMessages => "Too many messages".to_owned(),
        }
    }
}
