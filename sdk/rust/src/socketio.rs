//! Socket.IO 5 over Engine.IO 4 by WebSocket, as far as the clients of Rooms and Studio need it: one namespace, JSON, no binary data.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::http::HeaderMap;
use url::Url;

use crate::client_core::TokenAnswer;
use crate::close_policy::{TOO_MANY, UNAUTHORIZED};
use crate::credential::Identity;
use crate::endpoint::ServerUrl;
use crate::error::ConnectionError;
use crate::link::LinkEvent;
use crate::socket::{Codec, Decoded, identified};

/// Limit of the wait for the open packet, and for the close that follows a DISCONNECT.
const PACKET_TIMEOUT: Duration = Duration::from_secs(10);

/// A longer heartbeat than this is none.
const SILENCE_MAX: Duration = Duration::from_mins(5);

/// A message of a server; `E` are the events of a system.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SocketIoMessage<E> {
    /// The namespace is connected.
    Connected,
    Event(E),
    /// The answer to a request.
    Ack {
        id: u64,
        answer: Value,
    },
}

/// Reads an event by its name and payload; `None` for others, such as those of later versions.
pub(crate) type ParseEvent<E> = fn(&str, Value) -> Option<E>;

/// Returns the packet of an event that requests an acknowledgement.
pub(crate) fn request_packet(id: u64, event: &str, payload: Option<&Value>) -> String {
    let values = payload.map_or_else(|| json!([event]), |payload| json!([event, payload]));
    format!("42{id}{values}")
}

/// Reads the answer to the event `auth`.
pub(crate) fn token_answer(answer: &Value) -> TokenAnswer {
    match answer.get("error").map(|fault| fault.get("code").and_then(Value::as_str)) {
        Some(Some("UNAVAILABLE")) => TokenAnswer::Unverified,
        Some(_) => TokenAnswer::Rejected,
        None => TokenAnswer::Accepted { expires_at: answer.get("expiresAt").and_then(Value::as_i64) },
    }
}

/// The endpoint `/socket.io/`.
#[derive(Clone)]
pub(crate) struct SocketIoCodec<E> {
    url: ServerUrl,
    parse_event: ParseEvent<E>,
    silence_max: Duration,
    /// The server has sent a DISCONNECT: it wants no reconnect with the same credential.
    is_disconnected: bool,
}

impl<E> SocketIoCodec<E> {
    pub(crate) fn new(url: ServerUrl, parse_event: ParseEvent<E>) -> Self {
        Self { url, parse_event, silence_max: PACKET_TIMEOUT, is_disconnected: false }
    }

    fn decode_message(&mut self, packet: &str) -> Decoded<SocketIoMessage<E>> {
        let (kind, rest) = packet.split_at_checked(1).unwrap_or_default();
        match kind {
            "0" => Decoded::Event(LinkEvent::Message(SocketIoMessage::Connected)),
            "1" => {
                self.is_disconnected = true;
                self.silence_max = PACKET_TIMEOUT;
                Decoded::Nothing
            }
            "2" => self.decode_event(rest).map_or(Decoded::Nothing, Decoded::Event),
            "3" => decode_ack(rest).map_or(Decoded::Nothing, |ack| Decoded::Event(LinkEvent::Message(ack))),
            "4" => Decoded::Event(LinkEvent::Closed(connect_error(rest))),
            _ => Decoded::Nothing,
        }
    }

    fn decode_event(&self, packet: &str) -> Option<LinkEvent<SocketIoMessage<E>>> {
        let Ok(Value::Array(mut values)) = serde_json::from_str(packet) else { return None };
        let payload = if values.len() > 1 { values.swap_remove(1) } else { Value::Null };
        let name = values.first()?.as_str()?;
        if name == "going-away" {
            return LinkEvent::going_away(Some(&payload));
        }
        (self.parse_event)(name, payload).map(|event| LinkEvent::Message(SocketIoMessage::Event(event)))
    }

    fn handle_open(&mut self, handshake: &str) {
        let handshake: Value = serde_json::from_str(handshake).unwrap_or_default();
        let ms = |field: &str| handshake.get(field).and_then(Value::as_u64).map(Duration::from_millis);
        // The server pings at the interval, and may be late by the timeout.
        let silence_max = ms("pingInterval").zip(ms("pingTimeout")).map(|(every, late)| every.saturating_add(late));
        self.silence_max = silence_max.unwrap_or(SILENCE_MAX).min(SILENCE_MAX);
    }
}

impl<E: Send + 'static> Codec for SocketIoCodec<E> {
    type Message = SocketIoMessage<E>;

    fn request(&self, identity: &Identity) -> (Url, HeaderMap) {
        identified(self.url.with_query("socket.io/", &[("EIO", "4"), ("transport", "websocket")]), identity)
    }

    fn decode(&mut self, text: &str) -> Decoded<SocketIoMessage<E>> {
        let (kind, rest) = text.split_at_checked(1).unwrap_or_default();
        match kind {
            "0" => {
                self.handle_open(rest);
                Decoded::Answer("40".to_owned())
            }
            "1" => Decoded::Event(LinkEvent::Closed(ConnectionError::lost("the server closed the connection"))),
            "2" => Decoded::Answer(format!("3{rest}")),
            "4" => self.decode_message(rest),
            _ => Decoded::Nothing,
        }
    }

    fn silence_max(&self) -> Option<Duration> {
        Some(self.silence_max)
    }

    fn end_reason(&self, error: ConnectionError) -> ConnectionError {
        let has_own_code = matches!(error, ConnectionError::Closed { code, .. } if code >= UNAUTHORIZED);
        if has_own_code || !self.is_disconnected {
            return error;
        }
        ConnectionError::Closed { code: UNAUTHORIZED, reason: "the server disconnected the client".to_owned() }
    }
}

fn decode_ack<E>(packet: &str) -> Option<SocketIoMessage<E>> {
    let (id, _) = packet.split_once('[')?;
    let answers: Vec<Value> = serde_json::from_str(&packet[id.len()..]).ok()?;
    Some(SocketIoMessage::Ack { id: id.parse().ok()?, answer: answers.into_iter().next().unwrap_or_default() })
}

/// The server's refusals of the namespace.
fn connect_error(packet: &str) -> ConnectionError {
    let error: Value = serde_json::from_str(packet).unwrap_or_default();
    let message = error.get("message").and_then(Value::as_str).unwrap_or("the namespace is refused").to_owned();
    if message.starts_with("Unauthorized") {
        ConnectionError::Closed { code: UNAUTHORIZED, reason: message }
    } else if message == "Too many connections" {
        ConnectionError::Closed { code: TOO_MANY, reason: message }
    } else {
        ConnectionError::Lost { message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec() -> SocketIoCodec<Value> {
        let parse_event = |name: &str, payload| (name == "known").then_some(payload);
        SocketIoCodec::new("http://a".parse().unwrap(), parse_event)
    }

    #[test]
    fn packets_are_read_and_written() {
        let mut codec = codec();
        assert_eq!(codec.decode(r#"0{"sid":"x","pingInterval":300,"pingTimeout":200}"#), Decoded::Answer("40".into()));
        assert_eq!(codec.silence_max(), Some(Duration::from_millis(500)));
        assert_eq!(codec.decode("2"), Decoded::Answer("3".to_owned()));
        let message = |message| Decoded::Event(LinkEvent::Message(message));
        assert_eq!(codec.decode(r#"40{"sid":"y"}"#), message(SocketIoMessage::Connected));
        let going = Decoded::Event(LinkEvent::GoingAway(Duration::from_millis(500)));
        assert_eq!(codec.decode(r#"42["going-away",{"withinMs":500}]"#), going);
        assert_eq!(
            codec.decode(r#"4312[{"a":[1]}]"#),
            message(SocketIoMessage::Ack { id: 12, answer: json!({ "a": [1] }) })
        );
        let known = json!({ "completedAt": 7 });
        assert_eq!(codec.decode(r#"42["known",{"completedAt":7}]"#), message(SocketIoMessage::Event(known)));
        assert_eq!(
            request_packet(3, "timer:adjust", Some(&json!({ "seconds": 2 }))),
            r#"423["timer:adjust",{"seconds":2}]"#
        );
        assert_eq!(request_packet(4, "session:leave", None), r#"424["session:leave"]"#);
    }

    #[test]
    fn nonsense_is_ignored() {
        let mut codec = codec();
        for text in
            ["", "4", "42", "42{}", "42[]", "42[7]", "43", "43[1]", "43x[1]", "42[\"timer:state\",{}]", "6", "ü", "4ü"]
        {
            assert_eq!(codec.decode(text), Decoded::Nothing, "{text}");
        }
    }

    #[test]
    fn a_refusal_of_the_namespace_and_a_disconnect_tell_why_the_link_ends() {
        let closed = |code, reason: &str| ConnectionError::Closed { code, reason: reason.to_owned() };
        assert_eq!(
            connect_error(r#"{"message":"Unauthorized: No valid session"}"#),
            closed(4401, "Unauthorized: No valid session")
        );
        assert_eq!(connect_error(r#"{"message":"Too many connections"}"#), closed(4429, "Too many connections"));
        assert_eq!(connect_error("x"), ConnectionError::lost("the namespace is refused"));
        let mut codec = codec();
        assert_eq!(codec.end_reason(closed(1006, "")), closed(1006, ""));
        assert_eq!(codec.decode("41"), Decoded::Nothing);
        assert_eq!(codec.end_reason(closed(4403, "Forbidden")), closed(4403, "Forbidden"));
        assert_eq!(codec.end_reason(ConnectionError::lost("x")), closed(4401, "the server disconnected the client"));
    }
}
