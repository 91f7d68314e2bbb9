//! The conditions of convergence for people with a punch clock, and their days at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::actor::send;
use super::page::{DAILY_LOGS, SESSION};
use super::{Device, DeviceRecord, DeviceState, LiveView, PageRequest};
use crate::target::Target;

/// The fields of a document that change only with the day; the others count time.
const FIELDS: [&str; 5] = ["entries", "currentStatus", "sessionStartTime", "currentTheme", "lastActiveDate"];

/// A person's days at the end.
#[derive(Debug, Default)]
pub(crate) struct PersonDays {
    /// The document, of each node.
    pub(crate) documents: Vec<Value>,
    /// The archived days, of each node.
    pub(crate) logs: Vec<Value>,
    pub(crate) repost: Repost,
}

/// What happens if a tab posts everything again that was ever posted, then another one resets the day, and the first posts
/// once more.
#[derive(Debug, Default)]
pub(crate) struct Repost {
    /// When it is sent, since the start of the run.
    pub(crate) sent_at: Duration,
    pub(crate) before: Value,
    pub(crate) answer: Value,
    pub(crate) after: Value,
    /// The document and the archived days after the reset and the second repost.
    pub(crate) at_last: (Value, Value),
}

/// Returns the unmet conditions: every request has its answer, and every WebSocket shows the document and ticks.
pub(crate) async fn unmet_conditions(target: &Target, devices: &[Device], since: Duration) -> Vec<String> {
    let mut unmet: Vec<String> = devices.iter().filter_map(|device| unmet_request(&device.state())).collect();
    if !unmet.is_empty() {
        return unmet;
    }
    let people: BTreeSet<String> = devices.iter().map(|device| device.state().record.user.clone()).collect();
    for (nth, person) in people.iter().enumerate() {
        let stored = match get(target, nth % target.nodes.len(), person, SESSION).await {
            Ok(answer) => answer["data"].clone(),
            Err(error) => {
                unmet.push(format!("the document of {person} cannot be read: {error:#}"));
                continue;
            }
        };
        let states = devices.iter().map(Device::state).filter(|state| state.record.user == *person);
        unmet.extend(states.filter_map(|state| {
            let unmet = unmet_view(state.live.as_ref()?, &stored, since)?;
            Some(format!("{} {unmet}", state.record.client))
        }));
    }
    unmet
}

fn unmet_request(state: &DeviceState) -> Option<String> {
    state.pending.as_ref().map(|request| format!("{} has no answer to {request}", state.record.client))
}

fn unmet_view(live: &LiveView, stored: &Value, since: Duration) -> Option<String> {
    let Some(document) = &live.document else { return Some("sees no document".to_owned()) };
    if let Some(difference) = difference(document, stored) {
        return Some(format!("sees {difference}"));
    }
    let has_punches = stored["entries"].as_array().is_some_and(|entries| !entries.is_empty());
    (has_punches && live.ticked_at.is_none_or(|at| at < since)).then(|| "sees no ticks".to_owned())
}

/// Returns where a document differs from another one.
pub(crate) fn difference(document: &Value, other: &Value) -> Option<String> {
    let field = FIELDS.into_iter().find(|field| document[*field] != other[*field])?;
    Some(format!("{field}: {} instead of {}", document[field], other[field]))
}

/// Reads the days of every person at each node, and posts everything again, before and after a reset.
///
/// # Errors
/// A node does not answer.
pub(crate) async fn days(target: &Target, devices: &[Device]) -> Result<BTreeMap<String, PersonDays>> {
    let mut people: BTreeMap<String, Vec<DeviceRecord>> = BTreeMap::new();
    for record in devices.iter().map(Device::record) {
        people.entry(record.record.user.clone()).or_default().push(record);
    }
    let mut all = BTreeMap::new();
    for (nth, (person, records)) in people.into_iter().enumerate() {
        let mut days = PersonDays::default();
        for node in 0..target.nodes.len() {
            days.documents.push(get(target, node, &person, SESSION).await?["data"].clone());
            days.logs.push(get(target, node, &person, DAILY_LOGS).await?["logs"].clone());
        }
        days.repost = repost(target, nth % target.nodes.len(), &person, &records).await?;
        all.insert(person, days);
    }
    Ok(all)
}

/// Posts every punch again that an answered request has posted, and reads the document before and after it.
async fn repost(target: &Target, node: usize, person: &str, records: &[DeviceRecord]) -> Result<Repost> {
    let answered = records.iter().flat_map(|record| &record.attempts).filter(|attempt| attempt.answer.is_some());
    let punches: BTreeMap<String, &Value> =
        answered.flat_map(|attempt| attempt.request.punches()).map(|punch| (punch["id"].to_string(), punch)).collect();
    let entries: Vec<&Value> = punches.into_values().collect();
    let request = PageRequest { method: "POST", path: SESSION, body: json!({ "entries": entries }) };
    let before = get(target, node, person, SESSION).await?["data"].clone();
    let sent_at = target.started_at.elapsed();
    let (one, other) = (target.nodes[node].public, (node + 1) % target.nodes.len());
    let answer = send(person, one, &request).await?;
    let after = get(target, other, person, SESSION).await?["data"].clone();
    let reset = PageRequest { method: "DELETE", path: SESSION, body: Value::Null };
    let reset = send(person, target.nodes[other].public, &reset).await?;
    ensure!(reset["success"] == true, "the day of {person} is not reset: {reset}");
    send(person, one, &request).await?;
    let document = get(target, other, person, SESSION).await?["data"].clone();
    let at_last = (document, get(target, other, person, DAILY_LOGS).await?["logs"].clone());
    Ok(Repost { sent_at, before, answer, after, at_last })
}

async fn get(target: &Target, node: usize, person: &str, path: &'static str) -> Result<Value> {
    let request = PageRequest { method: "GET", path, body: Value::Null };
    let answer = send(person, target.nodes[node].public, &request).await?;
    ensure!(answer["error"].is_null(), "node {node} refuses {path} of {person}: {answer}");
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(9);

    #[test]
    fn a_page_with_the_stored_document_and_ticks_has_converged() {
        assert_eq!(unmet_view(&live(1, NOW), &document(1), NOW), None);
        assert_eq!(unmet_view(&live(0, Duration::ZERO), &document(0), NOW), None, "nothing ticks");
    }

    #[test]
    fn every_unmet_condition_is_found() {
        let check = |live: &LiveView, stored: &Value, what: &str| {
            let unmet = unmet_view(live, stored, NOW).unwrap();
            assert!(unmet.contains(what), "{unmet}");
        };
        check(&LiveView::default(), &document(0), "no document");
        check(&live(1, NOW), &document(2), "entries");
        check(&live(1, NOW - Duration::from_millis(1)), &document(1), "no ticks");
    }

    fn live(punches: usize, ticked_at: Duration) -> LiveView {
        LiveView { document: Some(document(punches)), ticked_at: Some(ticked_at) }
    }

    fn document(punches: usize) -> Value {
        let entries: Vec<Value> = (0..punches).map(|id| json!({ "id": id })).collect();
        json!({ "entries": entries, "currentStatus": "IN" })
    }
}
