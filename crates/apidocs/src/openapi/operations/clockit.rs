//! The routes of Clockit.

use serde_json::json;

use super::{Operation, Parameter, positive_integer, query};

const READ_FAILURES: &[(u16, &str)] = &[
    (400, "A parameter is wrong."),
    (401, "The credential is missing or invalid."),
    (403, "The origin is not allowed."),
    (500, "The stored data is damaged."),
    (503, "The store is unavailable, or the credential cannot be verified now."),
];

const LIST_PARAMETERS: &[Parameter] = &[
    query("limit", "The largest number of sessions; 50 if it is absent, and 500 at most.", positive_integer),
    query("before", "The `next` of the previous page.", || json!({ "type": "string" })),
];

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        tag: "Clockit",
        summary: "Tells how many users are connected to this node, and how many sessions they have.",
        success: "What this node serves.",
        failures: &[(403, "The origin is not allowed.")],
        is_public: true,
        ..Operation::new("GET", "/health", "getClockitHealth")
    },
    Operation {
        tag: "Clockit",
        summary: "Lists finished sessions, newest first.",
        parameters: LIST_PARAMETERS,
        success: "A page of sessions.",
        failures: READ_FAILURES,
        ..Operation::new("GET", "/sessions", "listFinishedSessions")
    },
    Operation {
        tag: "Clockit",
        summary: "Exports all finished sessions as CSV.",
        parameters: &[query("bom", "1 for a file that a spreadsheet can open.", || json!({ "enum": ["0", "1"] }))],
        success: "The sessions, with a header line.",
        failures: READ_FAILURES,
        ..Operation::new("GET", "/sessions.csv", "exportFinishedSessions")
    },
    Operation {
        tag: "Clockit",
        summary: "Imports finished sessions, all of a body or none. A row that was imported before is not stored again.",
        success: "The numbers of new and of known rows.",
        failures: &[
            (400, "The body cannot be read."),
            (401, "The credential is missing or invalid."),
            (403, "The origin is not allowed."),
            (408, "The body arrives too slowly."),
            (413, "The body is too large."),
            (415, "The body is compressed, or a form."),
            (422, "Some rows are wrong, or the history is full. Nothing was stored."),
            (429, "Too many imports at once, or within a minute."),
            (500, "The stored data is damaged."),
            (503, "The store is unavailable. A repetition is safe."),
        ],
        takes_csv: true,
        is_body_required: false,
        ..Operation::new("POST", "/ingestCsv", "importFinishedSessions")
    },
];
