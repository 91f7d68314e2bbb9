//! Waiting until all agree, and what they disagree about if they do not.

use std::collections::BTreeMap;
use std::time::Duration;

use harness::{Client as Visitor, http};
use tokio::time::{Instant, interval};

use crate::client::{Client, State};
use crate::cluster::Cluster;
use crate::truth;
use crate::view::View;

/// How long it may take until all agree: generous, as this is no measurement.
pub(crate) const CONVERGE_WITHIN: Duration = Duration::from_secs(20);

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Most disagreements that are told.
const TOLD_MAX: usize = 20;

/// Waits until every node is ready, and every client is connected, has its answers, sees what the store holds, and
/// sees ticks. Where nothing has changed, the clients of a node that is still cut off see the truth all the same.
///
/// # Errors
/// What is still lacking after [`CONVERGE_WITHIN`].
pub(crate) async fn clients(cluster: &Cluster, clients: &[Client]) -> Result<BTreeMap<String, View>, Vec<String>> {
    let since = cluster.begun.elapsed();
    let end = Instant::now() + CONVERGE_WITHIN;
    let mut look = interval(LOOK_EVERY);
    loop {
        look.tick().await;
        let lacks = match tokio::task::block_in_place(|| truth::read(&cluster.primary)) {
            Ok(truth) => {
                let mut lacks = unready(cluster).await;
                lacks.extend(clients.iter().filter_map(|client| lack(&client.state(), &truth, since)));
                if lacks.is_empty() {
                    return Ok(truth);
                }
                lacks
            }
            Err(error) => vec![format!("Redis can't be read: {error:#}")],
        };
        if Instant::now() > end {
            let count = lacks.len();
            let told = lacks.into_iter().take(TOLD_MAX).map(|lack| format!("no agreement: {lack}"));
            return Err(told.chain((count > TOLD_MAX).then(|| format!("no agreement: {count} in all"))).collect());
        }
    }
}

/// Asks every node about every user, and returns who is told anything but the truth.
pub(crate) async fn nodes(cluster: &Cluster, truth: &BTreeMap<String, View>) -> Vec<String> {
    let mut violations = Vec::new();
    for (nth, node) in cluster.nodes.iter().enumerate() {
        for (user, wanted) in truth {
            let mut visitor = Visitor::connect(node.public, &format!("/session?userId={user}&dialect=v1")).await;
            let mut told = View::default();
            told.apply(&visitor.next_of("ready").await);
            if told != *wanted {
                violations.push(format!(
                    "no agreement: node {nth} tells a new client of {user}: {}",
                    told.difference(wanted)
                ));
            }
        }
    }
    violations
}

/// Names the nodes that are not ready.
async fn unready(cluster: &Cluster) -> Vec<String> {
    let mut unready = Vec::new();
    for (nth, node) in cluster.nodes.iter().enumerate() {
        match http::request(node.internal, "GET", "/readyz", &[], b"").await {
            Ok(answer) if answer.status == 200 => {}
            Ok(answer) => unready.push(format!("node {nth} is not ready: {}", answer.body)),
            Err(error) => unready.push(format!("node {nth} does not answer: {error}")),
        }
    }
    unready
}

/// Says what a client lacks.
fn lack(state: &State, truth: &BTreeMap<String, View>, since: Duration) -> Option<String> {
    let nothing = View::default();
    let wanted = truth.get(&state.record.user).unwrap_or(&nothing);
    let client = &state.record.client;
    if !state.ready {
        return Some(format!("{client} is not connected"));
    }
    if let Some(command) = &state.pending {
        return Some(format!("{client} has no answer to {command}"));
    }
    // A change that is invisible, such as a goal that came and went, may not be told.
    if state.view.sessions != wanted.sessions {
        return Some(format!("{client} sees {}", state.view.difference(wanted)));
    }
    let is_still = wanted.has_running() && state.ticked_at.is_none_or(|at| at < since);
    is_still.then(|| format!("{client} sees no ticks"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;
    use serde_json::json;

    const NOW: Duration = Duration::from_secs(9);

    #[test]
    fn a_client_that_sees_the_truth_and_ticks_lacks_nothing() {
        assert_eq!(lack(&state(), &truth(true), NOW), None);
    }

    #[test]
    fn every_lack_is_found() {
        let check = |change: fn(&mut State), truth: BTreeMap<String, View>, what: &str| {
            let mut state = state();
            change(&mut state);
            let lack = lack(&state, &truth, NOW).unwrap();
            assert!(lack.contains(what), "{lack}");
        };
        check(|state| state.ready = false, truth(true), "not connected");
        check(|state| state.pending = Some(json!({})), truth(true), "no answer");
        check(|_| (), truth(false), "sees");
        check(|_| (), BTreeMap::new(), "instead of nothing");
        check(|state| state.ticked_at = Some(NOW - Duration::from_millis(1)), truth(true), "no ticks");
    }

    fn state() -> State {
        let view = truth(true).remove("u").unwrap();
        State { record: Record::made_up([]), view, ready: true, pending: None, ticked_at: Some(NOW) }
    }

    fn truth(running: bool) -> BTreeMap<String, View> {
        let session = json!({ "sessionId": "u-s", "running": running });
        BTreeMap::from([("u".to_owned(), View { rev: 1, sessions: BTreeMap::from([("u-s".to_owned(), session)]) })])
    }
}
