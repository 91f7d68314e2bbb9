//! Socket.IO packets (protocol 5): parses those of clients and encodes those of the server.

use engineioxide_core::Packet as EnginePacket;
use serde_json::value::RawValue;
use socketioxide_core::packet::{Packet as RawPacket, PacketData};
use socketioxide_core::parser::{Parse, ParseConfig, ParserState};
use socketioxide_core::{Str, Value};
use socketioxide_parser_common::CommonParser;

use crate::socketio::EncodedPacket;

/// The only namespace.
const NAMESPACE: &str = "/";

/// A packet from a client.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet {
    /// The client connects, optionally with credentials as JSON.
    Connect(Option<String>),
    /// The client connects to a namespace that does not exist.
    ConnectNamespace(String),
    /// The client disconnects.
    Disconnect,
    /// The client sends an event.
    Event {
        /// The event's name.
        name: String,
        /// The first argument as JSON; others are ignored.
        payload: Option<String>,
        /// The id of the acknowledgement that the client waits for.
        ack: Option<i64>,
    },
    /// The packet is invalid.
    Invalid {
        /// The fault of the packet.
        reason: &'static str,
        /// The id of the acknowledgement that the client waits for.
        ack: Option<i64>,
    },
}

impl Packet {
    /// Parses a packet. A packet with attachments is refused at once, so that nothing waits for them.
    pub(crate) fn parse(text: Str) -> Self {
        let Some((_, without)) = split_attachments(&text) else { return Self::parse_text(text) };
        let ack = match Self::parse_text(without.into()) {
            Self::Event { ack, .. } | Self::Invalid { ack, .. } => ack,
            Self::Connect(_) | Self::ConnectNamespace(_) | Self::Disconnect => None,
        };
        Self::Invalid { reason: "binary payloads are not supported", ack }
    }

    fn parse_text(text: Str) -> Self {
        let invalid = |reason| Self::Invalid { reason, ack: None };
        let decoded = CommonParser.decode_str(&ParseConfig::default(), &ParserState::default(), text);
        let Ok(RawPacket { inner, ns }) = decoded else {
            return invalid("the message is not a Socket.IO packet");
        };
        if ns != NAMESPACE {
            let is_connect = matches!(inner, PacketData::Connect(_));
            return if is_connect {
                Self::ConnectNamespace(ns.to_string())
            } else {
                invalid("the only namespace is /")
            };
        }
        match inner {
            PacketData::Connect(auth) => Self::Connect(auth.as_ref().and_then(as_text).map(str::to_owned)),
            PacketData::Disconnect => Self::Disconnect,
            PacketData::Event(arguments, ack) => Self::parse_event(&arguments, ack),
            PacketData::BinaryEvent(..) | PacketData::BinaryAck(..) => invalid("binary payloads are not supported"),
            PacketData::EventAck(..) | PacketData::ConnectError(_) => invalid("the packet type is unexpected"),
        }
    }

    fn parse_event(arguments: &Value, ack: Option<i64>) -> Self {
        let arguments = as_text(arguments).and_then(|text| serde_json::from_str::<Vec<&RawValue>>(text).ok());
        let name = arguments.as_deref().and_then(|all| serde_json::from_str(all.first()?.get()).ok());
        match (name, arguments) {
            (Some(name), Some(all)) => {
                Self::Event { name, payload: all.get(1).map(|payload| payload.get().to_owned()), ack }
            }
            _ => Self::Invalid { reason: "an event is an array that begins with its name", ack },
        }
    }
}

/// Returns the number of binary messages that follow a packet as its attachments.
pub(crate) fn attachments(packet: &str) -> usize {
    split_attachments(packet).map_or(0, |(count, _)| count)
}

/// Splits a packet with attachments into their number and the same packet without attachments; `None` if it is none.
fn split_attachments(packet: &str) -> Option<(usize, String)> {
    let without = match packet.as_bytes().first()? {
        b'5' => '2',
        b'6' => '3',
        _ => return None,
    };
    let (count, rest) = packet[1..].split_once('-')?;
    Some((count.parse().ok()?, format!("{without}{rest}")))
}

/// Encodes an event with a JSON payload.
pub fn event(name: &str, payload: &str) -> EncodedPacket {
    encode(RawPacket::event(NAMESPACE, value(format!("[\"{name}\",{payload}]"))))
}

/// Encodes the acknowledgement of an event, with a JSON payload.
pub fn ack(id: i64, payload: &str) -> EncodedPacket {
    encode(RawPacket::ack(NAMESPACE, value(format!("[{payload}]")), id))
}

/// Encodes the acceptance of a connection under an id.
pub fn connect(id: &str) -> EncodedPacket {
    encode(RawPacket::connect(NAMESPACE, Some(value(format!("{{\"sid\":\"{id}\"}}")))))
}

/// Encodes the packet that disconnects a client for good: the client does not reconnect by itself.
pub fn disconnect() -> EncodedPacket {
    encode(RawPacket { inner: PacketData::Disconnect, ns: NAMESPACE.into() })
}

/// Encodes the refusal of a connection, to a namespace or to `/`.
pub fn connect_error(namespace: Option<String>, message: &str) -> EncodedPacket {
    encode(RawPacket::connect_error(namespace.unwrap_or_else(|| NAMESPACE.to_owned()), message))
}

fn value(text: String) -> Value {
    Value::Str(text.into(), None)
}

fn encode(packet: RawPacket) -> EncodedPacket {
    match CommonParser.encode(packet) {
        Value::Str(text, _) => EncodedPacket::new(EnginePacket::Message(text)),
        Value::Bytes(_) => unreachable!("the packet has no binary payload"),
    }
}

fn as_text(value: &Value) -> Option<&str> {
    match value {
        Value::Str(text, _) => Some(text),
        Value::Bytes(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &'static str) -> Packet {
        Packet::parse(text.into())
    }

    fn event_packet(name: &str, payload: Option<&str>, ack: Option<i64>) -> Packet {
        Packet::Event { name: name.to_owned(), payload: payload.map(str::to_owned), ack }
    }

    #[test]
    fn packets_are_parsed() {
        assert_eq!(parse("0"), Packet::Connect(None));
        assert_eq!(parse(r#"0{"token":"x"}"#), Packet::Connect(Some(r#"{"token":"x"}"#.to_owned())));
        assert_eq!(parse("0/admin,"), Packet::ConnectNamespace("/admin".to_owned()));
        assert_eq!(parse("1"), Packet::Disconnect);
        assert_eq!(parse(r#"2["timer:pause"]"#), event_packet("timer:pause", None, None));
        assert_eq!(parse(r#"27["a\n",{"x":1.0},2]"#), event_packet("a\n", Some(r#"{"x":1.0}"#), Some(7)));
    }

    #[test]
    fn malformed_packets_are_invalid() {
        for text in [
            "",
            "x",
            "9",
            "2",
            "2[]",
            "2[5]",
            "2{}",
            "2[\"a\"",
            "2/x,[\"a\"]",
            "1/x",
            "31[]",
            "4{}",
            "6",
            "5",
            "5x-[]",
            "5-[]",
            "5é-[]",
            "599999999999999999999-[]",
            r#"50-["a"]"#,
            r#"51-/x,7["a"]"#,
            "61-[]",
        ] {
            assert!(matches!(parse(text), Packet::Invalid { ack: None, .. }), "{text}");
        }
    }

    #[test]
    fn an_invalid_event_keeps_the_id_of_its_acknowledgement() {
        for text in [
            "27[]",
            "27[5]",
            "27[null,{}]",
            "27{}",
            "27[\"a\"",
            r#"51-7["a",{"_placeholder":true,"num":0}]"#,
            r#"52-7["a",{"x":[{"_placeholder":true,"num":1}]},{"_placeholder":true,"num":0}]"#,
            r#"51-7[{"_placeholder":true,"num":0},{}]"#,
            r#"51-/,7["a"]"#,
        ] {
            assert!(matches!(parse(text), Packet::Invalid { ack: Some(7), .. }), "{text}");
        }
    }

    #[test]
    fn attachments_are_counted() {
        for (text, count) in
            [(r#"52-7["a"]"#, 2), ("61-[]", 1), (r#"50-["a"]"#, 0), (r#"2["5-1"]"#, 0), ("5", 0), ("", 0)]
        {
            assert_eq!(attachments(text), count, "{text}");
        }
    }

    #[test]
    fn packets_are_encoded() {
        assert_eq!(event("timer:tick", r#"{"a":1.0}"#), r#"42["timer:tick",{"a":1.0}]"#);
        assert_eq!(ack(12, "{}"), "4312[{}]");
        assert_eq!(connect("abc"), r#"40{"sid":"abc"}"#);
        assert_eq!(connect_error(None, "no \"x\""), r#"44{"message":"no \"x\""}"#);
        assert_eq!(connect_error(Some("/b".to_owned()), "no"), r#"44/b,{"message":"no"}"#);
    }
}
