//! The packets of Socket.IO over a WebSocket that clients use, as the values in their records.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// A packet from a node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Packet {
    /// A ping of Engine.IO.
    Ping,
    /// An event or an acknowledgement: `{event, payload}` or `{ack, payload}`.
    Message(Value),
    /// Nothing that a client acts on.
    Other,
}

/// Reads a packet.
///
/// # Errors
/// The packet ends the connection, or is no packet.
pub(crate) fn parse(text: &str) -> Result<Packet> {
    if text == "2" {
        return Ok(Packet::Ping);
    }
    if let Some(event) = text.strip_prefix("42") {
        let (name, payload): (String, Value) = serde_json::from_str(event).with_context(|| text.to_owned())?;
        return Ok(Packet::Message(json!({ "event": name, "payload": payload })));
    }
    if let Some(ack) = text.strip_prefix("43") {
        let (id, payload) = ack.split_once('[').with_context(|| text.to_owned())?;
        let payload: (Value,) = serde_json::from_str(&format!("[{payload}")).with_context(|| text.to_owned())?;
        let id: u64 = id.parse().with_context(|| text.to_owned())?;
        return Ok(Packet::Message(json!({ "ack": id, "payload": payload.0 })));
    }
    if text.starts_with("41") || text.starts_with("44") || text == "1" {
        bail!("disconnected by {text}");
    }
    Ok(Packet::Other)
}

/// Returns the packet of an event that requests an acknowledgement.
pub(super) fn event(message: &Value) -> String {
    format!("42{}{}", message["ack"], json!([message["event"], message["payload"]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_read_and_written() {
        assert_eq!(parse("2").unwrap(), Packet::Ping);
        let tick = json!({ "event": "timer:tick", "payload": { "remainingTime": 1 } });
        assert_eq!(parse(r#"42["timer:tick",{"remainingTime":1}]"#).unwrap(), Packet::Message(tick));
        let left = json!({ "ack": 12, "payload": { "clients": [1] } });
        assert_eq!(parse(r#"4312[{"clients":[1]}]"#).unwrap(), Packet::Message(left));
        assert!(parse("41").is_err() && parse(r#"44{"message":"x"}"#).is_err() && parse("42x").is_err());
        let start = json!({ "event": "timer:start", "payload": { "duration": 2 }, "ack": 3 });
        assert_eq!(event(&start), r#"423["timer:start",{"duration":2}]"#);
    }
}
