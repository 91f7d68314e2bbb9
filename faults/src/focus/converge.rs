//! The conditions of convergence for people with focus sessions, and what the nodes show of these.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::requests::get;
use super::{FocusPerson, FocusState};
use crate::oracle::SuspendedInvariants;
use crate::target::Target;

/// What the nodes show of each person.
pub(crate) type Shown = BTreeMap<String, Vec<NodeView>>;

/// What a node shows of a person.
#[derive(Clone, Debug)]
pub(crate) struct NodeView {
    /// When the list was requested and answered, since the start of the run.
    pub(crate) sent: Duration,
    pub(crate) answered: Duration,
    pub(crate) sessions: Vec<Value>,
    pub(crate) stats: Value,
}

/// Returns the unmet conditions: every request has its answer, every device tracks its session and sees ticks, and none tracks
/// one that has ended.
pub(crate) fn unmet_conditions(people: &[FocusPerson], since: Duration, suspended: SuspendedInvariants) -> Vec<String> {
    people.iter().flat_map(|person| unmet(&person.state(), since, suspended)).collect()
}

fn unmet(state: &FocusState, since: Duration, suspended: SuspendedInvariants) -> Vec<String> {
    // A store that loses a resumption has a paused session.
    let may_be_paused = |session: usize| suspended.durability && !state.sessions[session].statuses.is_empty();
    let devices = state.devices.iter().filter_map(|device| {
        let client = &device.record.client;
        if let Some(pending) = &device.pending {
            return Some(format!("{client} has no answer to {pending}"));
        }
        match (device.tracked, state.current) {
            (Some((session, _)), _) if state.sessions[session].ended().is_some() => {
                Some(format!("{client} was not told that {} has ended", state.sessions[session].id))
            }
            (tracked, Some(current)) if tracked.is_none_or(|(session, _)| session != current) => {
                Some(format!("{client} does not track {}", state.sessions[current].id))
            }
            (Some((session, _)), _) if device.ticked_at.is_none_or(|at| at < since) && !may_be_paused(session) => {
                Some(format!("{client} sees no ticks"))
            }
            (Some(_) | None, _) => None,
        }
    });
    devices.collect()
}

/// Reads what each node shows of each person.
///
/// # Errors
/// A node does not answer.
pub(crate) async fn shown(target: &Target, people: &[String]) -> Result<Shown> {
    let mut shown = Shown::new();
    for person in people {
        let mut views = Vec::new();
        for node in 0..target.nodes.len() {
            let port = target.nodes[node].public;
            let stats = get(person, port, "/api/users/me/stats").await?;
            let sent = target.started_at.elapsed();
            let mut list = get(person, port, "/api/sessions").await?;
            let sessions = list["sessions"].as_array_mut().map(std::mem::take).unwrap_or_default();
            views.push(NodeView { sent, answered: target.started_at.elapsed(), sessions, stats });
        }
        shown.insert(person.clone(), views);
    }
    Ok(shown)
}
