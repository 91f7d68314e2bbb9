//! Ticks of a run are 1000 ms apart, none is repeated or missing, and a stop or pause has one last tick.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::cluster::{Disturbance, DisturbanceKind};
use crate::oracle::SuspendedInvariants;
use crate::oracle::disturbed::is_disturbed;
use crate::record::{ConnectionRecord, Entry, Event, Record};
use crate::view::View;

/// How far a frozen value may be below the last tick: over two connections, a change may arrive after a later beat.
const FROZEN_BELOW_MAX_MS: u64 = 100;

/// How far a frozen value may be above the last tick: the current second, and the 450 ms for which a node waits
/// for a beat, in whole seconds.
const FROZEN_ABOVE_MAX_MS: u64 = 2000;

/// Returns the violations on all connections of a record.
pub(super) fn check(record: &Record, suspended: SuspendedInvariants, disturbances: &[Disturbance]) -> Vec<String> {
    record.connections().flat_map(|connection| follow(connection, suspended, disturbances).violations).collect()
}

/// Returns the longest time between two ticks of a run while the node was running.
pub(super) fn longest_gap(record: &Record, disturbances: &[Disturbance]) -> Duration {
    let suspended = SuspendedInvariants::default();
    record
        .connections()
        .map(|connection| follow(connection, suspended, disturbances).longest_gap)
        .max()
        .unwrap_or_default()
}

/// Checks the ticks of one connection.
struct TickChecker<'t> {
    node: usize,
    suspended: SuspendedInvariants,
    disturbances: &'t [Disturbance],
    view: View,
    displays: BTreeMap<String, SessionDisplay>,
    violations: Vec<String>,
    longest_gap: Duration,
}

/// A session on a client's display.
#[derive(Clone, Copy)]
enum SessionDisplay {
    Running(TimerRun),
    /// Not running; after a run, the last tick is still expected.
    Stopped {
        last_tick_of: Option<TimerRun>,
    },
}

#[derive(Clone, Copy, PartialEq)]
struct TimerRun {
    started_at: u64,
    accumulated_ms: u64,
    last: Option<Tick>,
    /// The latest second of the first tick, if known.
    first_by: Option<u64>,
}

#[derive(Clone, Copy, PartialEq)]
struct Tick {
    elapsed_ms: u64,
    at: Duration,
}

fn follow<'t>(
    connection: ConnectionRecord<'_>,
    suspended: SuspendedInvariants,
    disturbances: &'t [Disturbance],
) -> TickChecker<'t> {
    let mut checker = TickChecker {
        node: connection.node,
        suspended,
        disturbances,
        view: View::default(),
        displays: BTreeMap::new(),
        violations: vec![],
        longest_gap: Duration::ZERO,
    };
    for Entry { at, event } in connection.entries {
        if let Event::Received(message) = event {
            checker.receive(*at, message);
        }
    }
    checker
}

impl TickChecker<'_> {
    fn receive(&mut self, at: Duration, message: &Value) {
        if self.view.apply(message) {
            return self.change(message);
        }
        if message["type"] != "tick" {
            return self.check_pending_last_ticks(message);
        }
        let payload = &message["payload"];
        let ticks = payload.as_array().map_or(std::slice::from_ref(payload), Vec::as_slice);
        for tick in ticks {
            let elapsed_ms = tick["elapsedMs"].as_u64().unwrap_or_default();
            let session = tick["sessionId"].as_str().unwrap_or_default();
            let received = Tick { elapsed_ms, at };
            let found = if tick["running"] == true {
                self.check_pending_last_ticks(message);
                self.check_tick(session, received, message["serverTime"].as_u64())
            } else {
                self.check_last_tick(session, received)
            };
            self.violations.extend(found.map(|what| format!("tick {what}: {session} at {at:?}: {message}")));
        }
    }

    /// Updates the display after a change of the sessions.
    fn change(&mut self, message: &Value) {
        let first_by = (message["type"] == "ready").then(|| message["serverTime"].as_u64()).flatten();
        let mut displays = BTreeMap::new();
        for (id, session) in &self.view.sessions {
            let number = |name: &str| session[name].as_u64().unwrap_or_default();
            let (started_at, accumulated_ms) = (number("startedAt"), number("accumulatedMs"));
            let first_by = first_by.map(|now| now / 1000 * 1000 + 1000);
            let new_run = TimerRun { started_at, accumulated_ms, last: None, first_by };
            let now = match (self.displays.get(id), session["running"] == true) {
                (Some(SessionDisplay::Running(run)), true)
                    if (run.started_at, run.accumulated_ms) == (started_at, accumulated_ms) =>
                {
                    SessionDisplay::Running(*run)
                }
                (_, true) => SessionDisplay::Running(new_run),
                (Some(SessionDisplay::Running(run)), false) => SessionDisplay::Stopped { last_tick_of: Some(*run) },
                (Some(stopped @ SessionDisplay::Stopped { .. }), false) => *stopped,
                (None, false) => SessionDisplay::Stopped { last_tick_of: None },
            };
            displays.insert(id.clone(), now);
        }
        self.displays = displays;
    }

    /// Reports missing last ticks: a last tick immediately follows its change.
    fn check_pending_last_ticks(&mut self, message: &Value) {
        for (session, displays) in &mut self.displays {
            if let SessionDisplay::Stopped { last_tick_of } = displays
                && last_tick_of.take().is_some()
            {
                self.violations.push(format!("tick missing: no last tick of {session} before {message}"));
            }
        }
    }

    fn check_tick(&mut self, session: &str, tick: Tick, second: Option<u64>) -> Option<&'static str> {
        let Some(SessionDisplay::Running(run)) = self.displays.get_mut(session) else {
            return Some("wrong: the session does not run");
        };
        let last = run.last.replace(tick);
        let began_at = i128::from(run.started_at) - i128::from(run.accumulated_ms);
        let instant = i128::from(tick.elapsed_ms) + began_at;
        if instant % 1000 != 0 || second.is_some_and(|second| i128::from(second) != instant) {
            return Some("wrong: not the value at a whole second");
        }
        if tick.elapsed_ms < run.accumulated_ms {
            return Some("wrong: before its run");
        }
        let Some(last) = last else {
            let is_late = run.first_by.is_some_and(|by| instant > i128::from(by));
            return (is_late && !self.suspended.missing_ticks).then_some("missing: the first tick after `ready`");
        };
        if !is_disturbed(self.disturbances, self.node, last.at, tick.at, |kind| kind == DisturbanceKind::Down) {
            self.longest_gap = self.longest_gap.max(tick.at.saturating_sub(last.at));
        }
        match tick.elapsed_ms.checked_sub(last.elapsed_ms) {
            None => Some("backward"),
            Some(0) => Some("doubled"),
            Some(1000) => None,
            Some(_) if self.suspended.missing_ticks => None,
            Some(_) => Some("missing"),
        }
    }

    fn check_last_tick(&mut self, session: &str, tick: Tick) -> Option<&'static str> {
        let Some(SessionDisplay::Stopped { last_tick_of }) = self.displays.get_mut(session) else {
            return Some("wrong: a last tick of a running session");
        };
        let Some(run) = last_tick_of.take() else {
            return Some("doubled: a second last tick");
        };
        if self.view.sessions[session]["accumulatedMs"].as_u64() != Some(tick.elapsed_ms) {
            return Some("wrong: the last tick is not the frozen value");
        }
        let last = run.last?;
        // A node that cannot learn of the change continues.
        if is_disturbed(self.disturbances, self.node, last.at, tick.at, |_| true) {
            return None;
        }
        if tick.elapsed_ms + FROZEN_BELOW_MAX_MS < last.elapsed_ms {
            return Some("backward: the frozen value is far below the last");
        }
        let is_far = tick.elapsed_ms > last.elapsed_ms + FROZEN_ABOVE_MAX_MS;
        (is_far && !self.suspended.missing_ticks).then_some("missing: the frozen value is far above the last")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const STRICT: SuspendedInvariants =
        SuspendedInvariants { durability: false, missing_ticks: false, restored_members: false, cluster_time: false };

    #[test]
    fn ticks_of_a_run_its_last_tick_and_another_run_pass() {
        let trace = [ready(500), tick(1000), tick(2000), held(2_300), last(2_300), running(2_300, 9_700), at(10_000)];
        assert_eq!(found(&trace, STRICT), [""; 0]);
    }

    #[test]
    fn a_doubled_a_missing_and_a_backward_tick_are_found() {
        check_story(&[ready(500), tick(1000), tick(1000)], "doubled");
        check_story(&[ready(500), tick(1000), tick(3000)], "missing");
        check_story(&[ready(500), tick(2000)], "missing");
        check_story(&[ready(500), tick(1000), tick(2000), tick(1000)], "backward");
        check_story(&[ready(500), tick(1500)], "wrong");
        check_story(&[held(5), tick(1000)], "wrong");
    }

    #[test]
    fn a_doubled_a_missing_and_a_wrong_last_tick_are_found() {
        let before = [ready(500), tick(1000), held(1_400)];
        let with = |more: &[Value]| [&before, more].concat();
        check_story(&with(&[last(1_400), last(1_400)]), "doubled");
        check_story(&with(&[json!({ "type": "ack" })]), "missing");
        check_story(&with(&[last(1_300)]), "wrong");
        check_story(&[ready(500), tick(1000), held(899), last(899)], "backward");
        check_story(&[ready(500), tick(1000), held(3_001), last(3_001)], "missing");
        check_story(&[ready(500), last(3_001)], "wrong");
    }

    #[test]
    fn seconds_may_be_skipped_only_if_that_invariant_is_suspended_and_never_doubled() {
        let suspended = SuspendedInvariants { missing_ticks: true, ..STRICT };
        assert_eq!(found(&[ready(500), tick(1000), tick(9000)], suspended), [""; 0]);
        assert_eq!(found(&[ready(500), tick(1000), tick(1000)], suspended).len(), 1);
    }

    #[test]
    fn a_disturbed_node_may_learn_late_of_a_pause() {
        let record = Record::example(trace(&[ready(500), tick(1000), tick(2000), held(100), last(100)]));
        let disturbance = |node| Disturbance {
            node,
            kind: DisturbanceKind::Disconnected,
            from: Duration::ZERO,
            until: Duration::ZERO,
        };
        assert_eq!(check(&record, STRICT, &[disturbance(0)]), [""; 0]);
        assert_eq!(check(&record, STRICT, &[disturbance(1)]).len(), 1);
    }

    #[test]
    fn the_longest_gap_excludes_a_node_that_is_down() {
        let record = Record::example(trace(&[ready(500), tick(1000), json!({ "type": "ack" }), tick(2000)]));
        let disturbance = |kind| Disturbance { node: 0, kind, from: Duration::ZERO, until: Duration::ZERO };
        assert_eq!(longest_gap(&record, &[disturbance(DisturbanceKind::Disconnected)]), Duration::from_millis(200));
        assert_eq!(longest_gap(&record, &[disturbance(DisturbanceKind::Down)]), Duration::ZERO);
    }

    #[track_caller]
    fn check_story(messages: &[Value], what: &str) {
        let found = found(messages, STRICT);
        assert!(found.len() == 1 && found[0].contains(what), "{found:?}");
    }

    fn found(messages: &[Value], suspended: SuspendedInvariants) -> Vec<String> {
        check(&Record::example(trace(messages)), suspended, &[])
    }

    fn trace(messages: &[Value]) -> Vec<Event> {
        std::iter::once(Event::Opened(0)).chain(messages.iter().cloned().map(Event::Received)).collect()
    }

    /// A session that runs since 1970.
    fn ready(now: u64) -> Value {
        let session = json!({ "sessionId": "u-s", "running": true, "startedAt": 0, "accumulatedMs": 0 });
        json!({ "type": "ready", "payload": [session], "serverTime": now, "rev": 1 })
    }

    fn running(accumulated_ms: u64, started_at: u64) -> Value {
        let session =
            json!({ "sessionId": "u-s", "running": true, "startedAt": started_at, "accumulatedMs": accumulated_ms });
        json!({ "type": "session-update", "payload": session, "rev": 1 })
    }

    fn held(accumulated_ms: u64) -> Value {
        let session = json!({ "sessionId": "u-s", "running": false, "startedAt": 0, "accumulatedMs": accumulated_ms });
        json!({ "type": "session-update", "payload": session, "rev": 1 })
    }

    fn tick(elapsed_ms: u64) -> Value {
        json!({ "type": "tick", "payload": [tick_payload(elapsed_ms, true)], "serverTime": elapsed_ms })
    }

    /// A tick of the second run.
    fn at(second: u64) -> Value {
        json!({ "type": "tick", "payload": [tick_payload(2_300 + second - 9_700, true)], "serverTime": second })
    }

    fn last(elapsed_ms: u64) -> Value {
        json!({ "type": "tick", "payload": [tick_payload(elapsed_ms, false)], "serverTime": elapsed_ms })
    }

    fn tick_payload(elapsed_ms: u64, running: bool) -> Value {
        json!({ "sessionId": "u-s", "elapsedMs": elapsed_ms, "running": running })
    }
}
