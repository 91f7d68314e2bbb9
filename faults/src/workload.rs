//! The workload of a client: commands whose effect is visible in the final state.
//!
//! Each client has its own sessions, on which each command has a certain effect. The clients of some users also
//! race for one shared session, where only the effect on their own goals is certain.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use serde_json::{Value, json};

/// Most sessions of a client.
const SESSIONS_MAX: usize = 3;

/// Most goals of a client on one session.
const GOALS_MAX: usize = 5;

/// The phase of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    Paused,
    Stopped,
}

/// The expected state after a client's acknowledged commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExpectedState {
    /// The client's own sessions.
    pub(crate) sessions: BTreeMap<String, Phase>,
    /// The client's goals by session, including the shared one.
    pub(crate) goals: BTreeSet<(String, String)>,
}

/// Generates the commands of a client.
pub(crate) struct Workload {
    client: String,
    random: Rng,
    expected: ExpectedState,
    /// The shared session of the user's clients, if any, and whether this client has started it.
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

impl ExpectedState {
    /// Applies an executed command.
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
            Some(_) | None => return self.remove_session(&session),
        };
        if !is_shared(&session) {
            self.sessions.insert(session, phase);
        }
    }

    /// Removes a session.
    pub(crate) fn remove_session(&mut self, session: &str) {
        self.sessions.remove(session);
        self.goals.retain(|(of, _)| of != session);
    }
}

impl Workload {
    /// Makes the workload of a client, with or without the user's shared session.
    pub(crate) fn new(client: &str, user: &str, races: bool, seed: u64) -> Self {
        let shared = races.then(|| (format!("{user}-shared"), false));
        Self {
            client: client.to_owned(),
            random: Rng::with_seed(seed),
            expected: ExpectedState::default(),
            shared,
            count: 0,
        }
    }

    /// Returns the next command.
    pub(crate) fn next(&mut self) -> Value {
        self.count += 1;
        let (kind, payload) = self.choose();
        json!({ "type": kind, "id": format!("{}-{}", self.client, self.count), "payload": payload })
    }

    /// Records that a command was acknowledged.
    pub(crate) fn done(&mut self, command: &Value) {
        self.expected.apply(command);
    }

    /// Records that a session does not exist any more.
    pub(crate) fn lost(&mut self, session: &str) {
        self.expected.remove_session(session);
        if let Some((shared, started)) = &mut self.shared
            && shared == session
        {
            *started = false;
        }
    }

    /// Returns a random number below a limit.
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
        let nth = self.random.usize(0..=self.expected.sessions.len());
        let Some((session, phase)) = self.expected.sessions.iter().nth(nth).map(|(id, phase)| (id.clone(), *phase))
        else {
            return self.start_or_remove();
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

    fn start_or_remove(&mut self) -> (&'static str, Value) {
        if self.expected.sessions.len() == SESSIONS_MAX
            && let Some(session) = self.expected.sessions.keys().next()
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

    /// Attaches or detaches a goal.
    fn goal(&mut self, session: String) -> (&'static str, Value) {
        let mine: Vec<&String> =
            self.expected.goals.iter().filter(|(of, _)| *of == session).map(|(_, goal)| goal).collect();
        if mine.len() == GOALS_MAX || (!mine.is_empty() && self.random.u8(0..3) == 0) {
            let goal = mine[self.random.usize(0..mine.len())];
            return ("session-detach", json!({ "sessionId": session, "goalId": goal }));
        }
        let goal = json!({ "id": format!("goal-{}-{}", self.client, self.count), "title": "x" });
        ("session-attach", json!({ "sessionId": session, "goal": goal }))
    }
}

/// Tells whether a session is shared by several clients.
pub(crate) fn is_shared(session: &str) -> bool {
    session.ends_with("-shared")
}

/// Tells whether a command has a certain effect, regardless of other clients.
pub(crate) fn has_certain_effect(command: &Value) -> bool {
    let is_goal = matches!(command["type"].as_str(), Some("session-attach" | "session-detach"));
    is_goal || !command["payload"]["sessionId"].as_str().is_some_and(is_shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_commands_and_each_is_certain_or_races() {
        let trace = |seed| {
            let mut workload = Workload::new("u-0", "u", true, seed);
            let mut trace = Vec::new();
            for _ in 0..200 {
                let command = workload.next();
                workload.done(&command);
                trace.push(command);
            }
            (trace, workload.expected)
        };
        let (first, expected) = trace(1);
        assert_eq!(trace(1), (first.clone(), expected.clone()));
        assert_ne!(trace(2).0, first);
        assert!(expected.sessions.len() <= SESSIONS_MAX && expected.goals.len() <= (SESSIONS_MAX + 1) * GOALS_MAX);
        let (counting, racing): (Vec<_>, Vec<_>) = first.iter().partition(|command| has_certain_effect(command));
        assert!(counting.len() > 100 && racing.len() > 20);
        for kind in ["start", "stop", "pause", "resume", "remove", "attach", "detach"] {
            let kind = format!("session-{kind}");
            assert!(counting.iter().any(|command| command["type"] == *kind), "{kind}");
        }
    }

    #[test]
    fn a_lost_session_is_started_again() {
        let mut workload = Workload::new("u-0", "u", true, 1);
        let first = workload.next();
        assert_eq!(first["payload"]["sessionId"], "u-shared");
        workload.done(&first);
        workload.lost("u-shared");
        assert_eq!(workload.next()["type"], "session-start");
    }
}
