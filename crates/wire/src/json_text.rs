//! Messages that are JSON texts `{type, id?, payload?}`: their form, and those of no system in particular.

use serde::Serialize;
use timers::{BadField, Fields, Revision, Timestamp};

use crate::event::{AUTH, TokenAccepted};
use crate::fault::{Code, Fault};
use crate::message::{ClientMessage, MessageId, Rejected, Request, Token};
use crate::time_sync::{PING, TimePing};
use crate::trace;

/// Longest part of an unknown type that is quoted in the answer, in characters.
const QUOTED_MAX: usize = 40;

/// A command was carried out, or found nothing to do.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AckMessage"))]
struct Ack<'a> {
    r#type: &'static str,
    id: &'a MessageId,
    rev: Revision,
}

/// The token of a client was accepted.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "AuthenticatedMessage"))]
pub(crate) struct Authenticated<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a MessageId>,
    payload: TokenAccepted,
}

/// A message had no effect; without an id, the service cannot serve the client at present.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ErrorMessage<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a MessageId>,
    payload: ErrorPayload<'a>,
}

/// Why a message had no effect.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ErrorPayload<'a> {
    #[cfg_attr(feature = "schema", schemars(with = "Code"))]
    code: &'static str,
    /// The field and the reason, for people.
    message: &'a str,
    /// Whether the same message can succeed later, and is safe to repeat.
    retry: bool,
}

/// Reads a client's message. `command` reads those of the system, from the message's type and its fields.
pub(crate) fn parse<R>(
    text: &str,
    command: impl FnOnce(&str, &mut Fields) -> Result<R, Fault>,
) -> Result<ClientMessage<R>, Rejected> {
    let mut fields: Fields = serde_json::from_str(text).map_err(|error| not_an_object(&error))?;
    let id = fields.take("id").and_then(|id| id.map(MessageId::new).transpose());
    let id = id.map_err(|bad| Fault::in_field("", &bad))?;
    let traceparent = trace::parent(&mut fields);
    match request(&mut fields, command) {
        Ok(request) => Ok(ClientMessage { id, traceparent, request }),
        Err(fault) => Err(Rejected { id, fault }),
    }
}

fn request<R>(
    fields: &mut Fields,
    command: impl FnOnce(&str, &mut Fields) -> Result<R, Fault>,
) -> Result<Request<R>, Fault> {
    let kind: String = fields.require("type").map_err(|bad| Fault::in_field("", &bad))?;
    match kind.as_str() {
        PING => TimePing::read(fields).map(Request::Time),
        AUTH => token(fields).map(Request::Authenticate),
        kind => command(kind, fields).map(Request::System),
    }
}

fn token(fields: &mut Fields) -> Result<Token, Fault> {
    let not_fields = |_| Fault::of_client(Code::InvalidMessage, "payload must be an object");
    let mut payload: Fields = fields.require("payload").map_err(not_fields)?;
    let wrong = |reason: &str| BadField { field: "token".to_owned(), reason: reason.to_owned() };
    // The parser's reason is left out, since it may quote the token.
    let token = payload
        .take::<String>("token")
        .map_err(|_| wrong("must be a string"))
        .and_then(|token| token.filter(|token| !token.is_empty()).ok_or_else(|| wrong("is missing")));
    token.map(Token).map_err(|bad| Fault::in_field("payload", &bad))
}

fn not_an_object(error: &serde_json::Error) -> Fault {
    if error.is_data() {
        return Fault::of_client(Code::InvalidMessage, "a message must be a JSON object with a type");
    }
    Fault::of_client(Code::InvalidJson, format!("not JSON: {error}"))
}

/// Returns the fault of a message of an unknown type.
pub(crate) fn unknown_type(kind: &str) -> Fault {
    let quoted: String = kind.chars().take(QUOTED_MAX).collect();
    Fault::of_client(Code::UnknownType, format!("there is no message of type {quoted:?}"))
}

/// Renders the acknowledgement of a request, with the revision that it made or found.
pub(crate) fn ack(id: &MessageId, revision: Revision) -> String {
    json(&Ack { r#type: "ack", id, rev: revision })
}

/// Renders that a token was accepted, and when it expires if that is known.
pub(crate) fn authenticated(id: Option<&MessageId>, expires_at: Option<Timestamp>) -> String {
    json(&Authenticated { r#type: AUTH, id, payload: TokenAccepted { expires_at } })
}

/// Renders the reason why a message has no effect, with the dialect's name of its code.
pub(crate) fn error(id: Option<&MessageId>, fault: &Fault, code: &'static str) -> String {
    let payload = ErrorPayload { code, message: &fault.message, retry: fault.retry };
    json(&ErrorMessage { r#type: "error", id, payload })
}

/// Writes a message.
pub(crate) fn json(message: &impl Serialize) -> String {
    serde_json::to_string(message).expect("messages have no key that JSON cannot write")
}
