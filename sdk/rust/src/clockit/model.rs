//! A user's sessions as last reported by the server. Pure: a model and a message give the next model.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clockit::protocol::{ServerMessage, SessionState, SessionTick};

/// A displayed time that is ahead of the server's by less is kept until the server's is ahead: no second is shown twice.
const AHEAD_MAX_MS: i64 = 5_000;

/// What a session is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionPhase {
    Running,
    Paused,
    Stopped,
}

/// A session and its displayed time.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// The session as the server has it.
    pub state: Arc<SessionState>,
    /// What it is doing.
    pub phase: SessionPhase,
    /// The time of all runs at the last whole second of the server's time, in milliseconds.
    pub elapsed_ms: i64,
}

/// The sessions, and the newest whole second of the server's time that is displayed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    /// In the order of creation. Shared with snapshots, so a change makes a copy.
    pub(crate) sessions: Arc<Vec<Session>>,
    pub(crate) beat_ms: i64,
    pub(crate) is_loaded: bool,
}

impl Model {
    /// Applies a message. Returns whether anything has changed.
    pub(crate) fn apply(&mut self, message: ServerMessage) -> bool {
        match message {
            ServerMessage::Ready { sessions, server_time } | ServerMessage::Snapshot { sessions, server_time } => {
                self.replace_all(sessions, server_time);
                true
            }
            ServerMessage::Update { session, is_removed } => self.replace_one(session, is_removed),
            ServerMessage::Tick { ticks, server_time } => self.apply_ticks(&ticks, server_time),
            ServerMessage::Answer { .. }
            | ServerMessage::Authenticated { .. }
            | ServerMessage::Time(_)
            | ServerMessage::Error(_) => false,
        }
    }

    /// Continues at a later second, by the local clock. Returns whether anything has changed.
    pub(crate) fn continue_locally(&mut self, beat_ms: i64) -> bool {
        if beat_ms <= self.beat_ms {
            return false;
        }
        let ticks: Vec<SessionTick> = self
            .sessions
            .iter()
            .filter(|session| session.state.running && beat_ms >= session.state.started_at)
            .map(|session| SessionTick {
                session_id: session.state.session_id.clone(),
                elapsed_ms: elapsed_at(&session.state, beat_ms),
                running: true,
            })
            .collect();
        self.apply_ticks(&ticks, Some(beat_ms))
    }

    /// Tells whether a session runs.
    pub(crate) fn has_running(&self) -> bool {
        self.sessions.iter().any(|session| session.state.running)
    }

    fn replace_all(&mut self, states: Vec<SessionState>, server_time: i64) {
        self.beat_ms = next_beat(self.beat_ms, server_time);
        let previous: HashMap<&str, &Session> =
            self.sessions.iter().map(|session| (session.state.session_id.as_str(), session)).collect();
        let sessions = states.into_iter().map(|state| {
            let previous = previous.get(state.session_id.as_str()).copied();
            session(state, self.beat_ms, previous)
        });
        self.sessions = Arc::new(sessions.collect());
        self.is_loaded = true;
    }

    fn replace_one(&mut self, state: SessionState, is_removed: bool) -> bool {
        let found = self.sessions.iter().position(|session| session.state.session_id == state.session_id);
        let sessions = Arc::make_mut(&mut self.sessions);
        match (found, is_removed) {
            (Some(index), true) => drop(sessions.remove(index)),
            (None, true) => return false,
            (Some(index), false) => sessions[index] = session(state, self.beat_ms, Some(&sessions[index])),
            (None, false) => sessions.push(session(state, self.beat_ms, None)),
        }
        true
    }

    /// Ignores a tick that repeats a displayed second, and one whose run has since ended or started.
    fn apply_ticks(&mut self, ticks: &[SessionTick], server_time: Option<i64>) -> bool {
        let by_id: HashMap<&str, &SessionTick> = ticks.iter().map(|tick| (tick.session_id.as_str(), tick)).collect();
        let shown = |session: &Session| {
            let tick = by_id.get(session.state.session_id.as_str())?;
            let (shown, elapsed) = (session.elapsed_ms, tick.elapsed_ms);
            let is_of_run = session.state.running == tick.running && elapsed != shown;
            (is_of_run && !(tick.running && is_ahead(shown, elapsed))).then_some(elapsed)
        };
        let changed: Vec<(usize, i64)> =
            self.sessions.iter().enumerate().filter_map(|(index, session)| Some((index, shown(session)?))).collect();
        if let Some(server_time) = server_time {
            self.beat_ms = next_beat(self.beat_ms, server_time);
        }
        if !changed.is_empty() {
            let sessions = Arc::make_mut(&mut self.sessions);
            for &(index, elapsed_ms) in &changed {
                sessions[index].elapsed_ms = elapsed_ms;
            }
        }
        !changed.is_empty()
    }
}

/// Before its first tick a running session shows the last whole second, as all other devices do.
fn session(state: SessionState, beat_ms: i64, previous: Option<&Session>) -> Session {
    let phase = match (state.running, state.ended_at) {
        (true, _) => SessionPhase::Running,
        (false, None) => SessionPhase::Paused,
        (false, Some(_)) => SessionPhase::Stopped,
    };
    let mut elapsed_ms = state.accumulated_ms;
    if state.running {
        elapsed_ms = elapsed_at(&state, beat_ms.max(state.started_at));
        let kept = previous.filter(|previous| is_same_run(&state, &previous.state));
        if let Some(previous) = kept.filter(|previous| is_ahead(previous.elapsed_ms, elapsed_ms)) {
            elapsed_ms = previous.elapsed_ms;
        }
    }
    Session { state: Arc::new(state), phase, elapsed_ms }
}

/// Any number may arrive.
fn elapsed_at(state: &SessionState, beat_ms: i64) -> i64 {
    state.accumulated_ms.saturating_add(beat_ms.saturating_sub(state.started_at))
}

fn is_same_run(state: &SessionState, previous: &SessionState) -> bool {
    let run = |state: &SessionState| (state.running, state.started_at, state.accumulated_ms);
    run(state) == run(previous)
}

/// A display that is far ahead is wrong instead: a clock was moved.
fn is_ahead(displayed_ms: i64, elapsed_ms: i64) -> bool {
    displayed_ms > elapsed_ms && displayed_ms.saturating_sub(elapsed_ms) < AHEAD_MAX_MS
}

/// A server time that is far behind means that the server's clock was set back.
fn next_beat(beat_ms: i64, server_time: i64) -> i64 {
    let next = server_time.div_euclid(1000).saturating_mul(1000);
    if is_ahead(beat_ms, next) { beat_ms } else { next }
}

#[cfg(test)]
mod tests;
