//! The AsyncAPI 3 document: one channel for each dialect.

mod channels;

use serde_json::{Map, Value, json};
use wire::schema::{CLOSE_CODES, Catalog, Channel, Form, Message, Reconnect};

use crate::VERSION;
use crate::asyncapi::channels::ChannelText;
use crate::examples::Examples;
use crate::reachable::reachable;

/// Renders the document.
pub(crate) fn document(catalog: &Catalog, examples: &Examples) -> Value {
    let mut document = json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tickcast: live connections",
            "version": VERSION,
            "description": channels::INTRODUCTION,
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": "localhost:4000",
                "protocol": "ws",
                "description": "A node on this machine, in the mode `trusted`.",
                "security": channels::SECURITY.map(|name| json!({ "$ref": format!("#/components/securitySchemes/{name}") })),
            },
        },
        "channels": {},
        "operations": {},
        "components": { "securitySchemes": channels::security_schemes(), "schemas": {} },
    });
    for channel in catalog.channels() {
        let rendered = Rendered { channel, text: channels::text(channel.name), examples };
        document["channels"][channel.name] = rendered.channel(&catalog.definitions());
        for (name, operation) in rendered.operations() {
            document["operations"][name] = operation;
        }
    }
    document["components"]["schemas"] = reachable(&document, &catalog.definitions()).into();
    document
}

/// A channel with what the schemas do not say.
struct Rendered<'a> {
    channel: &'a Channel,
    text: &'a ChannelText,
    examples: &'a Examples,
}

impl Rendered<'_> {
    fn channel(&self, definitions: &Map<String, Value>) -> Value {
        let mut messages = Map::new();
        for (message, is_sent) in self.messages() {
            messages.insert(self.id(message, is_sent), self.message(message, definitions));
            if let Some(answer) = &message.answer {
                messages.insert(format!("{}.ack", message.name), acknowledgement(message, answer));
            }
        }
        json!({
            "address": self.text.address,
            "title": self.text.title,
            "description": self.text.description,
            "messages": messages,
            "bindings": { "ws": { "method": "GET", "query": channels::query(self.channel.name) } },
            "x-close-codes": close_codes(),
        })
    }

    fn messages(&self) -> impl Iterator<Item = (&Message, bool)> {
        let sent = self.channel.sent.iter().map(|message| (message, true));
        sent.chain(self.channel.received.iter().map(|message| (message, false)))
    }

    /// Returns the id of a message within the channel. Some names are used in both directions.
    fn id(&self, message: &Message, is_sent: bool) -> String {
        let is_both = |messages: &[Message]| messages.iter().any(|other| other.name == message.name);
        if !is_sent && is_both(&self.channel.sent) {
            format!("{}.request", message.name)
        } else {
            message.name.to_owned()
        }
    }

    fn message(&self, message: &Message, definitions: &Map<String, Value>) -> Value {
        let schema = message.schema.as_deref();
        let summary = schema.and_then(|schema| definitions.get(schema)?.get("description")).cloned();
        let payload = match schema {
            Some(schema) => json!({ "$ref": format!("#/components/schemas/{schema}") }),
            None => json!({ "type": "null", "description": "The event has no value." }),
        };
        let mut rendered = json!({ "name": message.name, "payload": payload });
        if let Some(schema) = schema {
            rendered["title"] = schema.into();
        }
        if let Some(summary) = summary {
            rendered["summary"] = summary;
        }
        if let Some(example) = self.examples.get(&format!("{} {}", self.channel.name, message.name)) {
            rendered["examples"] = json!([{ "payload": example }]);
        }
        rendered
    }

    fn operations(&self) -> Vec<(String, Value)> {
        let name = self.channel.name;
        let channel = json!({ "$ref": format!("#/channels/{name}") });
        let reference = |id: &str| json!({ "$ref": format!("#/channels/{name}/messages/{}", id.replace('/', "~1")) });
        let sent: Vec<Value> = self.channel.sent.iter().map(|message| reference(&self.id(message, true))).collect();
        let send = json!({ "action": "send", "channel": channel, "messages": sent, "title": "Messages to clients" });
        let mut operations = vec![(format!("{name}.send"), send)];
        for message in &self.channel.received {
            let id = self.id(message, false);
            let mut operation = json!({ "action": "receive", "channel": channel, "messages": [reference(&id)] });
            if message.answer.is_some() {
                let answer = reference(&format!("{}.ack", message.name));
                operation["reply"] = json!({ "channel": channel, "messages": [answer] });
            } else if self.channel.form == Form::Text && id.starts_with("session-") {
                operation["reply"] = json!({ "channel": channel, "messages": [reference("ack"), reference("error")] });
            }
            operations.push((format!("{name}.receive.{}", message.name), operation));
        }
        operations
    }
}

fn acknowledgement(message: &Message, answer: &str) -> Value {
    let schemas = [answer, "EventRefusal"].map(|name| json!({ "$ref": format!("#/components/schemas/{name}") }));
    json!({
        "name": message.name,
        "title": format!("Acknowledgement of {}", message.name),
        "summary": "The result of the event, or the reason why it has none.",
        "payload": { "anyOf": schemas },
    })
}

fn close_codes() -> Value {
    let codes = CLOSE_CODES.iter().map(|close| {
        let reconnect = match close.reconnect {
            Reconnect::Yes => "yes",
            Reconnect::AfterAdvice => "after the pause that the reason names",
            Reconnect::WithNewToken => "with a fresh token",
            Reconnect::No => "no",
        };
        json!({ "code": close.code, "reason": close.reason, "meaning": close.meaning, "reconnect": reconnect })
    });
    codes.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use net::websocket::CloseReason;

    use super::*;

    #[test]
    fn the_close_codes_are_those_of_the_server() {
        let reasons = [
            CloseReason::Unauthorized,
            CloseReason::MissingToken,
            CloseReason::InvalidToken,
            CloseReason::TooSlow,
            CloseReason::TooLarge(7),
            CloseReason::TooManyConnections,
            CloseReason::TooManyMessages,
            CloseReason::Forbidden,
            CloseReason::Restarting(7),
            CloseReason::Overloaded(7),
            CloseReason::InvalidUtf8,
            CloseReason::Protocol,
            CloseReason::HeartbeatTimeout,
        ];
        let sent: BTreeSet<_> =
            reasons.iter().map(|reason| (reason.code(), reason.reason().replace('7', "n"))).collect();
        let described: BTreeSet<_> = CLOSE_CODES.iter().map(|close| (close.code, close.reason.to_owned())).collect();
        assert_eq!(described, sent);
    }
}
