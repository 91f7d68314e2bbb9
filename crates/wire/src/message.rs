//! What all clients' messages have in common, whatever the dialect.

use std::fmt;

use serde::Serialize;
use timers::{BadField, ID_BYTES_MAX, RawJson};

use crate::fault::Fault;
use crate::time_sync::TimePing;

/// One message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientMessage<R> {
    /// The client's id of the message; only messages with an id are acknowledged.
    pub id: Option<MessageId>,
    /// The span that the message belongs to, as the client claims (W3C Trace Context).
    pub traceparent: Option<String>,
    /// The client's request.
    pub request: Request<R>,
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<R> {
    /// A request to the system.
    System(R),
    /// The cluster's time.
    Time(TimePing),
    /// Authentication by a token: the first one, or a fresh one.
    Authenticate(Token),
}

/// The id that a client gives a message, to recognise the answer and to repeat the message safely: a string or a number,
/// sent back byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct MessageId(RawJson);

/// A token that a client sends.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

/// A message that has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The message's id, if it could be read.
    pub id: Option<MessageId>,
    /// The reason.
    pub fault: Fault,
}

impl MessageId {
    /// Returns the id as JSON.
    pub fn as_json(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) fn new(json: RawJson) -> Result<Self, BadField> {
        let text = json.as_str();
        let is_scalar = text.starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit());
        if is_scalar && text.len() <= ID_BYTES_MAX + 2 {
            return Ok(Self(json));
        }
        let reason = format!("must be a string or a number of at most {ID_BYTES_MAX} bytes");
        Err(BadField { field: "id".to_owned(), reason })
    }
}

impl fmt::Debug for Token {
    /// Leaves the token out, which must not get into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

impl From<Fault> for Rejected {
    fn from(fault: Fault) -> Self {
        Self { id: None, fault }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for MessageId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MessageId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "The id that a client gives a message, at most 200 bytes. It returns with the answer.",
            "type": ["string", "number"],
            "maxLength": ID_BYTES_MAX,
        })
    }
}
