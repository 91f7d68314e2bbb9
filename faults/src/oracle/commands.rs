//! What was acknowledged is in the store, exactly once, and was seen before its acknowledgement.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::plan::{Made, Phase, counts, is_shared};
use crate::record::{Record, What};
use crate::view::View;

/// Finds violations in the stories of all clients of all users.
pub(super) fn check(records: &[Record], truth: &BTreeMap<String, View>) -> Vec<String> {
    let nothing = View::default();
    let users: BTreeSet<&str> = records.iter().map(|record| record.user.as_str()).collect();
    users
        .into_iter()
        .flat_map(|user| {
            let records = records.iter().filter(|record| record.user == user);
            check_user(user, &records.collect::<Vec<_>>(), truth.get(user).unwrap_or(&nothing))
        })
        .collect()
}

/// What one client's commands came to.
#[derive(Default)]
struct Story {
    made: Made,
    /// Revision of each command that counts.
    counted: BTreeMap<String, u64>,
    /// How many commands may have made a revision or not.
    uncertain: u64,
    /// What was never answered for good.
    pending: Option<Value>,
    /// Per own session, its accumulated time and, if it runs, since when.
    runs: BTreeMap<String, (u64, Option<u64>)>,
    violations: Vec<String>,
}

fn check_user(user: &str, records: &[&Record], truth: &View) -> Vec<String> {
    let mut violations = Vec::new();
    let mut by_revision: BTreeMap<u64, String> = BTreeMap::new();
    let (mut certain, mut uncertain) = (0, 0);
    for record in records {
        let story = tell(record);
        let name = |violation: String| format!("{}: {violation}", record.client);
        violations.extend(story.violations.iter().cloned().map(name));
        violations.extend(missing(&story, &record.client, truth).into_iter().map(name));
        certain += story.counted.len() as u64;
        uncertain += story.uncertain + u64::from(story.pending.is_some());
        for (id, rev) in story.counted {
            if let Some(other) = by_revision.insert(rev, id.clone()) {
                violations.push(format!("{user}: rev {rev} acknowledges both {other} and {id}"));
            }
        }
    }
    if !(certain..=certain + uncertain).contains(&truth.rev) {
        let most = certain + uncertain;
        violations.push(format!(
            "{user}: {certain} commands were acknowledged as changes and {most} are possible, but there were {}",
            truth.rev
        ));
    }
    violations
}

fn tell(record: &Record) -> Story {
    let mut story = Story::default();
    let mut view = View::default();
    for entry in &record.entries {
        match &entry.what {
            What::Said(command) => story.pending = Some(command.clone()),
            What::Heard(message) => {
                if !view.apply(message) {
                    story.hear(message, &view);
                }
            }
            What::Opened(_) | What::Ended(_) => {}
        }
    }
    story
}

impl Story {
    fn hear(&mut self, message: &Value, view: &View) {
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
        if counts(&command) {
            self.counted.insert(id.to_owned(), rev);
        } else {
            self.uncertain += 1;
        }
        self.made.apply(&command);
        if let Some(what) = self.look(&command, view) {
            self.violations.push(format!("not seen before its ack: {what}: {command}, then {message}"));
        }
    }

    /// Sees that a client has the effect of its command on the screen, and the right time.
    fn look(&mut self, command: &Value, view: &View) -> Option<String> {
        let id = command["payload"]["sessionId"].as_str()?;
        if let Some(goal) = command["payload"]["goal"]["id"].as_str() {
            let is_there = view.sessions.get(id).is_some_and(|session| goals(session).any(|seen| seen == goal));
            return (!is_there).then(|| format!("{goal} is not there"));
        }
        if is_shared(id) {
            return None;
        }
        let session = view.sessions.get(id);
        let Some(phase) = self.made.sessions.get(id) else {
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

/// Compares what a client's commands made with what there is.
fn missing(story: &Story, client: &str, truth: &View) -> Vec<String> {
    let open = story.pending.as_ref().and_then(|command| command["payload"]["sessionId"].as_str());
    let mut violations = Vec::new();
    let own = format!("{client}-");
    let is_certain = |id: &str| Some(id) != open;
    let ids = truth.sessions.keys().filter(|id| id.starts_with(&own)).chain(story.made.sessions.keys());
    for id in ids.filter(|id| is_certain(id)).collect::<BTreeSet<_>>() {
        let (wanted, there) = (story.made.sessions.get(id).copied(), truth.sessions.get(id).map(Phase::of));
        if wanted != there {
            violations.push(format!("lost or undone: {id} should be {wanted:?} and is {there:?}"));
        }
    }
    let mine = format!("goal-{client}-");
    let there: BTreeSet<(String, String)> = truth
        .sessions
        .iter()
        .flat_map(|(id, session)| goals(session).map(move |goal| (id.clone(), goal.to_owned())))
        .filter(|(_, goal)| goal.starts_with(&mine))
        .collect();
    for (session, goal) in there.symmetric_difference(&story.made.goals).filter(|(id, _)| is_certain(id)) {
        let wanted = story.made.goals.contains(&(session.clone(), goal.clone()));
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
    fn what_was_acknowledged_and_is_there_once_passes() {
        assert_eq!(found(&told(), &truth(4)), [""; 0]);
    }

    #[test]
    fn a_lost_command_is_found() {
        let mut without_goal = truth(4);
        without_goal.sessions.get_mut("u-0-1").unwrap()["goals"] = json!([]);
        check_found(&told(), &without_goal, "lost: goal-u-0-2");
        let mut without_session = truth(4);
        without_session.sessions.clear();
        assert_eq!(found(&told(), &without_session).len(), 2, "the session and its goal");
        check_found(&told(), &truth(3), "acknowledged as changes");
    }

    #[test]
    fn a_command_that_was_carried_out_twice_is_found() {
        check_found(&told(), &truth(5), "acknowledged as changes");
        let mut told = told();
        told.push(heard(json!({ "type": "ack", "id": "u-0-4", "rev": 5 })));
        check_found(&told, &truth(4), "twice");
    }

    #[test]
    fn a_command_that_comes_back_is_found() {
        let mut truth = truth(4);
        truth.sessions.insert("u-0-9".to_owned(), session(true, 0));
        check_found(&told(), &truth, "undone");
    }

    #[test]
    fn two_commands_of_one_revision_are_found() {
        let mut told = told();
        told.extend([
            What::Said(command(5, "attach", json!({ "goal": { "id": "goal-u-0-2" } }))),
            heard(json!({ "type": "ack", "id": "u-0-5", "rev": 4 })),
        ]);
        let found = found(&told, &truth(5));
        assert!(found.iter().any(|violation| violation.contains("both")), "{found:?}");
    }

    #[test]
    fn a_refusal_and_a_change_not_seen_and_a_wrong_time_are_found() {
        let refused = json!({ "type": "error", "id": "u-0-4", "payload": { "code": "limit", "retry": false } });
        let mut refusal = told();
        refusal.truncate(refusal.len() - 2);
        refusal.push(heard(refused));
        assert!(found(&refusal, &truth(3)).iter().any(|violation| violation.contains("refused")));

        let mut unseen = told();
        unseen.remove(unseen.len() - 2);
        check_found(&unseen, &truth(4), "not seen before its ack");

        let mut wrong = told();
        wrong[10] = heard(update(paused(401), 4));
        check_found(&wrong, &truth(4), "accumulated should be 400");
    }

    #[test]
    fn what_was_never_answered_may_be_there_or_not() {
        let mut told = told();
        told.push(What::Said(command(5, "remove", json!({}))));
        assert_eq!(found(&told, &truth(4)), [""; 0]);
        let gone = View { rev: 5, sessions: BTreeMap::new() };
        assert_eq!(found(&told, &gone), [""; 0]);
    }

    /// A session is begun, gets a goal, which was answered only by a second connection, and another that is
    /// taken off; then it is paused.
    fn told() -> Vec<What> {
        let goal = json!({ "goal": { "id": "goal-u-0-2", "title": "x" } });
        vec![
            What::Opened(0),
            What::Said(command(1, "start", json!({ "label": "x" }))),
            heard(update(session(true, 0), 1)),
            heard(json!({ "type": "ack", "id": "u-0-1", "rev": 1 })),
            What::Said(command(2, "attach", goal.clone())),
            What::Opened(1),
            heard(json!({ "type": "ready", "payload": [with_goal(session(true, 0))], "rev": 2 })),
            What::Said(command(2, "attach", goal)),
            heard(json!({ "type": "ack", "id": "u-0-2", "rev": 2 })),
            What::Said(command(4, "pause", json!({}))),
            heard(update(paused(400), 4)),
            heard(json!({ "type": "ack", "id": "u-0-4", "rev": 4 })),
        ]
    }

    fn truth(rev: u64) -> View {
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

    fn heard(message: Value) -> What {
        What::Heard(message)
    }

    fn command(nth: u64, kind: &str, mut payload: Value) -> Value {
        payload["sessionId"] = json!("u-0-1");
        json!({ "type": format!("session-{kind}"), "id": format!("u-0-{nth}"), "payload": payload })
    }

    #[track_caller]
    fn check_found(told: &[What], truth: &View, what: &str) {
        let found = found(told, truth);
        assert!(found.len() == 1 && found[0].contains(what), "{found:?}");
    }

    /// Judges one client beside another, whose one command had no effect that is seen here.
    fn found(told: &[What], truth: &View) -> Vec<String> {
        let other = Record {
            client: "u-1".to_owned(),
            ..Record::made_up([
                What::Said(json!({ "type": "session-detach", "id": "u-1-1", "payload": { "sessionId": "u-shared" } })),
                heard(json!({ "type": "ack", "id": "u-1-1", "rev": 3 })),
            ])
        };
        let records = [Record::made_up(told.iter().cloned()), other];
        check(&records, &BTreeMap::from([("u".to_owned(), truth.clone())]))
    }
}
