//! What becomes of open sessions when all sockets are gone: their counters stand still.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::converge::{NodeView, Shown, shown};
use super::link::Link;
use super::{FocusDevice, FocusState};
use crate::client::{Load, RunContext};
use crate::record::{Event, Record};
use crate::target::Target;

/// Time within which the counters stand still: the lease of a dead node has ended, and its sockets are removed.
const STANDSTILL_TIMEOUT: Duration = Duration::from_secs(25);

/// Time between two reads: a session that counts has changed.
const READ_INTERVAL: Duration = Duration::from_millis(1100);

/// Time after which the return of a socket does not count the gap, and some more for late departures.
const RETURN_TOO_LATE: Duration = Duration::from_millis(31_500);

/// Waits until the counters of all open sessions stand still, and returns what the nodes show then.
///
/// # Errors
/// The counters that move, or a node that does not answer.
pub(crate) async fn standstill(target: &Target, people: &[FocusState]) -> Result<Shown> {
    let people: Vec<String> = people.iter().map(|person| person.person.clone()).collect();
    let end = Instant::now() + STANDSTILL_TIMEOUT;
    let mut before = shown(target, &people).await?;
    loop {
        sleep(READ_INTERVAL).await; // tidy: allow: counters move once a second
        let now = shown(target, &people).await?;
        let moving: Vec<String> = now.iter().filter_map(|(person, views)| moving(&before[person], views)).collect();
        if moving.is_empty() {
            return Ok(now);
        }
        ensure!(Instant::now() < end, "no socket is there, but seconds count: {}", moving.join(", "));
        before = now;
    }
}

/// Returns a session whose counters are not the same on all nodes, before and now.
fn moving(before: &[NodeView], now: &[NodeView]) -> Option<String> {
    let first = &before.first()?.sessions;
    let views = before.iter().chain(now);
    let other = views.map(|view| &view.sessions).find(|sessions| counted(sessions) != counted(first))?;
    let difference = first.iter().zip(other).find(|(one, other)| counters(one) != counters(other));
    Some(difference.map_or_else(|| "another list".to_owned(), |(one, other)| format!("{one}, then {other}")))
}

fn counted(sessions: &[Value]) -> Vec<[&Value; 4]> {
    sessions.iter().map(counters).collect()
}

fn counters(session: &Value) -> [&Value; 4] {
    ["id", "elapsedSeconds", "activeSeconds", "idleSeconds"].map(|name| &session[name])
}

/// Returns to open sessions so late that the gap does not count, and returns the violations.
///
/// # Errors
/// A node does not answer.
pub(crate) async fn late_returns(target: &Target, rest: &Shown, gone_at: Instant) -> Result<Vec<String>> {
    sleep_until(gone_at + RETURN_TOO_LATE).await; // tidy: allow: the condition is that time passes
    let mut violations = Vec::new();
    for (nth, (person, views)) in rest.iter().enumerate() {
        let open = views[0].sessions.iter().find(|session| session["status"] == "active");
        if let Some(session) = open {
            let found = late_return(target, nth % target.nodes.len(), person, session).await;
            violations.extend(found.with_context(|| format!("{person} returns to {session}"))?);
        }
    }
    Ok(violations)
}

async fn late_return(target: &Target, node: usize, person: &str, session: &Value) -> Result<Option<String>> {
    let record = Record { client: format!("{person}-late"), user: person.to_owned(), entries: vec![] };
    let device = FocusDevice { record, pending: None, tracked: None, ticked_at: None };
    let state = Arc::new(Mutex::new(FocusState::of(person, vec![device])));
    let (_load, load) = watch::channel(Load::Draining);
    let nodes = target.nodes.iter().map(|node| node.public).collect();
    let context = RunContext::of_nodes(nodes, load, target.started_at);
    let mut link = Link::open(node, 0, &state, &context).await?;
    link.send(json!({ "type": "start", "sessionId": session["id"] }));
    let started = timeout(harness::DEADLINE, async {
        while let Some(message) = link.inbox.recv().await {
            match message["type"].as_str() {
                Some("started") => return Ok(()),
                Some("error") => bail!("{message}"),
                Some(_) | None => {}
            }
        }
        bail!("the connection ends")
    });
    started.await.context("`start` is not answered")??;
    let end = Instant::now() + harness::DEADLINE;
    let tick = loop {
        let ticks = state.lock().devices[0].record.entries.iter().filter_map(tick).next();
        if let Some(elapsed) = ticks {
            break elapsed;
        }
        ensure!(Instant::now() < end, "no tick comes");
        sleep(Duration::from_millis(20)).await; // tidy: allow: a poll with a deadline
    };
    link.cut().await;
    let stood = session["elapsedSeconds"].as_u64().context("no counter")?;
    let is_right = (stood..=stood + 1).contains(&tick);
    Ok((!is_right)
        .then(|| format!("{person}: a gap of over 30 s counts: the first tick shows {tick}, before {session}")))
}

fn tick(entry: &crate::record::Entry) -> Option<u64> {
    match &entry.event {
        Event::Received(message) if message["type"] == "tick" => message["elapsedSeconds"].as_u64(),
        Event::Received(_) | Event::Opened(_) | Event::Sent(_) | Event::Closed(_) => None,
    }
}
