//! People with a punch clock: no punch is lost, each is there once, and no punch that was deleted comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::punch_history::{
    PostedPunch, PunchHistory, ShownDocument, ShownPunch, day_of, entries, ignored_reason, is_of_neighbours,
    own_punches,
};
use crate::oracle::Evidence;
use crate::punch_clock::converge::{PersonDays, Repost, difference};

/// Returns all violations.
pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let durability = !evidence.suspended.durability;
    let mut violations = Vec::new();
    for (person, days) in evidence.days {
        let devices = evidence.devices.iter().filter(|device| device.record.user == *person);
        let history = PunchHistory::of(devices, evidence.started_ms);
        let mut found: Vec<String> =
            history.documents.iter().flat_map(|shown| misshapen(person, shown.document)).collect();
        found.extend(at_the_end(person, days));
        found.extend(returned(days));
        if durability {
            found.extend(history.documents.iter().flat_map(|shown| of_document(&history, shown)));
            found.extend(changed(&history, days));
            found.extend(of_end(&history, days));
            found.extend(of_repost(&history, days));
        }
        violations.extend(found.into_iter().map(|found| format!("{person}: {found}")));
    }
    violations.extend(evidence.devices.iter().flat_map(|device| {
        let refused =
            device.attempts.iter().filter_map(|attempt| Some((&attempt.request, &attempt.answer.as_ref()?.1)));
        let refused = refused.filter(|(_, answer)| answer["success"] != true && answer["log"].is_null());
        refused.map(|(request, answer)| format!("{}: {request:?} was refused: {answer}", device.record.client))
    }));
    violations
}

/// Returns where a document or a log is none that the rules make: the punches are those of the person, each is there once,
/// and they alternate, beginning with an IN.
fn misshapen(person: &str, document: &Value) -> Vec<String> {
    let punches: Vec<(String, ShownPunch<'_>)> = entries(document).collect();
    let ids: BTreeSet<&String> = punches.iter().map(|(id, _)| id).collect();
    let mut found = Vec::new();
    if ids.len() < punches.len() {
        found.push(format!("doubled: a punch is there twice in {document}"));
    }
    let alternate = punches.iter().enumerate().all(|(nth, (_, punch))| punch.1 == ["IN", "OUT"][nth % 2]);
    if !alternate || !punches.is_sorted_by_key(|(_, punch)| punch.0) {
        found.push(format!("wrong: the punches do not alternate in {document}"));
    }
    let is_own =
        |id: &String| id.strip_prefix('"').and_then(|id| id.strip_prefix(person)).is_some_and(|id| id.starts_with('-'));
    if document["userId"] != person || !ids.iter().all(|id| is_own(id)) {
        found.push(format!("foreign: the document is not of the person alone: {document}"));
    }
    found
}

/// Returns what is wrong with the documents and the logs at the end: the nodes agree, and no punch is in two of them.
fn at_the_end(person: &str, days: &PersonDays) -> Vec<String> {
    let mut found: Vec<String> = days.documents.iter().flat_map(|document| misshapen(person, document)).collect();
    let Some((first, logs)) = days.documents.first().zip(days.logs.first()) else { return found };
    let other = days.documents.iter().find_map(|document| difference(document, first));
    found.extend(other.map(|difference| format!("the documents of the nodes differ in {difference}")));
    if days.logs.iter().any(|others| others != logs) {
        found.push(format!("the logs of the nodes differ: {:?}", days.logs));
    }
    let logs = || logs.as_array().into_iter().flatten();
    found.extend(logs().flat_map(|log| misshapen(person, log)));
    let mut ids = BTreeSet::new();
    let twice = logs().chain([first]).flat_map(own_punches).filter(|(id, _)| !ids.insert(id.clone()));
    found.extend(twice.map(|(id, punch)| format!("doubled: {id} at {punch:?} is on two days")));
    found
}

/// Returns the punches whose instant or type changed.
fn changed(history: &PunchHistory<'_>, days: &PersonDays) -> Vec<String> {
    let logs = days.logs.iter().flat_map(|logs| logs.as_array().into_iter().flatten());
    let documents = history.documents.iter().map(|shown| shown.document).chain(&days.documents).chain(logs);
    let mut found = Vec::new();
    for document in documents {
        for (id, punch) in own_punches(document) {
            match history.punches.get(&id) {
                None => found.push(format!("wrong: nobody posted {id} of {document}")),
                Some(PostedPunch { shown: Some(shown), .. }) if *shown != punch => {
                    found.push(format!("wrong: {id} was {shown:?} and is {punch:?}"));
                }
                Some(_) => {}
            }
        }
    }
    found
}

/// Returns the punches that a document lacks, and those that were deleted before it was asked for.
fn of_document(history: &PunchHistory<'_>, shown: &ShownDocument<'_>) -> Vec<String> {
    let Some(day) = day_of(shown.document) else { return vec![format!("wrong: {} has no day", shown.document)] };
    let here: BTreeMap<String, ShownPunch<'_>> = entries(shown.document).collect();
    let mut found = Vec::new();
    for (id, punch) in history.punches.iter().filter(|(_, punch)| !punch.is_late && punch.day() == day) {
        let is_here = here.contains_key(id);
        if is_here && history.is_deleted(punch, shown.sent_at) {
            found.push(format!(
                "returned: {id} was deleted, and is in the answer to a request at {:?}: {}",
                shown.sent_at, shown.document
            ));
        }
        let is_stored = punch.stored_at.is_some_and(|at| at <= shown.sent_at);
        if is_stored && !is_here && !punch.does_not_stand(&here) && !history.can_be_deleted(punch, shown.answered_at) {
            let document = shown.document;
            found.push(format!("lost: {id} is not in the answer to a request at {:?}: {document}", shown.sent_at));
        }
    }
    found
}

/// Returns the punches that are in neither the document nor a log at the end, and the deleted ones that are.
fn of_end(history: &PunchHistory<'_>, days: &PersonDays) -> Vec<String> {
    let Some(document) = days.documents.first() else { return vec![] };
    let end = ShownDocument { sent_at: Duration::MAX, answered_at: Duration::MAX, document };
    let mut found: Vec<String> =
        of_document(history, &end).into_iter().map(|found| format!("at the end: {found}")).collect();
    let logs = logs_by_day(days);
    let (today, nothing) = (day_of(document).unwrap_or_default(), BTreeMap::new());
    for (id, punch) in history.punches.iter().filter(|(_, punch)| punch.stored_at.is_some() && punch.day() < today) {
        let log = logs.get(&punch.day()).unwrap_or(&nothing);
        let is_explained = punch.does_not_stand(log) || history.can_be_deleted(punch, Duration::MAX);
        if !log.contains_key(id) && !is_explained {
            found.push(format!("lost: {id} of {:?} is in no log of {logs:?}", punch.posted));
        }
    }
    found
}

/// Returns the punches of each archived day.
fn logs_by_day(days: &PersonDays) -> BTreeMap<u64, BTreeMap<String, ShownPunch<'_>>> {
    let logs = days.logs.first().and_then(Value::as_array).into_iter().flatten();
    logs.filter_map(|log| Some((day_of(log)?, entries(log).collect()))).collect()
}

/// Returns the punches of the day that a stale tab brought back after a reset.
fn returned(days: &PersonDays) -> Option<String> {
    let (document, _) = &days.repost.at_last;
    let has_any = document["entries"].as_array().is_none_or(|entries| !entries.is_empty());
    (has_any && !is_another_day(&days.repost)).then(|| format!("returned: after a reset there is {document}"))
}

/// Tells whether midnight came during the last requests.
fn is_another_day(repost: &Repost) -> bool {
    let of = |document: &Value| document["lastActiveDate"].clone();
    of(&repost.before) != of(&repost.at_last.0)
}

/// Returns what a tab changed that posted everything again: every punch is stored or was deleted, so nothing may change, also
/// of punches that do not stand.
fn of_repost(history: &PunchHistory<'_>, days: &PersonDays) -> Vec<String> {
    let Repost { sent_at, before, answer, after, at_last: (_, logs_at_last) } = &days.repost;
    if is_another_day(&days.repost) {
        return vec![];
    }
    let mut found = Vec::new();
    if before["entries"] != after["entries"] || before["updatedAt"] != after["updatedAt"] {
        found.push(format!("lost or returned: punches that were posted again made {after} of {before}"));
    }
    if days.logs.first() != Some(logs_at_last) {
        found.push(format!("lost or returned: the logs are at last {logs_at_last}, and were {:?}", days.logs));
    }
    let (logs, nothing) = (logs_by_day(days), BTreeMap::new());
    for (id, punch) in &history.punches {
        let log = logs.get(&punch.day()).unwrap_or(&nothing);
        let is_explained = match ignored_reason(answer, id) {
            None => true,
            Some(reason) if is_of_neighbours(reason) => true,
            // The late punch that was carried over is in its log, whatever becomes of the day.
            Some("it was deleted") if !punch.is_late => log.contains_key(id) || history.can_be_deleted(punch, *sent_at),
            Some("it was deleted" | "it is archived") => log.contains_key(id) || punch.does_not_stand(log),
            Some(_) => false,
        };
        if !is_explained {
            found.push(format!("lost: {id} is said to be ignored: {:?}", ignored_reason(answer, id)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::SuspendedInvariants;
    use crate::punch_clock::{Attempt, DeviceRecord, PageRequest};
    use crate::record::Record;
    use serde_json::json;

    /// 1970-01-03, 12:00, in the middle of a run.
    const NOON_MS: u64 = 2 * 86_400_000 + 43_200_000;
    const YESTERDAY_MS: u64 = 86_400_000 + 36_000_000;

    #[test]
    fn what_was_posted_and_is_there_or_was_deleted_passes() {
        let (a, b) = (punch("p-1", NOON_MS, "IN"), punch("p-2", NOON_MS + 5, "OUT"));
        check_found(&[save(0, &[&a], &[&a]), save(2, &[&a, &b], &[&a, &b])], days(&[&a, &b], &[]), &[]);
        check_found(&[save(0, &[&a], &[&a]), reset(2, true), save(4, &[&a, &b], &[])], days(&[], &[]), &[]);
        let late = [punch("p-3", YESTERDAY_MS, "IN"), punch("p-4", YESTERDAY_MS + 5, "OUT")];
        check_found(&[save(0, &[&late[0], &late[1]], &[])], days(&[], &[&late[0], &late[1]]), &[]);
    }

    #[test]
    fn a_lost_punch_is_found() {
        let (a, b) = (punch("p-1", NOON_MS, "IN"), punch("p-2", NOON_MS + 5, "OUT"));
        let posted = [save(0, &[&a], &[&a]), save(2, &[&a, &b], &[&a, &b])];
        check_found(&posted, days(&[&a], &[]), &["lost: \"p-2\""]);
        check_found(&posted, days(&[], &[]), &["lost: \"p-1\""]);
        let late = [punch("p-3", YESTERDAY_MS, "IN"), punch("p-4", YESTERDAY_MS + 5, "OUT")];
        check_found(&[save(0, &[&late[0], &late[1]], &[])], days(&[], &[&late[0]]), &["lost: \"p-4\""]);
        // An answer in between lacks the punch.
        let posted = [save(0, &[&a], &[&a]), save(2, &[], &[]), save(4, &[], &[&a])];
        check_found(&posted, days(&[&a], &[]), &["lost: \"p-1\""]);
    }

    #[test]
    fn a_punch_that_does_not_stand_may_be_missing() {
        let (first, second) = (punch("p-1", NOON_MS, "IN"), punch("p-2", NOON_MS + 5, "IN"));
        let posted = [save(0, &[&second], &[&second]), save(2, &[&first], &[&first])];
        check_found(&posted, days(&[&first], &[]), &[]);
        check_found(&posted, days(&[&second], &[]), &["lost: \"p-1\""]);
    }

    #[test]
    fn a_punch_without_an_answer_may_be_there_or_not() {
        let a = punch("p-1", NOON_MS, "IN");
        let unanswered = Attempt { answer: None, ..save(0, &[&a], &[]) };
        check_found(std::slice::from_ref(&unanswered), days(&[&a], &[]), &[]);
        check_found(&[unanswered], days(&[], &[]), &[]);
    }

    #[test]
    fn a_reset_without_an_answer_may_have_taken_effect_or_not() {
        let a = punch("p-1", NOON_MS, "IN");
        let posted = [save(0, &[&a], &[&a]), reset(2, false)];
        check_found(&posted, days(&[&a], &[]), &[]);
        check_found(&posted, days(&[], &[]), &[]);
        // A punch that was posted while a reset was answered is before or after it.
        let posted = [reset(0, true), save(0, &[&a], &[&a])];
        check_found(&posted, days(&[], &[]), &[]);
    }

    #[test]
    fn a_deleted_punch_that_comes_back_is_found() {
        let a = punch("p-1", NOON_MS, "IN");
        let posted = [save(0, &[&a], &[&a]), reset(2, true)];
        check_found(&posted, days(&[&a], &[]), &["returned: \"p-1\""]);
        let posted = [&posted[..], &[save(4, &[&a], &[&a])]].concat();
        check_found(&posted, days(&[], &[]), &["returned: \"p-1\""]);
    }

    #[test]
    fn doubled_moved_foreign_and_unknown_punches_are_found() {
        let (a, b) = (punch("p-1", NOON_MS, "IN"), punch("p-2", NOON_MS + 5, "OUT"));
        let again = punch("p-1", NOON_MS + 9, "IN");
        let posted = [save(0, &[&a, &b], &[&a, &b])];
        check_found(&posted, days(&[&a, &b, &again], &[]), &["doubled: a punch", "on two days", "is ("]);
        check_found(&posted, days(&[&a, &b], &[&again]), &["on two days", "is ("]);
        check_found(&posted, days(&[&a, &punch("p-2", NOON_MS + 6, "OUT")], &[]), &["is ("]);
        check_found(&posted, days(&[&a, &b, &punch("p-9", NOON_MS + 9, "IN")], &[]), &["nobody posted"]);
        let foreign = punch("q-1", NOON_MS + 9, "IN");
        check_found(&posted, days(&[&a, &b, &foreign], &[]), &["foreign", "nobody posted"]);
        check_found(&posted, days(&[&b], &[]), &["alternate", "lost: \"p-1\""]);
    }

    #[test]
    fn a_difference_of_nodes_and_an_effect_of_the_repost_are_found() {
        let a = punch("p-1", NOON_MS, "IN");
        let posted = [save(0, &[&a], &[&a])];
        let mut differing = days(&[&a], &[]);
        differing.documents.push(document(&[]));
        check_found(&posted, differing, &["documents of the nodes differ"]);
        let mut repeated = days(&[&a], &[]);
        repeated.repost.after["updatedAt"] = json!("later");
        check_found(&posted, repeated, &["lost or returned"]);
        let mut returned = days(&[&a], &[]);
        returned.repost.at_last.0 = document(&[&a]);
        check_found(&posted, returned, &["returned: after a reset"]);
        let mut ignored = days(&[&a], &[]);
        ignored.repost.answer = json!({ "ignored": [{ "id": "p-1", "reason": "it was deleted" }] });
        check_found(&posted, ignored, &["ignored"]);
    }

    #[test]
    fn a_refusal_is_found() {
        let refused = Attempt { answer: Some((Duration::ZERO, json!({ "error": "no" }))), ..reset(0, true) };
        check_found(&[refused], days(&[], &[]), &["refused"]);
    }

    /// Checks that exactly the named violations are found, beside those of the repost that follow from a lost punch.
    #[track_caller]
    fn check_found(attempts: &[Attempt], days: PersonDays, wanted: &[&str]) {
        let found = with_evidence(attempts, days);
        assert_eq!(found.is_empty(), wanted.is_empty(), "{found:#?}");
        for wanted in wanted {
            assert!(found.iter().any(|found| found.contains(wanted)), "{wanted} is not in {found:#?}");
        }
    }

    fn with_evidence(attempts: &[Attempt], days: PersonDays) -> Vec<String> {
        let record = Record { user: "p".to_owned(), ..Record::example([]) };
        check(&Evidence {
            records: &[],
            library: &[],
            rooms: &[],
            started_ms: NOON_MS,
            stored: &BTreeMap::new(),
            members: &[],
            lists: &BTreeMap::new(),
            devices: &[DeviceRecord { record, attempts: attempts.to_vec() }],
            days: &BTreeMap::from([("p".to_owned(), days)]),
            suspended: SuspendedInvariants::default(),
            disturbances: &[],
        })
    }

    /// A request that is answered after a second with a document.
    fn save(second: u64, posted: &[&Value], shown: &[&Value]) -> Attempt {
        let (sent_at, answered_at) = (Duration::from_secs(second), Duration::from_secs(second + 1));
        let request = PageRequest { method: "POST", path: "/api/session", body: json!({ "entries": posted }) };
        let ignored =
            posted.iter().filter(|punch| punch["timestamp"].as_u64() >= Some(NOON_MS) && !shown.contains(punch));
        let ignored = ignored.map(|punch| json!({ "id": punch["id"], "reason": "it was deleted" }));
        let answer = json!({ "success": true, "data": document(shown), "ignored": ignored.collect::<Vec<_>>() });
        Attempt { sent_at, request, answer: Some((answered_at, answer)) }
    }

    fn reset(second: u64, is_answered: bool) -> Attempt {
        let request = PageRequest { method: "DELETE", path: "/api/session", body: Value::Null };
        let answer = is_answered.then(|| (Duration::from_secs(second + 1), json!({ "success": true })));
        Attempt { sent_at: Duration::from_secs(second), request, answer }
    }

    fn days(shown: &[&Value], archived: &[&Value]) -> PersonDays {
        let log = json!({ "userId": "p", "date": "1970-01-02T00:00:00.000Z", "entries": archived });
        let (before, after) = (document(shown), document(shown));
        let (sent_at, at_last) = (Duration::from_secs(99), (document(&[]), json!([log])));
        let repost = Repost { sent_at, before, answer: json!({ "success": true }), after, at_last };
        PersonDays { documents: vec![document(shown)], logs: vec![json!([log])], repost }
    }

    fn document(shown: &[&Value]) -> Value {
        json!({ "userId": "p", "entries": shown, "lastActiveDate": "1970-01-03", "updatedAt": "" })
    }

    fn punch(id: &str, at_ms: u64, kind: &str) -> Value {
        json!({ "id": id, "timestamp": at_ms, "type": kind })
    }
}
