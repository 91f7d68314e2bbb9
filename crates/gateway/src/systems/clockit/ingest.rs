//! `POST /ingestCsv`: imports finished sessions, all of a request or none.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::{Effect, ExecuteError, Request};
use serde_json::json;
use timers::stopwatch::{Finished, StopwatchCommand};
use timers::{ROWS_MAX, Scope, UserId};
use tracing::Instrument;
use wire::clockit::rows::{RowFault, from_csv, from_json};

use crate::http::authenticated_user::AuthenticatedUser;
use crate::http::error::error;
use crate::node::Node;
use crate::session::fault::fault;
use crate::systems::clockit::Clockit;
use net::limits::NetLimit;
use net::proxy::client_address;
use net::request_body::{BodyLimits, read_body};

/// Answers `{stored, repeated}`, or 422 with every bad cell.
pub(crate) async fn ingest(
    State(node): State<Arc<Node>>,
    user: AuthenticatedUser<Clockit>,
    extensions: Extensions,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let address = client_address(&extensions, &headers, &node.settings.public.proxy);
    if let Some(refused) = node.imports.refuse(&user.id, address, &node.metrics) {
        return refused;
    }
    let limits = BodyLimits {
        max_bytes: node.settings.systems.clockit.ingest_bytes,
        timeout: node.settings.limits.request_within,
        too_large: Some(NetLimit::BodyBytes),
    };
    let bytes = match read_body(body, limits, &*node.metrics).await {
        Ok(bytes) => bytes,
        Err(refusal) => return refusal,
    };
    let rows = match read(&headers, &bytes) {
        Ok(rows) => rows,
        Err(faults) => return unprocessable("some rows are wrong; none was stored", &faults),
    };
    if rows.len() > ROWS_MAX {
        return unprocessable(&format!("{} rows, but at most {ROWS_MAX} at once", rows.len()), &[]);
    }
    store(&node, &user.id, rows).await
}

fn read(headers: &HeaderMap, bytes: &[u8]) -> Result<Vec<Finished>, Vec<RowFault>> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let looks_like_json = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if kind.contains("json") || (!kind.contains("csv") && looks_like_json) {
        let not_utf8 = || RowFault { line: 0, column: String::new(), message: "must be UTF-8".to_owned() };
        return from_json(std::str::from_utf8(bytes).map_err(|_| vec![not_utf8()])?);
    }
    from_csv(bytes)
}

async fn store(node: &Arc<Node>, user: &UserId, rows: Vec<Finished>) -> Response {
    let given = rows.len();
    if given == 0 {
        return Json(json!({ "stored": 0, "repeated": 0 })).into_response();
    }
    let request = Request { scope: Scope::user(user), command: StopwatchCommand::Ingest(rows).into(), id: None };
    let node = Arc::clone(node);
    // A task of its own, so that a client that leaves does not interrupt the command.
    let done = tokio::spawn(async move { node.execute(request).await }.in_current_span()).await;
    match done {
        Ok(Ok(outcome)) => {
            let stored = match outcome.effect {
                Effect::Change(change) => change.archive.len(),
                Effect::Nothing | Effect::Repeated => 0,
            };
            Json(json!({ "stored": stored, "repeated": given - stored })).into_response()
        }
        Ok(Err(failed @ ExecuteError::Refused(_))) => unprocessable(&failed.to_string(), &[]),
        Ok(Err(failed)) if failed.is_damage() => {
            error(StatusCode::INTERNAL_SERVER_ERROR, "Damaged", &fault(&failed, true).message)
        }
        Ok(Err(failed)) => {
            // A row that is sent twice is stored once, so a retry is always safe.
            error(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", &fault(&failed, true).message)
        }
        Err(panicked) => {
            tracing::error!(%panicked, "a request panicked");
            error(StatusCode::INTERNAL_SERVER_ERROR, "Internal error", "the rows could not be stored")
        }
    }
}

fn unprocessable(what: &str, faults: &[RowFault]) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": what, "rows": faults }))).into_response()
}
