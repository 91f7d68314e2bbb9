//! The routes of the Punch clock.

use serde_json::json;

use super::{Operation, Parameter, positive_integer, query};

const READ_FAILURES: &[(u16, &str)] = &[
    (401, "The credential is missing or invalid."),
    (403, "The origin is not allowed."),
    (500, "The stored data is damaged."),
    (503, "The store is unavailable, or the credential cannot be verified now."),
];

const WRITE_FAILURES: &[(u16, &str)] = &[
    (400, "The body is wrong; nothing was stored."),
    (401, "The credential is missing or invalid."),
    (403, "The origin is not allowed, or a cookie comes without an allowed `Origin`."),
    (408, "The body arrives too slowly."),
    (413, "The body is too large."),
    (415, "The body is compressed."),
    (500, "The stored data is damaged."),
    (503, "The store is unavailable. A repetition is safe."),
];

const LIST_FAILURES: &[(u16, &str)] = &[
    (400, "A parameter is wrong."),
    (401, "The credential is missing or invalid."),
    (403, "The origin is not allowed."),
    (500, "The stored data is damaged."),
    (503, "The store is unavailable, or the credential cannot be verified now."),
];

const LIST_PARAMETERS: &[Parameter] = &[
    query(
        "date",
        "Only this day, such as 2026-11-20. An empty text counts as absent.",
        || json!({ "type": "string", "pattern": "^([0-9]{4}-[0-9]{2}-[0-9]{2}.*)?$" }),
    ),
    query("limit", "The days of a page; 30 if it is absent, and 366 at most.", positive_integer),
    query("page", "The number of the page, from 1.", positive_integer),
];

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        tag: "Punch clock",
        summary: "Returns the current day. A person who is new has a blank one.",
        success: "The day.",
        failures: READ_FAILURES,
        ..Operation::new("GET", "/api/session", "getWorkingDay")
    },
    Operation {
        tag: "Punch clock",
        summary: "Unites posted punches with those of the current day.",
        success: "The day, and what of the post has no effect.",
        failures: WRITE_FAILURES,
        ..Operation::new("POST", "/api/session", "saveWorkingDay")
    },
    Operation {
        tag: "Punch clock",
        summary: "Deletes the punches of the current day, and keeps the theme.",
        success: "The day was reset.",
        failures: READ_FAILURES,
        ..Operation::new("DELETE", "/api/session", "resetWorkingDay")
    },
    Operation {
        tag: "Punch clock",
        summary: "Sets the person's time zone.",
        success: "The zone was set.",
        failures: WRITE_FAILURES,
        ..Operation::new("PUT", "/api/session/zone", "setZone")
    },
    Operation {
        tag: "Punch clock",
        summary: "Records that the person's page is open. The body does not count.",
        success: "The heartbeat was recorded.",
        failures: WRITE_FAILURES,
        ..Operation::new("POST", "/api/heartbeat", "sendHeartbeat")
    },
    Operation {
        tag: "Punch clock",
        summary: "Lists archived days, newest first.",
        parameters: LIST_PARAMETERS,
        success: "A page of days.",
        failures: LIST_FAILURES,
        ..Operation::new("GET", "/api/daily-logs", "listDailyLogs")
    },
    Operation {
        tag: "Punch clock",
        summary: "Unites posted punches with the days of their timestamps.",
        success: "The day of `date`.",
        failures: WRITE_FAILURES,
        ..Operation::new("POST", "/api/daily-logs", "saveDailyLog")
    },
];
