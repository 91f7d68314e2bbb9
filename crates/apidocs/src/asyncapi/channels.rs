//! What the schemas do not say about the channels.

use serde_json::{Value, json};

/// What all channels have in common.
pub(super) const INTRODUCTION: &str = "\
The live connections of the five systems. Each channel is one dialect. `send` is what a node sends to clients, and \
`receive` is what clients send.

Clients ignore messages and fields that they do not know: later versions add some. `docs/protocol` describes the rules, \
and `docs/protocol/access.md` authentication, expiry and limits. The close codes of each WebSocket are in \
`x-close-codes`.";

/// The security schemes, any of which suffices.
pub(super) const SECURITY: [&str; 4] = ["bearer", "token", "cookie", "userId"];

/// A channel in words.
pub(super) struct ChannelText {
    name: &'static str,
    pub(super) address: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
}

const CHANNELS: [ChannelText; 6] = [
    ChannelText {
        name: "clockit.seed",
        address: "/session",
        title: "Clockit, dialect seed",
        description: "A person's stopwatch sessions. Each running session ticks by itself, and each change sends all \
            sessions. The dialect of `?userId=`, unless `?dialect=` selects the other one.",
    },
    ChannelText {
        name: "clockit.v1",
        address: "/session",
        title: "Clockit, dialect v1",
        description: "A person's stopwatch sessions. One tick each second has all running sessions, and a change sends the \
            sessions that differ. The dialect of tokens, unless `?dialect=` selects the other one.",
    },
    ChannelText {
        name: "rooms",
        address: "/socket.io/",
        title: "Rooms",
        description: "A countdown that a team shares. Socket.IO 5 (Engine.IO 4), namespace `/`: a payload here is the \
            first argument of an event, and an event can ask for an acknowledgement.",
    },
    ChannelText {
        name: "studio",
        address: "/socket.io/",
        title: "Studio",
        description: "The timers of an organisation. Socket.IO 5 (Engine.IO 4), namespace `/`: a payload here is the \
            first argument of an event. Clients change timers by the procedures of the OpenAPI document.",
    },
    ChannelText {
        name: "punch_clock",
        address: "/api/session/live",
        title: "Punch clock",
        description: "A person's working day. Clients only read; they write by the routes of the OpenAPI document.",
    },
    ChannelText {
        name: "focus",
        address: "/ws/sessions",
        title: "Focus",
        description: "Tracks one focus session of a person. The fields of messages stand beside their type.",
    },
];

/// Returns the words for a channel.
pub(super) fn text(name: &str) -> &'static ChannelText {
    CHANNELS.iter().find(|channel| channel.name == name).expect("every channel is described")
}

/// Returns the schema of the query of the handshake.
pub(super) fn query(name: &str) -> Value {
    let mut properties = json!({
        "token": { "type": "string", "description": "A JSON Web Token, or one that the operator lists." },
        "userId": { "type": "string", "description": "The user, in the mode `trusted` only." },
    });
    if let Some(dialect) = name.strip_prefix("clockit.") {
        properties["dialect"] = json!({ "type": "string", "const": dialect });
        properties["client"] = json!({
            "type": "string",
            "minLength": 1,
            "maxLength": 200,
            "description": "Names the client, so that it can repeat messages after a reconnect.",
        });
    }
    json!({ "type": "object", "properties": properties })
}

/// Returns the security schemes.
pub(super) fn security_schemes() -> Value {
    json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "`Authorization: Bearer`, or the subprotocols `tickcast, bearer.<token>`.",
        },
        "token": { "type": "httpApiKey", "in": "query", "name": "token", "description": "A token in the URL." },
        "cookie": {
            "type": "httpApiKey",
            "in": "cookie",
            "name": "connect.sid",
            "description": "The session of an express server, or `next-auth.session-token` of a next-auth server.",
        },
        "userId": {
            "type": "httpApiKey",
            "in": "query",
            "name": "userId",
            "description": "The user without proof, in the mode `trusted` only.",
        },
    })
}
