//! The rules of focus sessions.

use crate::command::CommandId;
use crate::draft::Draft;
use crate::focus::command::{FocusCommand, NewSession, ReportedCounters, SessionChange};
use crate::focus::counters::SecondCounters;
use crate::focus::ended::EndedSession;
use crate::focus::id::FocusId;
use crate::focus::import::import;
use crate::focus::limits::FocusLimits;
use crate::focus::refusal::FocusRefusal;
use crate::focus::session::{FocusSession, Tracker};
use crate::focus::spans::Spans;
use crate::focus::stats::FocusStats;
use crate::focus::status::{Ending, OpenStatus};
use crate::focus::tracking::TAB_SWITCHES_MAX;
use crate::history::{RequiredRows, StoredRows};
use crate::ids::NodeId;
use crate::scope::Scope;
use crate::system::{ItemType, System};
use crate::systems::ScopeKind;
use crate::time::Timestamp;

/// Most sockets that track a session: a person has some devices with some tabs each, and those of a dead node stay for
/// some seconds.
const TRACKERS_MAX: usize = 64;

/// Most sessions that one creation ends. There are more only after the limit was lowered, and the next creation goes on.
const ABANDONED_AT_ONCE: usize = 100;

/// The rules of focus sessions.
#[derive(Clone, Copy, Debug)]
pub struct FocusRules;

impl System for FocusRules {
    type Command = FocusCommand;
    type Refusal = FocusRefusal;
    type Limits = FocusLimits;

    fn command_name(command: &FocusCommand) -> &'static str {
        command.name()
    }

    fn required_rows(command: &FocusCommand) -> RequiredRows {
        command.required_rows()
    }

    fn remove_node(scope: &Scope, node: &NodeId, alive_until: Timestamp) -> Option<FocusCommand> {
        (*scope.kind() == ScopeKind::Focus).then(|| FocusCommand::RemoveNode(node.clone(), alive_until))
    }

    /// Closes the intervals to which no socket has returned.
    fn settle(draft: &mut Draft<'_>) {
        let is_due = |session: &&FocusSession| session.deadline(draft.limits).is_some_and(|at| at <= draft.now);
        let due: Vec<FocusSession> = draft.all().filter(is_due).cloned().collect();
        for mut session in due {
            if !draft.has_capacity() {
                return;
            }
            session.close(draft.now);
            draft.put(session);
        }
    }

    fn apply(
        draft: &mut Draft<'_>,
        stored: &StoredRows,
        command: &FocusCommand,
        _: CommandId,
    ) -> Result<(), FocusRefusal> {
        match command {
            FocusCommand::Create(new) => create(draft, stored, new),
            FocusCommand::Update(id, change) => update(draft, stored, *id, change),
            FocusCommand::Start(id, tracker) => start(draft, stored, *id, tracker),
            FocusCommand::Rejoin(id, tracker, since) => rejoin(draft, stored, *id, tracker, *since),
            FocusCommand::Report(id, spans) => report(draft, *id, spans),
            FocusCommand::SwitchTab(id) => switch_tab(draft, *id),
            FocusCommand::Disconnect(id, tracker, at, spans) => disconnect(draft, *id, tracker, *at, spans),
            FocusCommand::RemoveNode(node, alive_until) => {
                remove_node(draft, node, *alive_until);
                Ok(())
            }
            FocusCommand::End(id, ending, reported, spans) => end(draft, stored, *id, *ending, reported, spans),
            FocusCommand::Delete(id) => delete(draft, stored, *id),
            FocusCommand::Import(sessions) => import(draft, stored, sessions),
        }
    }
}

fn create(draft: &mut Draft<'_>, stored: &StoredRows, new: &NewSession) -> Result<(), FocusRefusal> {
    let NewSession { id, content_id, subject, target_minutes } = new;
    if draft.item::<FocusSession>(id).is_some() || stored.existing.contains(&id.row_id()) {
        return Err(FocusRefusal::IdTaken);
    }
    check_texts(draft, Some(subject), content_id.as_ref())?;
    make_room(draft)?;
    let now = date(draft);
    draft.put(FocusSession {
        id: *id,
        content_id: content_id.clone(),
        subject: subject.clone(),
        target_minutes: target_minutes.clone(),
        status: OpenStatus::Active,
        created_at: now,
        started_at: now,
        updated_at: now,
        tab_switches: 0,
        was_tracked: false,
        settled: SecondCounters::default(),
        closed: Vec::new(),
        tracking: None,
        trackers: Vec::new(),
        unknown_fields: Vec::new(),
    });
    Ok(())
}

/// Ends the oldest sessions that no socket tracks, if there are as many as the limit.
fn make_room(draft: &mut Draft<'_>) -> Result<(), FocusRefusal> {
    let sessions_max = draft.limits.focus.open_sessions;
    let excess = (draft.all::<FocusSession>().count() + 1).saturating_sub(sessions_max);
    if excess == 0 {
        return Ok(());
    }
    let is_left = |session: &&FocusSession| session.trackers.is_empty() && session.tracking.is_none();
    let mut left: Vec<FocusSession> = draft.all().filter(is_left).cloned().collect();
    if left.is_empty() {
        return Err(FocusRefusal::TooManySessions(sessions_max));
    }
    left.sort_by_key(|session| (session.created_at, session.id));
    for session in left.iter().take(excess.min(ABANDONED_AT_ONCE)) {
        finish(draft, session, Ending::Abandoned, session.counters_at(draft.now))?;
    }
    Ok(())
}

fn update(draft: &mut Draft<'_>, stored: &StoredRows, id: FocusId, change: &SessionChange) -> Result<(), FocusRefusal> {
    let content_id = change.content_id.as_ref().and_then(Option::as_ref);
    check_texts(draft, change.subject.as_ref(), content_id)?;
    let (now, limits) = (draft.now, &draft.limits.focus);
    if let Some(old) = open(draft, id)? {
        let mut session = old.clone();
        let SessionChange { subject, content_id, target_minutes, status } = change;
        set(&mut session.subject, subject.as_ref());
        set(&mut session.content_id, content_id.as_ref());
        set(&mut session.target_minutes, target_minutes.as_ref());
        match status {
            Some(OpenStatus::Paused) => session.pause(now),
            Some(OpenStatus::Active) => session.resume(now, limits),
            None => {}
        }
        if session != *old {
            session.updated_at = date(draft);
            draft.put(session);
        }
        return Ok(());
    }
    let old = ended(stored, id)?;
    let mut session = old.clone();
    let SessionChange { subject, content_id, target_minutes, status: _ } = change;
    set(&mut session.subject, subject.as_ref());
    set(&mut session.content_id, content_id.as_ref());
    set(&mut session.target_minutes, target_minutes.as_ref());
    if session != old {
        session.updated_at = date(draft);
        draft.archive(session.row());
    }
    Ok(())
}

fn set<T: Clone>(field: &mut T, given: Option<&T>) {
    if let Some(given) = given {
        field.clone_from(given);
    }
}

fn start(draft: &mut Draft<'_>, stored: &StoredRows, id: FocusId, tracker: &Tracker) -> Result<(), FocusRefusal> {
    let Some(mut session) = open(draft, id)?.cloned() else { return Err(not_open(stored, id)) };
    if session.trackers.len() >= TRACKERS_MAX && !session.is_tracked_by(tracker) {
        return Err(FocusRefusal::TooManySockets(TRACKERS_MAX));
    }
    let (now, updated_at) = (draft.now, date(draft));
    let is_other = |other: &&FocusSession| other.id != id && other.is_tracked_by(tracker);
    let others: Vec<FocusSession> = draft.all().filter(is_other).cloned().collect();
    for mut other in others {
        other.disconnect(tracker, now);
        other.updated_at = updated_at;
        draft.put(other);
    }
    session.start(tracker, now, &draft.limits.focus);
    session.updated_at = updated_at;
    draft.put(session);
    Ok(())
}

fn rejoin(
    draft: &mut Draft<'_>,
    stored: &StoredRows,
    id: FocusId,
    tracker: &Tracker,
    since: Timestamp,
) -> Result<(), FocusRefusal> {
    let Some(mut session) = open(draft, id)?.cloned() else { return Err(not_open(stored, id)) };
    session.rejoin(tracker, since, draft.now, &draft.limits.focus);
    if session.trackers.len() > TRACKERS_MAX {
        return Err(FocusRefusal::TooManySockets(TRACKERS_MAX));
    }
    draft.put(session);
    Ok(())
}

/// Adds activity. A session that has ended needs none.
fn report(draft: &mut Draft<'_>, id: FocusId, spans: &Spans) -> Result<(), FocusRefusal> {
    if let Some(mut session) = open(draft, id)?.cloned() {
        session.report(&past(draft, spans));
        draft.put(session);
    }
    Ok(())
}

fn switch_tab(draft: &mut Draft<'_>, id: FocusId) -> Result<(), FocusRefusal> {
    let mut session = open(draft, id)?.cloned().ok_or(FocusRefusal::NotTracked)?;
    if !session.switch_tab(draft.now) {
        return Err(FocusRefusal::NotTracked);
    }
    session.updated_at = date(draft);
    draft.put(session);
    Ok(())
}

fn disconnect(
    draft: &mut Draft<'_>,
    id: FocusId,
    tracker: &Tracker,
    at: Option<Timestamp>,
    spans: &Spans,
) -> Result<(), FocusRefusal> {
    let Some(mut session) = open(draft, id)?.cloned() else { return Ok(()) };
    session.report(&past(draft, spans));
    if session.disconnect(tracker, at.map_or(draft.now, |at| at.min(draft.now))) {
        session.updated_at = date(draft);
    }
    draft.put(session);
    Ok(())
}

/// Removes the sockets of a node from as many sessions as one commit takes; the caller repeats it until nothing changes.
fn remove_node(draft: &mut Draft<'_>, node: &NodeId, alive_until: Timestamp) {
    let alive_until = alive_until.min(draft.now);
    let has_node = |session: &&FocusSession| session.trackers.iter().any(|tracker| tracker.node == *node);
    let sessions: Vec<FocusSession> = draft.all().filter(has_node).cloned().collect();
    for mut session in sessions {
        if !draft.has_capacity() {
            return;
        }
        session.remove_node(node, alive_until);
        session.updated_at = date(draft);
        draft.put(session);
    }
}

fn end(
    draft: &mut Draft<'_>,
    stored: &StoredRows,
    id: FocusId,
    ending: Ending,
    reported: &ReportedCounters,
    spans: &Spans,
) -> Result<(), FocusRefusal> {
    let Some(mut session) = open(draft, id)?.cloned() else {
        // The first result stands.
        return if stored.existing.contains(&id.row_id()) { Ok(()) } else { Err(FocusRefusal::Unknown) };
    };
    session.report(&past(draft, spans));
    let counters = if session.was_tracked {
        session.counters_at(draft.now)
    } else {
        session.tab_switches = reported.tab_switches.unwrap_or(0).min(TAB_SWITCHES_MAX);
        clamped(reported, date(draft).since(session.created_at).0 / 1000)
    };
    finish(draft, &session, ending, counters)
}

/// Limits the counters that a client gives to the seconds that have passed.
fn clamped(reported: &ReportedCounters, seconds: u64) -> SecondCounters {
    let elapsed = reported.elapsed.unwrap_or(0).min(seconds);
    let active = reported.active.unwrap_or(0).min(elapsed);
    SecondCounters { elapsed, active, idle: reported.idle.unwrap_or(0).min(elapsed - active) }
}

/// Moves a session to the history, with its score.
fn finish(
    draft: &mut Draft<'_>,
    session: &FocusSession,
    ending: Ending,
    counters: SecondCounters,
) -> Result<(), FocusRefusal> {
    let mut ended = EndedSession::of(session, ending, counters, date(draft));
    ended.focus_score = counters.score(&ended.target_minutes, ended.tab_switches, draft.limits.focus.score_max);
    let mut stats = stats(draft)?;
    stats.end(&ended);
    draft.put(stats);
    draft.remove::<FocusSession>(&session.id);
    draft.archive(ended.row());
    Ok(())
}

fn delete(draft: &mut Draft<'_>, stored: &StoredRows, id: FocusId) -> Result<(), FocusRefusal> {
    if open(draft, id)?.is_some() {
        draft.remove::<FocusSession>(&id);
        return Ok(());
    }
    let session = ended(stored, id)?;
    let mut stats = stats(draft)?;
    stats.remove(&session);
    draft.put(stats);
    draft.remove_row(id.row_id());
    Ok(())
}

/// Returns a session that has not ended, if there is one of the id.
pub(super) fn open<'d>(draft: &'d Draft<'_>, id: FocusId) -> Result<Option<&'d FocusSession>, FocusRefusal> {
    match (draft.item::<FocusSession>(&id), draft.get(&id)) {
        (Some(_), None) => Err(FocusRefusal::Unreadable),
        (_, session) => Ok(session),
    }
}

/// Returns an ended session. A row that cannot be read must not be overwritten.
pub(super) fn ended(stored: &StoredRows, id: FocusId) -> Result<EndedSession, FocusRefusal> {
    let row = stored.rows.get(&id.row_id()).ok_or(FocusRefusal::Unknown)?;
    EndedSession::decode(row.body.as_str()).map_err(|_| FocusRefusal::Unreadable)
}

/// Tells why a session is not open.
fn not_open(stored: &StoredRows, id: FocusId) -> FocusRefusal {
    if stored.existing.contains(&id.row_id()) { FocusRefusal::Ended } else { FocusRefusal::Unknown }
}

/// Returns the statistics; those of a person who has ended no session if there are none.
pub(super) fn stats(draft: &Draft<'_>) -> Result<FocusStats, FocusRefusal> {
    match (draft.item::<FocusStats>(&()), draft.get::<FocusStats>(&())) {
        (_, Some(stats)) => Ok(stats.clone()),
        (None, None) => Ok(FocusStats::default()),
        (Some(_), None) => Err(FocusRefusal::Unreadable),
    }
}

/// Returns the part of activity that is not in the future: the clock of a node can be ahead of the board's.
fn past(draft: &Draft<'_>, spans: &Spans) -> Spans {
    spans.until(draft.now)
}

pub(super) fn date(draft: &Draft<'_>) -> Timestamp {
    draft.now - draft.ahead
}

fn check_texts(draft: &Draft<'_>, subject: Option<&String>, content_id: Option<&String>) -> Result<(), FocusRefusal> {
    let chars_max = draft.limits.focus.text_chars;
    let is_longer = |text: &&String| text.len() > chars_max && text.chars().count() > chars_max;
    let longer = subject.into_iter().chain(content_id).find(is_longer);
    longer.map_or(Ok(()), |_| Err(FocusRefusal::TextTooLong(chars_max)))
}
