//! Focus sessions: each that was created is listed once, its counters are those that its devices know, its score is that of its
//! counters, and each ended session counts once in the statistics, on every node.

use std::time::Duration;

use serde_json::Value;

use super::disturbed::is_disturbed;
use super::focus_seconds::{Bounds, Reading, bounds};
use super::focus_ticks;
use crate::cluster::{Disturbance, DisturbanceKind};
use crate::focus::FocusState;
use crate::focus::converge::{NodeView, Shown};
use crate::focus::log::SessionLog;
use crate::oracle::SuspendedInvariants;

/// By how much cluster time may differ from the clock of the suite if the clock of Redis jumps, in seconds.
const JUMP: u64 = 11;

/// What is known of people with focus sessions.
#[derive(Default)]
pub(crate) struct FocusEvidence {
    pub(crate) people: Vec<FocusState>,
    /// What the nodes showed while the sockets were open, and when all were gone.
    pub(crate) live: Shown,
    pub(crate) rest: Shown,
}

/// Checks one person.
struct PersonChecker<'c> {
    person: &'c FocusState,
    suspended: SuspendedInvariants,
    disturbances: &'c [Disturbance],
}

/// Returns all violations.
pub(crate) fn check(
    evidence: &FocusEvidence,
    suspended: SuspendedInvariants,
    disturbances: &[Disturbance],
) -> Vec<String> {
    let mut violations = Vec::new();
    for person in &evidence.people {
        let checker = PersonChecker { person, suspended, disturbances };
        let mut found = checker.check_refusals();
        for (shown, reading) in [(&evidence.live, Reading::Request), (&evidence.rest, Reading::AtRest)] {
            let views = shown.get(&person.person).map_or(&[][..], Vec::as_slice);
            found.extend(views.iter().enumerate().flat_map(|(node, view)| {
                checker
                    .check_view(view, reading)
                    .into_iter()
                    .map(move |what| format!("node {node} at {:?}: {what}", view.sent))
            }));
        }
        violations.extend(found.into_iter().map(|what| format!("{}: {what}", person.person)));
        violations.extend(focus_ticks::check(person, suspended, disturbances));
    }
    violations
}

impl PersonChecker<'_> {
    fn check_refusals(&self) -> Vec<String> {
        let is_excused = |at: Duration, node: usize| {
            let counts = |kind| kind != DisturbanceKind::Stalled;
            self.suspended.durability || is_disturbed(self.disturbances, node, at, at, counts)
        };
        let refusals = self.person.refusals.iter().filter(|refusal| !is_excused(refusal.at, refusal.node));
        refusals
            .map(|refusal| format!("refused at {:?} by node {}: {}", refusal.at, refusal.node, refusal.reason))
            .collect()
    }

    fn check_view(&self, view: &NodeView, reading: Reading) -> Vec<String> {
        let mut violations: Vec<String> = stats_violation(view).into_iter().collect();
        for session in &view.sessions {
            let logs = self.person.sessions.iter().filter(|log| session["id"] == log.id.as_str());
            let found = match logs.collect::<Vec<_>>()[..] {
                [log] => self.check_session(log, session, view, reading),
                _ => vec![],
            };
            let found = found.into_iter().chain(score_violation(session));
            violations.extend(found.map(|what| format!("{what}: {session}")));
        }
        if !self.suspended.durability {
            violations.extend(self.list_violations(view));
        }
        violations
    }

    /// Each session that was created is listed once, and no others.
    fn list_violations(&self, view: &NodeView) -> Vec<String> {
        let count = |log: &SessionLog| view.sessions.iter().filter(|it| it["id"] == log.id.as_str()).count();
        let wrong = self.person.sessions.iter().filter(|log| count(log) != 1);
        let mut violations: Vec<String> =
            wrong.map(|log| format!("{} is listed {} times", log.id, count(log))).collect();
        let (known, listed) = (self.person.sessions.len(), view.sessions.len());
        if listed > known + self.person.unknown_creations {
            violations.push(format!("{listed} sessions are listed, but {known} were created"));
        }
        violations
    }

    fn check_session(&self, log: &SessionLog, session: &Value, view: &NodeView, reading: Reading) -> Vec<String> {
        if self.suspended.durability {
            return vec![];
        }
        let has_ended = !session["endedAt"].is_null();
        let ended = log.ended();
        let mut violations = Vec::new();
        if has_ended != ended.is_some() && (ended.is_some() || log.ends.is_empty()) {
            violations.push("the end is wrong".to_owned());
        }
        if has_ended && log.scores.iter().any(|score| session["focusScore"].as_u64() != Some(*score)) {
            violations.push(format!("the scores {:?} were told", log.scores));
        }
        if has_ended && log.ends.iter().all(|end| session["status"] != end.status) {
            violations.push("the status is none that was requested".to_owned());
        }
        if session["targetMinutes"] != log.target_minutes {
            violations.push(format!("the target was {}", log.target_minutes));
        }
        let switches = log.tab_switches.iter().filter(|it| it.answered.is_some()).count();
        let switched = session["tabSwitches"].as_u64().unwrap_or_default();
        if !(switches as u64..=log.tab_switches.len() as u64).contains(&switched) {
            violations.push(format!("{switches} of {} tab switches were acknowledged", log.tab_switches.len()));
        }
        let (reading, read) = match ended.filter(|_| has_ended) {
            Some(ended) => (end_reading(log), ended),
            None => (reading, (view.sent, view.answered)),
        };
        let bounds = bounds(log, reading, read, self.disturbances);
        let counters =
            [("elapsedSeconds", bounds.elapsed), ("activeSeconds", bounds.active), ("idleSeconds", bounds.idle)];
        violations.extend(counters.into_iter().filter_map(|(name, bounds)| self.check_counter(session, name, bounds)));
        violations
    }

    fn check_counter(&self, session: &Value, name: &str, (least, most): Bounds) -> Option<String> {
        let slack = if self.suspended.cluster_time { JUMP } else { 0 };
        let expected = least.saturating_sub(slack)..=most + slack;
        let seconds = session[name].as_u64();
        let is_right = seconds.is_some_and(|seconds| expected.contains(&seconds));
        (!is_right).then(|| format!("{name} is not within {expected:?}"))
    }
}

/// Returns how the session was ended; over HTTP if that may be.
fn end_reading(log: &SessionLog) -> Reading {
    let mut sockets = log.ends.iter().map(|end| end.socket);
    let first = sockets.next().flatten();
    match first {
        Some(socket) if sockets.all(|other| other == Some(socket)) => Reading::EndBySocket(socket),
        Some(_) | None => Reading::Request,
    }
}

/// Checks that each ended session counts once.
fn stats_violation(view: &NodeView) -> Option<String> {
    let ended = || view.sessions.iter().filter(|session| !session["endedAt"].is_null());
    let sum = |name: &str| ended().filter_map(|session| session[name].as_u64()).sum::<u64>();
    let completed = ended().filter(|session| session["status"] == "completed").count() as u64;
    let expected = [
        ("focusScore", sum("focusScore")),
        ("streak", completed),
        ("completedSessions", completed),
        ("totalFocusMinutes", (sum("activeSeconds") + 30) / 60),
    ];
    let wrong = expected.into_iter().find(|(name, number)| view.stats[*name] != *number);
    wrong.map(|(name, number)| format!("{name} is not {number}: {}", view.stats))
}

/// Checks a session against itself.
fn score_violation(session: &Value) -> Option<String> {
    let [elapsed, active, idle, switches] =
        ["elapsedSeconds", "activeSeconds", "idleSeconds", "tabSwitches"].map(|name| session[name].as_f64());
    let (Some(elapsed), Some(active), Some(idle), Some(switches)) = (elapsed, active, idle, switches) else {
        return Some("a counter is missing".to_owned());
    };
    if elapsed.total_cmp(&(active + idle)).is_ne() {
        return Some("active and idle seconds do not add up".to_owned());
    }
    if session["endedAt"].is_null() {
        return None;
    }
    let target = session["targetMinutes"].as_f64().unwrap_or_default();
    let score = 100.0 * (elapsed / (target * 60.0)) * (active / elapsed.max(1.0)) - (switches * 2.0 + idle / 30.0);
    let score = (score + 0.5).floor().max(0.0);
    let is_right = session["focusScore"].as_f64().is_some_and(|given| given.total_cmp(&score).is_eq());
    (!is_right).then(|| format!("the score is not {score}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::focus::log::{EndRequest, Exchange, SocketLog};
    use serde_json::json;

    #[test]
    fn a_session_that_was_ended_as_its_devices_know_passes() {
        assert_eq!(found(|_, _| ()), [""; 0]);
    }

    #[test]
    fn every_wrong_counter_score_and_sum_is_found() {
        let check = |change: fn(&mut FocusState, &mut NodeView), what: &str| {
            let found = found(change);
            assert!(found.iter().any(|violation| violation.contains(what)), "{what}: {found:?}");
        };
        check(|_, view| set(view, "elapsedSeconds", 12), "elapsedSeconds");
        check(|_, view| set(view, "activeSeconds", 5), "activeSeconds");
        check(|_, view| set(view, "idleSeconds", 8), "do not add up");
        check(|_, view| set(view, "focusScore", 8), "the score is not");
        check(|_, view| set(view, "tabSwitches", 1), "tab switches");
        check(|_, view| set(view, "targetMinutes", 2), "target");
        check(|_, view| view.sessions[0]["status"] = json!("abandoned"), "status");
        check(|_, view| view.sessions[0]["endedAt"] = Value::Null, "the end is wrong");
        check(|person, _| person.sessions[0].scores.push(9), "were told");
        check(|_, view| view.stats["focusScore"] = json!(6), "focusScore is not");
        check(|_, view| view.stats["completedSessions"] = json!(2), "completedSessions is not");
        check(|_, view| view.sessions.clear(), "listed 0 times");
        check(|_, view| view.sessions.push(view.sessions[0].clone()), "listed 2 times");
        check(|_, view| view.sessions.push(json!({ "id": "other" })), "2 sessions are listed");
        let refusal = |person: &mut FocusState, _: &mut NodeView| {
            let (at, reason) = (Duration::ZERO, "no".to_owned());
            person.refusals.push(crate::focus::Refusal { at, node: 0, reason });
        };
        check(refusal, "refused");
    }

    fn set(view: &mut NodeView, name: &str, number: u64) {
        view.sessions[0][name] = json!(number);
    }

    /// A session of 9 seconds, of which 3 were active.
    fn found(change: impl Fn(&mut FocusState, &mut NodeView)) -> Vec<String> {
        let exchange =
            |ms| Exchange { sent: Duration::from_millis(ms), answered: Some(Duration::from_millis(ms + 10)) };
        let activity = vec![Duration::from_millis(2400)];
        let socket = SocketLog { node: 0, starts: vec![exchange(1000)], activity, departure: None };
        let end = EndRequest { socket: Some(0), exchange: exchange(10_500), status: "completed" };
        let (id, sockets, ends) = ("a".to_owned(), vec![socket], vec![end]);
        let log = SessionLog { id, target_minutes: 1, sockets, ends, scores: vec![5], ..SessionLog::default() };
        let mut person = FocusState::of("ann", vec![]);
        person.sessions.push(log);
        let session = json!({
            "id": "a", "status": "completed", "endedAt": "2026-01-01T00:00:00.000Z", "targetMinutes": 1,
            "elapsedSeconds": 9, "activeSeconds": 3, "idleSeconds": 6, "tabSwitches": 0, "focusScore": 5,
        });
        let stats =
            json!({ "focusScore": 5, "streak": 1, "dayStreak": 1, "completedSessions": 1, "totalFocusMinutes": 0 });
        let (sent, answered) = (Duration::from_secs(20), Duration::from_secs(20));
        let mut view = NodeView { sent, answered, sessions: vec![session], stats };
        change(&mut person, &mut view);
        let live = Shown::from([("ann".to_owned(), vec![view])]);
        let evidence = FocusEvidence { people: vec![person], live, rest: Shown::new() };
        check(&evidence, SuspendedInvariants::default(), &[])
    }
}
