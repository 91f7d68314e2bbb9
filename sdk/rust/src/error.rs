//! The errors of the library.

mod code;

use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

pub use code::{ErrorCode, RoomErrorCode};

/// An address that is no server's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the address `{url}` {reason}")]
pub struct InvalidUrl {
    pub(crate) url: String,
    pub(crate) reason: String,
}

/// A connection that was lost, or could not be opened. The client reconnects.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// No connection by TCP or TLS.
    #[error("the server cannot be reached: {message}")]
    Unreachable { message: String },
    /// The server answered the handshake with an HTTP status, such as 503 on a node that is full or stopping.
    #[error("the server answered the handshake with {status}{}", status_hint(*status))]
    Handshake { status: u16, retry_after: Option<Duration> },
    /// The server closed the connection with a code.
    #[error("the server closed the connection: {code}{}", after_space(reason))]
    Closed { code: u16, reason: String },
    /// The connection ended without a close code, or delivered nothing for too long.
    #[error("the connection was lost: {message}")]
    Lost { message: String },
    /// The token provider of the application failed.
    #[error("the token provider failed: {message}")]
    Token { message: String },
}

impl ConnectionError {
    pub(crate) fn unreachable(error: impl ToString) -> Self {
        Self::Unreachable { message: error.to_string() }
    }

    pub(crate) fn lost(reason: impl ToString) -> Self {
        Self::Lost { message: reason.to_string() }
    }
}

/// An HTTP request that has failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HttpError {
    /// There is no answer. Whether the request took effect is unknown, unless the server could not be reached or there was
    /// no token.
    #[error(transparent)]
    NoAnswer(#[from] ConnectionError),
    /// The server answered with a status that is no success.
    #[error("{message} ({status})")]
    Status {
        status: u16,
        /// The server's sentence for people.
        message: String,
        /// The body of the answer, if it is JSON.
        details: Option<Value>,
        /// The pause that the server asks for.
        retry_after: Option<Duration>,
    },
    /// The answer is not what was requested.
    #[error("the server's answer is not understood: {message}")]
    InvalidAnswer { message: String },
}

impl HttpError {
    /// Returns the status of the answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::NoAnswer(_) | Self::InvalidAnswer { .. } => None,
        }
    }

    /// Returns the code that the answer names, such as `NOT_FOUND` of Studio or `TOKEN_EXPIRED` of Focus.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        let Self::Status { details: Some(details), .. } = self else { return None };
        let of_procedure = details.pointer("/error/data/code");
        of_procedure.or_else(|| details.get("code")).and_then(Value::as_str)
    }

    /// Tells whether this is the answer of something between the client and the server, such as a login page of the
    /// network: Tickcast redirects no request, and names each error of a client in JSON.
    pub(crate) fn is_of_intermediary(&self) -> bool {
        let Self::Status { status, details, .. } = self else { return false };
        let is_named = |details: &Value| ["error", "message"].iter().any(|name| details.get(name).is_some());
        match status {
            300..400 => true,
            400..500 => !details.as_ref().is_some_and(is_named),
            _ => false,
        }
    }

    /// Tells whether the request was certainly not sent.
    pub(crate) fn is_unsent(&self) -> bool {
        matches!(self, Self::NoAnswer(ConnectionError::Unreachable { .. } | ConnectionError::Token { .. }))
    }

    /// Returns the pause that the server asks for.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::NoAnswer(_) | Self::InvalidAnswer { .. } => None,
        }
    }
}

/// Why a server refuses a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The credential is missing, invalid or expired.
    Unauthorized,
    /// An operator has disconnected the client, or it presented the token of another user.
    Forbidden,
}

/// The server accepts no connection of this client, and a repetition does not help.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the server refuses the client: {code}{}", after_space(message))]
pub struct RefusedError {
    /// Why.
    pub reason: RefusalReason,
    /// The close code, 4401 or 4403.
    pub code: u16,
    /// The reason in the close.
    pub message: String,
}

/// An error that the server reports and that belongs to no command.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message} ({})", code.name())]
pub struct ServerError {
    /// The code.
    pub code: ErrorCode,
    /// A sentence for people.
    pub message: String,
    /// Whether the same message may succeed later.
    pub retry: bool,
}

impl ServerError {
    /// Reads the payload of an error that belongs to no command.
    pub(crate) fn parse(payload: &Value) -> Option<Self> {
        let code = ErrorCode::from(payload.get("code")?.as_str()?);
        let message = payload.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
        // Those of Socket.IO name no repetition.
        let passes = matches!(code.name(), "unavailable" | "UNAVAILABLE" | "time_uncertain");
        let retry = payload.get("retry").and_then(Value::as_bool).unwrap_or(passes);
        Some(Self { code, message, retry })
    }
}

/// A command that has failed for good.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The server rejects the command.
    #[error("{message} ({})", code.name())]
    Rejected { code: ErrorCode, message: String },
    /// The HTTP request of the command has failed.
    #[error(transparent)]
    Http(HttpError),
    /// The server refuses the client.
    #[error(transparent)]
    Refused(RefusedError),
    /// Too many commands wait for the connection.
    #[error("too many commands wait for the connection")]
    QueueFull,
    /// The command is larger than the server accepts.
    #[error("the command is larger than the server accepts")]
    TooLarge,
    /// The server did not answer several repetitions.
    #[error("the server did not answer")]
    NoAnswer,
    /// The server may or may not have carried out the command.
    #[error("the server may or may not have carried out the command")]
    OutcomeUnknown,
    /// The command has waited for too long.
    #[error("the command has waited for too long")]
    Expired,
    /// The command is in the outbox file, and the next client with that file sends it: this one was closed or refused.
    #[error("the command is stored, and is sent when a client with the same outbox file is connected")]
    Stored,
    /// The command could not be stored in the outbox file, and is not sent.
    #[error("the command is not sent, because it cannot be stored: {message}")]
    NotStored { message: String },
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
}

/// A request about a room that has failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RoomError {
    /// The server rejects the request.
    #[error("{message} ({})", code.name())]
    Rejected { code: RoomErrorCode, message: String },
    /// The server refuses the client.
    #[error(transparent)]
    Refused(RefusedError),
    /// The client is in no room at present.
    #[error("the client is in no room at present")]
    NotJoined,
    /// Too many commands have no answer yet.
    #[error("too many commands have no answer yet")]
    QueueFull,
    /// Another request for a room has replaced this one.
    #[error("the client was asked for another room meanwhile")]
    Superseded,
    /// The connection was lost, and the server may or may not have carried out the command.
    #[error("the connection was lost, and the server may or may not have carried out the command")]
    OutcomeUnknown,
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
}

fn after_space(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" {text}") }
}

fn status_hint(status: u16) -> &'static str {
    match status {
        400 => ": a parameter is invalid",
        403 => ": the origin or the credential is not permitted",
        404 => ": the path may be wrong, or the system is disabled",
        503 => ": the node is full or stopping",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_what_is_wrong() {
        let status = ConnectionError::Handshake { status: 404, retry_after: None };
        assert!(status.to_string().ends_with("404: the path may be wrong, or the system is disabled"));
        let closed = ConnectionError::Closed { code: 4429, reason: String::new() };
        assert_eq!(closed.to_string(), "the server closed the connection: 4429");
    }
}
