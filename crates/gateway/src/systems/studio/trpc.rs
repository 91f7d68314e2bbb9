//! tRPC over HTTP: which procedures a request calls, with which inputs, and the answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Path, Request as HttpRequest, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use net::limits::NetLimit;
use net::proxy::client_address;
use net::request_body::{BodyLimits, BodyReader, encoding_refusal};
use serde::Deserialize;
use timers::{Fields, RawJson};
use wire::studio::Procedure;
use wire::studio::trpc::{CallError, ErrorCode, RESULT_END, RESULT_START};

use crate::http::json_answer::json_answer;
use crate::http::query::query_of;
use crate::node::Node;
use crate::systems::studio::calls::{Answer, Caller};

/// Most calls in one request: a page that loads has some ten.
const CALLS_MAX: usize = 100;

/// Bodies above this size, and those of unknown size, take one of the slots for large bodies.
const SLOT_BYTES_MIN: u64 = 64 * 1024;

#[derive(Deserialize)]
struct CallQuery {
    batch: Option<String>,
    input: Option<String>,
}

/// The inputs of the calls of a request.
enum Inputs {
    /// The text of the only call.
    One(Option<String>),
    /// Those of a batch, by number.
    Batch(Fields),
}

/// One call of a request.
struct Call {
    path: String,
    procedure: Result<Procedure, CallError>,
}

/// The outcome of a call, and its path.
type Outcome = (String, Result<Answer, CallError>);

/// Returns the routes.
pub(super) fn routes() -> Router<Arc<Node>> {
    Router::new().route("/api/trpc/{*path}", any(call))
}

async fn call(State(node): State<Arc<Node>>, Path(path): Path<String>, request: HttpRequest) -> Response {
    let (head, body) = request.into_parts();
    let limits = BodyLimits {
        max_bytes: node.settings.systems.studio.body_bytes,
        timeout: node.settings.limits.request_within,
        is_steady: true,
        too_large: Some(NetLimit::BodyBytes),
    };
    let size = (body.size_hint().lower(), body.size_hint().upper());
    let mut body = BodyReader::new(body, limits, &*node.metrics);
    let (is_batch, outcomes) = match answer(&node, path, &head, &mut body, size).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            body.discard().await;
            return json_answer(status(error.code), error.envelope(None));
        }
    };
    node.body_slots.count_bytes(body.received());
    // A connection with unread bytes is reset when it closes.
    body.discard().await;
    response(outcomes, is_batch)
}

/// Carries out the calls of a request, one after the other, and tells whether they are a batch.
///
/// # Errors
/// The error of a request that calls nothing.
async fn answer(
    node: &Arc<Node>,
    path: String,
    head: &Parts,
    body: &mut BodyReader<'_>,
    size: (u64, Option<u64>),
) -> Result<(bool, Vec<Outcome>), CallError> {
    let query: CallQuery = query_of(&head.uri).map_err(|reason| CallError::new(ErrorCode::BadRequest, reason))?;
    if head.method == Method::POST {
        check_media_type(&head.headers)?;
    }
    let is_batch = query.batch.as_deref() == Some("1");
    let paths: Vec<String> = if is_batch { path.split(',').map(str::to_owned).collect() } else { vec![path] };
    if paths.len() > CALLS_MAX {
        let message = format!("a batch has at most {CALLS_MAX} calls");
        return Err(CallError::new(ErrorCode::BadRequest, message));
    }
    let check = |path: String| {
        let procedure = CallError::check(&path, head.method.as_str());
        Call { path, procedure }
    };
    let calls: Vec<Call> = paths.into_iter().map(check).collect();
    let prepared = match calls.iter().any(|call| call.procedure.is_ok()) {
        true => prepare(node, head, query.input, body, size, is_batch).await,
        false => Err(CallError::not_logged_in()),
    };
    let (caller, mut inputs) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            let fail = |call: Call| (call.path, Err(call.procedure.err().unwrap_or_else(|| error.clone())));
            return Ok((is_batch, calls.into_iter().map(fail).collect()));
        }
    };
    let mut outcomes = Vec::new();
    for (nth, call) in calls.into_iter().enumerate() {
        let outcome = match call.procedure {
            Ok(procedure) => caller.call(node, procedure, inputs.take(nth).as_deref(), nth).await,
            Err(error) => Err(error),
        };
        outcomes.push((call.path, outcome));
    }
    Ok((is_batch, outcomes))
}

/// Authenticates the caller, and then reads the inputs.
async fn prepare(
    node: &Arc<Node>,
    head: &Parts,
    query_input: Option<String>,
    body: &mut BodyReader<'_>,
    size: (u64, Option<u64>),
    is_batch: bool,
) -> Result<(Caller, Inputs), CallError> {
    let caller = Caller::authenticate(node, head).await?;
    let text =
        if head.method == Method::POST { read_text(node, head, &caller, body, size).await? } else { query_input };
    if !is_batch {
        return Ok((caller, Inputs::One(text)));
    }
    let Some(text) = text else { return Ok((caller, Inputs::Batch(Fields::default()))) };
    let bad = |reason: String| CallError::new(ErrorCode::BadRequest, reason);
    let raw = RawJson::new(&text).map_err(|error| bad(format!("the input is not JSON: {error}")))?;
    let fields = serde_json::from_str(raw.as_str());
    let fields = fields.map_err(|_| bad("\"input\" needs to be an object when doing a batch call".to_owned()))?;
    Ok((caller, Inputs::Batch(fields)))
}

/// Reads the body; `None` if it is empty.
async fn read_text(
    node: &Node,
    head: &Parts,
    caller: &Caller,
    body: &mut BodyReader<'_>,
    (lower, upper): (u64, Option<u64>),
) -> Result<Option<String>, CallError> {
    if encoding_refusal(&head.headers).is_some() {
        let message = "the body must not be compressed: send it without Content-Encoding";
        return Err(CallError::new(ErrorCode::UnsupportedMediaType, message));
    }
    let is_large = lower > SLOT_BYTES_MIN || upper.is_none();
    let address = client_address(&head.extensions, &head.headers, &node.settings.public.proxy);
    let slot = is_large.then(|| node.body_slots.acquire(caller.user(), address)).transpose();
    let _slot = slot.map_err(|limit| {
        node.metrics.refused(limit.into());
        CallError::new(ErrorCode::TooManyRequests, "too many of your large requests are being read; try again")
    })?;
    let bytes = body.read_all().await.map_err(|refused| unread(refused.status()))?;
    let text = String::from_utf8(bytes.into());
    let text = text.map_err(|_| CallError::new(ErrorCode::BadRequest, "the input is not UTF-8"))?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// Returns the error of a body that could not be read.
fn unread(status: StatusCode) -> CallError {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => CallError::new(ErrorCode::PayloadTooLarge, "the body is too large"),
        StatusCode::REQUEST_TIMEOUT => CallError::new(ErrorCode::Timeout, "the body arrives too slowly"),
        StatusCode::SERVICE_UNAVAILABLE => {
            CallError::new(ErrorCode::ServiceUnavailable, "too many large bodies are being read; try again")
        }
        _ => CallError::new(ErrorCode::BadRequest, "the body cannot be read"),
    }
}

/// Refuses a body that is not JSON by its content type.
fn check_media_type(headers: &HeaderMap) -> Result<(), CallError> {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return Err(CallError::new(ErrorCode::UnsupportedMediaType, "Missing content-type header"));
    };
    let kind = String::from_utf8_lossy(kind.as_bytes());
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(CallError::new(ErrorCode::UnsupportedMediaType, format!("Unsupported content-type \"{kind}\"")))
}

impl Inputs {
    fn take(&mut self, nth: usize) -> Option<String> {
        match self {
            Self::One(text) => text.take(),
            Self::Batch(fields) => fields.take_raw(&nth.to_string()).map(|raw| raw.as_str().to_owned()),
        }
    }
}

/// Returns the answer: the envelope of the only call, or the list of a batch. A list of entries is sent as it is read.
fn response(outcomes: Vec<Outcome>, is_batch: bool) -> Response {
    let statuses: BTreeSet<u16> = outcomes
        .iter()
        .map(|(_, outcome)| outcome.as_ref().map_or_else(|error| error.code.status(), |_| 200))
        .collect();
    let status = match (statuses.first(), statuses.len()) {
        (Some(status), 1) => StatusCode::from_u16(*status).unwrap_or_default(),
        _ => StatusCode::MULTI_STATUS,
    };
    if outcomes.iter().all(|(_, outcome)| !matches!(outcome, Ok(Answer::Entries(_)))) {
        let texts = outcomes.into_iter().map(|(path, outcome)| match outcome {
            Ok(Answer::Json(json)) => format!("{RESULT_START}{json}{RESULT_END}"),
            Ok(Answer::Entries(_)) => String::new(),
            Err(error) => error.envelope(Some(&path)),
        });
        let joined = texts.collect::<Vec<_>>().join(",");
        return json_answer(status, if is_batch { format!("[{joined}]") } else { joined });
    }
    let (open, close) = if is_batch { ("[", "]") } else { ("", "") };
    let parts = stream::iter(outcomes.into_iter().enumerate()).flat_map(|(nth, (path, outcome))| {
        let comma = if nth == 0 { "" } else { "," };
        text(comma).chain(envelope(path, outcome))
    });
    json_answer(status, Body::from_stream(text(open).chain(parts).chain(text(close))))
}

/// A part of a body. The error, by which the answer is cut off, tells the client nothing more.
type Part = Result<Bytes, engine::store::Fault>;

fn text(text: &'static str) -> stream::BoxStream<'static, Part> {
    stream::iter(Some(Ok(Bytes::from_static(text.as_bytes())))).boxed()
}

fn envelope(path: String, outcome: Result<Answer, CallError>) -> stream::BoxStream<'static, Part> {
    let whole = |text: String| stream::iter(Some(Ok(Bytes::from(text)))).boxed();
    match outcome {
        Ok(Answer::Json(json)) => whole(format!("{RESULT_START}{json}{RESULT_END}")),
        Ok(Answer::Entries(entries)) => text(RESULT_START).chain(entries.into_parts()).chain(text(RESULT_END)).boxed(),
        Err(error) => whole(error.envelope(Some(&path))),
    }
}

fn status(code: ErrorCode) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or_default()
}
