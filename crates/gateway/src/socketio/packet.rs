//! Packets of Socket.IO (protocol 5): what clients send is read, what they are sent is made.

use engineioxide::Str;
use serde_json::value::RawValue;
use socketioxide_core::Value;
use socketioxide_core::packet::{Packet as Envelope, PacketData};
use socketioxide_core::parser::{Parse, ParseConfig, ParserState};
use socketioxide_parser_common::CommonParser;

/// The only namespace.
const NAMESPACE: &str = "/";

/// What a client sends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    /// It comes in, maybe with something that says who it is, as JSON.
    Connect(Option<String>),
    /// It asks for another namespace.
    ConnectElsewhere(String),
    /// It goes.
    Disconnect,
    /// An event, its payload as JSON, and the number of the answer that it waits for.
    Event {
        /// The event's name.
        name: String,
        /// The first argument; others are not looked at.
        payload: Option<String>,
        /// The number of the answer.
        ack: Option<i64>,
    },
    /// It makes no sense, for this reason.
    Unreadable(&'static str),
}

impl Packet {
    /// Reads a packet.
    pub(crate) fn read(text: Str) -> Self {
        // A packet with attachments is refused, and nothing waits for them.
        let config = ParseConfig { max_incoming_binaries: 0, ..ParseConfig::default() };
        let Ok(Envelope { inner, ns }) = CommonParser.decode_str(&config, &ParserState::default(), text) else {
            return Self::Unreadable("it is no packet of Socket.IO without attachments");
        };
        if ns != NAMESPACE {
            let comes_in = matches!(inner, PacketData::Connect(_));
            return if comes_in {
                Self::ConnectElsewhere(ns.to_string())
            } else {
                Self::Unreadable("there is only the namespace /")
            };
        }
        match inner {
            PacketData::Connect(auth) => Self::Connect(auth.as_ref().and_then(text_of).map(str::to_owned)),
            PacketData::Disconnect => Self::Disconnect,
            PacketData::Event(arguments, ack) => Self::event(&arguments, ack),
            PacketData::BinaryEvent(..) | PacketData::BinaryAck(..) => Self::Unreadable("binary payloads are not read"),
            PacketData::EventAck(..) | PacketData::ConnectError(_) => Self::Unreadable("nobody has asked for this"),
        }
    }

    fn event(arguments: &Value, ack: Option<i64>) -> Self {
        let arguments = text_of(arguments).and_then(|text| serde_json::from_str::<Vec<&RawValue>>(text).ok());
        let name = arguments.as_deref().and_then(|all| serde_json::from_str(all.first()?.get()).ok());
        match (name, arguments) {
            (Some(name), Some(all)) => {
                Self::Event { name, payload: all.get(1).map(|payload| payload.get().to_owned()), ack }
            }
            _ => Self::Unreadable("an event is a list that begins with its name"),
        }
    }
}

/// Makes an event with a payload that is JSON.
pub(crate) fn event(name: &str, payload: &str) -> Str {
    written(Envelope::event(NAMESPACE, value(format!("[\"{name}\",{payload}]"))))
}

/// Makes the answer to an event, with a payload that is JSON.
pub(crate) fn ack(number: i64, payload: &str) -> Str {
    written(Envelope::ack(NAMESPACE, value(format!("[{payload}]")), number))
}

/// Lets a client in under an id.
pub(crate) fn connected(id: &str) -> Str {
    written(Envelope::connect(NAMESPACE, Some(value(format!("{{\"sid\":\"{id}\"}}")))))
}

/// Makes the packet that sends a client away for good: it does not come again by itself.
pub(crate) fn disconnected() -> Str {
    written(Envelope { inner: PacketData::Disconnect, ns: NAMESPACE.into() })
}

/// Does not let a client in, and says why.
pub(crate) fn refused(namespace: Option<String>, why: &str) -> Str {
    written(Envelope::connect_error(namespace.unwrap_or_else(|| NAMESPACE.to_owned()), why))
}

fn value(text: String) -> Value {
    Value::Str(text.into(), None)
}

fn written(packet: Envelope) -> Str {
    match CommonParser.encode(packet) {
        Value::Str(text, _) => text,
        Value::Bytes(_) => unreachable!("nothing binary was given"),
    }
}

fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::Str(text, _) => Some(text),
        Value::Bytes(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Packet {
        Packet::read(text.into())
    }

    fn an_event(name: &str, payload: Option<&str>, ack: Option<i64>) -> Packet {
        Packet::Event { name: name.to_owned(), payload: payload.map(str::to_owned), ack }
    }

    #[test]
    fn packets_are_read() {
        assert_eq!(read("0"), Packet::Connect(None));
        assert_eq!(read(r#"0{"token":"x"}"#), Packet::Connect(Some(r#"{"token":"x"}"#.to_owned())));
        assert_eq!(read("0/admin,"), Packet::ConnectElsewhere("/admin".to_owned()));
        assert_eq!(read("1"), Packet::Disconnect);
        assert_eq!(read(r#"2["timer:pause"]"#), an_event("timer:pause", None, None));
        assert_eq!(read(r#"27["a\n",{"x":1.0},2]"#), an_event("a\n", Some(r#"{"x":1.0}"#), Some(7)));
    }

    #[test]
    fn what_makes_no_sense_is_unreadable() {
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
            r#"51-["a",{"_placeholder":true,"num":0}]"#,
            r#"50-["a"]"#,
        ] {
            assert!(matches!(read(text), Packet::Unreadable(_)), "{text}");
        }
    }

    #[test]
    fn packets_are_made() {
        assert_eq!(event("timer:tick", r#"{"a":1.0}"#), r#"2["timer:tick",{"a":1.0}]"#);
        assert_eq!(ack(12, "{}"), "312[{}]");
        assert_eq!(connected("abc"), r#"0{"sid":"abc"}"#);
        assert_eq!(refused(None, "no \"x\""), r#"4{"message":"no \"x\""}"#);
        assert_eq!(refused(Some("/b".to_owned()), "no"), r#"4/b,{"message":"no"}"#);
    }
}
