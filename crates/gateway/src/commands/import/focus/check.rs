//! The check of an import against the store: every batch is decided as its commit will be, and nothing is written.

use timers::focus::{FocusId, FocusRefusal, FocusSession, ImportedSession};
use timers::{
    Change, Command, CommandId, Decision, HistoryBound, Millis, Refusal, RequiredRows, ScopeKind, StoredRows,
    Timestamp, decide,
};
use wire::FAULTS_MAX;

use crate::commands::Failure;
use crate::commands::import::batches::rows_max;
use crate::commands::import::focus::batches;
use crate::commands::import::focus::plan::{PersonSessions, PlannedSession, SessionPlan};
use crate::commands::import::notes::Note;
use crate::commands::import::rehearsal::RehearsedScope;
use crate::commands::import::{history_quota, unread};
use crate::commands::progress::Progress;
use crate::commands::store_session::StoreSession;
use crate::ops::config::Settings;

/// How far the clock of the original can be ahead. Later dates are wrong.
const AHEAD_MAX: Millis = Millis::from_hours(1);

/// What an import makes of the files.
#[derive(Default)]
pub(super) struct SessionsSummary {
    people: usize,
    documents: usize,
    repairs: usize,
    written: SessionCounts,
}

/// The numbers of sessions that commands write.
#[derive(Clone, Copy, Default)]
struct SessionCounts {
    new: usize,
    changed: usize,
}

impl SessionsSummary {
    /// Prints the summary.
    pub(super) fn print(&self) {
        let SessionCounts { new, changed } = self.written;
        let known = self.documents - new - changed;
        println!("people: {} read", self.people);
        println!("sessions: {} read, {new} new, {changed} changed, {known} known", self.documents);
        println!("repaired values: {}", self.repairs);
    }
}

/// Checks all people.
pub(super) async fn check(
    session: &StoreSession,
    plan: &SessionPlan,
    settings: &Settings,
) -> Result<SessionsSummary, Failure> {
    let mut progress = Progress::new("checking people", plan.people.len() as u64);
    let (documents, repairs) = (plan.documents, plan.repairs.len());
    let mut summary = SessionsSummary { documents, repairs, ..SessionsSummary::default() };
    let mut faults = Vec::new();
    for (done, person) in (1..).zip(&plan.people) {
        let Some(now) = session.date() else { return Err(unread(&"no time is known")) };
        let future = person.sessions.iter().filter_map(|planned| future_date(planned, now));
        faults.extend(future.map(|note| note.to_string()));
        let (written, refusal) = rehearse(session, person, now, settings).await?;
        faults.extend(refusal.map(|refusal| format!("{}: {}", person.scope, reason(refusal))));
        summary.people += 1;
        summary.written.new += written.new;
        summary.written.changed += written.changed;
        if faults.len() >= FAULTS_MAX {
            break;
        }
        progress.show(done);
    }
    drop(progress);
    if faults.is_empty() {
        return Ok(summary);
    }
    faults.truncate(FAULTS_MAX);
    Err(Failure::data(faults, "the files do not fit what is stored; nothing was imported"))
}

/// Names a date that is further in the future than a clock can be ahead.
fn future_date(planned: &PlannedSession, now: Timestamp) -> Option<Note> {
    let (created_at, started_at, updated_at, ended_at) = match &planned.session {
        ImportedSession::Open(session) => (session.created_at, session.started_at, session.updated_at, None),
        ImportedSession::Ended(session) => {
            (session.created_at, session.started_at, session.updated_at, Some(session.ended_at))
        }
    };
    let dates = [("createdAt", created_at), ("startedAt", started_at), ("updatedAt", updated_at)];
    let mut dates = dates.into_iter().chain(ended_at.map(|at| ("endedAt", at)));
    let (column, _) = dates.find(|(_, at)| *at > now + AHEAD_MAX)?;
    Some(Note::new(&planned.file, planned.line, column, "is in the future"))
}

/// Decides the commands of a person, one after the other. Returns what they write, and why the rules refuse one.
async fn rehearse(
    session: &StoreSession,
    person: &PersonSessions,
    now: Timestamp,
    settings: &Settings,
) -> Result<(SessionCounts, Option<Refusal>), Failure> {
    let read = session.read(&person.scope, &RequiredRows::default()).await;
    let mut scope = RehearsedScope::new(read.map_err(|error| unread(&format_args!("{}: {error}", person.scope)))?.0);
    let mut written = SessionCounts::default();
    for batch in batches::of_person(person, rows_max(&settings.store.url)) {
        let required = batch.command.required_rows();
        let (_, stored) = session
            .read(&person.scope, &required)
            .await
            .map_err(|error| unread(&format_args!("{}: {error}", person.scope)))?;
        let change = match decide_batch(&mut scope, &stored, &batch.command, now, settings) {
            Ok(Some(change)) => change,
            Ok(None) => continue,
            Err(refusal) => return Ok((written, Some(refusal))),
        };
        let is_stored = |id: FocusId| scope.board.get::<FocusSession>(&id).is_some();
        let is_written = |id: FocusId| {
            let has_item = change.put.values().any(|item| item.get::<FocusSession>().is_some_and(|put| put.id == id));
            has_item || change.archive.iter().any(|row| row.id == id.row_id())
        };
        for id in batch.sessions.iter().map(|planned| planned.session.id()).filter(|id| is_written(*id)) {
            let is_known = is_stored(id) || stored.rows.contains_key(&id.row_id());
            *(if is_known { &mut written.changed } else { &mut written.new }) += 1;
        }
        scope.apply(&change, |id| stored.rows.contains_key(id));
    }
    Ok((written, scope.exceeded(history_quota(settings, &ScopeKind::Focus))))
}

/// Decides a command after what is due before it.
fn decide_batch(
    scope: &mut RehearsedScope,
    stored: &StoredRows,
    command: &Command,
    now: Timestamp,
    settings: &Settings,
) -> Result<Option<Change>, Refusal> {
    loop {
        match decide(&scope.board, stored, command, CommandId(0), now, &settings.rules)? {
            Decision::Nothing => return Ok(None),
            Decision::Change(change) => return Ok(Some(change)),
            // Each round closes intervals of the board, until none is due.
            Decision::Partial(change) => scope.apply(&change, |_| false),
        }
    }
}

/// Says why the rules refuse a person's sessions, with the setting if there is one.
pub(super) fn reason(refusal: Refusal) -> String {
    let settings = [
        (matches!(refusal, Refusal::Focus(FocusRefusal::TooManySessions(_))), "focus.open_sessions"),
        (matches!(refusal, Refusal::HistoryFull(HistoryBound::Rows(_))), "limits.history_rows"),
        (matches!(refusal, Refusal::HistoryFull(HistoryBound::Bytes(_))), "limits.history_bytes"),
    ];
    match settings.iter().find(|(is_bound, _)| *is_bound) {
        Some((_, setting)) => format!("{refusal} ({setting})"),
        None => refusal.to_string(),
    }
}
