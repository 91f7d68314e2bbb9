//! What a client does: commands whose effect can be told from the final state.
//!
//! Each client has sessions of its own, on which each of its commands changes something: they count. The
//! clients of some users also race for one shared session; there only their own goals count.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use serde_json::{Value, json};

/// Most sessions of a client.
const SESSIONS_MAX: usize = 3;

/// Most goals of a client on one session.
const GOALS_MAX: usize = 5;

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    Paused,
    Stopped,
}

/// What a client's acknowledged commands have made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Made {
    /// Its own sessions.
    pub(crate) sessions: BTreeMap<String, Phase>,
    /// Its goals by session, the shared one too.
    pub(crate) goals: BTreeSet<(String, String)>,
}

/// Makes a client's commands.
pub(crate) struct Plan {
    client: String,
    random: Rng,
    made: Made,
    /// The session that the user's clients race for, if they do, and whether this one has started it.
    shared: Option<(String, bool)>,
    count: u32,
}

impl Phase {
    /// Returns the phase of a `SessionState`.
    pub(crate) fn of(session: &Value) -> Self {
        match (&session["running"], &session["pausedAt"]) {
            (Value::Bool(true), _) => Self::Running,
            (_, Value::Number(_)) => Self::Paused,
            _ => Self::Stopped,
        }
    }
}

impl Made {
    /// Takes in a command that was carried out.
    pub(crate) fn apply(&mut self, command: &Value) {
        let payload = &command["payload"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let session = text(&payload["sessionId"]);
        let phase = match command["type"].as_str() {
            Some("session-start" | "session-resume") => Phase::Running,
            Some("session-pause") => Phase::Paused,
            Some("session-stop") => Phase::Stopped,
            Some("session-attach") => {
                self.goals.insert((session, text(&payload["goal"]["id"])));
                return;
            }
            Some("session-detach") => {
                self.goals.remove(&(session, text(&payload["goalId"])));
                return;
            }
            Some(_) | None => return self.forget(&session),
        };
        if !is_shared(&session) {
            self.sessions.insert(session, phase);
        }
    }

    /// Forgets a session.
    pub(crate) fn forget(&mut self, session: &str) {
        self.sessions.remove(session);
        self.goals.retain(|(of, _)| of != session);
    }
}

impl Plan {
    /// Makes the plan of a client, which races for its user's shared session or not.
    pub(crate) fn new(client: &str, user: &str, races: bool, seed: u64) -> Self {
        let shared = races.then(|| (format!("{user}-shared"), false));
        Self { client: client.to_owned(), random: Rng::with_seed(seed), made: Made::default(), shared, count: 0 }
    }

    /// Makes the next command.
    pub(crate) fn next(&mut self) -> Value {
        self.count += 1;
        let (kind, payload) = self.choose();
        json!({ "type": kind, "id": format!("{}-{}", self.client, self.count), "payload": payload })
    }

    /// Takes in that a command was acknowledged.
    pub(crate) fn done(&mut self, command: &Value) {
        self.made.apply(command);
    }

    /// Takes in that a session is not there any more.
    pub(crate) fn lost(&mut self, session: &str) {
        self.made.forget(session);
        if let Some((shared, started)) = &mut self.shared
            && shared == session
        {
            *started = false;
        }
    }

    /// Returns a random number below another.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.random.u64(0..end)
    }

    fn choose(&mut self) -> (&'static str, Value) {
        if let Some((shared, started)) = &mut self.shared {
            let shared = shared.clone();
            if !std::mem::replace(started, true) {
                return ("session-start", json!({ "sessionId": shared, "label": "ours" }));
            }
            if self.random.bool() {
                return self.race(shared);
            }
        }
        let nth = self.random.usize(0..=self.made.sessions.len());
        let Some((session, phase)) = self.made.sessions.iter().nth(nth).map(|(id, phase)| (id.clone(), *phase)) else {
            return self.begin_or_remove();
        };
        match (self.random.u8(0..6), phase) {
            (0 | 1, _) => self.goal(session),
            (2, _) if nth > 0 => ("session-remove", json!({ "sessionId": session })),
            (3, Phase::Running | Phase::Paused) => ("session-stop", json!({ "sessionId": session })),
            (_, Phase::Running) => ("session-pause", json!({ "sessionId": session })),
            (_, Phase::Paused) => ("session-resume", json!({ "sessionId": session })),
            (_, Phase::Stopped) => ("session-start", json!({ "sessionId": session, "label": "again" })),
        }
    }

    fn begin_or_remove(&mut self) -> (&'static str, Value) {
        if self.made.sessions.len() == SESSIONS_MAX
            && let Some(session) = self.made.sessions.keys().next()
        {
            return ("session-remove", json!({ "sessionId": session }));
        }
        let session = format!("{}-{}", self.client, self.count);
        ("session-start", json!({ "sessionId": session, "label": "first" }))
    }

    fn race(&mut self, session: String) -> (&'static str, Value) {
        match self.random.u8(0..5) {
            0 => ("session-pause", json!({ "sessionId": session })),
            1 => ("session-resume", json!({ "sessionId": session })),
            2 => ("session-stop", json!({ "sessionId": session })),
            _ => self.goal(session),
        }
    }

    /// Attaches a goal, or takes one off.
    fn goal(&mut self, session: String) -> (&'static str, Value) {
        let mine: Vec<&String> =
            self.made.goals.iter().filter(|(of, _)| *of == session).map(|(_, goal)| goal).collect();
        if mine.len() == GOALS_MAX || (!mine.is_empty() && self.random.u8(0..3) == 0) {
            let goal = mine[self.random.usize(0..mine.len())];
            return ("session-detach", json!({ "sessionId": session, "goalId": goal }));
        }
        let goal = json!({ "id": format!("goal-{}-{}", self.client, self.count), "title": "x" });
        ("session-attach", json!({ "sessionId": session, "goal": goal }))
    }
}

/// Says whether a session is one that several clients race for.
pub(crate) fn is_shared(session: &str) -> bool {
    session.ends_with("-shared")
}

/// Says whether a command changes something whatever others do.
pub(crate) fn counts(command: &Value) -> bool {
    let is_goal = matches!(command["type"].as_str(), Some("session-attach" | "session-detach"));
    is_goal || !command["payload"]["sessionId"].as_str().is_some_and(is_shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_commands_and_each_counts_or_races() {
        let story = |seed| {
            let mut plan = Plan::new("u-0", "u", true, seed);
            let mut story = Vec::new();
            for _ in 0..200 {
                let command = plan.next();
                plan.done(&command);
                story.push(command);
            }
            (story, plan.made)
        };
        let (first, made) = story(1);
        assert_eq!(story(1), (first.clone(), made.clone()));
        assert_ne!(story(2).0, first);
        assert!(made.sessions.len() <= SESSIONS_MAX && made.goals.len() <= (SESSIONS_MAX + 1) * GOALS_MAX);
        let (counting, racing): (Vec<_>, Vec<_>) = first.iter().partition(|command| counts(command));
        assert!(counting.len() > 100 && racing.len() > 20);
        for kind in ["start", "stop", "pause", "resume", "remove", "attach", "detach"] {
            let kind = format!("session-{kind}");
            assert!(counting.iter().any(|command| command["type"] == *kind), "{kind}");
        }
    }

    #[test]
    fn a_lost_session_is_not_asked_for_again() {
        let mut plan = Plan::new("u-0", "u", true, 1);
        let first = plan.next();
        assert_eq!(first["payload"]["sessionId"], "u-shared");
        plan.done(&first);
        plan.lost("u-shared");
        assert_eq!(plan.next()["type"], "session-start");
    }
}
