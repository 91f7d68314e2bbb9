//! What the schemas do not say about the routes.

mod clockit;
mod focus;
mod punch_clock;
mod shared;

use serde_json::{Value, json};

/// What all routes have in common.
pub(super) const INTRODUCTION: &str = "\
The routes of Clockit, Punch clock, Focus and Studio, and those that all systems share. Live changes come by the \
connections of the AsyncAPI document.

Any of the security schemes suffices; the configuration selects those that a server accepts. Studio needs a login that \
names an organisation. Clients ignore fields that they do not know: later versions add some. `docs/protocol` describes \
the rules.";

/// A route in words.
pub(super) struct Operation {
    method: &'static str,
    path: &'static str,
    pub(super) id: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) parameters: &'static [Parameter],
    /// What the answer of success has.
    pub(super) success: &'static str,
    /// The other statuses, and when they are answered.
    pub(super) failures: &'static [(u16, &'static str)],
    /// Whether the route needs no credential.
    pub(super) is_public: bool,
    pub(super) is_body_required: bool,
    /// Whether the body can be CSV.
    pub(super) takes_csv: bool,
}

/// A parameter of a route.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) place: &'static str,
    pub(super) description: &'static str,
    pub(super) schema: fn() -> Value,
}

impl Operation {
    const fn new(method: &'static str, path: &'static str, id: &'static str) -> Self {
        Self {
            method,
            path,
            id,
            tag: "",
            summary: "",
            parameters: &[],
            success: "",
            failures: &[],
            is_public: false,
            is_body_required: true,
            takes_csv: false,
        }
    }
}

/// Returns the description of a route.
pub(super) fn operation(method: &str, path: &str) -> Option<&'static Operation> {
    operations().find(|operation| operation.method == method && operation.path == path)
}

/// Returns the methods and paths of all described routes.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    operations().map(|operation| (operation.method, operation.path))
}

fn operations() -> impl Iterator<Item = &'static Operation> {
    [shared::OPERATIONS, clockit::OPERATIONS, punch_clock::OPERATIONS, focus::OPERATIONS].into_iter().flatten()
}

const fn query(name: &'static str, description: &'static str, schema: fn() -> Value) -> Parameter {
    Parameter { name, place: "query", description, schema }
}

fn positive_integer() -> Value {
    json!({ "type": "integer", "minimum": 1 })
}

pub(super) fn tags() -> Value {
    json!([
        { "name": "Shared", "description": "Health and time." },
        { "name": "Clockit", "description": "The history of a person's stopwatch sessions: docs/protocol/clockit.md." },
        { "name": "Punch clock", "description": "A person's working day: docs/protocol/punch_clock.md." },
        { "name": "Focus", "description": "Focus sessions with a score: docs/protocol/focus.md." },
        { "name": "Studio", "description": "An organisation's timers, by tRPC 11: docs/protocol/studio.md." },
    ])
}

/// Returns the requirement of one credential.
pub(super) fn security() -> Value {
    json!([
        { "bearer": [] },
        { "token": [] },
        { "expressSession": [] },
        { "nextAuthSession": [] },
        { "userId": [] },
        { "testUser": [] },
    ])
}

pub(super) fn security_schemes() -> Value {
    let key = |place: &str, name: &str, description: &str| json!({ "type": "apiKey", "in": place, "name": name, "description": description });
    json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A JSON Web Token, or one that the operator lists.",
        },
        "token": key("query", "token", "A token in the URL. Proxies and browser histories may record it."),
        "expressSession": key("cookie", "connect.sid", "The session of an express server. Writes need an allowed `Origin`."),
        "nextAuthSession":
            key("cookie", "next-auth.session-token", "The session of a next-auth server. Writes need an allowed `Origin`."),
        "userId": key("query", "userId", "The user without proof, in the mode `trusted` only."),
        "testUser": key("header", "x-test-user-id", "The user without proof, if `auth.test_headers` is on."),
        "testOrganization": key("header", "x-test-org-id", "The organisation, beside `x-test-user-id`."),
    })
}
