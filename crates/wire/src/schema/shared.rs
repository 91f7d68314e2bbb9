//! Bodies of answers that belong to no system, and types of descriptions.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use timers::Timestamp;

use crate::event::EventError;
use crate::schema::Catalog;
use crate::time_sync::{JsonRpcRequest, JsonRpcResponse};

pub(super) fn describe(catalog: &mut Catalog) {
    catalog.route::<Health, ErrorAnswer>("GET", "/api/health", 200);
    catalog.route::<EnabledSystems, ErrorAnswer>("GET", "/api/systems", 200);
    catalog.route_with_body::<JsonRpcRequest, JsonRpcResponse<'_>, TimeErrorAnswer<'_>>("POST", "/timesync", 200);
    catalog.part::<NotFoundAnswer>();
}

/// A field that can be left out, and must not be `null`.
pub(crate) struct Given<T>(PhantomData<T>);

impl<T> Default for Given<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: JsonSchema> JsonSchema for Given<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A number, or its text.
pub(crate) struct NumberOrText;

impl JsonSchema for NumberOrText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "NumberOrText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "string"] })
    }
}

/// The refusal of an event, as its acknowledgement. The server sends the event `error` too.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes a part of an acknowledgement")]
pub(crate) struct EventRefusal<'a> {
    error: EventError<'a>,
}

/// Minutes above 0, or their text.
pub(crate) struct TargetInput;

impl JsonSchema for TargetInput {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TargetInput".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["number", "string"],
            "exclusiveMinimum": 0,
            "pattern": r"^\s*([0-9]*[1-9][0-9]*(\.[0-9]*)?|[0-9]*\.[0-9]*[1-9][0-9]*)([eE][+-]?[0-9]{1,2})?\s*$",
        })
    }
}

/// The state of the service.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes an answer")]
struct Health {
    /// `ok`, unless the configuration sets another text.
    status: String,
    timestamp: Timestamp,
    /// The seconds since the start of the node.
    uptime: f64,
    message: String,
}

/// The systems that the service offers.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes an answer")]
struct EnabledSystems {
    /// Their names: `clockit`, `rooms`, `studio`, `punch_clock` and `focus`. Later versions may add others.
    systems: Vec<String>,
}

/// Why a request is not carried out.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes an answer")]
pub(crate) struct ErrorAnswer {
    /// The kind of the error.
    error: String,
    /// The reason, for people.
    message: String,
}

/// Why there is no time.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "it describes an answer")]
enum TimeErrorAnswer<'a> {
    Rpc(JsonRpcResponse<'a>),
    Http(ErrorAnswer),
}

/// There is no such route, or not with this method.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes an answer")]
struct NotFoundAnswer {
    error: String,
    message: String,
    path: String,
    method: String,
}
