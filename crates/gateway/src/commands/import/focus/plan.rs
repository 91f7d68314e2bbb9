//! The sessions of an import by person, repaired.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use timers::focus::{FocusId, FocusLimits, ImportedSession};
use timers::{Scope, Timestamp};
use wire::FAULTS_MAX;
use wire::focus::ExportedSession;

use crate::commands::Failure;
use crate::commands::import::documents::FileDocument;
use crate::commands::import::notes::Note;
use crate::commands::import::people::PersonDocuments;

/// The sessions of an import.
pub(super) struct SessionPlan {
    pub(super) people: Vec<PersonSessions>,
    /// The repairs, in the order of the documents of each person.
    pub(super) repairs: Vec<Note>,
    /// The documents that were read.
    pub(super) documents: usize,
}

/// The sessions of one person: those that have not ended, then the others, the latest first, since older completions count
/// for a streak of days only behind later ones.
pub(super) struct PersonSessions {
    pub(super) scope: Scope,
    pub(super) sessions: Vec<PlannedSession>,
}

/// A session, with the place in the files that has it.
pub(super) struct PlannedSession {
    pub(super) file: Arc<str>,
    pub(super) line: u64,
    pub(super) session: ImportedSession,
}

impl SessionPlan {
    /// Plans the sessions: of several documents of one session the one that was changed last.
    pub(super) fn new(people: Vec<PersonDocuments<ExportedSession>>, limits: &FocusLimits) -> Result<Self, Failure> {
        let (mut plan, mut faults) = (Self { people: Vec::new(), repairs: Vec::new(), documents: 0 }, Vec::new());
        for PersonDocuments { scope, documents } in people {
            plan.documents += documents.len();
            let mut sessions = BTreeMap::<FocusId, PlannedSession>::new();
            for FileDocument { file, line, document } in documents {
                faults.extend(long_texts(&document.session, limits).map(|(column, chars)| {
                    let message = format!("has {chars} characters, of which {} are possible", limits.text_chars);
                    Note::new(&file, line, column, message).to_string()
                }));
                let repairs = document.repairs.iter().cloned();
                plan.repairs.extend(repairs.map(|row| Note { file: Arc::clone(&file), row }));
                let planned = PlannedSession { file, line, session: scored(document, limits) };
                let id = planned.session.id();
                let is_older = |known: &PlannedSession| updated_at(&known.session) > updated_at(&planned.session);
                if !sessions.get(&id).is_some_and(is_older) {
                    sessions.insert(id, planned);
                }
            }
            let mut sessions: Vec<PlannedSession> = sessions.into_values().collect();
            sessions.sort_by_key(|planned| Reverse(ended_at(&planned.session)));
            plan.people.push(PersonSessions { scope, sessions });
        }
        if !faults.is_empty() {
            faults.truncate(FAULTS_MAX);
            return Err(Failure::data(faults, "the files have errors; nothing was imported"));
        }
        Ok(plan)
    }
}

/// Returns the fields whose texts are longer than those of other sessions can be, with their characters.
fn long_texts(session: &ImportedSession, limits: &FocusLimits) -> impl Iterator<Item = (&'static str, usize)> {
    let (subject, content_id) = texts(session);
    let texts = [("subject", subject), ("contentId", content_id)];
    let chars_max = limits.text_chars;
    texts.map(|(field, text)| (field, text.chars().count())).into_iter().filter(move |(_, chars)| *chars > chars_max)
}

/// Returns the subject, and what the person works with.
pub(super) fn texts(session: &ImportedSession) -> (&str, &str) {
    let (subject, content_id) = match session {
        ImportedSession::Open(session) => (&session.subject, &session.content_id),
        ImportedSession::Ended(session) => (&session.subject, &session.content_id),
    };
    (subject, content_id.as_deref().unwrap_or_default())
}

/// Returns the session, with the score of its counters if the original has stored none.
fn scored(document: ExportedSession, limits: &FocusLimits) -> ImportedSession {
    match document.session {
        ImportedSession::Ended(mut session) if document.lacks_score => {
            let counters = session.counters;
            session.focus_score = counters.score(&session.target_minutes, session.tab_switches, limits.score_max);
            ImportedSession::Ended(session)
        }
        session @ (ImportedSession::Open(_) | ImportedSession::Ended(_)) => session,
    }
}

fn updated_at(session: &ImportedSession) -> Timestamp {
    match session {
        ImportedSession::Open(session) => session.updated_at,
        ImportedSession::Ended(session) => session.updated_at,
    }
}

/// Returns the date of the end; the latest for a session that has not ended.
fn ended_at(session: &ImportedSession) -> Timestamp {
    match session {
        ImportedSession::Open(_) => Timestamp(u64::MAX),
        ImportedSession::Ended(session) => session.ended_at,
    }
}
