//! The differences between two models, for notifications and logs.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clockit::model::{Model, Session, SessionPhase};

/// How a session has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeKind {
    /// The session is new, or has another phase, or another run.
    Phase(SessionPhase),
    /// Its texts or goals have changed.
    Content,
    /// It has left the list; the session is its last known state.
    Removed,
}

/// A change of one session. Ticks are none.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionChange {
    /// How it has changed.
    pub kind: ChangeKind,
    /// The session after the change.
    pub session: Session,
}

/// Returns the changes from one model to the next. A first load is none.
pub(crate) fn changes(before: &Model, after: &Model) -> Vec<SessionChange> {
    if !before.is_loaded || Arc::ptr_eq(&before.sessions, &after.sessions) {
        return Vec::new();
    }
    let old: HashMap<&str, &Session> = by_id(before);
    let new: HashMap<&str, &Session> = by_id(after);
    let changed = after.sessions.iter().filter_map(|session| {
        let kind = kind(old.get(session.state.session_id.as_str()).copied(), session)?;
        Some(SessionChange { kind, session: session.clone() })
    });
    let is_gone = |session: &&Session| !new.contains_key(session.state.session_id.as_str());
    let removed = before.sessions.iter().filter(is_gone);
    let removed = removed.map(|session| SessionChange { kind: ChangeKind::Removed, session: session.clone() });
    changed.chain(removed).collect()
}

fn by_id(model: &Model) -> HashMap<&str, &Session> {
    model.sessions.iter().map(|session| (session.state.session_id.as_str(), session)).collect()
}

fn kind(old: Option<&Session>, new: &Session) -> Option<ChangeKind> {
    let Some(old) = old else { return Some(ChangeKind::Phase(new.phase)) };
    if Arc::ptr_eq(&old.state, &new.state) || old.state == new.state {
        return None;
    }
    let run = |session: &Session| (session.phase, session.state.started_at, session.state.accumulated_ms);
    Some(if run(old) == run(new) { ChangeKind::Content } else { ChangeKind::Phase(new.phase) })
}
