//! Ticks of a punch clock: within a run of work or a break they grow by one second, none is repeated and none is missing; and
//! no beat is shown twice on a connection, whatever run it is of.

use std::time::Duration;

use serde_json::Value;

use super::disturbed::is_disturbed;
use crate::cluster::Disturbance;
use crate::oracle::SuspendedInvariants;
use crate::record::{ConnectionRecord, Entry, Event, Record};

const DAY_MS: u64 = 86_400_000;

/// Most ticks with 0 in a run: of a late beat before its start, and of the first one after it.
const ZEROS_MAX: usize = 2;

/// Returns the violations on all connections of a record.
pub(super) fn check(record: &Record, suspended: SuspendedInvariants, disturbances: &[Disturbance]) -> Vec<String> {
    record.connections().flat_map(|connection| follow(connection, suspended, disturbances)).collect()
}

/// Checks the ticks of one connection.
struct LiveChecker<'t> {
    node: usize,
    suspended: SuspendedInvariants,
    disturbances: &'t [Disturbance],
    run: Option<LiveRun>,
    /// The last beat whose number is known, and when it was shown.
    last: Option<u64>,
    at: Duration,
}

/// A run of work, or a break.
#[derive(Clone, Debug)]
struct LiveRun {
    is_work: bool,
    since_ms: u64,
    /// The day of the document, in days since 1970.
    day: u64,
    /// The seconds of the last tick.
    seconds: Option<u64>,
    zeros: usize,
}

fn follow(
    connection: ConnectionRecord<'_>,
    suspended: SuspendedInvariants,
    disturbances: &[Disturbance],
) -> Vec<String> {
    let (node, at) = (connection.node, Duration::ZERO);
    let mut checker = LiveChecker { node, suspended, disturbances, run: None, last: None, at };
    let mut violations = Vec::new();
    for Entry { at, event } in connection.entries {
        let Event::Received(message) = event else { continue };
        match message["type"].as_str() {
            Some("session") => checker.change(&message["payload"]),
            Some("tick") => {
                let found = checker.check_tick(&message["payload"], *at);
                violations.extend(found.map(|what| format!("tick {what}: at {at:?}: {message}, {:?}", checker.run)));
                checker.at = *at;
            }
            Some(_) | None => {}
        }
    }
    violations
}

impl LiveChecker<'_> {
    fn change(&mut self, document: &Value) {
        let is_work = document["currentStatus"] == "IN";
        let last = document["entries"].as_array().and_then(|entries| entries.last());
        let since =
            if is_work { &document["sessionStartTime"] } else { last.map_or(&Value::Null, |it| &it["timestamp"]) };
        let day = document["lastActiveDate"].as_str().and_then(|date| date.parse::<jiff::civil::Date>().ok());
        let day = day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
        let day = day.map_or(0, |day| day.timestamp().as_millisecond() as u64 / DAY_MS);
        let run = since.as_u64().map(|since_ms| LiveRun { is_work, since_ms, day, seconds: None, zeros: 0 });
        let is_same = |old: &LiveRun, new: &LiveRun| (old.is_work, old.since_ms) == (new.is_work, new.since_ms);
        // A document that comes again can have other dates: a jump of the clock of Redis is shown so.
        let continues =
            !self.suspended.cluster_time && matches!((&self.run, &run), (Some(old), Some(new)) if is_same(old, new));
        if self.suspended.cluster_time {
            self.last = None;
        }
        if !continues {
            self.run = run;
        }
    }

    fn check_tick(&mut self, tick: &Value, at: Duration) -> Option<&'static str> {
        let (work, pause) = (tick["liveWorkSeconds"].as_u64()?, tick["liveBreakSeconds"].as_u64()?);
        let Some(run) = &mut self.run else { return Some("wrong: there is no punch") };
        let (seconds, other) = if run.is_work { (work, pause) } else { (pause, work) };
        if other > 0 {
            return Some("wrong: work and break at once");
        }
        if seconds == 0 {
            run.zeros += 1;
            let is_back = run.seconds.replace(0).is_some_and(|last| last > 0);
            let is_excused = is_disturbed(self.disturbances, self.node, self.at, at, |_| true);
            return match (is_back, run.zeros > ZEROS_MAX && !is_excused) {
                (true, _) => Some("backward"),
                (false, true) => Some("doubled: another 0"),
                (false, false) => None,
            };
        }
        // The one whole second at which the run has lasted so long.
        let beat = (run.since_ms + seconds * 1000).div_ceil(1000);
        if beat * 1000 / DAY_MS != run.day {
            // At midnight the beat comes before the document of the new day.
            (self.last, run.seconds) = (None, None);
            return None;
        }
        let (last_beat, last_seconds) = (self.last.replace(beat), run.seconds.replace(seconds));
        let is_missing = last_seconds.is_some_and(|last| seconds > last + 1) && !self.suspended.missing_ticks;
        match last_beat {
            Some(last) if last == beat => Some("doubled"),
            Some(last) if last > beat => Some("backward"),
            Some(_) | None => is_missing.then_some("missing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOON_MS: u64 = 43_200_000;

    #[test]
    fn ticks_of_work_and_of_a_break_pass() {
        let trace = [work(400), tick(1, 0), tick(2, 0), pause(3_300), tick(0, 1), tick(0, 2), work(400), tick(6, 0)];
        assert_eq!(found(&trace, SuspendedInvariants::default()), [""; 0]);
        let early = [work(2_400), tick(0, 0), tick(0, 0), tick(1, 0)];
        assert_eq!(found(&early, SuspendedInvariants::default()), [""; 0]);
    }

    #[test]
    fn a_doubled_a_missing_a_backward_and_a_wrong_tick_are_found() {
        check_story(&[work(400), tick(1, 0), tick(1, 0)], "doubled");
        check_story(&[work(400), tick(1, 0), tick(3, 0)], "missing");
        check_story(&[work(400), tick(2, 0), tick(1, 0)], "backward");
        check_story(&[work(400), tick(2, 0), tick(0, 0)], "backward");
        check_story(&[work(400), tick(0, 0), tick(0, 0), tick(0, 0)], "doubled");
        check_story(&[work(400), tick(1, 1)], "wrong");
        check_story(&[pause(400), tick(1, 0)], "wrong");
        check_story(&[json!({ "type": "session", "payload": { "entries": [] } }), tick(1, 0)], "wrong");
        check_story(&[work(400), tick(3, 0), pause(1_400), tick(0, 2)], "doubled");
    }

    #[test]
    fn seconds_may_be_skipped_only_if_that_invariant_is_suspended() {
        let suspended = SuspendedInvariants { missing_ticks: true, ..SuspendedInvariants::default() };
        assert_eq!(found(&[work(400), tick(1, 0), tick(9, 0)], suspended), [""; 0]);
        assert_eq!(found(&[work(400), tick(1, 0), tick(1, 0)], suspended).len(), 1);
    }

    #[test]
    fn a_clock_that_jumps_moves_the_ticks_with_a_document() {
        let suspended = SuspendedInvariants { cluster_time: true, ..SuspendedInvariants::default() };
        assert_eq!(found(&[work(400), tick(9, 0), work(400), tick(5, 0)], suspended), [""; 0]);
        assert_eq!(found(&[work(400), tick(9, 0), tick(5, 0)], suspended).len(), 1);
    }

    #[track_caller]
    fn check_story(messages: &[Value], what: &str) {
        let found = found(messages, SuspendedInvariants::default());
        assert!(found.len() == 1 && found[0].contains(what), "{found:?}");
    }

    fn found(messages: &[Value], suspended: SuspendedInvariants) -> Vec<String> {
        let events = std::iter::once(Event::Opened(0)).chain(messages.iter().cloned().map(Event::Received));
        check(&Record::example(events), suspended, &[])
    }

    fn work(since_ms: u64) -> Value {
        session("IN", json!(NOON_MS + since_ms), since_ms)
    }

    fn pause(since_ms: u64) -> Value {
        session("OUT", Value::Null, since_ms)
    }

    fn session(status: &str, start: Value, last_ms: u64) -> Value {
        let entries = [json!({ "timestamp": NOON_MS + last_ms })];
        json!({ "type": "session", "payload": {
            "currentStatus": status, "entries": entries, "sessionStartTime": start, "lastActiveDate": "1970-01-01",
        } })
    }

    fn tick(work: u64, pause: u64) -> Value {
        json!({ "type": "tick", "payload": { "liveWorkSeconds": work, "liveBreakSeconds": pause } })
    }
}
