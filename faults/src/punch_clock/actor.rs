//! The requests of a page over HTTP: each is repeated, at another node, until it is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use harness::http;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::page::Page;
use super::{Attempt, DeviceProfile, DeviceState, PageRequest, path_of};
use crate::client::{Load, RunContext};
use crate::record::Event;

/// Timeout of an answer: longer than the lifetime of a command.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(7);

/// Longest pause before a request is repeated.
const REPEAT_PAUSE_MS: u64 = 200;

/// Requests until the load ends.
pub(super) async fn run(profile: DeviceProfile, context: RunContext, state: Arc<Mutex<DeviceState>>) {
    let mut page = Page::new(&profile);
    let mut load: watch::Receiver<Load> = context.load.clone();
    let pace_ms = u64::try_from(profile.pace.as_millis()).unwrap_or(u64::MAX);
    let mut node = profile.node;
    loop {
        let pause = Duration::from_millis(page.below(2 * pace_ms));
        tokio::select! {
            () = sleep(pause) => {} // tidy: allow: a person's pace
            ended = load.wait_for(|load| *load != Load::Active) => {
                drop(ended);
                return;
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let request = page.next(now.as_millis() as u64);
        state.lock().pending =
            Some(json!({ "method": request.method, "path": request.path, "body": request.body.clone() }));
        loop {
            let answer = attempt(&profile, &context, node, &request, &state).await;
            if let Some(answer) = &answer {
                page.done(&request, answer);
            }
            if answer.is_some() || !request.is_repeated() {
                break;
            }
            let pause = Duration::from_millis(page.below(REPEAT_PAUSE_MS));
            tokio::select! {
                () = sleep(pause) => {} // tidy: allow: a request is repeated after a pause
                ended = load.wait_for(|load| *load == Load::Finished) => {
                    drop(ended);
                    return;
                }
            }
            node = (node + 1) % context.nodes.len();
        }
        state.lock().pending = None;
    }
}

/// Requests once, and records it; returns the answer if the request needs no repetition.
async fn attempt(
    profile: &DeviceProfile,
    context: &RunContext,
    node: usize,
    request: &PageRequest,
    state: &Mutex<DeviceState>,
) -> Option<Value> {
    let sent_at = context.started_at.elapsed();
    let nth = {
        let mut state = state.lock();
        let sent = json!({ "node": node, "method": request.method, "path": request.path, "body": request.body });
        state.write(sent_at, Event::Sent(sent));
        // Recorded before it is sent: an attempt that is interrupted has an outcome, too.
        state.attempts.push(Attempt { sent_at, request: request.clone(), answer: None });
        state.attempts.len() - 1
    };
    let answered = timeout(ANSWER_TIMEOUT, send(&profile.person, context.nodes[node], request)).await;
    let at = context.started_at.elapsed();
    let mut state = state.lock();
    match answered {
        Ok(Ok(answer)) => {
            state.write(at, Event::Received(json!({ "answer": answer })));
            state.attempts[nth].answer = Some((at, answer.clone()));
            Some(answer)
        }
        Ok(Err(reason)) => {
            state.write(at, Event::Received(json!({ "failed": format!("{reason:#}") })));
            None
        }
        Err(_) => {
            state.write(at, Event::Received(json!({ "failed": "no answer in time" })));
            None
        }
    }
}

/// Sends a request; a refusal is an answer as well.
///
/// # Errors
/// The request is to be repeated: it was not answered, or the answer says so.
pub(super) async fn send(person: &str, node: SocketAddr, request: &PageRequest) -> Result<Value> {
    // As `navigator.sendBeacon` posts; the server reads JSON whatever the type says.
    let headers = [("content-type", "text/plain;charset=UTF-8")];
    let body = if request.body.is_null() { String::new() } else { request.body.to_string() };
    let path = path_of(request.path, person);
    let response = http::request(node, request.method, &path, &headers, body.as_bytes()).await?;
    match response.status {
        429 | 503 => bail!("{}: {}", response.status, response.body),
        _ => serde_json::from_str(&response.body).with_context(|| format!("no JSON: {}", response.body)),
    }
}
