//! What a library client displays of its own sessions changes by its commands alone: no effect vanishes again for a moment.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::record::{Entry, Event, Record};
use crate::workload::{ExpectedState, Phase};

/// Returns the displays that contradict the acknowledged commands of a client that sends some.
pub(super) fn check(record: &Record) -> Vec<String> {
    let mut expected = ExpectedState::default();
    let mut pending: Option<&Value> = None;
    let mut unknown: BTreeSet<&str> = BTreeSet::new();
    let mut violations = Vec::new();
    for Entry { at, event } in &record.entries {
        match event {
            Event::Sent(command) => pending = Some(command),
            Event::Received(message) if message["type"] == "ack" => {
                if let Some(command) = pending.take() {
                    expected.apply(command);
                }
            }
            // The command may have been carried out all the same, now or later, so that nothing is known of its session.
            Event::Received(message) if message["type"] == "error" => {
                if let Some(session) = pending.take().and_then(session_id) {
                    expected.remove_session(session);
                    unknown.insert(session);
                }
            }
            Event::Received(message) if message["type"] == "display" => {
                let open = pending.and_then(session_id);
                let is_exempt = |id: &str| open == Some(id) || unknown.contains(id);
                let found = contradiction(record, &expected, is_exempt, &message["sessions"]);
                violations.extend(found.map(|session| format!("effect undone: {session} at {at:?}: {message}")));
            }
            Event::Received(_) | Event::Opened(_) | Event::Closed(_) => {}
        }
    }
    violations
}

fn session_id(command: &Value) -> Option<&str> {
    command["payload"]["sessionId"].as_str()
}

/// Returns a session of the client that is not displayed as its commands have left it. Those that are exempt may differ.
fn contradiction(
    record: &Record,
    expected: &ExpectedState,
    is_exempt: impl Fn(&str) -> bool,
    displayed: &Value,
) -> Option<String> {
    let own = format!("{}-", record.client);
    let displayed = displayed.as_array().into_iter().flatten();
    let displayed: Vec<(&str, bool)> = displayed
        .filter_map(|session| Some((session["sessionId"].as_str()?, session["running"] == true)))
        .filter(|(id, _)| id.starts_with(&own))
        .collect();
    let wanted = |id: &str| expected.sessions.get(id).map(|phase| *phase == Phase::Running);
    let shown = |id: &str| displayed.iter().find(|(shown, _)| *shown == id).map(|(_, running)| *running);
    let ids = expected.sessions.keys().map(String::as_str).chain(displayed.iter().map(|(id, _)| *id));
    ids.filter(|id| !is_exempt(id)).find(|id| wanted(id) != shown(id)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_effect_that_stays_passes_and_one_that_vanishes_is_found() {
        let (start, pause) = (command("session-start"), command("session-pause"));
        let before = [Event::Sent(start), display(&[]), display(&[true]), ack(), display(&[true])];
        assert_eq!(found(&[&before[..], &[Event::Sent(pause.clone()), display(&[false]), ack()]].concat()), 0);
        assert_eq!(found(&[&before[..], &[display(&[]), display(&[true])]].concat()), 1, "the session is gone");
        let resumed = [Event::Sent(pause), ack(), display(&[false]), display(&[true])];
        assert_eq!(found(&[&before[..], &resumed].concat()), 1, "it runs again");
    }

    #[test]
    fn a_command_of_unknown_outcome_may_have_had_its_effect_and_another_session_is_still_judged() {
        let (start, pause) = (command("session-start"), command("session-pause"));
        let started = [Event::Sent(start), ack(), display(&[true])];
        let failed = [Event::Sent(pause), failure()];
        for after in [display(&[false]), display(&[true]), display(&[])] {
            assert_eq!(found(&[&started[..], &failed, &[after]].concat()), 0);
        }
        let other = json!({ "type": "session-start", "id": "u-0-2", "payload": { "sessionId": "u-0-2" } });
        let events = [&started[..], &failed, &[Event::Sent(other), ack(), display(&[false])]].concat();
        assert_eq!(found(&events), 1, "the other session is gone");
    }

    fn found(events: &[Event]) -> usize {
        check(&Record::example(events.iter().cloned())).len()
    }

    fn command(kind: &str) -> Value {
        json!({ "type": kind, "id": "u-0-1", "payload": { "sessionId": "u-0-1" } })
    }

    fn ack() -> Event {
        Event::Received(json!({ "type": "ack", "id": "u-0-1", "rev": 1 }))
    }

    fn failure() -> Event {
        Event::Received(json!({ "type": "error", "id": "u-0-1", "payload": { "code": "NoAnswer" } }))
    }

    /// A display of at most one session of the client, and one of another client.
    fn display(running: &[bool]) -> Event {
        let own = running.iter().map(|running| json!({ "sessionId": "u-0-1", "running": running }));
        let sessions: Vec<Value> = own.chain([json!({ "sessionId": "u-1-1", "running": true })]).collect();
        Event::Received(json!({ "type": "display", "sessions": sessions }))
    }
}
