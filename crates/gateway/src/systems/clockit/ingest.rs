//! `POST /ingestCsv`: imports finished sessions, all of a request or none.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request as HttpRequest, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use net::limits::NetLimit;
use net::proxy::client_address;
use net::request_body::{BodyLimits, BodyReader, encoding_refusal};
use serde_json::json;
use timers::{ROWS_MAX, Scope, UserId};
use wire::RowFault;
use wire::clockit::rows::{RowFormat, RowReader};

use crate::http::authenticated_user::AuthenticatedUser;
use crate::http::error::error;
use crate::node::Node;
use crate::systems::clockit::Clockit;
use crate::systems::clockit::import::{Import, ImportError, Imported};

/// Bytes of a row besides the texts and goals of a session: ids, times, and escapes of control characters. A session that
/// was stopped here can be as large as its board.
const ROW_OVERHEAD_BYTES: usize = 64 * 1024;

/// Answers that may be sent before the body is read.
const EARLY_ANSWERS: [StatusCode; 3] =
    [StatusCode::UNSUPPORTED_MEDIA_TYPE, StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];

/// Answers `{stored, repeated}`, or 422 with every bad cell.
pub(crate) async fn ingest(
    State(node): State<Arc<Node>>,
    user: AuthenticatedUser<Clockit>,
    request: HttpRequest,
) -> Response {
    match import(&node, &user.id, request).await {
        Ok(Imported { stored, repeated }) => Json(json!({ "stored": stored, "repeated": repeated })).into_response(),
        Err(refusal) => refusal,
    }
}

async fn import(node: &Arc<Node>, user: &UserId, request: HttpRequest) -> Result<Imported, Response> {
    let (head, body) = request.into_parts();
    let limits = BodyLimits {
        max_bytes: node.settings.systems.clockit.ingest_bytes,
        timeout: node.settings.limits.request_within,
        is_steady: true,
        too_large: Some(NetLimit::BodyBytes),
    };
    let mut body = BodyReader::new(body, limits, &*node.metrics);
    let imported = import_body(node, user, &head, &mut body).await;
    node.body_slots.count_bytes(body.received());
    if imported.as_ref().is_err_and(|refusal| EARLY_ANSWERS.contains(&refusal.status())) {
        body.discard().await;
    }
    imported
}

async fn import_body(
    node: &Arc<Node>,
    user: &UserId,
    head: &Parts,
    body: &mut BodyReader<'_>,
) -> Result<Imported, Response> {
    let kind = content_type(&head.headers);
    if let Some(refusal) = encoding_refusal(&head.headers).or_else(|| form_refusal(&kind)) {
        return Err(refusal);
    }
    let address = client_address(&head.extensions, &head.headers, &node.settings.public.proxy);
    if let Some(refused) = node.imports.refuse(user, address, &node.metrics) {
        return Err(refused);
    }
    // Held until the rows are stored, as is the body's share of the memory for bodies.
    let _slot = node.body_slots.acquire(user, address).map_err(|limit| too_many(node, limit))?;
    let mut reader = RowReader::new(format(&kind), node.settings.rules.stopwatch.board_bytes + ROW_OVERHEAD_BYTES);
    let mut import = Import::new(node, Scope::user(user));
    let mut rows = Vec::new();
    while let Some(part) = body.next().await? {
        reader.push(&part, &mut rows);
        if reader.has_fault() || import.is_too_large() {
            // No row will be stored. The rest is read for more faults, and so that the client reads the answer.
            rows = Vec::new();
            import.clear();
        } else if rows.len() >= ROWS_MAX {
            import.add(std::mem::take(&mut rows)).await.map_err(refusal)?;
        }
    }
    if let Err(faults) = reader.finish(&mut rows) {
        return Err(unprocessable("some rows are wrong; none was stored", &faults));
    }
    import.add(rows).await.map_err(refusal)?;
    import.store().await.map_err(refusal)
}

fn content_type(headers: &HeaderMap) -> String {
    let kind = headers.get(header::CONTENT_TYPE).map_or(b"".as_slice(), HeaderValue::as_bytes);
    String::from_utf8_lossy(kind).to_ascii_lowercase()
}

/// Returns the refusal of a file within a form.
fn form_refusal(content_type: &str) -> Option<Response> {
    let message = "send the file itself as the body, for example with `curl --data-binary @file`";
    let refusal = || error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type", message);
    content_type.starts_with("multipart/").then(refusal)
}

/// Returns the format that the client names, if it names one. A client that does not know better sends CSV as a text, a
/// form or bytes.
fn format(content_type: &str) -> Option<RowFormat> {
    if content_type.contains("json") {
        Some(RowFormat::Json)
    } else if content_type.contains("csv") {
        Some(RowFormat::Csv)
    } else {
        None
    }
}

fn too_many(node: &Node, limit: NetLimit) -> Response {
    node.metrics.refused(limit.into());
    let mut answer =
        error(StatusCode::TOO_MANY_REQUESTS, "Too many requests", "too many of your files are being read; try again");
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

fn refusal(failed: ImportError) -> Response {
    match failed {
        ImportError::TooManyRows => {
            unprocessable(&format!("at most {ROWS_MAX} new rows at once; none was stored"), &[])
        }
        ImportError::Refused(message) => unprocessable(&message, &[]),
        ImportError::Unavailable(message) => error(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", &message),
        ImportError::Damaged(message) => error(StatusCode::INTERNAL_SERVER_ERROR, "Damaged", &message),
        ImportError::Panicked => {
            error(StatusCode::INTERNAL_SERVER_ERROR, "Internal error", "the rows could not be stored")
        }
    }
}

fn unprocessable(what: &str, faults: &[RowFault]) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": what, "rows": faults }))).into_response()
}
