//! Every acknowledged command is in the store exactly once, and its change was delivered before the acknowledgement.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::record::{Event, Record};
use crate::view::View;
use crate::workload::{ExpectedState, Phase, has_certain_effect, is_shared};

/// Returns the violations of all clients of all users.
pub(super) fn check(records: &[Record], stored: &BTreeMap<String, View>) -> Vec<String> {
    let nothing = View::default();
    let users: BTreeSet<&str> = records.iter().map(|record| record.user.as_str()).collect();
    users
        .into_iter()
        .flat_map(|user| {
            let records = records.iter().filter(|record| record.user == user);
            check_user(user, &records.collect::<Vec<_>>(), stored.get(user).unwrap_or(&nothing))
        })
        .collect()
}

/// The commands of one client and their effects.
#[derive(Default)]
struct CommandTrace {
    expected: ExpectedState,
    /// Revision of each command with a certain effect.
    counted: BTreeMap<String, u64>,
    /// Number of commands that may or may not have made a revision.
    uncertain: u64,
    /// The command without a final reply.
    pending: Option<Value>,
    /// Accumulated time and, if running, the start of each own session.
    runs: BTreeMap<String, (u64, Option<u64>)>,
    violations: Vec<String>,
}

fn check_user(user: &str, records: &[&Record], stored: &View) -> Vec<String> {
    let mut violations = Vec::new();
    let mut by_revision: BTreeMap<u64, String> = BTreeMap::new();
    let (mut certain, mut uncertain) = (0, 0);
    for record in records {
        let trace = trace(record);
        let name = |violation: String| format!("{}: {violation}", record.client);
        violations.extend(trace.violations.iter().cloned().map(name));
        violations.extend(missing(&trace, &record.client, stored).into_iter().map(name));
        certain += trace.counted.len() as u64;
        uncertain += trace.uncertain + u64::from(trace.pending.is_some());
        for (id, rev) in trace.counted {
            if let Some(other) = by_revision.insert(rev, id.clone()) {
                violations.push(format!("{user}: rev {rev} acknowledges both {other} and {id}"));
            }
        }
    }
    if !(certain..=certain + uncertain).contains(&stored.rev) {
        let most = certain + uncertain;
        violations.push(format!(
            "{user}: {certain} commands were acknowledged as changes and {most} are possible, but there were {}",
            stored.rev
        ));
    }
    violations
}

fn trace(record: &Record) -> CommandTrace {
    let mut trace = CommandTrace::default();
    let mut view = View::default();
    for entry in &record.entries {
        match &entry.event {
            Event::Sent(command) => trace.pending = Some(command.clone()),
            Event::Received(message) => {
                if !view.apply(message) {
                    trace.receive(message, &view);
                }
            }
            Event::Opened(_) | Event::Closed(_) => {}
        }
    }
    trace
}

impl CommandTrace {
    fn receive(&mut self, message: &Value, view: &View) {
        let is_ack = message["type"] == "ack";
        if !is_ack && message["payload"]["retry"] != false {
            return;
        }
        let Some(id) = message["id"].as_str() else {
            return self.violations.push(format!("refused: {message}"));
        };
        let rev = message["rev"].as_u64().unwrap_or_default();
        if let Some(before) = self.counted.get(id) {
            if is_ack && *before != rev {
                self.violations.push(format!("twice: {id} was acknowledged by rev {before} and {rev}"));
            }
            return;
        }
        let Some(command) = self.pending.take_if(|command| command["id"] == id) else { return };
        if !is_ack {
            return self.violations.push(format!("refused: {command} by {message}"));
        }
        if has_certain_effect(&command) {
            self.counted.insert(id.to_owned(), rev);
        } else {
            self.uncertain += 1;
        }
        self.expected.apply(&command);
        if let Some(what) = self.check_display(&command, view) {
            self.violations.push(format!("not seen before its ack: {what}: {command}, then {message}"));
        }
    }

    /// Checks that the client sees the effect of its command, and the correct time.
    fn check_display(&mut self, command: &Value, view: &View) -> Option<String> {
        let id = command["payload"]["sessionId"].as_str()?;
        if let Some(goal) = command["payload"]["goal"]["id"].as_str() {
            let is_there = view.sessions.get(id).is_some_and(|session| goals(session).any(|seen| seen == goal));
            return (!is_there).then(|| format!("{goal} is not there"));
        }
        if is_shared(id) {
            return None;
        }
        let session = view.sessions.get(id);
        let Some(phase) = self.expected.sessions.get(id) else {
            self.runs.remove(id);
            return session.map(|session| format!("still there: {session}"));
        };
        let Some(session) = session else { return Some(format!("{id} is not there")) };
        if Phase::of(session) != *phase {
            return Some(format!("it is not {phase:?}: {session}"));
        }
        let number = |name: &str| session[name].as_u64().unwrap_or_default();
        let accumulated_ms = number("accumulatedMs");
        let (before_ms, since) = self.runs.get(id).copied().unwrap_or_default();
        let ended_at = number("pausedAt").max(number("endedAt"));
        let run_ms = match since {
            Some(since) if *phase != Phase::Running => ended_at.saturating_sub(since),
            Some(_) | None => 0,
        };
        let since = (*phase == Phase::Running).then(|| number("startedAt"));
        self.runs.insert(id.to_owned(), (accumulated_ms, since));
        let right_ms = before_ms + run_ms;
        (accumulated_ms != right_ms).then(|| format!("accumulated should be {right_ms}: {session}"))
    }
}

/// Compares the expected state of a client's commands with the store.
fn missing(trace: &CommandTrace, client: &str, stored: &View) -> Vec<String> {
    let open = trace.pending.as_ref().and_then(|command| command["payload"]["sessionId"].as_str());
    let mut violations = Vec::new();
    let own = format!("{client}-");
    let is_certain = |id: &str| Some(id) != open;
    let ids = stored.sessions.keys().filter(|id| id.starts_with(&own)).chain(trace.expected.sessions.keys());
    for id in ids.filter(|id| is_certain(id)).collect::<BTreeSet<_>>() {
        let (wanted, there) = (trace.expected.sessions.get(id).copied(), stored.sessions.get(id).map(Phase::of));
        if wanted != there {
            violations.push(format!("lost or undone: {id} should be {wanted:?} and is {there:?}"));
        }
    }
    let mine = format!("goal-{client}-");
    let there: BTreeSet<(String, String)> = stored
        .sessions
        .iter()
        .flat_map(|(id, session)| goals(session).map(move |goal| (id.clone(), goal.to_owned())))
        .filter(|(_, goal)| goal.starts_with(&mine))
        .collect();
    for (session, goal) in there.symmetric_difference(&trace.expected.goals).filter(|(id, _)| is_certain(id)) {
        let wanted = trace.expected.goals.contains(&(session.clone(), goal.clone()));
        let what = if wanted { "lost" } else { "undone" };
        violations.push(format!("{what}: {goal} of {session}"));
    }
    violations
}

fn goals(session: &Value) -> impl Iterator<Item = &str> {
    session["goals"].as_array().into_iter().flatten().filter_map(|goal| goal["id"].as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn acknowledged_commands_that_are_stored_once_pass() {
        assert_eq!(found(&events(), &stored(4)), [""; 0]);
    }

    #[test]
    fn a_lost_command_is_found() {
        let mut without_goal = stored(4);
        without_goal.sessions.get_mut("u-0-1").unwrap()["goals"] = json!([]);
        check_found(&events(), &without_goal, "lost: goal-u-0-2");
        let mut without_session = stored(4);
        without_session.sessions.clear();
        assert_eq!(found(&events(), &without_session).len(), 2, "the session and its goal");
        check_found(&events(), &stored(3), "acknowledged as changes");
    }

    #[test]
    fn a_command_that_was_executed_twice_is_found() {
        check_found(&events(), &stored(5), "acknowledged as changes");
        let mut events = events();
        events.push(received(json!({ "type": "ack", "id": "u-0-4", "rev": 5 })));
        check_found(&events, &stored(4), "twice");
    }

    #[test]
    fn an_undone_command_is_found() {
        let mut stored = stored(4);
        stored.sessions.insert("u-0-9".to_owned(), session(true, 0));
        check_found(&events(), &stored, "undone");
    }

    #[test]
    fn two_commands_with_one_revision_are_found() {
        let mut events = events();
        events.extend([
            Event::Sent(command(5, "attach", json!({ "goal": { "id": "goal-u-0-2" } }))),
            received(json!({ "type": "ack", "id": "u-0-5", "rev": 4 })),
        ]);
        let found = found(&events, &stored(5));
        assert!(found.iter().any(|violation| violation.contains("both")), "{found:?}");
    }

    #[test]
    fn a_rejection_an_undelivered_change_and_a_wrong_time_are_found() {
        let refused = json!({ "type": "error", "id": "u-0-4", "payload": { "code": "limit", "retry": false } });
        let mut refusal = events();
        refusal.truncate(refusal.len() - 2);
        refusal.push(received(refused));
        assert!(found(&refusal, &stored(3)).iter().any(|violation| violation.contains("refused")));

        let mut unseen = events();
        unseen.remove(unseen.len() - 2);
        check_found(&unseen, &stored(4), "not seen before its ack");

        let mut wrong = events();
        wrong[10] = received(update(paused(401), 4));
        check_found(&wrong, &stored(4), "accumulated should be 400");
    }

    #[test]
    fn a_command_without_a_reply_may_be_stored_or_not() {
        let mut events = events();
        events.push(Event::Sent(command(5, "remove", json!({}))));
        assert_eq!(found(&events, &stored(4)), [""; 0]);
        let gone = View { rev: 5, sessions: BTreeMap::new() };
        assert_eq!(found(&events, &gone), [""; 0]);
    }

    /// A session is started, gets a goal, which is acknowledged only on a second connection, and another one that is
    /// removed; then the session is paused.
    fn events() -> Vec<Event> {
        let goal = json!({ "goal": { "id": "goal-u-0-2", "title": "x" } });
        vec![
            Event::Opened(0),
            Event::Sent(command(1, "start", json!({ "label": "x" }))),
            received(update(session(true, 0), 1)),
            received(json!({ "type": "ack", "id": "u-0-1", "rev": 1 })),
            Event::Sent(command(2, "attach", goal.clone())),
            Event::Opened(1),
            received(json!({ "type": "ready", "payload": [with_goal(session(true, 0))], "rev": 2 })),
            Event::Sent(command(2, "attach", goal)),
            received(json!({ "type": "ack", "id": "u-0-2", "rev": 2 })),
            Event::Sent(command(4, "pause", json!({}))),
            received(update(paused(400), 4)),
            received(json!({ "type": "ack", "id": "u-0-4", "rev": 4 })),
        ]
    }

    fn stored(rev: u64) -> View {
        View { rev, sessions: BTreeMap::from([("u-0-1".to_owned(), paused(400))]) }
    }

    fn paused(accumulated_ms: u64) -> Value {
        let mut session = with_goal(session(false, accumulated_ms));
        session["pausedAt"] = json!(500);
        session
    }

    fn session(running: bool, accumulated_ms: u64) -> Value {
        json!({ "sessionId": "u-0-1", "running": running, "startedAt": 100, "accumulatedMs": accumulated_ms, "goals": [] })
    }

    fn with_goal(mut session: Value) -> Value {
        session["goals"] = json!([{ "id": "goal-u-0-2", "title": "x" }]);
        session
    }

    fn update(session: Value, rev: u64) -> Value {
        json!({ "type": "session-update", "payload": session, "rev": rev })
    }

    fn received(message: Value) -> Event {
        Event::Received(message)
    }

    fn command(nth: u64, kind: &str, mut payload: Value) -> Value {
        payload["sessionId"] = json!("u-0-1");
        json!({ "type": format!("session-{kind}"), "id": format!("u-0-{nth}"), "payload": payload })
    }

    #[track_caller]
    fn check_found(events: &[Event], stored: &View, what: &str) {
        let found = found(events, stored);
        assert!(found.len() == 1 && found[0].contains(what), "{found:?}");
    }

    /// Checks one client beside another one, whose only command has no effect on this client.
    fn found(events: &[Event], stored: &View) -> Vec<String> {
        let other = Record {
            client: "u-1".to_owned(),
            ..Record::example([
                Event::Sent(json!({ "type": "session-detach", "id": "u-1-1", "payload": { "sessionId": "u-shared" } })),
                received(json!({ "type": "ack", "id": "u-1-1", "rev": 3 })),
            ])
        };
        let records = [Record::example(events.iter().cloned()), other];
        check(&records, &BTreeMap::from([("u".to_owned(), stored.clone())]))
    }
}
