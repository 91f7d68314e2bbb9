//! Requests about focus sessions.

use serde::Serialize;

use crate::change::ROWS_MAX;
use crate::focus::ended::EndedSession;
use crate::focus::id::FocusId;
use crate::focus::session::{FocusSession, Tracker};
use crate::focus::spans::Spans;
use crate::focus::status::{Ending, OpenStatus};
use crate::focus::target::TargetMinutes;
use crate::history::RequiredRows;
use crate::ids::NodeId;
use crate::time::Timestamp;

/// One request about focus sessions. Instants are cluster time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FocusCommand {
    /// Create a session.
    Create(NewSession),
    /// Change a session. Of an ended one the status stays, and so does the score.
    Update(FocusId, SessionChange),
    /// Let a socket track a session, and no other one. Resumes a paused session, and counts as activity.
    Start(FocusId, Tracker),
    /// Record that a socket still tracks a session, which it has done without a break since an instant, although its node was
    /// taken for dead. Is no activity.
    Rejoin(FocusId, Tracker, Timestamp),
    /// Add activity that was before now.
    Report(FocusId, Spans),
    /// Count that the person has left the page.
    SwitchTab(FocusId),
    /// Record that a socket does not track a session any more: since when, if not since now, and activity that was not
    /// reported before.
    Disconnect(FocusId, Tracker, Option<Timestamp>, Spans),
    /// Remove the sockets of a dead node from all sessions: the node, and until when it lived at least.
    RemoveNode(NodeId, Timestamp),
    /// End a session: how, the counters that the client gives, which count if no socket has ever tracked the session, and
    /// activity that was not reported before. A session that has ended stays as it is.
    End(FocusId, Ending, ReportedCounters, Spans),
    /// Delete a session, ended or not.
    Delete(FocusId),
    /// Import sessions from elsewhere, the latest first. Of one that exists the one that was changed later stays.
    Import(Vec<ImportedSession>),
}

/// A session to create.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewSession {
    /// The id, made by [`FocusId::new`].
    pub id: FocusId,
    /// What the person works with, if the page tells.
    pub content_id: Option<String>,
    /// The subject.
    pub subject: String,
    /// How long the person sets out to work.
    pub target_minutes: TargetMinutes,
}

/// A session from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImportedSession {
    /// One that has not ended. No socket tracks it.
    Open(FocusSession),
    /// One that has ended.
    Ended(EndedSession),
}

/// Changes of a session. What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SessionChange {
    /// The subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What the person works with; `Some(None)` for nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_id: Option<Option<String>>,
    /// How long the person sets out to work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_minutes: Option<TargetMinutes>,
    /// The status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<OpenStatus>,
}

/// The counters that a client gives. What is absent is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReportedCounters {
    /// All seconds.
    pub elapsed: Option<u64>,
    /// The active ones.
    pub active: Option<u64>,
    /// The idle ones.
    pub idle: Option<u64>,
    /// How often the person has left the page.
    pub tab_switches: Option<u64>,
}

impl ImportedSession {
    /// Returns the session's id.
    pub fn id(&self) -> FocusId {
        match self {
            Self::Open(session) => session.id,
            Self::Ended(session) => session.id,
        }
    }
}

impl FocusCommand {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "focus.create",
            Self::Update(..) => "focus.update",
            Self::Start(..) => "focus.start",
            Self::Rejoin(..) => "focus.rejoin",
            Self::Report(..) => "focus.report",
            Self::SwitchTab(_) => "focus.switch_tab",
            Self::Disconnect(..) => "focus.disconnect",
            Self::RemoveNode(..) => "focus.remove_node",
            Self::End(..) => "focus.end",
            Self::Delete(_) => "focus.delete",
            Self::Import(_) => "focus.import",
        }
    }

    pub(crate) fn required_rows(&self) -> RequiredRows {
        let (mut existing, mut bodies) = (Vec::new(), Vec::new());
        match self {
            Self::Create(NewSession { id, .. }) | Self::Start(id, _) | Self::Rejoin(id, ..) | Self::End(id, ..) => {
                existing.push(id.row_id());
            }
            Self::Update(id, _) | Self::Delete(id) => bodies.push(id.row_id()),
            // A longer list is refused, so the store is not asked about it.
            Self::Import(sessions) if sessions.len() > ROWS_MAX => {}
            Self::Import(sessions) => bodies.extend(sessions.iter().map(|session| session.id().row_id())),
            Self::Report(..) | Self::SwitchTab(_) | Self::Disconnect(..) | Self::RemoveNode(..) => {}
        }
        RequiredRows { existing, bodies }
    }
}
