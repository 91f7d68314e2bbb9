//! The zero of a countdown is told at most once, not before its end and in time; and exactly once if no command can have
//! prevented it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::Evidence;
use super::disturbed::{is_disturbed, recovered_at};
use super::room_sessions::{RoomSession, sessions};
use crate::cluster::DisturbanceKind;
use crate::record::{Entry, Event, Record};

/// How far a zero may be told before its end: the difference of two clocks of one machine.
const EARLY_MAX: Duration = Duration::from_millis(50);

/// How late a zero may be told: a new leader takes over within a second, and this is not a measurement.
const LATE_MAX: Duration = Duration::from_secs(3);

/// Time after a command without a reply in which it may still be executed: more than the lifetime of a command.
const UNKNOWN_FOR: Duration = Duration::from_secs(10);

/// Time around the end of a countdown in which a command may come before or after it.
const RACE: Duration = Duration::from_millis(400);

/// A client may be shown no state of a run that is shorter: nodes conflate views, and tell its zero all the same.
const CONFLATED_MAX_MS: u64 = 200;

/// A command on a countdown.
struct Command<'r> {
    sent: Duration,
    /// When it was replied to without an error.
    replied: Option<Duration>,
    /// The room and the end of the countdown, if the reply shows a running one.
    run: Option<CountdownRun<'r>>,
}

/// A run of a countdown: its room and its end, in ms since 1970.
type CountdownRun<'r> = (&'r str, u64);

/// Returns the violations of all clients of rooms.
pub(super) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let certain = certain_runs(evidence);
    let mut violations = Vec::new();
    for record in evidence.rooms {
        for session in sessions(record) {
            let mut checker = SessionChecker {
                evidence,
                certain: &certain,
                session: &session,
                shown: BTreeSet::new(),
                ends_at: session.joined.countdown.ends_at,
                state_at: 0,
                told: BTreeSet::new(),
                violations: vec![],
            };
            checker.follow();
            let name = |violation: String| format!("{}: {violation}", record.client);
            violations.extend(checker.violations.into_iter().map(name));
        }
    }
    violations
}

/// Reports that no client was told a zero, so that the run proves nothing about countdowns, unless they may be lost.
pub(super) fn unproved(evidence: &Evidence<'_>) -> Option<String> {
    let is_proved = evidence.suspended.durability
        || evidence.rooms.iter().flat_map(Record::received).any(|message| message["event"] == "timer:completed");
    (!is_proved).then(|| "no countdown has reached zero".to_owned())
}

/// Returns the runs that must reach zero: no other command can have ended them before.
fn certain_runs<'e>(evidence: &Evidence<'e>) -> BTreeSet<CountdownRun<'e>> {
    let mut certain = BTreeSet::new();
    // A run may be lost with its data, and it is not known when it ends.
    if evidence.suspended.durability || evidence.suspended.cluster_time {
        return certain;
    }
    let mut by_room: BTreeMap<&str, Vec<Command<'e>>> = BTreeMap::new();
    for record in evidence.rooms {
        by_room.entry(&record.user).or_default().extend(commands(record));
    }
    for commands in by_room.values() {
        for (nth, command) in commands.iter().enumerate() {
            let Some((room, ends_at)) = command.run else { continue };
            let until = since_start(evidence, ends_at) + RACE;
            let interferes = |other: &Command<'_>| {
                command.sent <= other.replied.unwrap_or(other.sent + UNKNOWN_FOR) && other.sent <= until
            };
            if !commands.iter().enumerate().any(|(other, command)| other != nth && interferes(command)) {
                certain.insert((room, ends_at));
            }
        }
    }
    certain
}

/// Returns a client's commands on countdowns.
fn commands(record: &Record) -> Vec<Command<'_>> {
    let mut commands: Vec<(Command<'_>, &Value)> = Vec::new();
    for Entry { at, event } in &record.entries {
        match event {
            Event::Sent(message) if message["event"].as_str().is_some_and(|name| name.starts_with("timer:")) => {
                commands.push((Command { sent: *at, replied: None, run: None }, &message["ack"]));
            }
            Event::Received(message) => {
                let payload = &message["payload"];
                if let Some((command, ack)) = commands.last_mut()
                    && message["ack"] == **ack
                    && payload["error"].is_null()
                {
                    command.replied = Some(*at);
                    command.run = payload["sessionId"].as_str().zip(payload["endsAt"].as_u64());
                }
            }
            Event::Sent(_) | Event::Opened(_) | Event::Closed(_) => {}
        }
    }
    commands.into_iter().map(|(command, _)| command).collect()
}

/// Returns an instant of cluster time as a time since the start of the run.
fn since_start(evidence: &Evidence<'_>, instant: u64) -> Duration {
    Duration::from_millis(instant.saturating_sub(evidence.started_ms))
}

/// Checks the zeros that a client was told in one session.
struct SessionChecker<'e> {
    evidence: &'e Evidence<'e>,
    certain: &'e BTreeSet<CountdownRun<'e>>,
    session: &'e RoomSession<'e>,
    /// The ends of all runs that the client was shown.
    shown: BTreeSet<u64>,
    /// The end of the countdown that runs.
    ends_at: Option<u64>,
    /// The server's time of the last state, in ms since 1970.
    state_at: u64,
    /// The zeros that the client was told.
    told: BTreeSet<u64>,
    violations: Vec<String>,
}

impl SessionChecker<'_> {
    fn follow(&mut self) {
        let mut before: (&str, &Value) = ("", &Value::Null);
        self.shown.extend(self.ends_at);
        for (at, event, payload) in self.session.events() {
            match event {
                "timer:state" => self.change(at, payload),
                "timer:completed" => {
                    if before.0 != "timer:tick" || before.1["remainingTime"] != 0 {
                        self.violations.push(format!("zero without its tick: {payload} at {at:?}"));
                    }
                    self.complete(at, payload["completedAt"].as_u64().unwrap_or_default());
                }
                _ => {}
            }
            before = (event, payload);
        }
        let until = self.session.until;
        let is_overdue = |ends_at: &&u64| self.lacks(**ends_at) && until > self.due(**ends_at, until) + LATE_MAX;
        let missing = self.shown.iter().filter(is_overdue);
        let missing: Vec<_> = missing.map(|ends_at| format!("zero missing: of {ends_at}, until {until:?}")).collect();
        self.violations.extend(missing);
    }

    fn change(&mut self, at: Duration, state: &Value) {
        let next = state["endsAt"].as_u64();
        let last = std::mem::replace(&mut self.ends_at, next);
        if let Some(last) = last.filter(|last| next != Some(*last) && self.lacks(*last)) {
            self.violations.push(format!("zero missing: of {last}, before {state} at {at:?}"));
        }
        self.shown.extend(next);
        self.state_at = state["serverTime"].as_u64().unwrap_or_default();
    }

    fn complete(&mut self, at: Duration, zero: u64) {
        let suspended = self.evidence.suspended;
        let mut violation = |what: &str| self.violations.push(format!("zero {what}: of {zero} at {at:?}"));
        // A store that loses data may lose a zero, which is then carried out again.
        if !suspended.durability && self.told.last().is_some_and(|last| zero <= *last) {
            violation(if self.told.contains(&zero) { "twice" } else { "backward" });
        }
        let session = self.session;
        let is_of_run = self.ends_at == Some(zero);
        let node_is = |counts| is_disturbed(self.evidence.disturbances, session.node, session.from, at, counts);
        let is_conflated = (self.state_at..=self.state_at + CONFLATED_MAX_MS).contains(&zero);
        if !is_of_run && !is_conflated && !node_is(|_| true) {
            violation("of no run");
        }
        let end = since_start(self.evidence, zero);
        if !suspended.cluster_time && at + EARLY_MAX < end {
            violation("early");
        }
        let due = self.due(zero, at);
        if !suspended.cluster_time && at > due + LATE_MAX {
            self.violations.push(format!("zero late: of {zero}, due at {due:?}, at {at:?}"));
        }
        self.told.insert(zero);
    }

    /// Tells whether a client was not told a zero that it should have been told. A node that was disturbed tells only the
    /// last zero.
    fn lacks(&self, ends_at: u64) -> bool {
        let is_certain = self.certain.contains(&(self.session.joined.room.as_str(), ends_at));
        let end = since_start(self.evidence, ends_at);
        let is_told = self.told.contains(&ends_at);
        let is_superseded = self.told.last().is_some_and(|last| *last > ends_at)
            && is_disturbed(self.evidence.disturbances, self.session.node, end, self.session.until, |_| true);
        is_certain && !is_told && !is_superseded
    }

    /// Returns when a zero should be told, up to an instant: at its end, or when the nodes have recovered from
    /// disturbances. A dead node affects only its own clients, since another one takes over.
    fn due(&self, ends_at: u64, at: Duration) -> Duration {
        let counts = |node: usize, kind| node == self.session.node || kind != DisturbanceKind::Down;
        let disturbances = self.evidence.disturbances.iter();
        let disturbed = disturbances.filter(|it| counts(it.node, it.kind) && it.from <= at).map(recovered_at);
        disturbed.chain([since_start(self.evidence, ends_at), self.session.from]).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Disturbance;
    use crate::oracle::SuspendedInvariants;
    use crate::oracle::room_sessions::example::{joined, received, record, reply, sent};
    use serde_json::json;

    /// The start of the run, in ms since 1970.
    const STARTED_MS: u64 = 1_000_000;

    #[test]
    fn a_zero_that_is_told_once_and_in_time_passes() {
        assert_eq!(found(zero_at(2_050, 2_000)), [""; 0]);
        assert_eq!(found([zero_at(2_050, 2_000), idle(2_051)].concat()), [""; 0]);
        assert_eq!(found(zero_at(4_900, 2_000)), [""; 0]);
    }

    #[test]
    fn a_repeated_an_early_a_late_and_a_wrong_zero_are_found() {
        check_found([zero_at(2_050, 2_000), zero_at(2_060, 2_000)].concat(), "twice");
        check_found(zero_at(1_900, 2_000), "early");
        check_found(zero_at(5_100, 2_000), "late");
        check_found([zero_at(2_050, 2_000), zero_at(2_060, 1_000)].concat(), "backward");
        check_found([zero_at(2_050, 2_000), idle(2_051), zero_at(2_060, 2_055)].concat(), "of no run");
        check_found(vec![(2_050, completed(2_000))], "without its tick");
        let after_state = |at| {
            let state = received("timer:state", json!({ "sessionId": "r", "serverTime": STARTED_MS + at }));
            [zero_at(2_050, 2_000), vec![(2_060, state)], zero_at(2_400, 2_390)].concat()
        };
        check_found(after_state(2_055), "of no run");
        assert_eq!(found(after_state(2_190)), [""; 0], "a run of a moment");
    }

    #[test]
    fn a_missing_zero_is_found_unless_a_command_can_have_prevented_it() {
        check_found(vec![], "missing");
        check_found(idle(2_051), "missing");
        for (sent_at, replied_at) in [(1_500, Some(1_510)), (2_300, None)] {
            let mut host = host();
            host.entries.extend(record("", command(2, sent_at, replied_at, json!({ "sessionId": "r" }))).entries);
            assert_eq!(check_all(&[host, watcher(idle(2_051))], &[], SuspendedInvariants::default()), [""; 0]);
        }
        let mut unknown = record("", command(1, 100, None, Value::Null));
        let mut host = host();
        host.entries.splice(1..1, unknown.entries.drain(..));
        assert_eq!(check_all(&[host, watcher(idle(2_051))], &[], SuspendedInvariants::default()), [""; 0]);
    }

    #[test]
    fn a_disturbed_node_may_be_late_and_tell_only_the_last_zero() {
        let disturbance = |node, kind| Disturbance { node, kind, from: at(1_500), until: at(4_000) };
        let of = |told, node, kind| {
            check_all(&[host(), watcher(told)], &[disturbance(node, kind)], SuspendedInvariants::default()).len()
        };
        assert_eq!(of(zero_at(8_000, 2_000), 0, DisturbanceKind::Down), 0);
        assert_eq!(of(zero_at(8_000, 2_000), 1, DisturbanceKind::Down), 1);
        assert_eq!(of(zero_at(8_000, 2_000), 1, DisturbanceKind::Disconnected), 0);
        let later = [zero_at(4_500, 4_400), idle(4_501)].concat();
        assert_eq!(of(later.clone(), 0, DisturbanceKind::Down), 0);
        assert!(of(later, 1, DisturbanceKind::Down) > 0);
    }

    #[test]
    fn zeros_are_suspended_with_the_data_or_the_clock() {
        let durability = SuspendedInvariants { durability: true, ..SuspendedInvariants::default() };
        let cluster_time = SuspendedInvariants { cluster_time: true, ..SuspendedInvariants::default() };
        let twice = [zero_at(2_050, 2_000), zero_at(2_060, 2_000)].concat();
        let of = |told, suspended| check_all(&[host(), watcher(told)], &[], suspended).len();
        assert_eq!((of(idle(2_051), durability), of(twice.clone(), durability)), (0, 0));
        assert_eq!((of(idle(2_051), cluster_time), of(zero_at(1_000, 2_000), cluster_time)), (0, 0));
        assert_eq!((of(zero_at(1_000, 2_000), durability), of(twice, cluster_time)), (1, 1));
    }

    #[test]
    fn a_run_without_any_zero_proves_nothing() {
        let of = |told, durability| {
            let suspended = SuspendedInvariants { durability, ..SuspendedInvariants::default() };
            with_evidence(&[host(), watcher(told)], &[], suspended, unproved)
        };
        assert!(of(idle(2_051), false).is_some());
        assert_eq!((of(zero_at(2_050, 2_000), false), of(idle(2_051), true)), (None, None));
    }

    /// The host starts a countdown that ends at 2 s.
    fn host() -> Record {
        let run = json!({ "sessionId": "r", "endsAt": STARTED_MS + 2_000 });
        record("h", [vec![(0, Event::Opened(2))], command(1, 490, Some(500), run)].concat())
    }

    fn command(ack: u64, sent_at: u64, replied_at: Option<u64>, payload: Value) -> Vec<(u64, Event)> {
        let reply = replied_at.map(|at| (at, reply(ack, payload)));
        [(sent_at, sent(ack, "timer:start", json!({})))].into_iter().chain(reply).collect()
    }

    /// A member that stays until 12 s.
    fn watcher(told: Vec<(u64, Event)>) -> Record {
        let state = json!({ "sessionId": "r", "endsAt": STARTED_MS + 2_000 });
        let begin = [(0, Event::Opened(0)), (10, joined("a", &["a"])), (500, received("timer:state", state))];
        let end = [(12_000, received("timer:tick", json!({})))];
        record("w", begin.into_iter().chain(told).chain(end).collect())
    }

    fn zero_at(ms: u64, zero: u64) -> Vec<(u64, Event)> {
        vec![(ms, received("timer:tick", json!({ "remainingTime": 0 }))), (ms, completed(zero))]
    }

    fn completed(zero: u64) -> Event {
        received("timer:completed", json!({ "sessionId": "r", "completedAt": STARTED_MS + zero }))
    }

    fn idle(ms: u64) -> Vec<(u64, Event)> {
        vec![(ms, received("timer:state", json!({ "sessionId": "r" })))]
    }

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[track_caller]
    fn check_found(told: Vec<(u64, Event)>, what: &str) {
        let found = found(told);
        assert!(found.iter().any(|violation| violation.contains(what)), "{found:?}");
    }

    fn found(told: Vec<(u64, Event)>) -> Vec<String> {
        check_all(&[host(), watcher(told)], &[], SuspendedInvariants::default())
    }

    fn check_all(records: &[Record], disturbances: &[Disturbance], suspended: SuspendedInvariants) -> Vec<String> {
        with_evidence(records, disturbances, suspended, check)
    }

    fn with_evidence<T>(
        records: &[Record],
        disturbances: &[Disturbance],
        suspended: SuspendedInvariants,
        check: impl Fn(&Evidence<'_>) -> T,
    ) -> T {
        let stored = BTreeMap::new();
        check(&Evidence {
            records: &[],
            library: &[],
            rooms: records,
            started_ms: STARTED_MS,
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
