//! Requests over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use harness::http;
use serde_json::Value;
use tokio::time::timeout;

use super::path_of;

/// Timeout of an answer: longer than the lifetime of a command.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(7);

/// A request over HTTP.
#[derive(Clone, Debug)]
pub(super) struct FocusRequest {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) body: Value,
}

/// Sends a request; a refusal is an answer as well. Returns the status and the body.
///
/// # Errors
/// The request is to be repeated: it was not answered, or the answer says so.
pub(super) async fn send(person: &str, node: SocketAddr, request: &FocusRequest) -> Result<(u16, Value)> {
    let body = if request.body.is_null() { String::new() } else { request.body.to_string() };
    let (path, headers) = (path_of(&request.path, person), [("content-type", "application/json")]);
    let sent = http::request(node, request.method, &path, &headers, body.as_bytes());
    let response = timeout(ANSWER_TIMEOUT, sent).await.context("no answer in time")??;
    match response.status {
        429 | 503 => bail!("{}: {}", response.status, response.body),
        status => {
            let body = serde_json::from_str(&response.body).with_context(|| format!("no JSON: {}", response.body))?;
            Ok((status, body))
        }
    }
}

/// Reads a path as a person.
///
/// # Errors
/// There is no answer, or it is a refusal.
pub(super) async fn get(person: &str, node: SocketAddr, path: &str) -> Result<Value> {
    let request = FocusRequest { method: "GET", path: path.to_owned(), body: Value::Null };
    match send(person, node, &request).await? {
        (200, body) => Ok(body),
        (status, body) => bail!("{status}: {body}"),
    }
}
