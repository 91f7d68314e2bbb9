//! `POST /ingestCsv`: finished sessions from elsewhere, all of a request or none.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::{ExecuteError, Made, Request};
use serde_json::json;
use timers::stopwatch::{self, Finished};
use timers::{Command, ROWS_MAX, Scope};
use tracing::Instrument;
use wire::clockit::rows::{RowFault, from_csv, from_json};

use crate::clockit::outcome::fault;
use crate::http::body::{Bounds, read_body};
use crate::http::error::error;
use crate::http::person::Person;
use crate::metrics::Refusal;
use crate::node::Node;

/// Answers `{stored, repeated}`, or 422 with every bad cell.
pub(crate) async fn ingest(
    State(node): State<Arc<Node>>,
    Person(user): Person,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let bounds = Bounds {
        bytes_max: node.settings.clockit.ingest_bytes,
        within: node.settings.limits.request_within,
        beyond: Some(Refusal::BodyBytes),
    };
    let bytes = match read_body(body, bounds, &node.metrics).await {
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
    store(&node, user, rows).await
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

async fn store(node: &Arc<Node>, user: timers::UserId, rows: Vec<Finished>) -> Response {
    let given = rows.len();
    if given == 0 {
        return Json(json!({ "stored": 0, "repeated": 0 })).into_response();
    }
    let request = Request {
        scope: Scope::User(user.clone()),
        command: Command::Stopwatch(stopwatch::Command::Ingest(rows)),
        id: None,
        by: Some(user),
    };
    let node = Arc::clone(node);
    // A task of its own: a client that leaves must not tear a command in two.
    let done = tokio::spawn(async move { node.execute(request).await }.in_current_span()).await;
    match done {
        Ok(Ok(outcome)) => {
            let stored = match outcome.made {
                Made::Change(change) => change.archive.len(),
                Made::Nothing | Made::Repeated => 0,
            };
            Json(json!({ "stored": stored, "repeated": given - stored })).into_response()
        }
        Ok(Err(failed @ ExecuteError::Refused(_))) => unprocessable(&failed.to_string(), &[]),
        Ok(Err(failed)) => {
            // The same rows twice are stored once, so a retry is always safe.
            error(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", &fault(&failed, true).message)
        }
        Err(panicked) => {
            tracing::error!(%panicked, "a command panicked");
            error(StatusCode::INTERNAL_SERVER_ERROR, "Internal error", "the rows could not be stored")
        }
    }
}

fn unprocessable(what: &str, faults: &[RowFault]) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": what, "rows": faults }))).into_response()
}
