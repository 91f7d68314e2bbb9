//! The commands of an import.

use timers::Command;
use timers::focus::{FocusCommand, ImportedSession};

use crate::commands::import::batches::split;
use crate::commands::import::focus::plan::{PersonSessions, PlannedSession, texts};

/// A part of a person's sessions, and the command that imports it.
pub(super) struct SessionBatch<'p> {
    pub(super) sessions: &'p [PlannedSession],
    pub(super) command: Command,
}

/// Returns the batches of a person's sessions.
pub(super) fn of_person(person: &PersonSessions, rows_max: usize) -> impl Iterator<Item = SessionBatch<'_>> {
    let is_open = |planned: &PlannedSession| matches!(planned.session, ImportedSession::Open(_));
    let bytes = |planned: &PlannedSession| {
        let (subject, content_id) = texts(&planned.session);
        subject.len() + content_id.len()
    };
    split(&person.sessions, rows_max, is_open, bytes).map(|sessions| {
        let command = FocusCommand::Import(sessions.iter().map(|planned| planned.session.clone()).collect());
        SessionBatch { sessions, command: command.into() }
    })
}
