//! Why clients are refused, for counting.

use opentelemetry::KeyValue;

use crate::auth::Denied;
use crate::connections::Full;
use crate::metrics::tally::Label;
use crate::ws::Closing;

/// Why a client was not let in, or not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The node has as many connections as it takes.
    Connections,
    /// The node has as many long polls waiting as it takes.
    Polls,
    /// The person has.
    ConnectionsOfUser,
    /// The address has.
    ConnectionsOfAddress,
    /// Too many messages.
    Messages,
    /// A message that is too large.
    MessageBytes,
    /// The head of a request that is too large.
    HeadBytes,
    /// The body of a request that is too large.
    BodyBytes,
    /// Too many large bodies are being read.
    Bodies,
    /// A request, or a client's first words, did not come in time.
    Time,
    /// A page of another origin.
    Origin,
    /// The client is not believed.
    Unauthorized,
    /// It can't be told whether it is.
    Unidentified,
}

impl Label for Refusal {
    const ALL: &[Self] = &[
        Self::Connections,
        Self::Polls,
        Self::ConnectionsOfUser,
        Self::ConnectionsOfAddress,
        Self::Messages,
        Self::MessageBytes,
        Self::HeadBytes,
        Self::BodyBytes,
        Self::Bodies,
        Self::Time,
        Self::Origin,
        Self::Unauthorized,
        Self::Unidentified,
    ];

    fn index(self) -> usize {
        self as usize
    }

    fn attributes(self) -> Vec<KeyValue> {
        let name = match self {
            Self::Connections => "connections",
            Self::Polls => "polls",
            Self::ConnectionsOfUser => "connections_of_user",
            Self::ConnectionsOfAddress => "connections_of_address",
            Self::Messages => "messages",
            Self::MessageBytes => "message_bytes",
            Self::HeadBytes => "head_bytes",
            Self::BodyBytes => "body_bytes",
            Self::Bodies => "bodies",
            Self::Time => "time",
            Self::Origin => "origin",
            Self::Unauthorized => "unauthorized",
            Self::Unidentified => "unidentified",
        };
        vec![KeyValue::new("reason", name)]
    }
}

impl Refusal {
    /// Returns the limit that a socket was closed for.
    pub(super) fn of(closing: &Closing) -> Option<Self> {
        match closing {
            Closing::TooLarge(_) => Some(Self::MessageBytes),
            Closing::TooManyMessages => Some(Self::Messages),
            Closing::Unauthorized
            | Closing::TooSlow
            | Closing::TooManyConnections
            | Closing::Forbidden
            | Closing::Restarting(_)
            | Closing::Overloaded(_)
            | Closing::InvalidUtf8
            | Closing::Protocol
            | Closing::Silent
            | Closing::Requested => None,
        }
    }
}

impl From<&Denied> for Refusal {
    fn from(denied: &Denied) -> Self {
        match denied {
            Denied::NotBelieved(_) => Self::Unauthorized,
            Denied::Unavailable(_) => Self::Unidentified,
        }
    }
}

impl From<Full> for Refusal {
    fn from(full: Full) -> Self {
        match full {
            Full::Node => Self::Connections,
            Full::User => Self::ConnectionsOfUser,
            Full::Address => Self::ConnectionsOfAddress,
        }
    }
}
