//! The display of a library client shows each second of a run, during that second and not after it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::disturbed::is_any_stalled;
use crate::cluster::Disturbance;
use crate::record::{Entry, Event, Record};

const SECOND_MS: i64 = 1000;

/// How long after the start of a second it is displayed at the latest: as long as people can see it.
const DISPLAYED_WITHIN_MS: i64 = SECOND_MS;

/// What the oracle has found of one or more displays.
#[derive(Clone, Debug, Default)]
pub(crate) struct DisplayFindings {
    pub(crate) violations: Vec<String>,
    /// Number of displayed seconds.
    pub(crate) seconds: usize,
    /// Number of missing seconds that a stall of the machine excuses.
    pub(crate) excused: usize,
}

impl DisplayFindings {
    fn add(&mut self, other: Self) {
        self.violations.extend(other.violations);
        self.seconds += other.seconds;
        self.excused += other.excused;
    }
}

/// Checks the displays of library clients. Nodes that end with an announcement excuse no second.
pub(crate) fn check<'r>(
    records: impl IntoIterator<Item = &'r Record>,
    started_ms: u64,
    disturbances: &[Disturbance],
) -> DisplayFindings {
    let mut findings = DisplayFindings::default();
    for record in records {
        let started_ms = i64::try_from(started_ms).unwrap_or(i64::MAX);
        let (runs, found) = (BTreeMap::new(), DisplayFindings::default());
        let mut checker = DisplayChecker { started_ms, disturbances, runs, member: None, found };
        for Entry { at, event } in &record.entries {
            if let Event::Received(message) = event
                && message["type"] == "display"
            {
                checker.display(*at, &message["sessions"]);
                checker.check_membership(*at, message["member"].as_str());
            }
        }
        let mut found = checker.found;
        found.violations.iter_mut().for_each(|violation| *violation = format!("{}: {violation}", record.client));
        findings.add(found);
    }
    findings
}

/// Checks one display.
struct DisplayChecker<'d> {
    /// The start of the run of the suite, in ms since 1970.
    started_ms: i64,
    disturbances: &'d [Disturbance],
    /// The displayed run of each running session.
    runs: BTreeMap<String, DisplayedRun>,
    /// The membership of a client in a room, and when it was displayed last.
    member: Option<(String, Duration)>,
    found: DisplayFindings,
}

/// A run of a session on the display.
#[derive(Clone, Copy)]
struct DisplayedRun {
    started_at: i64,
    accumulated_ms: i64,
    /// The displayed instant, in ms since 1970.
    instant: i64,
    /// When it was displayed first.
    at: Duration,
}

impl DisplayedRun {
    fn read(session: &Value, at: Duration) -> Self {
        let number = |name: &str| session[name].as_i64().unwrap_or_default();
        let (started_at, accumulated_ms) = (number("startedAt"), number("accumulatedMs"));
        Self { started_at, accumulated_ms, instant: started_at + number("elapsedMs") - accumulated_ms, at }
    }

    fn is_of(&self, other: &Self) -> bool {
        (self.started_at, self.accumulated_ms) == (other.started_at, other.accumulated_ms)
    }

    /// Returns the next whole second.
    fn next(&self) -> i64 {
        self.instant.div_euclid(SECOND_MS) * SECOND_MS + SECOND_MS
    }
}

impl DisplayChecker<'_> {
    fn display(&mut self, at: Duration, sessions: &Value) {
        let before = std::mem::take(&mut self.runs);
        for session in sessions.as_array().into_iter().flatten().filter(|session| session["running"] == true) {
            let id = session["sessionId"].as_str().unwrap_or_default();
            let now = DisplayedRun::read(session, at);
            let last = before.get(id).filter(|last| last.is_of(&now));
            let shown = match last {
                Some(last) => self.follow(id, *last, now),
                None => now,
            };
            self.runs.insert(id.to_owned(), shown);
        }
        for (id, last) in before {
            let continues = self.runs.get(&id).is_some_and(|run| run.is_of(&last));
            if !continues {
                // Its run has ended, or the session was removed.
                self.check_due(&id, last, at);
            }
        }
    }

    /// Checks a display of the same run as the one before.
    fn follow(&mut self, id: &str, last: DisplayedRun, now: DisplayedRun) -> DisplayedRun {
        if now.instant == last.instant {
            return last;
        }
        self.found.seconds += 1;
        let what = if now.instant < last.instant {
            Some("doubled: the display goes back")
        } else if now.instant % SECOND_MS != 0 {
            Some("wrong: not the value at a whole second")
        } else if now.instant > last.next() {
            Some("missing")
        } else {
            None
        };
        match what {
            Some(what) => self.report(what, id, last, now.at),
            None => self.check_due(id, last, now.at),
        }
        now
    }

    /// A client that moves to another node resumes its membership there.
    fn check_membership(&mut self, at: Duration, member: Option<&str>) {
        let Some(member) = member else { return };
        let last = self.member.replace((member.to_owned(), at));
        let Some((before, last_at)) = last.filter(|(before, _)| before != member) else { return };
        // A client that is away for longer than `rooms.reconnect_within` is another member.
        if !is_any_stalled(self.disturbances, last_at, at) {
            self.found.violations.push(format!("member {before} was replaced by {member} at {at:?}"));
        }
    }

    /// Reports that the next second was displayed after its end, or not at all.
    fn check_due(&mut self, id: &str, last: DisplayedRun, at: Duration) {
        let at_ms = self.started_ms + i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
        if at_ms > last.next() + DISPLAYED_WITHIN_MS {
            self.report("missing: it stood still for a second", id, last, at);
        }
    }

    /// Reports a violation, unless a stall of the machine excuses it. Nothing excuses a wrong or doubled second.
    fn report(&mut self, what: &str, id: &str, last: DisplayedRun, at: Duration) {
        if what.starts_with("missing") && is_any_stalled(self.disturbances, last.at, at) {
            self.found.excused += 1;
            return;
        }
        let next = last.next();
        self.found.violations.push(format!("display {what}: {id} at {at:?}: the second {next} after {}", last.instant));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::DisturbanceKind;
    use serde_json::json;

    /// The suite starts its clock half a second after a whole second.
    const STARTED_MS: u64 = 1_500;

    #[test]
    fn each_second_of_a_run_and_its_end_pass() {
        let seconds = [(0, running(1_200, 1_200)), (510, running(1_200, 2_000)), (1_600, running(1_200, 3_000))];
        let DisplayFindings { violations, seconds, excused } = found(&seconds);
        assert_eq!((violations, seconds, excused), (vec![], 2, 0));
        let ends = [(0, running(1_200, 1_200)), (510, running(1_200, 2_000)), (1_400, json!([]))];
        assert_eq!(found(&ends).violations, [""; 0]);
    }

    #[test]
    fn a_missing_a_doubled_and_a_wrong_second_are_found() {
        let first = (0, running(1_200, 1_200));
        check_found(&[first.clone(), (510, running(1_200, 2_000)), (2_510, running(1_200, 4_000))], "missing: u-s");
        check_found(
            &[
                first.clone(),
                (510, running(1_200, 2_000)),
                (1_510, running(1_200, 3_000)),
                (1_600, running(1_200, 2_000)),
            ],
            "doubled",
        );
        check_found(&[first, (510, running(1_200, 2_100))], "wrong");
    }

    #[test]
    fn a_second_that_is_displayed_after_its_end_is_missing() {
        let first = (0, running(1_200, 1_200));
        check_found(&[first.clone(), (1_501, running(1_200, 2_000))], "stood still");
        // The run ends, or is another one, while its next second has been due for as long.
        check_found(&[first.clone(), (1_501, json!([]))], "stood still");
        check_found(&[first, (1_501, running(2_900, 2_900))], "stood still");
    }

    #[test]
    fn only_a_stall_excuses_a_missing_second_and_nothing_a_doubled_one() {
        let late = record(&[(0, running(1_200, 1_200)), (1_501, running(1_200, 2_000))]);
        let back = record(&[(0, running(1_200, 3_000)), (10, running(1_200, 2_000))]);
        let disturbance = |kind| Disturbance { node: 1, kind, from: Duration::ZERO, until: Duration::ZERO };
        let stalled = [disturbance(DisturbanceKind::Stalled)];
        let of_late = check([&late], STARTED_MS, &stalled);
        assert_eq!((of_late.violations, of_late.excused), (vec![], 1));
        assert_eq!(check([&back], STARTED_MS, &stalled).violations.len(), 1);
        assert_eq!(check([&late], STARTED_MS, &[disturbance(DisturbanceKind::Down)]).violations.len(), 1);
    }

    #[test]
    fn a_membership_that_was_replaced_is_found() {
        let of = |members: [&str; 2]| {
            let display =
                |member: &str| Event::Received(json!({ "type": "display", "sessions": [], "member": member }));
            check([&Record::example(members.map(display))], STARTED_MS, &[]).violations.len()
        };
        assert_eq!((of(["a", "a"]), of(["a", "b"])), (0, 1));
    }

    #[track_caller]
    fn check_found(displays: &[(u64, Value)], what: &str) {
        let found = found(displays).violations;
        assert!(found.len() == 1 && found[0].contains(what), "{found:?}");
    }

    fn found(displays: &[(u64, Value)]) -> DisplayFindings {
        check([&record(displays)], STARTED_MS, &[])
    }

    fn record(displays: &[(u64, Value)]) -> Record {
        let entry = |(ms, sessions): &(u64, Value)| Entry {
            at: Duration::from_millis(*ms),
            event: Event::Received(json!({ "type": "display", "sessions": sessions })),
        };
        Record { entries: displays.iter().map(entry).collect(), ..Record::example([]) }
    }

    /// A session that shows an instant, whatever its earlier runs.
    fn running(started_at: i64, instant: i64) -> Value {
        let elapsed_ms = instant - started_at + 700;
        json!([{
            "sessionId": "u-s", "running": true, "startedAt": started_at, "accumulatedMs": 700, "elapsedMs": elapsed_ms,
        }])
    }
}
