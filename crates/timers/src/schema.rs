//! JSON Schemas of the ids, instants and numbers that clients see.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::focus::{FocusId, TargetMinutes};
use crate::punch_clock::PunchId;
use crate::{
    ConnectionId, GoalId, ID_BYTES_MAX, MemberId, RawJson, ResumeSecret, Revision, RoomId, SessionId, Timestamp,
};

macro_rules! schema {
    ($type:ty, $name:literal, named, $schema:expr) => {
        schema!(@ $type, $name, false, $schema);
    };
    ($type:ty, $name:literal, inline, $schema:expr) => {
        schema!(@ $type, $name, true, $schema);
    };
    (@ $type:ty, $name:literal, $inline:literal, $schema:expr) => {
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                $inline
            }

            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

schema!(
    Timestamp,
    "Timestamp",
    named,
    json_schema!({
        "description": "An instant by the server's clock, in milliseconds since 1970-01-01T00:00:00Z.",
        "type": "integer",
        "minimum": 0,
    })
);
schema!(
    Revision,
    "Revision",
    named,
    json_schema!({
        "description": "A number that grows with each change of what a client sees.",
        "type": "integer",
        "minimum": 0,
    })
);
schema!(
    FocusId,
    "FocusId",
    named,
    json_schema!({
        "description": "The id of a focus session: 24 hexadecimal digits.",
        "type": "string",
        "pattern": "^[0-9a-fA-F]{24}$",
    })
);
schema!(
    PunchId,
    "PunchId",
    named,
    json_schema!({
        "description": "The id of a punch, as the client that made it wrote it.",
        "type": ["string", "number"],
        "minLength": 1,
        "maxLength": ID_BYTES_MAX,
    })
);
schema!(TargetMinutes, "TargetMinutes", inline, json_schema!({ "type": "number", "exclusiveMinimum": 0 }));
schema!(RawJson, "Json", inline, json_schema!({}));
schema!(SessionId, "SessionId", inline, id());
schema!(GoalId, "GoalId", inline, id());
schema!(MemberId, "MemberId", inline, id());
schema!(RoomId, "RoomId", inline, id());
schema!(ResumeSecret, "ResumeSecret", inline, id());
schema!(ConnectionId, "ConnectionId", inline, id());

fn id() -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": ID_BYTES_MAX })
}
