//! The procedures of Studio, as far as OpenAPI can describe tRPC: one call each, without batches.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use wire::schema::ProcedureSchema;
use wire::studio::{Procedure, ProcedureKind};

use crate::examples::Examples;
use crate::openapi::{failure, media_type, reference};

/// Errors of every procedure.
const FAILURES: [(u16, &str); 8] = [
    (400, "The input is wrong, or a rule or a limit refuses the call."),
    (401, "The client is not logged in, or its login names no organisation."),
    (403, "The origin is not allowed."),
    (404, "There is no such procedure, task type or entry."),
    (405, "The procedure is called by another method."),
    (429, "Too many commands of the organisation are in progress."),
    (500, "The stored data is damaged."),
    (503, "The store is unavailable. The message tells whether the outcome is unknown."),
];

/// Errors of procedures that have a body.
const BODY_FAILURES: [(u16, &str); 3] = [
    (408, "The body arrives too slowly."),
    (413, "The body is too large."),
    (415, "The body is not `application/json`."),
];

/// Renders a procedure, and returns its path.
///
/// # Errors
/// There is no such procedure.
pub(super) fn path(schema: &ProcedureSchema, examples: &Examples) -> Result<(String, Value)> {
    let procedure = Procedure::at(schema.path).context("a described procedure exists")?;
    let is_query = procedure.kind() == ProcedureKind::Query;
    let example = |suffix: &str| examples.get(&format!("{} {suffix}", schema.path));
    let result = json!({
        "type": "object",
        "properties": {
            "result": { "type": "object", "properties": { "data": schema.result }, "required": ["data"] },
        },
        "required": ["result"],
    });
    let mut responses = json!({
        "200": {
            "description": "The result.",
            "content": { "application/json": media_type(&result, example("answer")) },
        },
    });
    let body_failures = BODY_FAILURES.iter().filter(|_| !is_query);
    for (status, description) in FAILURES.iter().chain(body_failures) {
        let schema = if *status == 403 { "ErrorAnswer" } else { "TrpcErrorEnvelope" };
        responses[status.to_string()] = failure(description, schema);
    }
    let mut operation = json!({
        "operationId": schema.path,
        "tags": ["Studio"],
        "summary": summary(procedure),
        "responses": responses,
        "security": [{ "bearer": [] }, { "token": [] }, { "expressSession": [] }, { "testUser": [], "testOrganization": [] }],
    });
    let input = media_type(&reference(&schema.input), example("body"));
    let is_required = !schema.is_input_optional;
    if is_query {
        operation["parameters"] = json!([{
            "name": "input",
            "in": "query",
            "required": is_required,
            "description": "The input, JSON.",
            "content": { "application/json": input },
        }]);
    } else {
        operation["parameters"] = json!([{
            "name": "Idempotency-Key",
            "in": "header",
            "required": false,
            "description": "Names the call, so that a repetition within five minutes takes effect once.",
            "schema": { "type": "string", "pattern": "^[!-~]{1,200}$" },
        }]);
        operation["requestBody"] = json!({ "required": is_required, "content": { "application/json": input } });
    }
    let method = if is_query { "get" } else { "post" };
    Ok((format!("/api/trpc/{}", schema.path), json!({ method: operation })))
}

fn summary(procedure: Procedure) -> &'static str {
    match procedure {
        Procedure::ListTaskTypes => "Lists the task types.",
        Procedure::CreateTaskType => "Creates a task type.",
        Procedure::UpdateTaskType => "Changes a task type.",
        Procedure::Start => "Starts an entry.",
        Procedure::Stop => "Ends an entry.",
        Procedure::GetActive => "Returns the running entry of a session, project or track.",
        Procedure::ListEntries => "Lists entries, newest first.",
        Procedure::Adjust => "Corrects an entry.",
    }
}
