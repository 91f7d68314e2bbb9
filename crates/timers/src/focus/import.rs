//! Sessions from elsewhere.

use std::collections::BTreeSet;

use crate::draft::Draft;
use crate::focus::command::ImportedSession;
use crate::focus::ended::EndedSession;
use crate::focus::refusal::FocusRefusal;
use crate::focus::rules::{date, ended, open, stats};
use crate::focus::session::FocusSession;
use crate::history::StoredRows;
use crate::time::Timestamp;

/// Imports sessions; of several with one id the first. A repeated import changes nothing.
pub(super) fn import(
    draft: &mut Draft<'_>,
    stored: &StoredRows,
    sessions: &[ImportedSession],
) -> Result<(), FocusRefusal> {
    let mut seen = BTreeSet::new();
    for session in sessions.iter().filter(|session| seen.insert(session.id())) {
        match session {
            ImportedSession::Open(session) => import_open(draft, stored, session)?,
            ImportedSession::Ended(session) => import_ended(draft, stored, session)?,
        }
    }
    let (open, open_max) = (draft.all::<FocusSession>().count(), draft.limits.focus.open_sessions);
    let grows = open > draft.board.all::<FocusSession>().count();
    if grows && open > open_max { Err(FocusRefusal::TooManySessions(open_max)) } else { Ok(()) }
}

/// Imports a session that has not ended. It takes the place of one that was changed earlier and is not tracked, but not of
/// one that has ended.
fn import_open(draft: &mut Draft<'_>, stored: &StoredRows, session: &FocusSession) -> Result<(), FocusRefusal> {
    let stays = match open(draft, session.id)? {
        Some(known) => stays(known, session.updated_at),
        None => stored.rows.contains_key(&session.id.row_id()),
    };
    if !stays {
        draft.put(FocusSession { trackers: Vec::new(), tracking: None, ..session.clone() });
    }
    Ok(())
}

/// Tells whether an open session stays, although an import has one with its id.
fn stays(known: &FocusSession, updated_at: Timestamp) -> bool {
    known.updated_at >= updated_at || !known.trackers.is_empty()
}

/// Imports a session that has ended. It takes the place of an open one that was imported before and not touched since, and
/// of an ended one that was changed earlier.
fn import_ended(draft: &mut Draft<'_>, stored: &StoredRows, session: &EndedSession) -> Result<(), FocusRefusal> {
    if let Some(known) = open(draft, session.id)? {
        if stays(known, session.updated_at) {
            return Ok(());
        }
        draft.remove::<FocusSession>(&session.id);
    }
    let mut stats = stats(draft)?;
    if stored.rows.contains_key(&session.id.row_id()) {
        let known = ended(stored, session.id)?;
        if known.updated_at >= session.updated_at {
            return Ok(());
        }
        stats.remove(&known);
    }
    stats.add(session, date(draft));
    draft.put(stats);
    draft.replace_row(session.row());
    Ok(())
}
