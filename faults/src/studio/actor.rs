//! The calls of a member over HTTP: each is repeated, at another node, until it is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use harness::http;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::workload::{MemberWorkload, NextCall};
use super::{Call, MemberProfile, MemberState};
use crate::client::{Load, RunContext};
use crate::record::Event;

/// Timeout of an answer: longer than the lifetime of a command.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(7);

/// Longest pause before a call is repeated.
const REPEAT_PAUSE_MS: u64 = 200;

/// Calls until the load ends.
pub(super) async fn run(profile: MemberProfile, context: RunContext, state: Arc<Mutex<MemberState>>) {
    let Some(pace) = profile.pace else { return };
    let mut workload = MemberWorkload::new(profile.user, profile.seed);
    let mut load: watch::Receiver<Load> = context.load.clone();
    let pace_ms = u64::try_from(pace.as_millis()).unwrap_or(u64::MAX);
    loop {
        let pause = Duration::from_millis(workload.below(2 * pace_ms));
        tokio::select! {
            () = sleep(pause) => {} // tidy: allow: a member's pace
            ended = load.wait_for(|load| *load != Load::Active) => {
                drop(ended);
                return;
            }
        }
        let next = workload.next();
        let request = json!({ "procedure": next.procedure, "input": next.input, "key": next.key });
        let sent_at = context.started_at.elapsed();
        {
            let mut state = state.lock();
            state.write(sent_at, Event::Sent(request.clone()));
            state.pending = Some(request.clone());
        }
        let Some(answer) = repeat(&profile, &context, &mut workload, &next, &mut load).await else { return };
        workload.done(&answer);
        let mut state = state.lock();
        state.pending = None;
        let received = match &answer {
            Ok(result) => json!({ "key": next.key, "result": result }),
            Err(error) => json!({ "key": next.key, "error": error }),
        };
        state.write(context.started_at.elapsed(), Event::Received(received));
        state.calls.push(Call { sent_at, request, answer, events: next.events });
    }
}

/// Calls one node after the other until one answers; `None` if the run has ended.
async fn repeat(
    profile: &MemberProfile,
    context: &RunContext,
    workload: &mut MemberWorkload,
    next: &NextCall,
    load: &mut watch::Receiver<Load>,
) -> Option<Result<Value, Value>> {
    let mut node = profile.node;
    loop {
        let called = timeout(ANSWER_TIMEOUT, call(profile, context.nodes[node], next)).await;
        if let Ok(Ok(answer)) = called {
            return Some(answer);
        }
        let pause = Duration::from_millis(workload.below(REPEAT_PAUSE_MS));
        tokio::select! {
            () = sleep(pause) => {} // tidy: allow: a call is repeated after a pause
            ended = load.wait_for(|load| *load == Load::Finished) => {
                drop(ended);
                return None;
            }
        }
        node = (node + 1) % context.nodes.len();
    }
}

/// Calls once.
///
/// # Errors
/// The call is to be repeated: it was not answered, or the answer says so.
async fn call(profile: &MemberProfile, node: SocketAddr, next: &NextCall) -> Result<Result<Value, Value>> {
    let member = profile.headers();
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", &next.key),
        (member[0].0, &member[0].1),
        (member[1].0, &member[1].1),
    ];
    let path = format!("/api/trpc/timeTracking.{}", next.procedure);
    let response = http::request(node, "POST", &path, &headers, next.input.to_string().as_bytes()).await?;
    let envelope: Value = serde_json::from_str(&response.body).with_context(|| response.body.clone())?;
    match response.status {
        200 => Ok(Ok(envelope["result"]["data"].clone())),
        429 | 503 => bail!("{}", response.body),
        _ => Ok(Err(envelope["error"].clone())),
    }
}
