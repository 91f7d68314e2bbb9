//! Ticks of a focus session: on a connection elapsed seconds grow by one, none is repeated and none is missing, unless a pause
//! has ended the interval; and they never go back.

use std::time::Duration;

use serde_json::Value;

use super::disturbed::is_disturbed;
use crate::cluster::{Disturbance, DisturbanceKind};
use crate::focus::FocusState;
use crate::focus::log::SessionLog;
use crate::oracle::SuspendedInvariants;
use crate::record::{ConnectionRecord, Entry, Event};

/// Time after a pause or a resumption in which a node may learn of it.
const LEARNED_WITHIN: Duration = Duration::from_millis(2500);

/// Shortest disturbance that may cost a living node its lease.
const LEASE_LOSS: Duration = Duration::from_secs(4);

/// A tick.
struct ElapsedTick {
    at: Duration,
    elapsed: u64,
}

/// Returns the violations on all connections of a person.
pub(super) fn check(person: &FocusState, suspended: SuspendedInvariants, disturbances: &[Disturbance]) -> Vec<String> {
    let mut violations = Vec::new();
    for device in &person.devices {
        for connection in device.record.connections() {
            let checker =
                FocusTickChecker { person, suspended, disturbances, node: connection.node, session: None, last: None };
            let found = checker.follow(connection).into_iter();
            violations.extend(found.map(|what| format!("{}: {what}", device.record.client)));
        }
    }
    violations
}

/// Checks the ticks of one connection.
struct FocusTickChecker<'t> {
    person: &'t FocusState,
    suspended: SuspendedInvariants,
    disturbances: &'t [Disturbance],
    node: usize,
    session: Option<&'t SessionLog>,
    last: Option<ElapsedTick>,
}

impl<'t> FocusTickChecker<'t> {
    fn follow(mut self, connection: ConnectionRecord<'_>) -> Vec<String> {
        let mut violations = Vec::new();
        for Entry { at, event } in connection.entries {
            let Event::Received(message) = event else { continue };
            match message["type"].as_str() {
                Some("started") => self.started(message),
                Some("stopped") if self.session.is_some_and(|log| message["sessionId"] == log.id.as_str()) => {
                    (self.session, self.last) = (None, None);
                }
                Some("tick") => {
                    let found = self.check_tick(message, *at);
                    violations.extend(found.map(|what| format!("tick {what}: at {at:?}: {message}")));
                }
                Some(_) | None => {}
            }
        }
        violations
    }

    fn started(&mut self, message: &Value) {
        let log = self.person.sessions.iter().find(|log| message["sessionId"] == log.id.as_str());
        if self.session.map(|log| &log.id) != log.map(|log| &log.id) {
            (self.session, self.last) = (log, None);
        }
    }

    fn check_tick(&mut self, tick: &Value, at: Duration) -> Option<&'static str> {
        let Some(log) = self.session else { return Some("wrong: no session is tracked") };
        let number = |name: &str| tick[name].as_u64();
        let (Some(elapsed), Some(active), Some(idle)) =
            (number("elapsedSeconds"), number("activeSeconds"), number("idleSeconds"))
        else {
            return Some("wrong: a counter is missing");
        };
        if elapsed != active + idle {
            return Some("wrong: active and idle seconds do not add up");
        }
        let last = self.last.replace(ElapsedTick { at, elapsed })?;
        let is_paused = log.statuses.iter().any(|change| {
            let until = change.exchange.answered.unwrap_or(at) + LEARNED_WITHIN;
            change.exchange.sent <= at && last.at <= until
        });
        let may_be_new = is_paused || self.was_taken_for_dead(last.at, at);
        match elapsed.checked_sub(last.elapsed) {
            // Cluster time that jumps moves what was counted, and a store that loses data loses intervals.
            None if self.suspended.cluster_time || self.suspended.durability || may_be_new => None,
            None => Some("backward"),
            Some(1) => None,
            Some(_) if may_be_new => None,
            Some(0) => Some("doubled"),
            Some(_) if self.suspended.missing_ticks || self.suspended.durability => None,
            Some(_) => Some("missing"),
        }
    }

    /// Tells whether the socket may have been removed meanwhile, because its node was taken for dead.
    fn was_taken_for_dead(&self, from: Duration, until: Duration) -> bool {
        let counts = |kind| kind != DisturbanceKind::Stalled;
        let long = |it: &&Disturbance| it.until - it.from >= LEASE_LOSS;
        let disturbances: Vec<Disturbance> = self.disturbances.iter().filter(long).copied().collect();
        is_disturbed(&disturbances, self.node, from, until, counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::focus::FocusDevice;
    use crate::focus::log::{Exchange, StatusChange};
    use crate::record::Record;
    use serde_json::json;

    #[test]
    fn ticks_that_grow_by_one_pass() {
        assert_eq!(found(&[started("a"), tick(0, 0), tick(1, 0), tick(1, 1), started("a"), tick(2, 1)]), [""; 0]);
        assert_eq!(found(&[started("a"), tick(5, 0), stopped("a"), started("b"), tick(0, 0)]), [""; 0]);
    }

    #[test]
    fn a_doubled_a_missing_a_backward_and_a_wrong_tick_are_found() {
        check_story(&[started("a"), tick(1, 0), tick(1, 0)], "doubled");
        check_story(&[started("a"), tick(1, 0), tick(3, 0)], "missing");
        check_story(&[started("a"), tick(3, 0), tick(1, 1)], "backward");
        check_story(&[tick(1, 0)], "no session");
        check_story(&[started("a"), tick(1, 0), stopped("a"), tick(2, 0)], "no session");
        let sum = json!({ "type": "tick", "elapsedSeconds": 3, "activeSeconds": 1, "idleSeconds": 1 });
        check_story(&[started("a"), sum], "do not add up");
    }

    #[test]
    fn a_second_may_be_shown_twice_only_about_a_pause() {
        let ticks = [started("a"), tick(1, 0), tick(1, 0)];
        let mut person = person(&ticks);
        let exchange = Exchange { sent: Duration::from_millis(150), answered: Some(Duration::from_millis(160)) };
        person.sessions[0].statuses.push(StatusChange { is_pause: true, exchange, is_repeated: false });
        assert_eq!(check(&person, SuspendedInvariants::default(), &[]), [""; 0]);
    }

    #[track_caller]
    fn check_story(messages: &[Value], what: &str) {
        let found = found(messages);
        assert!(found.len() == 1 && found[0].contains(what), "{found:?}");
    }

    fn found(messages: &[Value]) -> Vec<String> {
        check(&person(messages), SuspendedInvariants::default(), &[])
    }

    fn person(messages: &[Value]) -> FocusState {
        let events = std::iter::once(Event::Opened(0)).chain(messages.iter().cloned().map(Event::Received));
        let device = FocusDevice { record: Record::example(events), pending: None, tracked: None, ticked_at: None };
        let mut person = FocusState::of("ann", vec![device]);
        let log = |id: &str| SessionLog { id: id.to_owned(), ..SessionLog::default() };
        person.sessions.extend(["a", "b"].map(log));
        person
    }

    fn started(id: &str) -> Value {
        json!({ "type": "started", "sessionId": id })
    }

    fn stopped(id: &str) -> Value {
        json!({ "type": "stopped", "sessionId": id, "focusScore": 0 })
    }

    fn tick(active: u64, idle: u64) -> Value {
        json!({ "type": "tick", "elapsedSeconds": active + idle, "activeSeconds": active, "idleSeconds": idle })
    }
}
