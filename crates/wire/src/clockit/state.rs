//! `SessionState`: a session as clients see it.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use timers::stopwatch::{Stopwatch, StopwatchPhase};
use timers::{Board, Scope, ScopeKind};

/// A session of a board, to be serialised as `SessionState`.
pub(crate) struct State<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) session: &'a Stopwatch,
    /// Whether the session has just left the list. The key is written only then, since clients test its presence.
    pub(crate) removed: bool,
}

impl Serialize for State<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let session = self.session;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("sessionId", &session.id)?;
        if *self.scope.kind() == ScopeKind::User {
            map.serialize_entry("userId", self.scope.id())?;
        }
        map.serialize_entry("label", &session.label)?;
        map.serialize_entry("startedAt", &session.started_at)?;
        map.serialize_entry("accumulatedMs", &session.accumulated)?;
        map.serialize_entry("running", &session.is_running())?;
        map.serialize_entry("goals", &session.goals)?;
        for (name, text) in
            [("groupId", &session.group_id), ("groupName", &session.group_name), ("comment", &session.comment)]
        {
            if let Some(text) = text {
                map.serialize_entry(name, text)?;
            }
        }
        match session.phase {
            StopwatchPhase::Running => {}
            StopwatchPhase::Paused(at) => map.serialize_entry("pausedAt", &at)?,
            StopwatchPhase::Stopped(at) => map.serialize_entry("endedAt", &at)?,
        }
        if self.removed {
            map.serialize_entry("removed", &true)?;
        }
        map.end()
    }
}

/// The sessions of a board in the order of their creation, to be serialised as a list.
pub(crate) struct States<'a>(pub(crate) &'a Board);

impl Serialize for States<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(all_in_order(self.0).into_iter().map(|session| State {
            scope: &self.0.scope,
            session,
            removed: false,
        }))
    }
}

/// Returns the sessions of a board in the order of their creation.
pub(crate) fn all_in_order(board: &Board) -> Vec<&Stopwatch> {
    in_order(board.all::<Stopwatch>().collect())
}

/// Sorts sessions by their creation.
pub(crate) fn in_order(mut sessions: Vec<&Stopwatch>) -> Vec<&Stopwatch> {
    sessions.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    sessions
}
