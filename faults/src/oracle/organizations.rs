//! Organisations: no acknowledged call is lost or doubled, each event arrives once and in order, and sums are exact.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::oracle::Evidence;
use crate::record::ConnectionRecord;
use crate::studio::MemberRecord;

/// Sixtieths of a cent in a cent.
const PARTS: u64 = 60;

/// An event as clients see it: its name, and the dates by which it differs from the others of its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    name: String,
    start: Value,
    end: Value,
}

/// An event that an acknowledged call caused.
#[derive(Clone, Debug)]
struct Caused {
    identity: Identity,
    /// When the call was sent.
    sent_at: Duration,
}

/// The events of an organisation by entry, in order: only one member changes an entry.
type EntryEvents = BTreeMap<u64, Vec<Caused>>;

/// Returns all violations.
pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let suspended = evidence.suspended;
    let mut violations = Vec::new();
    for (organization, lists) in evidence.lists {
        let members = evidence.members.iter().filter(|member| member.organization == *organization);
        let members: Vec<&MemberRecord> = members.collect();
        violations.extend(lists.iter().flat_map(sums).map(|found| format!("organisation {organization}: {found}")));
        if lists.iter().any(|list| *list != lists[0]) {
            violations.push(format!("organisation {organization}: the lists of the nodes differ: {lists:?}"));
        }
        if !suspended.durability {
            violations.extend(lost_or_doubled(&members, &lists[0]));
        }
    }
    if suspended.durability {
        return violations;
    }
    for member in evidence.members {
        let caused = caused(evidence.members, member.organization);
        let refused = member.calls.iter().filter(|call| call.answer.is_err() && !suspended.cluster_time);
        violations.extend(
            refused.map(|call| format!("{}: {} was refused: {:?}", member.record.client, call.request, call.answer)),
        );
        for connection in member.record.connections() {
            let found = out_of_order(connection, &caused, suspended.cluster_time);
            violations.extend(found.into_iter().map(|found| format!("{}: {found}", member.record.client)));
        }
    }
    violations
}

/// Returns the events that the members have yet to receive on their last connections.
pub(crate) fn missing(members: &[MemberRecord]) -> Vec<String> {
    let mut missing = Vec::new();
    for member in members {
        let Some(connection) = member.record.connections().last() else { continue };
        let opened_at = connection.entries[0].at;
        let received = by_entry(connection);
        for (entry, events) in caused(members, member.organization) {
            let last = events.last().filter(|last| last.sent_at > opened_at).map(|last| &last.identity);
            let seen = received.get(&entry).and_then(|seen| seen.last());
            if last.is_some() && last != seen {
                missing.push(format!("{} has not received {last:?} of entry {entry}", member.record.client));
            }
        }
    }
    missing
}

/// Returns the events that the acknowledged calls of an organisation have caused.
fn caused(members: &[MemberRecord], organization: usize) -> EntryEvents {
    let mut caused = EntryEvents::new();
    for call in members.iter().filter(|member| member.organization == organization).flat_map(|member| &member.calls) {
        let Ok(entry) = &call.answer else { continue };
        let events = caused.entry(entry["id"].as_u64().unwrap_or_default()).or_default();
        for name in &call.events {
            let identity = identity(name, &entry["startTime"], &entry["endTime"]);
            events.push(Caused { identity, sent_at: call.sent_at });
        }
    }
    caused
}

fn identity(name: &str, start: &Value, end: &Value) -> Identity {
    let (has_start, has_end) = (name != "timer:stopped", name != "timer:started");
    let part = |value: &Value, is_part: bool| if is_part { value.clone() } else { Value::Null };
    Identity { name: name.to_owned(), start: part(start, has_start), end: part(end, has_end) }
}

/// Returns the events that a connection received, by entry.
fn by_entry(connection: ConnectionRecord<'_>) -> BTreeMap<u64, Vec<Identity>> {
    let mut received: BTreeMap<u64, Vec<Identity>> = BTreeMap::new();
    for message in connection.entries.iter().filter_map(|entry| entry.event.received()) {
        let payload = &message["payload"];
        if let (Some(name), Some(id)) = (message["event"].as_str(), payload["timeEntryId"].as_u64()) {
            let identity = identity(name, &payload["startTime"], &payload["endTime"]);
            received.entry(id).or_default().push(identity);
        }
    }
    received
}

/// Returns where the events of a connection are not a part of what happened, without a gap and without a repetition.
fn out_of_order(connection: ConnectionRecord<'_>, caused: &EntryEvents, ignores_dates: bool) -> Vec<String> {
    let opened_at = connection.entries[0].at;
    let mut violations = Vec::new();
    for (entry, received) in by_entry(connection) {
        let all = caused.get(&entry).map_or(&[][..], |all| all);
        let first = all.iter().position(|event| event.identity == received[0]).unwrap_or(all.len());
        let is_part = all[first..].iter().map(|event| &event.identity).take(received.len()).eq(&received);
        let missed = all[..first].iter().find(|event| event.sent_at > opened_at);
        if !is_part {
            violations.push(format!("events of entry {entry}: {received:?}, but it happened: {all:?}"));
        } else if let Some(missed) = missed {
            violations.push(format!("entry {entry}: {missed:?} was not received"));
        }
    }
    let dates = connection.entries.iter().filter_map(|entry| entry.event.received()?["payload"]["serverTime"].as_u64());
    if !ignores_dates && !dates.is_sorted() {
        violations.push("events are not in the order of their times".to_owned());
    }
    violations
}

/// Compares a list with the last answer for each entry.
fn lost_or_doubled(members: &[&MemberRecord], list: &Value) -> Vec<String> {
    let mut answered: BTreeMap<u64, &Value> = BTreeMap::new();
    for entry in members.iter().flat_map(|member| &member.calls).filter_map(|call| call.answer.as_ref().ok()) {
        answered.insert(entry["id"].as_u64().unwrap_or_default(), entry);
    }
    let mut violations = Vec::new();
    for entry in entries(list) {
        let mut listed = entry.clone();
        if let Some(fields) = listed.as_object_mut() {
            fields.remove("taskType");
        }
        let answer = answered.remove(&entry["id"].as_u64().unwrap_or_default()).cloned();
        let answer = answer.map(|mut answer| {
            if let Some(fields) = answer.as_object_mut() {
                fields.remove("taskType");
            }
            answer
        });
        if answer.as_ref() != Some(&listed) {
            violations.push(format!("listed {listed}, but answered {answer:?}"));
        }
    }
    violations.extend(answered.values().map(|lost| format!("acknowledged, but not listed: {lost}")));
    violations
}

/// Checks the sums of a list, its ids, and that one entry of a session runs.
fn sums(list: &Value) -> Vec<String> {
    let (mut ids, mut running) = (BTreeSet::new(), BTreeSet::new());
    let (mut minutes, mut parts) = (0, 0);
    let mut violations = Vec::new();
    for entry in entries(list) {
        if !ids.insert(entry["id"].as_u64()) {
            violations.push(format!("listed twice: {entry}"));
        }
        if entry["endTime"].is_null() && !running.insert(entry["sessionId"].as_u64()) {
            violations.push(format!("a second entry of its session runs: {entry}"));
        }
        let took = entry["durationMinutes"].as_u64().unwrap_or_default();
        let rate = entry["hourlyRateSnapshot"].as_str().unwrap_or_default().replace('.', "");
        minutes += took;
        parts += took * rate.parse::<u64>().unwrap_or_default();
    }
    let rounded = |number: u64| (number + PARTS / 2) / PARTS;
    let hundredths = |name: &str| list["stats"][name].as_f64().map(|number| (number * 100.0).round() as u64);
    for (name, expected) in [("totalHours", rounded(minutes * 100)), ("totalCost", rounded(parts))] {
        if hundredths(name) != Some(expected) {
            violations.push(format!("{name} is {} instead of {expected} hundredths", list["stats"][name]));
        }
    }
    violations
}

fn entries(list: &Value) -> &[Value] {
    list["entries"].as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Event, Record};
    use crate::studio::Call;
    use serde_json::json;

    /// A member that starts an entry at 150 ms, moves it, and stops it, and has these events.
    fn member(received: &[(&str, &str, Option<&str>)]) -> MemberRecord {
        let call = |ms, start: &str, end: Option<&str>, events: &[&'static str]| Call {
            sent_at: Duration::from_millis(ms),
            request: json!({}),
            answer: Ok(entry(start, end)),
            events: events.to_vec(),
        };
        let calls = vec![
            call(150, "a", None, &["timer:started"]),
            call(250, "b", None, &["timer:adjusted", "timer:started"]),
            call(350, "b", Some("z"), &["timer:stopped"]),
        ];
        let events = received.iter().map(|(name, start, end)| {
            let payload = json!({ "timeEntryId": 1, "startTime": start, "endTime": end, "serverTime": 5 });
            Event::Received(json!({ "event": name, "payload": payload }))
        });
        let record = Record::example([Event::Opened(0)].into_iter().chain(events));
        MemberRecord { organization: 1, record, calls }
    }

    fn entry(start: &str, end: Option<&str>) -> Value {
        let minutes = end.map(|_| 15);
        json!({ "id": 1, "sessionId": 7, "startTime": start, "endTime": end, "durationMinutes": minutes, "hourlyRateSnapshot": "50.50" })
    }

    const ALL: [(&str, &str, Option<&str>); 4] = [
        ("timer:started", "a", None),
        ("timer:adjusted", "b", None),
        ("timer:started", "b", None),
        ("timer:stopped", "", Some("z")),
    ];

    fn found(received: &[(&str, &str, Option<&str>)]) -> (usize, usize) {
        let members = [member(received)];
        let connection = members[0].record.connections().next().unwrap();
        (out_of_order(connection, &caused(&members, 1), false).len(), missing(&members).len())
    }

    #[test]
    fn events_that_arrive_once_and_in_order_are_no_violation() {
        assert_eq!(found(&ALL), (0, 0));
        assert_eq!(found(&ALL[..2]), (0, 1), "the rest is still to come");
        assert_eq!(found(&[]), (0, 1));
    }

    #[test]
    fn lost_repeated_swapped_and_foreign_events_are_found() {
        assert_eq!(found(&ALL[1..]).0, 1, "the first one was sent after the connection was opened");
        assert_eq!(found(&[ALL[0], ALL[2], ALL[3]]).0, 1);
        assert_eq!(found(&[ALL[0], ALL[1], ALL[1], ALL[2], ALL[3]]).0, 1);
        assert_eq!(found(&[ALL[1], ALL[0]]).0, 1);
        assert_eq!(found(&[("timer:started", "x", None)]).0, 1);
    }

    #[test]
    fn lost_doubled_and_changed_entries_are_found() {
        let member = member(&ALL);
        let of = |entries: Vec<Value>| lost_or_doubled(&[&member], &json!({ "entries": entries })).len();
        assert_eq!(of(vec![entry("b", Some("z"))]), 0);
        assert_eq!(of(vec![]), 1);
        assert_eq!(of(vec![entry("b", None)]), 1);
        assert_eq!(of(vec![entry("b", Some("z")), entry("b", Some("z"))]), 1);
    }

    #[test]
    fn sums_and_running_entries_are_checked() {
        let list = |hours: f64, cost: f64, entries: Value| {
            sums(&json!({ "entries": entries, "stats": { "totalHours": hours, "totalCost": cost } }))
        };
        let finished = entry("b", Some("z"));
        assert_eq!(list(0.25, 12.63, json!([finished])), [""; 0]);
        assert_eq!(list(0.25, 12.62, json!([finished])).len(), 1);
        assert_eq!(list(0.5, 25.25, json!([finished, finished])).len(), 1, "the same id");
        assert_eq!(list(0.0, 0.0, json!([entry("a", None), entry("b", None)])).len(), 2, "the same id and session");
    }
}
