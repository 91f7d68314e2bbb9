//! WebSockets: a handshake, a socket that reads through tungstenite, and frames that are made once and
//! written to many.

pub(crate) mod frame;
mod handshake;
mod inspection;
mod line;
mod pulse;
mod sealing;
mod socket;
mod walk;

use std::time::Duration;

use crate::auth::End;

pub(crate) use frame::Frames;
pub(crate) use handshake::{accept, upgrade};
pub(crate) use inspection::Inspection;
pub(crate) use line::{Line, Offered};
pub(crate) use pulse::{Due, Pulse, Timer};
pub(crate) use socket::{Gone, Incoming, Socket, linger};
pub(crate) use walk::{Payload, Visit, Walk};

/// How long a client may take to receive what is written. Its kernel has buffered for it all along.
pub(crate) const WRITE_WITHIN: Duration = Duration::from_secs(5);

/// After how long a client that found no room, or no store, may ask again: not all at once.
pub(crate) const COME_BACK_MS: std::ops::RangeInclusive<u64> = 1000..=5000;

/// Why a socket is closed. Codes are part of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// The client is not believed.
    Unauthorized,
    /// A write took too long.
    TooSlow,
    /// A message was larger than the limit.
    TooLarge(usize),
    /// Too many connections of one person, or from one address.
    TooManyConnections,
    /// The client says too much.
    TooManyMessages,
    /// Somebody who runs the service has sent it away, or the client has become somebody else.
    Forbidden,
    /// The node restarts; come back after so many milliseconds.
    Restarting(u64),
    /// The node can't serve now; come back after so many milliseconds.
    Overloaded(u64),
    /// A text frame was no UTF-8.
    InvalidUtf8,
    /// The frames make no sense.
    Protocol,
    /// No answer to a ping.
    Silent,
    /// The client closed it.
    Requested,
}

impl From<End> for Closing {
    fn from(end: End) -> Self {
        match end {
            End::Over => Self::Unauthorized,
            End::Unsure => Self::overloaded(),
        }
    }
}

impl Closing {
    /// The node can't serve now; clients come back one after the other.
    pub(crate) fn overloaded() -> Self {
        Self::Overloaded(fastrand::u64(COME_BACK_MS))
    }

    /// Returns the close code.
    pub(crate) fn code(&self) -> u16 {
        match self {
            Self::Requested => 1000,
            Self::Protocol => 1002,
            Self::InvalidUtf8 => 1007,
            Self::Restarting(_) => 1012,
            Self::Overloaded(_) => 1013,
            Self::Unauthorized => 4401,
            Self::TooSlow | Self::Silent => 4408,
            Self::TooLarge(_) => 4413,
            Self::Forbidden => 4403,
            Self::TooManyConnections | Self::TooManyMessages => 4429,
        }
    }

    /// Returns what it is called where closings are counted.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Protocol => "protocol",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::Restarting(_) => "restarting",
            Self::Overloaded(_) => "overloaded",
            Self::Unauthorized => "unauthorized",
            Self::TooSlow => "too_slow",
            Self::Silent => "silent",
            Self::TooLarge(_) => "too_large",
            Self::Forbidden => "forbidden",
            Self::TooManyConnections => "too_many_connections",
            Self::TooManyMessages => "too_many_messages",
        }
    }

    /// Returns the reason that goes with the code: advice for programs, or words for people.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Requested => String::new(),
            Self::Protocol => "Protocol error".to_owned(),
            Self::InvalidUtf8 => "Text must be UTF-8".to_owned(),
            Self::Restarting(after) | Self::Overloaded(after) => format!(r#"{{"reconnectAfterMs":{after}}}"#),
            Self::Unauthorized => "Unauthorized".to_owned(),
            Self::TooSlow => "Too slow".to_owned(),
            Self::Silent => "No answer to a ping".to_owned(),
            Self::TooLarge(most) => format!("A message is at most {most} bytes"),
            Self::Forbidden => "Forbidden".to_owned(),
            Self::TooManyConnections => "Too many connections".to_owned(),
            Self::TooManyMessages => "Too many messages".to_owned(),
        }
    }
}
