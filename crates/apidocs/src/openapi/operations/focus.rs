//! The routes of Focus.

use serde_json::{Value, json};

use super::{Operation, Parameter, positive_integer, query};

const ID: Parameter = Parameter { name: "id", place: "path", description: "The id of the session.", schema: focus_id };

const READ_FAILURES: &[(u16, &str)] = &[
    (400, "The id or a parameter is wrong."),
    (401, "The credential is missing, invalid, or has expired."),
    (403, "The session is another person's, or the origin is not allowed."),
    (404, "There is no such session."),
    (500, "The stored data cannot be read."),
    (503, "The store is unavailable, or the credential cannot be verified now."),
];

const WRITE_FAILURES: &[(u16, &str)] = &[
    (400, "The id or the body is wrong, or a limit is reached."),
    (401, "The credential is missing, invalid, or has expired."),
    (403, "The session is another person's, or a cookie comes without an allowed `Origin`."),
    (404, "There is no such session."),
    (408, "The body arrives too slowly."),
    (413, "The body is larger than 64 KiB."),
    (415, "The body is compressed."),
    (500, "The stored data cannot be read."),
    (503, "The store is unavailable. A repetition is safe."),
];

const CREATE_FAILURES: &[(u16, &str)] = &[
    (400, "The body is wrong, or a limit is reached."),
    (401, "The credential is missing, invalid, or has expired."),
    (403, "A cookie comes without an allowed `Origin`."),
    (408, "The body arrives too slowly."),
    (413, "The body is larger than 64 KiB."),
    (415, "The body is compressed."),
    (500, "The stored data cannot be read."),
    (503, "The store is unavailable. A repetition can create a second session."),
];

const LIST_FAILURES: &[(u16, &str)] = &[
    (400, "A parameter is wrong."),
    (401, "The credential is missing, invalid, or has expired."),
    (403, "The origin is not allowed, or `before` names another person's session."),
    (500, "The stored data cannot be read."),
    (503, "The store is unavailable, or the credential cannot be verified now."),
];

const LIST_PARAMETERS: &[Parameter] = &[
    query("status", "Only sessions of this status.", || json!({ "$ref": "#/components/schemas/FocusStatus" })),
    query("limit", "The largest number of sessions; all if it is absent.", positive_integer),
    query("before", "Only sessions older than the one with this id.", focus_id),
];

const ZONE: Parameter = Parameter {
    name: "X-Time-Zone",
    place: "header",
    description: "The zone of the person's days, a name of the IANA database; UTC if it is absent or unknown.",
    schema: || json!({ "type": "string", "examples": ["Europe/Berlin"] }),
};

fn focus_id() -> Value {
    json!({ "$ref": "#/components/schemas/FocusId" })
}

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        tag: "Focus",
        summary: "Lists sessions, newest first.",
        parameters: LIST_PARAMETERS,
        success: "The sessions.",
        failures: LIST_FAILURES,
        ..Operation::new("GET", "/api/sessions", "listFocusSessions")
    },
    Operation {
        tag: "Focus",
        summary: "Creates a session.",
        success: "The session.",
        failures: CREATE_FAILURES,
        ..Operation::new("POST", "/api/sessions", "createFocusSession")
    },
    Operation {
        tag: "Focus",
        summary: "Returns a session with its counters as of now.",
        parameters: &[ID],
        success: "The session.",
        failures: READ_FAILURES,
        ..Operation::new("GET", "/api/sessions/{id}", "getFocusSession")
    },
    Operation {
        tag: "Focus",
        summary: "Changes the texts and the target of a session, or pauses or resumes it.",
        parameters: &[ID],
        success: "The session.",
        failures: WRITE_FAILURES,
        is_body_required: false,
        ..Operation::new("PUT", "/api/sessions/{id}", "changeFocusSession")
    },
    Operation {
        tag: "Focus",
        summary: "Deletes a session, and takes it out of the statistics.",
        parameters: &[ID],
        success: "The session was deleted.",
        failures: READ_FAILURES,
        ..Operation::new("DELETE", "/api/sessions/{id}", "deleteFocusSession")
    },
    Operation {
        tag: "Focus",
        summary: "Ends a session. A second end returns the first result.",
        parameters: &[ID],
        success: "The session and its score.",
        failures: WRITE_FAILURES,
        is_body_required: false,
        ..Operation::new("PUT", "/api/sessions/{id}/end", "endFocusSession")
    },
    Operation {
        tag: "Focus",
        summary: "Returns what all ended sessions of the person add up to.",
        parameters: &[ZONE],
        success: "The statistics.",
        failures: &[
            (401, "The credential is missing, invalid, or has expired."),
            (403, "The origin is not allowed."),
            (500, "The stored data cannot be read."),
            (503, "The store is unavailable, or the credential cannot be verified now."),
        ],
        ..Operation::new("GET", "/api/users/me/stats", "getFocusStats")
    },
];
