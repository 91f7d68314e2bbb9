//! The messages that every system with JSON messages has: answers to fresh tokens, the server's time, and errors.

use serde_json::{Map, Value};

use crate::client_core::TokenAnswer;
use crate::error::ServerError;
use crate::link::LinkEvent;
use crate::socket::Decoded;
use crate::time_pings::Pong;

/// A valid message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LiveMessage {
    /// The answer to a fresh token.
    Token { id: String, answer: TokenAnswer },
    /// The server's time in the middle of a round trip.
    Time(Pong),
    /// An error, with the id of the request that it answers.
    Error { id: Option<String>, error: ServerError },
}

impl LiveMessage {
    /// Reads a message; `None` for others, such as those of a system.
    pub(crate) fn parse(message: &Map<String, Value>) -> Option<Self> {
        let id = message.get("id").and_then(Value::as_str).map(str::to_owned);
        match message.get("type")?.as_str()? {
            "auth" => {
                let expires_at = message.get("payload").and_then(|payload| payload.get("expiresAt"));
                let answer = TokenAnswer::Accepted { expires_at: expires_at.and_then(Value::as_i64) };
                Some(Self::Token { id: id?, answer })
            }
            "time-pong" => Pong::parse(message).map(Self::Time),
            "error" => {
                // Those of Focus have their fields in the message itself.
                let payload = message.get("payload").cloned().unwrap_or_else(|| Value::Object(message.clone()));
                Some(Self::Error { id, error: ServerError::parse(&payload)? })
            }
            _ => None,
        }
    }
}

/// Reads a text by the parser of a system. Anything may arrive: the server may be newer, or none of ours.
pub(crate) fn decode<M>(text: &str, parse: impl FnOnce(Map<String, Value>) -> Option<M>) -> Decoded<M> {
    let Ok(Value::Object(message)) = serde_json::from_str(text) else { return Decoded::Nothing };
    if message.get("type").and_then(Value::as_str) == Some("going-away") {
        return LinkEvent::going_away(message.get("payload")).map_or(Decoded::Nothing, Decoded::Event);
    }
    parse(message).map_or(Decoded::Nothing, |message| Decoded::Event(LinkEvent::Message(message)))
}
