//! The parts that every JSON text of a WebSocket has: its type and, from clients, an id and a span.

use schemars::Schema;
use serde_json::{Map, Value, json};

/// A kind of text.
#[derive(Clone, Copy)]
pub(super) struct TextMessage {
    pub(super) name: &'static str,
    pub(super) direction: Direction,
}

/// The direction of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    ToClient,
    ToServer,
}

impl TextMessage {
    /// Adds the common fields to the schema of a text.
    pub(super) fn complete(self, definitions: &mut Map<String, Value>, name: &str) {
        let definition = definitions.get_mut(name).and_then(Value::as_object_mut);
        let definition = definition.expect("the schema of a message is a named object");
        let own = definition.remove("properties").and_then(|own| own.as_object().cloned()).unwrap_or_default();
        let required = definition.remove("required").and_then(|own| own.as_array().cloned()).unwrap_or_default();
        let mut properties = self.common();
        properties.extend(own.into_iter().filter(|(name, _)| name != "type"));
        let others = required.into_iter().filter(|name| name != "type");
        let required: Vec<Value> = std::iter::once(json!("type")).chain(others).collect();
        definition.insert("properties".to_owned(), properties.into());
        definition.insert("required".to_owned(), required.into());
    }

    /// Returns the schema of a text that consists of the common fields and a payload. It takes over the description of
    /// the payload.
    pub(super) fn with_payload(self, payload: Schema, definitions: &Map<String, Value>, payload_name: &str) -> Value {
        let mut properties = self.common();
        properties.insert("payload".to_owned(), payload.to_value());
        let description = definitions.get(payload_name).and_then(|payload| payload.get("description"));
        json!({
            "description": description.cloned().unwrap_or_default(),
            "type": "object",
            "properties": properties,
            "required": ["type", "payload"],
        })
    }

    fn common(self) -> Map<String, Value> {
        let mut properties = Map::new();
        properties.insert("type".to_owned(), json!({ "type": "string", "const": self.name }));
        if self.direction == Direction::ToServer {
            let id = json!({
                "description": "The id of the message. Only messages with an id are acknowledged.",
                "type": ["string", "number", "null"],
                "maxLength": timers::ID_BYTES_MAX,
            });
            properties.insert("id".to_owned(), id);
            let description = "The span that the message belongs to (W3C Trace Context). An invalid one is ignored.";
            properties.insert("traceparent".to_owned(), json!({ "description": description }));
        }
        properties
    }
}
