//! The reason of a refusal, as a label.

use access::Denied;
use net::limits::NetLimit;
use net::websocket::CloseReason;
use opentelemetry::KeyValue;
use wire::Code;

use crate::ops::metrics::labelled_counter::Label;
use crate::session::connections::LimitReached;

/// Why a connection, a request or a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The connections of the node.
    Connections,
    /// The node is stopping.
    Stopping,
    /// The long polls that wait on the node.
    Polls,
    /// The connections of the user.
    ConnectionsOfUser,
    /// The connections of the address.
    ConnectionsOfAddress,
    /// The rate of messages.
    Messages,
    /// The rate of signals. The client is read more slowly.
    Signals,
    /// The size of a message.
    MessageBytes,
    /// The size of a request head.
    HeadBytes,
    /// The size of a request body.
    BodyBytes,
    /// The bytes of large bodies that are read at once.
    Bodies,
    /// The number of the user's bodies that are read at once.
    BodiesOfUser,
    /// The number of the address's bodies that are read at once.
    BodiesOfAddress,
    /// A request, or a client's first message, did not arrive in time.
    Time,
    /// The rate of imports of the user.
    ImportsOfUser,
    /// The rate of imports of the address.
    ImportsOfAddress,
    /// The origin of the page.
    Origin,
    /// The credentials were rejected.
    Unauthorized,
    /// The credentials could not be checked.
    Unidentified,
    /// A command would have exceeded what one may store: items, history rows, bytes, members of a room.
    Quota,
}

impl Label for Refusal {
    fn all() -> &'static [Self] {
        &[
            Self::Connections,
            Self::Stopping,
            Self::Polls,
            Self::ConnectionsOfUser,
            Self::ConnectionsOfAddress,
            Self::Messages,
            Self::Signals,
            Self::MessageBytes,
            Self::HeadBytes,
            Self::BodyBytes,
            Self::Bodies,
            Self::BodiesOfUser,
            Self::BodiesOfAddress,
            Self::Time,
            Self::ImportsOfUser,
            Self::ImportsOfAddress,
            Self::Origin,
            Self::Unauthorized,
            Self::Unidentified,
            Self::Quota,
        ]
    }

    fn index(self) -> usize {
        self as usize
    }

    fn attributes(self) -> Vec<KeyValue> {
        vec![KeyValue::new("reason", self.name())]
    }
}

impl Refusal {
    /// Returns the name in metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Stopping => "stopping",
            Self::Polls => "polls",
            Self::ConnectionsOfUser => "connections_of_user",
            Self::ConnectionsOfAddress => "connections_of_address",
            Self::Messages => "messages",
            Self::Signals => "signals",
            Self::MessageBytes => "message_bytes",
            Self::HeadBytes => "head_bytes",
            Self::BodyBytes => "body_bytes",
            Self::Bodies => "bodies",
            Self::BodiesOfUser => "bodies_of_user",
            Self::BodiesOfAddress => "bodies_of_address",
            Self::Time => "time",
            Self::ImportsOfUser => "imports_of_user",
            Self::ImportsOfAddress => "imports_of_address",
            Self::Origin => "origin",
            Self::Unauthorized => "unauthorized",
            Self::Unidentified => "unidentified",
            Self::Quota => "quota",
        }
    }

    /// Returns the quota because of which the rules refused a command.
    pub(super) fn of_command(refusal: timers::Refusal) -> Option<Self> {
        match wire::Fault::from(refusal).code {
            Code::Limit | Code::Full => Some(Self::Quota),
            Code::InvalidJson
            | Code::InvalidMessage
            | Code::UnknownType
            | Code::NotFound
            | Code::NotJoined
            | Code::InvalidDuration
            | Code::InvalidSeconds
            | Code::Busy
            | Code::Unavailable
            | Code::Damaged
            | Code::OutcomeUnknown
            | Code::Unauthorized
            | Code::TimeUncertain => None,
        }
    }

    /// Returns the limit because of which a socket was closed.
    pub(super) fn of(reason: &CloseReason) -> Option<Self> {
        match reason {
            CloseReason::TooLarge(_) => Some(Self::MessageBytes),
            CloseReason::TooManyMessages => Some(Self::Messages),
            CloseReason::Unauthorized
            | CloseReason::MissingToken
            | CloseReason::InvalidToken
            | CloseReason::TooSlow
            | CloseReason::TooManyConnections
            | CloseReason::Forbidden
            | CloseReason::Restarting(_)
            | CloseReason::Overloaded(_)
            | CloseReason::InvalidUtf8
            | CloseReason::Protocol
            | CloseReason::HeartbeatTimeout
            | CloseReason::ClosedByClient => None,
        }
    }
}

impl From<&Denied> for Refusal {
    fn from(denied: &Denied) -> Self {
        match denied {
            Denied::Missing | Denied::Rejected(_) | Denied::Expired(_) => Self::Unauthorized,
            Denied::OriginRequired => Self::Origin,
            Denied::Unavailable(_) => Self::Unidentified,
        }
    }
}

impl From<LimitReached> for Refusal {
    fn from(limit: LimitReached) -> Self {
        match limit {
            LimitReached::Node => Self::Connections,
            LimitReached::User => Self::ConnectionsOfUser,
            LimitReached::Address => Self::ConnectionsOfAddress,
        }
    }
}

impl From<NetLimit> for Refusal {
    fn from(limit: NetLimit) -> Self {
        match limit {
            NetLimit::Polls => Self::Polls,
            NetLimit::ConnectionsOfAddress => Self::ConnectionsOfAddress,
            NetLimit::HeadBytes => Self::HeadBytes,
            NetLimit::BodyBytes => Self::BodyBytes,
            NetLimit::Bodies => Self::Bodies,
            NetLimit::BodiesOfUser => Self::BodiesOfUser,
            NetLimit::BodiesOfAddress => Self::BodiesOfAddress,
            NetLimit::Time => Self::Time,
        }
    }
}
