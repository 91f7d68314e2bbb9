//! What a client asks of its sessions.

use serde::Serialize;

use crate::command::CommandId;
use crate::history::HistoryId;
use crate::ids::{GoalId, SessionId};
use crate::limits::ROWS_MAX;
use crate::position::Revision;
use crate::scope::Scope;
use crate::stopwatch::finished::Finished;
use crate::stopwatch::goal::Goal;

/// One request about stopwatch sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Begin a session, or another run of one.
    Start(Start),
    /// End a session.
    Stop(SessionId),
    /// Hold a session.
    Pause(SessionId),
    /// Go on with a session.
    Resume(SessionId),
    /// Take a session off the list.
    Remove(SessionId),
    /// Put a goal on a session, or replace the goal of that id.
    Attach(SessionId, Goal),
    /// Take a goal off a session.
    Detach(SessionId, GoalId),
    /// Bring in sessions that finished elsewhere.
    Ingest(Vec<Finished>),
}

/// What a session is to be called and to work towards. What is absent stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Start {
    /// Which session; absent: a new one with an id of the server's.
    pub session: Option<SessionId>,
    /// What the person calls it.
    pub label: String,
    /// Goals that replace those it had.
    pub goals: Option<Vec<Goal>>,
    /// Its group's id.
    pub group_id: Option<String>,
    /// Its group's name.
    pub group_name: Option<String>,
    /// A remark.
    pub comment: Option<String>,
}

impl Command {
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

    pub(crate) fn asks_about(&self) -> Vec<HistoryId> {
        match self {
            // More are refused anyway, and no store is to be asked about so many.
            Self::Ingest(rows) if rows.len() > ROWS_MAX => Vec::new(),
            Self::Ingest(rows) => rows.iter().map(Finished::row_id).collect(),
            Self::Start(_)
            | Self::Stop(_)
            | Self::Pause(_)
            | Self::Resume(_)
            | Self::Remove(_)
            | Self::Attach(..)
            | Self::Detach(..) => Vec::new(),
        }
    }

    /// Returns the session that the command is about, given the command's id and the revision that its
    /// commit made; `None` for a command about none.
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

/// Makes the id of a session that the client did not name: `session-<uuid>`.
///
/// It follows from the command and the revision of its commit, so that the answer to a repeated command
/// names the same session; and since a scope's revisions do not come twice, no id is handed out twice.
pub(crate) fn derive_session_id(scope: &Scope, id: CommandId, made: Revision) -> SessionId {
    let seed = format!("{scope}\0{:016x}\0{made}", id.0);
    let hash = xxhash_rust::xxh3::xxh3_128(seed.as_bytes());
    // RFC 9562, version 8: the bits are ours but for version and variant.
    let hash = hash & !(0xf << 76) & !(0b11 << 62) | (8 << 76) | (0b10 << 62);
    let hex = format!("{hash:032x}");
    let text = format!("session-{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    SessionId::new(&text).expect("a UUID is a short printable text")
}
