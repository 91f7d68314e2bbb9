//! Each join and leave of a room is told exactly once and in time, and a client that returns in time keeps its membership.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::disturbed::{is_any_disturbed, is_disturbed};
use super::room_sessions::{RoomSession, SessionEnd, sessions};
use super::{Evidence, SuspendedInvariants};
use crate::cluster::{DisturbanceKind, RECONNECT_WITHIN};
use crate::record::Record;
use crate::rooms::view::{client_id, listed};

/// Time within which a member is told of a change, without a disturbance: generous, because this is not a measurement.
const TOLD_WITHIN: Duration = Duration::from_secs(3);

/// Shortest membership of which the other members must be told: a member that reads less often is not told of it.
const SHORTEST: Duration = Duration::from_millis(200);

/// Difference between the times at which a node and its client notice the end of a connection, without a disturbance.
const TOLERANCE: Duration = Duration::from_millis(300);

/// Time within which the members of a dead node leave.
const DEAD_NODE_WITHIN: Duration = Duration::from_secs(15);

/// A session and what it was told of other members.
struct Followed<'r> {
    session: RoomSession<'r>,
    /// The ids of all members that the client has known.
    known: BTreeSet<String>,
    /// When which members left.
    left: BTreeMap<String, Duration>,
}

/// Returns the violations of all clients of rooms.
pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let mut violations = Vec::new();
    let mut followed = Vec::new();
    for record in evidence.rooms {
        let sessions = sessions(record);
        violations.extend(sessions.windows(2).filter_map(|pair| check_resumption(&pair[0], &pair[1], evidence)));
        if !evidence.suspended.durability {
            violations.extend(refusals(record));
        }
        followed.extend(sessions.into_iter().map(|session| follow(session, evidence.suspended, &mut violations)));
    }
    let mut memberships: BTreeMap<&str, Vec<&RoomSession<'_>>> = BTreeMap::new();
    for Followed { session, .. } in &followed {
        memberships.entry(&session.joined.member).or_default().push(session);
    }
    for observer in &followed {
        for (member, sessions) in &memberships {
            let is_other = observer.session.joined.member != *member;
            if is_other && observer.session.joined.room == sessions[0].joined.room {
                violations.extend(check_told(observer, member, sessions, evidence));
                violations.extend(check_early(observer, member, sessions, evidence));
            }
        }
    }
    violations
}

/// Returns the errors that no client should receive.
fn refusals(record: &Record) -> Vec<String> {
    let errors = record.received().map(|message| (message, message["payload"]["error"]["code"].as_str()));
    let refused = errors.filter(|(_, code)| code.is_some_and(|code| code != "UNAVAILABLE"));
    refused.map(|(message, _)| format!("{}: refused: {message}", record.client)).collect()
}

/// Follows the members in a session: a member that joins was not there, one that leaves was, and the lists agree.
fn follow<'r>(session: RoomSession<'r>, suspended: SuspendedInvariants, violations: &mut Vec<String>) -> Followed<'r> {
    let own = &session.joined.member;
    let mut members = session.joined.members.clone();
    let mut known = members.clone();
    let mut left: BTreeMap<String, Duration> = BTreeMap::new();
    let mut list: Option<BTreeSet<String>> = None;
    let mut found = Vec::new();
    if !members.remove(own) {
        found.push("the client is not in its own room".to_owned());
    }
    for (at, event, payload) in session.events() {
        let next = event.starts_with("session:user-").then(|| listed(payload));
        // The events of one change have the same list, which includes all of them.
        if let Some(list) = list.take_if(|list| next.as_ref() != Some(list))
            && list.iter().filter(|id| *id != own).ne(&members)
        {
            found.push(format!("the list differs before {at:?}: {list:?} instead of {members:?}"));
        }
        list = next;
        let Some(id) = client_id(payload) else { continue };
        if event == "session:user-left" {
            if !members.remove(&id) {
                found.push(format!("left twice or never joined: {id} at {at:?}"));
            }
            left.insert(id, at);
        } else if event == "session:user-joined" {
            // A store that loses data may restore a member.
            let is_again = left.contains_key(&id) && !suspended.durability;
            if !members.insert(id.clone()) || is_again || id == *own {
                found.push(format!("joined twice: {id} at {at:?}"));
            }
            known.insert(id);
        }
    }
    violations.extend(found.into_iter().map(|violation| format!("{}: {violation}", session.client)));
    Followed { session, known, left }
}

/// Checks that a client was told of a membership, and of its end.
fn check_told(
    observer: &Followed<'_>,
    member: &str,
    sessions: &[&RoomSession<'_>],
    evidence: &Evidence<'_>,
) -> Option<String> {
    let Followed { session, known, left } = observer;
    let (first, last) = (sessions.first()?, sessions.last()?);
    let is_excused = |node: usize, from: Duration, until: Duration| {
        [node, session.node].into_iter().any(|node| is_disturbed(evidence.disturbances, node, from, until, |_| true))
    };
    let covers = |from: Duration, until: Duration| session.from <= from && until <= session.until;
    let told_by = first.from + TOLD_WITHIN;
    let is_long = last.until >= first.from + SHORTEST;
    let is_known = known.contains(member);
    if !is_known && is_long && covers(first.from, told_by) && !is_excused(first.node, first.from, told_by) {
        return Some(format!("{}: was not told that {member} ({}) joined", session.client, first.client));
    }
    let gone_by = match last.end {
        SessionEnd::Left => last.until + TOLD_WITHIN,
        SessionEnd::Lost => last.until + RECONNECT_WITHIN.1 + TOLD_WITHIN,
        SessionEnd::Replaced | SessionEnd::Finished => return None,
    };
    // A client may have resumed its membership at another node, without a reply.
    let is_resumable = last.end == SessionEnd::Lost;
    let is_resumed = is_resumable && is_any_disturbed(evidence.disturbances, last.until, gone_by);
    let is_late = is_known && !is_resumed && left.get(member).is_none_or(|at| *at > gone_by);
    let counts = covers(last.until, gone_by) && !evidence.suspended.cluster_time;
    (is_late && counts && !is_excused(last.node, last.until, gone_by))
        .then(|| format!("{}: was not told in time that {member} ({}) left", session.client, last.client))
}

/// Checks that a client was not told that a member left before it had left, or could not return any more.
fn check_early(
    observer: &Followed<'_>,
    member: &str,
    sessions: &[&RoomSession<'_>],
    evidence: &Evidence<'_>,
) -> Option<String> {
    let left_at = *observer.left.get(member)?;
    // Sessions that began later do not matter: their membership was restored or never ended.
    let last = sessions.iter().rev().find(|session| session.from <= left_at)?;
    let earliest = match last.end {
        SessionEnd::Left => last.until,
        SessionEnd::Lost => last.until + RECONNECT_WITHIN.1,
        SessionEnd::Replaced | SessionEnd::Finished => last.until,
    };
    // The members of a node that the others consider dead are removed, and those that are still connected join again.
    let from = left_at.saturating_sub(DEAD_NODE_WITHIN);
    let is_dead =
        is_disturbed(evidence.disturbances, last.node, from, left_at, |kind| kind != DisturbanceKind::Stalled);
    // On a stalled machine, the client notes the end of its connection later than the node.
    let noticed = left_at.saturating_sub(RECONNECT_WITHIN.1);
    let is_stalled =
        is_disturbed(evidence.disturbances, last.node, noticed, last.until, |kind| kind == DisturbanceKind::Stalled);
    let is_excused = is_dead || is_stalled || evidence.suspended.durability || evidence.suspended.cluster_time;
    (left_at + TOLERANCE < earliest && !is_excused).then(|| {
        let client = observer.session.client;
        format!("{client}: was told too early that {member} ({}) left: at {left_at:?}, not {earliest:?}", last.client)
    })
}

/// Checks that a client that returns in time after a lost connection keeps its membership.
fn check_resumption(lost: &RoomSession<'_>, next: &RoomSession<'_>, evidence: &Evidence<'_>) -> Option<String> {
    let is_resumption = lost.end == SessionEnd::Lost && next.presented == Some(lost.joined.resume.as_str());
    let is_in_time = next.from + TOLERANCE <= lost.until + RECONNECT_WITHIN.1;
    let is_excused = [lost.node, next.node].into_iter().any(|node| {
        let from = lost.until.saturating_sub(DEAD_NODE_WITHIN);
        is_disturbed(evidence.disturbances, node, from, next.from, |kind| kind != DisturbanceKind::Stalled)
    });
    let is_suspended = evidence.suspended.durability || evidence.suspended.cluster_time;
    let is_lost = next.joined.member != lost.joined.member;
    (is_resumption && is_in_time && is_lost && !is_excused && !is_suspended).then(|| {
        let (before, after) = (&lost.joined.member, &next.joined.member);
        format!("{}: lost its membership {before}, and is {after} from {:?} on", next.client, next.from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Disturbance;
    use crate::oracle::room_sessions::example::{joined, member, received, record, reply, sent};
    use crate::record::Event;
    use serde_json::{Value, json};

    #[test]
    fn members_that_are_told_once_and_in_time_pass() {
        assert_eq!(found(&[watcher(told()), guest(leaves())]), [""; 0]);
        assert_eq!(found(&[watcher(told_late(2_400)), guest(loses())]), [""; 0]);
        assert_eq!(found(&[watcher(told_late(3_000)), guest(resumes("b"))]).len(), 1);
        assert_eq!(found(&[watcher(vec![joins()]), guest(resumes("b"))]), [""; 0]);
    }

    #[test]
    fn a_repeated_join_or_leave_and_a_wrong_list_are_found() {
        let twice = vec![joins(), (1_150, member("joined", "b", &["a", "b"])), leave(1_500)];
        check_found(&[watcher(twice), guest(leaves())], "joined twice");
        let twice = vec![joins(), leave(1_500), (1_600, member("left", "b", &["a"]))];
        check_found(&[watcher(twice), guest(leaves())], "left twice");
        let again = vec![joins(), leave(1_500), (1_600, member("joined", "b", &["a", "b"])), leave(1_700)];
        check_found(&[watcher(again), guest(leaves())], "joined twice");
        let list = vec![(1_100, member("joined", "b", &["a", "b", "c"])), leave(1_500)];
        check_found(&[watcher(list), guest(leaves())], "list differs");
        check_found(&[record("w", vec![(0, Event::Opened(0)), (0, joined("a", &["b"]))])], "own room");
    }

    #[test]
    fn a_missed_join_and_a_missed_leave_are_found_unless_the_node_was_disturbed() {
        let untold = [watcher(vec![]), guest(leaves())];
        check_found(&untold, "not told that b");
        let unfinished = [watcher(vec![joins()]), guest(leaves())];
        check_found(&unfinished, "not told in time");
        check_found(&[watcher(vec![joins()]), guest(loses())], "not told in time");
        for kind in [DisturbanceKind::Disconnected, DisturbanceKind::Stalled] {
            let disturbance = Disturbance { node: 0, kind, from: at(1_000), until: at(1_500) };
            assert_eq!(found_with(&unfinished, &[disturbance], SuspendedInvariants::default()), [""; 0]);
            assert_eq!(found_with(&untold, &[disturbance], SuspendedInvariants::default()), [""; 0]);
        }
    }

    #[test]
    fn an_early_leave_and_a_lost_membership_are_found_unless_suspended() {
        let early = [watcher(told_late(1_700)), guest(loses())];
        check_found(&early, "too early");
        let lost =
            vec![joins(), (1_650, member("joined", "c", &["a", "b", "c"])), (3_050, member("left", "b", &["a", "c"]))];
        let lost = [watcher(lost), guest(resumes("c"))];
        check_found(&lost, "lost its membership");
        let cluster_time = SuspendedInvariants { cluster_time: true, ..SuspendedInvariants::default() };
        assert_eq!(found_with(&early, &[], cluster_time), [""; 0]);
        assert_eq!(found_with(&lost, &[], cluster_time), [""; 0]);
    }

    #[test]
    fn a_client_on_a_stalled_machine_may_note_its_end_late() {
        let early = [watcher(told_late(1_700)), guest(loses())];
        let stall =
            |from| Disturbance { node: 1, kind: DisturbanceKind::Stalled, from: at(from), until: at(from + 200) };
        assert_eq!(found_with(&early, &[stall(1_300)], SuspendedInvariants::default()), [""; 0]);
        assert_eq!(found_with(&early, &[stall(4_000)], SuspendedInvariants::default()).len(), 1);
    }

    #[test]
    fn a_refusal_is_found_unless_data_was_lost() {
        let refused = |code: &str| {
            let error = reply(1, json!({ "error": { "code": code } }));
            [record("g", vec![(0, Event::Opened(0)), (1, sent(1, "session:join", json!({}))), (2, error)])]
        };
        check_found(&refused("SESSION_NOT_FOUND"), "refused");
        assert_eq!(found(&refused("UNAVAILABLE")), [""; 0]);
        let durability = SuspendedInvariants { durability: true, ..SuspendedInvariants::default() };
        assert_eq!(found_with(&refused("SESSION_NOT_FOUND"), &[], durability), [""; 0]);
    }

    /// A client that stays from 500 ms until 9 s.
    fn watcher(told: Vec<(u64, Event)>) -> Record {
        let begin = [(0, Event::Opened(0)), (500, joined("a", &["a"]))];
        let end = [(9_000, received("timer:tick", json!({})))];
        record("w", begin.into_iter().chain(told).chain(end).collect())
    }

    /// A client that joins at 1100 ms.
    fn guest(then: Vec<(u64, Event)>) -> Record {
        record("g", [(0, Event::Opened(1)), (1_100, joined("b", &["a", "b"]))].into_iter().chain(then).collect())
    }

    fn told() -> Vec<(u64, Event)> {
        vec![joins(), leave(1_500)]
    }

    fn told_late(ms: u64) -> Vec<(u64, Event)> {
        vec![joins(), leave(ms)]
    }

    fn joins() -> (u64, Event) {
        (1_100, member("joined", "b", &["a", "b"]))
    }

    fn leave(ms: u64) -> (u64, Event) {
        (ms, member("left", "b", &["a"]))
    }

    fn leaves() -> Vec<(u64, Event)> {
        vec![(1_490, sent(1, "session:leave", Value::Null)), (1_510, reply(1, json!({ "sessionId": "r" })))]
    }

    fn loses() -> Vec<(u64, Event)> {
        vec![(1_500, Event::Closed("lost".to_owned()))]
    }

    fn resumes(as_member: &str) -> Vec<(u64, Event)> {
        let resume = json!({ "sessionId": "r", "resume": "secret-b" });
        let members: &[&str] = if as_member == "b" { &["a", "b"] } else { &["a", "b", "c"] };
        vec![
            (1_500, Event::Closed("lost".to_owned())),
            (1_550, Event::Opened(2)),
            (1_600, sent(1, "session:join", resume)),
            (1_650, joined(as_member, members)),
            (9_000, received("timer:tick", json!({}))),
        ]
    }

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[track_caller]
    fn check_found(records: &[Record], what: &str) {
        let found = found(records);
        assert!(found.iter().any(|violation| violation.contains(what)), "{found:?}");
    }

    fn found(records: &[Record]) -> Vec<String> {
        found_with(records, &[], SuspendedInvariants::default())
    }

    fn found_with(records: &[Record], disturbances: &[Disturbance], suspended: SuspendedInvariants) -> Vec<String> {
        let stored = BTreeMap::new();
        check(&Evidence {
            records: &[],
            library: &[],
            rooms: records,
            started_ms: 0,
            stored: &stored,
            suspended,
            members: &[],
            devices: &[],
            days: &BTreeMap::new(),
            lists: &Default::default(),
            disturbances,
        })
    }
}
