//! Ticks of a run are 1000 ms apart, none doubled, none missing; a stop or pause has one last tick.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::cluster::{Kind, Trouble};
use crate::oracle::Laws;
use crate::record::{Connection, Entry, Record, What};
use crate::view::View;

/// How far a frozen value may be below the last tick: over two links, a change may come behind a later beat.
const FROZEN_BELOW_MAX_MS: u64 = 100;

/// How far a frozen value may be above the last tick: the second that was on, and the 450 ms for which a node
/// waits to hear a beat, in whole seconds.
const FROZEN_ABOVE_MAX_MS: u64 = 2000;

/// How long after its trouble a node may still be learning what it missed.
const LEARNING: Duration = Duration::from_secs(5);

/// The same after a stall, during which no link was lost.
const CATCHING_UP: Duration = Duration::from_secs(1);

/// Finds violations on all connections of a record.
pub(super) fn check(record: &Record, laws: Laws, troubles: &[Trouble]) -> Vec<String> {
    record.connections().flat_map(|connection| follow(connection, laws, troubles).violations).collect()
}

/// Returns the longest time between two ticks of a run while the node lived.
pub(super) fn longest_gap(record: &Record, troubles: &[Trouble]) -> Duration {
    let laws = Laws::default();
    record.connections().map(|connection| follow(connection, laws, troubles).longest_gap).max().unwrap_or_default()
}

/// Follows the ticks of one connection.
struct Follower<'t> {
    node: usize,
    laws: Laws,
    troubles: &'t [Trouble],
    view: View,
    shown: BTreeMap<String, Shown>,
    violations: Vec<String>,
    longest_gap: Duration,
}

/// What a client has seen of a session.
#[derive(Clone, Copy)]
enum Shown {
    Running(Run),
    /// It no longer runs; if it did, its last tick is still to come.
    Held {
        owed: Option<Run>,
    },
}

#[derive(Clone, Copy, PartialEq)]
struct Run {
    started_at: u64,
    accumulated_ms: u64,
    last: Option<Tick>,
    /// The second by which the first tick must come, if that is known.
    first_by: Option<u64>,
}

#[derive(Clone, Copy, PartialEq)]
struct Tick {
    elapsed_ms: u64,
    at: Duration,
}

fn follow<'t>(connection: Connection<'_>, laws: Laws, troubles: &'t [Trouble]) -> Follower<'t> {
    let mut follower = Follower {
        node: connection.node,
        laws,
        troubles,
        view: View::default(),
        shown: BTreeMap::new(),
        violations: vec![],
        longest_gap: Duration::ZERO,
    };
    for Entry { at, what } in connection.entries {
        if let What::Heard(message) = what {
            follower.hear(*at, message);
        }
    }
    follower
}

impl Follower<'_> {
    fn hear(&mut self, at: Duration, message: &Value) {
        if self.view.apply(message) {
            return self.change(message);
        }
        if message["type"] != "tick" {
            return self.collect(message);
        }
        let payload = &message["payload"];
        let ticks = payload.as_array().map_or(std::slice::from_ref(payload), Vec::as_slice);
        for tick in ticks {
            let elapsed_ms = tick["elapsedMs"].as_u64().unwrap_or_default();
            let session = tick["sessionId"].as_str().unwrap_or_default();
            let tick_seen = Tick { elapsed_ms, at };
            let found = if tick["running"] == true {
                self.collect(message);
                self.tick(session, tick_seen, message["serverTime"].as_u64())
            } else {
                self.last_tick(session, tick_seen)
            };
            self.violations.extend(found.map(|what| format!("tick {what}: {session} at {at:?}: {message}")));
        }
    }

    /// Takes in what the sessions are now.
    fn change(&mut self, message: &Value) {
        let first_by = (message["type"] == "ready").then(|| message["serverTime"].as_u64()).flatten();
        let mut shown = BTreeMap::new();
        for (id, session) in &self.view.sessions {
            let number = |name: &str| session[name].as_u64().unwrap_or_default();
            let (started_at, accumulated_ms) = (number("startedAt"), number("accumulatedMs"));
            let first_by = first_by.map(|now| now / 1000 * 1000 + 1000);
            let begun = Run { started_at, accumulated_ms, last: None, first_by };
            let now = match (self.shown.get(id), session["running"] == true) {
                (Some(Shown::Running(run)), true)
                    if (run.started_at, run.accumulated_ms) == (started_at, accumulated_ms) =>
                {
                    Shown::Running(*run)
                }
                (_, true) => Shown::Running(begun),
                (Some(Shown::Running(run)), false) => Shown::Held { owed: Some(*run) },
                (Some(held @ Shown::Held { .. }), false) => *held,
                (None, false) => Shown::Held { owed: None },
            };
            shown.insert(id.clone(), now);
        }
        self.shown = shown;
    }

    /// Sees that no last tick is still to come, as it comes right behind the change.
    fn collect(&mut self, message: &Value) {
        for (session, shown) in &mut self.shown {
            if let Shown::Held { owed } = shown
                && owed.take().is_some()
            {
                self.violations.push(format!("tick missing: no last one of {session} before {message}"));
            }
        }
    }

    fn tick(&mut self, session: &str, tick: Tick, second: Option<u64>) -> Option<&'static str> {
        let Some(Shown::Running(run)) = self.shown.get_mut(session) else {
            return Some("wrong: the session does not run");
        };
        let last = run.last.replace(tick);
        let began_at = i128::from(run.started_at) - i128::from(run.accumulated_ms);
        let shows = i128::from(tick.elapsed_ms) + began_at;
        if shows % 1000 != 0 || second.is_some_and(|second| i128::from(second) != shows) {
            return Some("wrong: not the value at a whole second");
        }
        if tick.elapsed_ms < run.accumulated_ms {
            return Some("wrong: before its run");
        }
        let Some(last) = last else {
            let is_late = run.first_by.is_some_and(|by| shows > i128::from(by));
            return (is_late && !self.laws.seconds_are_passed_over).then_some("missing: the first after `ready`");
        };
        if !in_trouble(self.troubles, self.node, last.at, tick.at, |kind| kind == Kind::Down) {
            self.longest_gap = self.longest_gap.max(tick.at.saturating_sub(last.at));
        }
        match tick.elapsed_ms.checked_sub(last.elapsed_ms) {
            None => Some("backward"),
            Some(0) => Some("doubled"),
            Some(1000) => None,
            Some(_) if self.laws.seconds_are_passed_over => None,
            Some(_) => Some("missing"),
        }
    }

    fn last_tick(&mut self, session: &str, tick: Tick) -> Option<&'static str> {
        let Some(Shown::Held { owed }) = self.shown.get_mut(session) else {
            return Some("wrong: a last one of a session that runs");
        };
        let Some(run) = owed.take() else {
            return Some("doubled: a second last one");
        };
        if self.view.sessions[session]["accumulatedMs"].as_u64() != Some(tick.elapsed_ms) {
            return Some("wrong: the last one is not the frozen value");
        }
        let last = run.last?;
        // A node that cannot know of the change goes on.
        if in_trouble(self.troubles, self.node, last.at, tick.at, |_| true) {
            return None;
        }
        if tick.elapsed_ms + FROZEN_BELOW_MAX_MS < last.elapsed_ms {
            return Some("backward: the frozen value is far below the last");
        }
        let is_far = tick.elapsed_ms > last.elapsed_ms + FROZEN_ABOVE_MAX_MS;
        (is_far && !self.laws.seconds_are_passed_over).then_some("missing: the frozen value is far above the last")
    }
}

fn in_trouble(troubles: &[Trouble], node: usize, from: Duration, until: Duration, counts: fn(Kind) -> bool) -> bool {
    let counts = |trouble: &&Trouble| trouble.node == node && counts(trouble.kind);
    let lasts = |trouble: &Trouble| match trouble.kind {
        Kind::Down | Kind::Cut => trouble.until + LEARNING,
        Kind::Stalled => trouble.until + CATCHING_UP,
    };
    troubles.iter().filter(counts).any(|trouble| from <= lasts(trouble) && trouble.from <= until)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const STRICT: Laws = Laws { store_forgets: false, seconds_are_passed_over: false };

    #[test]
    fn ticks_of_a_run_its_last_one_and_another_run_pass() {
        let story = [ready(500), tick(1000), tick(2000), held(2_300), last(2_300), running(2_300, 9_700), at(10_000)];
        assert_eq!(found(&story, STRICT), [""; 0]);
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
    fn seconds_may_be_passed_over_only_where_that_is_the_law_and_never_doubled() {
        let laws = Laws { seconds_are_passed_over: true, ..STRICT };
        assert_eq!(found(&[ready(500), tick(1000), tick(9000)], laws), [""; 0]);
        assert_eq!(found(&[ready(500), tick(1000), tick(1000)], laws).len(), 1);
    }

    #[test]
    fn a_node_in_trouble_may_learn_late_of_a_pause() {
        let record = Record::made_up(story(&[ready(500), tick(1000), tick(2000), held(100), last(100)]));
        let trouble = |node| Trouble { node, kind: Kind::Cut, from: Duration::ZERO, until: Duration::ZERO };
        assert_eq!(check(&record, STRICT, &[trouble(0)]), [""; 0]);
        assert_eq!(check(&record, STRICT, &[trouble(1)]).len(), 1);
    }

    #[test]
    fn the_longest_gap_leaves_out_a_node_that_is_down() {
        let record = Record::made_up(story(&[ready(500), tick(1000), json!({ "type": "ack" }), tick(2000)]));
        let trouble = |kind| Trouble { node: 0, kind, from: Duration::ZERO, until: Duration::ZERO };
        assert_eq!(longest_gap(&record, &[trouble(Kind::Cut)]), Duration::from_millis(200));
        assert_eq!(longest_gap(&record, &[trouble(Kind::Down)]), Duration::ZERO);
    }

    #[track_caller]
    fn check_story(messages: &[Value], what: &str) {
        let found = found(messages, STRICT);
        assert!(found.len() == 1 && found[0].contains(what), "{found:?}");
    }

    fn found(messages: &[Value], laws: Laws) -> Vec<String> {
        check(&Record::made_up(story(messages)), laws, &[])
    }

    fn story(messages: &[Value]) -> Vec<What> {
        std::iter::once(What::Opened(0)).chain(messages.iter().cloned().map(What::Heard)).collect()
    }

    /// A session that runs since the beginning of time.
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
        json!({ "type": "tick", "payload": [shown(elapsed_ms, true)], "serverTime": elapsed_ms })
    }

    /// A tick of the second run.
    fn at(second: u64) -> Value {
        json!({ "type": "tick", "payload": [shown(2_300 + second - 9_700, true)], "serverTime": second })
    }

    fn last(elapsed_ms: u64) -> Value {
        json!({ "type": "tick", "payload": [shown(elapsed_ms, false)], "serverTime": elapsed_ms })
    }

    fn shown(elapsed_ms: u64, running: bool) -> Value {
        json!({ "sessionId": "u-s", "elapsedMs": elapsed_ms, "running": running })
    }
}
