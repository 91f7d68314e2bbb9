//! Events of the Socket.IO namespace that several systems share: their form, and those of no system in particular.

use serde::Serialize;
use timers::{Fields, MemberId, RawJson, Timestamp};

use crate::fault::{Code, Fault};
use crate::message::Token;
use crate::trace;

/// The event or message type with which a client sends a token, and the server confirms it.
pub const AUTH: &str = "auth";

/// One event to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The name.
    pub name: &'static str,
    /// The payload, JSON.
    pub payload: String,
    /// The member that the event is about, who does not receive it.
    pub about: Option<MemberId>,
}

/// The reason why an event has no effect.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct EventError<'a> {
    #[cfg_attr(feature = "schema", schemars(with = "EventErrorCode"))]
    code: &'static str,
    /// The reason, for people.
    message: &'a str,
}

/// The token of a client was accepted.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct TokenAccepted {
    /// When the connection closes unless a fresh token arrives; absent if it stays open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Timestamp>,
}

/// A fresh token of the user.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "it describes what `token` reads")]
pub(crate) struct FreshToken {
    /// The token: a JSON Web Token, or one that the operator lists.
    #[schemars(length(min = 1))]
    token: String,
}

/// The kind of an error in the events of the namespace.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(dead_code, reason = "it describes the names of `code_name`")]
pub(crate) enum EventErrorCode {
    /// The room does not exist, or no longer.
    SessionNotFound,
    /// The client is in no room, or in another one.
    NotJoined,
    /// The room has as many members as the limit.
    RoomFull,
    /// A duration is not positive, or too long.
    InvalidDuration,
    /// A number of seconds is not a number, or too large.
    InvalidSeconds,
    /// The payload does not fit the event, or the event does not exist.
    InvalidPayload,
    /// The token was rejected.
    Unauthorized,
    /// The stored data is damaged, and an operator must repair it.
    Damaged,
    /// The store is unavailable or overloaded; the message tells whether the outcome is known.
    Unavailable,
}

/// The payload of a client's event: nothing, one bare value, or fields.
pub(crate) enum Payload {
    Nothing,
    Bare(RawJson),
    Fields(Fields),
}

impl Event {
    pub(crate) fn new(name: &'static str, payload: &impl Serialize) -> Self {
        let payload = serde_json::to_string(payload).expect("events have no key that JSON cannot write");
        Self { name, payload, about: None }
    }

    /// Renders `error`. Its payload is also the `error` of an acknowledgement.
    pub fn error(fault: &Fault) -> Self {
        Self::new("error", &EventError { code: code_name(fault.code), message: &fault.message })
    }

    /// Renders that a token was accepted, and when it expires if that is known.
    pub fn authenticated(expires_at: Option<Timestamp>) -> Self {
        Self::new(AUTH, &TokenAccepted { expires_at })
    }
}

impl Payload {
    pub(crate) fn read(text: Option<&str>) -> Result<Self, Fault> {
        let Some(text) = text else { return Ok(Self::Nothing) };
        let raw = RawJson::new(text).map_err(|error| invalid(format!("not JSON: {error}")))?;
        Ok(match raw.as_str().bytes().next() {
            Some(b'n') => Self::Nothing,
            Some(b'{') => Self::Fields(serde_json::from_str(raw.as_str()).map_err(|error| invalid(error.to_string()))?),
            Some(_) | None => Self::Bare(raw),
        })
    }

    pub(crate) fn traceparent(&mut self) -> Option<String> {
        match self {
            Self::Fields(fields) => trace::parent(fields),
            Self::Nothing | Self::Bare(_) => None,
        }
    }

    /// Returns the fields; no fields if there is no payload.
    pub(crate) fn fields(self) -> Result<Fields, Fault> {
        match self {
            Self::Nothing => Ok(Fields::default()),
            Self::Fields(fields) => Ok(fields),
            Self::Bare(_) => Err(invalid("the payload must be an object")),
        }
    }
}

/// Reads the token of the event [`AUTH`], and the span that the event belongs to, as the client claims.
///
/// # Errors
/// The fault to answer with.
pub fn token(payload: Option<&str>) -> Result<(Token, Option<String>), Fault> {
    let mut payload = Payload::read(payload)?;
    let traceparent = payload.traceparent();
    let token = payload.fields()?.take::<String>("token").ok().flatten();
    // The parser's reason is left out, since it may quote the token.
    let token = token.filter(|token| !token.is_empty()).map(Token).ok_or_else(|| invalid("token must be a string"))?;
    Ok((token, traceparent))
}

/// Returns the name of an error code in the events of the namespace.
pub(crate) fn code_name(code: Code) -> &'static str {
    match code {
        Code::NotFound => "SESSION_NOT_FOUND",
        Code::NotJoined => "NOT_JOINED",
        Code::Full => "ROOM_FULL",
        Code::InvalidDuration => "INVALID_DURATION",
        Code::InvalidSeconds => "INVALID_SECONDS",
        Code::InvalidJson | Code::InvalidMessage | Code::UnknownType | Code::Limit => "INVALID_PAYLOAD",
        Code::Unauthorized => "UNAUTHORIZED",
        Code::Damaged => "DAMAGED",
        Code::Busy | Code::Unavailable | Code::OutcomeUnknown | Code::TimeUncertain => "UNAVAILABLE",
    }
}

pub(crate) fn invalid(message: impl Into<String>) -> Fault {
    Fault::of_client(Code::InvalidMessage, message)
}
