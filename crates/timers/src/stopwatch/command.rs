//! Requests about stopwatch sessions.

use serde::Serialize;

use crate::change::ROWS_MAX;
use crate::command::CommandId;
use crate::history::{RequiredRows, Row};
use crate::ids::{GoalId, SessionId};
use crate::position::Revision;
use crate::scope::Scope;
use crate::stopwatch::goal::Goal;

/// One request about stopwatch sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopwatchCommand {
    /// Start a session, or another run of one.
    Start(Start),
    /// Stop a session.
    Stop(SessionId),
    /// Pause a session.
    Pause(SessionId),
    /// Resume a session.
    Resume(SessionId),
    /// Remove a session from the list.
    Remove(SessionId),
    /// Attach a goal to a session, or replace the goal of that id.
    Attach(SessionId, Goal),
    /// Detach a goal from a session.
    Detach(SessionId, GoalId),
    /// Import sessions that finished elsewhere. They are encoded, because a command may be decided several times.
    Ingest(Vec<Row>),
}

/// The texts and goals of a session to start. Absent fields stay as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Start {
    /// The session; if absent, a new one with an id that the server derives.
    pub session: Option<SessionId>,
    /// The label.
    pub label: String,
    /// Goals that replace the existing ones.
    pub goals: Option<Vec<Goal>>,
    /// The group's id.
    pub group_id: Option<String>,
    /// The group's name.
    pub group_name: Option<String>,
    /// The comment.
    pub comment: Option<String>,
}

impl StopwatchCommand {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Start(_) => "stopwatch.start",
            Self::Stop(_) => "stopwatch.stop",
            Self::Pause(_) => "stopwatch.pause",
            Self::Resume(_) => "stopwatch.resume",
            Self::Remove(_) => "stopwatch.remove",
            Self::Attach(..) => "stopwatch.attach",
            Self::Detach(..) => "stopwatch.detach",
            Self::Ingest(_) => "stopwatch.ingest",
        }
    }

    pub(crate) fn required_rows(&self) -> RequiredRows {
        let existing = match self {
            // A longer list is refused, so the store is not asked about it.
            Self::Ingest(rows) if rows.len() > ROWS_MAX => Vec::new(),
            Self::Ingest(rows) => rows.iter().map(|row| row.id.clone()).collect(),
            Self::Start(_)
            | Self::Stop(_)
            | Self::Pause(_)
            | Self::Resume(_)
            | Self::Remove(_)
            | Self::Attach(..)
            | Self::Detach(..) => Vec::new(),
        };
        RequiredRows { existing, bodies: Vec::new() }
    }

    /// Returns the session that the command is about, given the command's id and the revision of its commit; `None` for
    /// a command about no session.
    pub fn session(&self, scope: &Scope, id: CommandId, made: Revision) -> Option<SessionId> {
        match self {
            Self::Start(Start { session: None, .. }) => Some(derive_session_id(scope, id, made)),
            Self::Start(Start { session: Some(session), .. })
            | Self::Stop(session)
            | Self::Pause(session)
            | Self::Resume(session)
            | Self::Remove(session)
            | Self::Attach(session, _)
            | Self::Detach(session, _) => Some(session.clone()),
            Self::Ingest(_) => None,
        }
    }
}

/// Derives the id of a session that the client did not name: `session-<uuid>`.
///
/// The id follows from the command and the revision of its commit, so that the answer to a repeated command names the
/// same session. A revision that is reused after a failover has another command, so ids are never reused.
pub(crate) fn derive_session_id(scope: &Scope, id: CommandId, made: Revision) -> SessionId {
    let seed = format!("{scope}\0{:016x}\0{made}", id.0);
    let hash = xxhash_rust::xxh3::xxh3_128(seed.as_bytes());
    // RFC 9562, version 8: all bits are free except version and variant.
    let hash = hash & !(0xf << 76) & !(0b11 << 62) | (8 << 76) | (0b10 << 62);
    let hex = format!("{hash:032x}");
    let text = format!("session-{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    SessionId::new(&text).expect("a UUID is a short printable text")
}
