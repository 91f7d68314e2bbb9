//! The rules of stopwatch sessions.

use std::collections::BTreeSet;

use crate::command::CommandId;
use crate::draft::Draft;
use crate::event::Event;
use crate::history::Known;
use crate::ids::{GoalId, SessionId};
use crate::item::{Item, ItemKey};
use crate::limits::{GOAL_BYTES_MAX, Limits, ROWS_MAX};
use crate::refusal::Refusal;
use crate::stopwatch::command::{Command, Start, derive_session_id};
use crate::stopwatch::finished::Finished;
use crate::stopwatch::goal::Goal;
use crate::stopwatch::session::{Phase, Stopwatch};
use crate::time::{Millis, Timestamp};

/// Takes off the list what has been paused or stopped for too long.
pub(crate) fn settle(draft: &mut Draft<'_>) {
    let due: Vec<ItemKey> = sessions(draft)
        .filter(|session| session.deadline(draft.limits).is_some_and(|at| at <= draft.now))
        .map(|session| ItemKey::stopwatch(&session.id))
        .collect();
    for key in due {
        draft.remove(&key);
    }
}

/// Carries out one command on a draft.
pub(crate) fn apply(draft: &mut Draft<'_>, known: &Known, command: &Command, id: CommandId) -> Result<Event, Refusal> {
    match command {
        Command::Start(start) => begin(draft, start, id),
        Command::Stop(session) => stop(draft, session),
        Command::Pause(session) => pause(draft, session),
        Command::Resume(session) => resume(draft, session),
        Command::Remove(session) => remove(draft, session),
        Command::Attach(session, goal) => attach(draft, session, goal),
        Command::Detach(session, goal) => detach(draft, session, goal),
        Command::Ingest(rows) => ingest(draft, known, rows),
    }
}

fn begin(draft: &mut Draft<'_>, start: &Start, command: CommandId) -> Result<Event, Refusal> {
    check_texts(start, draft.limits)?;
    if let Some(goals) = &start.goals {
        check_goals(goals, draft.limits)?;
    }
    let id = match &start.session {
        Some(id) => id.clone(),
        None => derive_session_id(&draft.board.scope, command, draft.board.position.revision.next()),
    };
    let mut session = match draft.get(&ItemKey::stopwatch(&id)) {
        Some(item) => item.as_stopwatch().ok_or(Refusal::UnknownSession)?.clone(),
        None => blank(draft, &id),
    };
    session.label.clone_from(&start.label);
    if let Some(goals) = &start.goals {
        session.goals.clone_from(goals);
    }
    for (field, given) in [
        (&mut session.group_id, &start.group_id),
        (&mut session.group_name, &start.group_name),
        (&mut session.comment, &start.comment),
    ] {
        if given.is_some() {
            field.clone_from(given);
        }
    }
    run(draft, &mut session)?;
    put(draft, session);
    Ok(Event::SessionStarted(id))
}

/// A session that has never run: stopped, so that [`run`] begins its first run.
fn blank(draft: &Draft<'_>, id: &SessionId) -> Stopwatch {
    Stopwatch {
        id: id.clone(),
        created: draft.board.position.revision.next(),
        label: String::new(),
        group_id: None,
        group_name: None,
        comment: None,
        goals: Vec::new(),
        first_started_at: draft.now,
        started_at: draft.now,
        accumulated: Millis(0),
        phase: Phase::Stopped(draft.now),
        rest: Vec::new(),
    }
}

/// Begins a run, unless the session runs already.
fn run(draft: &Draft<'_>, session: &mut Stopwatch) -> Result<(), Refusal> {
    if session.is_running() {
        return Ok(());
    }
    let live = sessions(draft).filter(|other| other.is_live() && other.id != session.id).count();
    if live >= draft.limits.live_sessions {
        return Err(Refusal::TooManySessions(draft.limits.live_sessions));
    }
    session.begin_run(draft.now);
    Ok(())
}

fn stop(draft: &mut Draft<'_>, id: &SessionId) -> Result<Event, Refusal> {
    let mut session = find(draft, id)?.clone();
    match session.phase {
        Phase::Stopped(_) => {}
        Phase::Running | Phase::Paused(_) => {
            session.fold_run(draft.now);
            session.phase = Phase::Stopped(draft.now);
            draft.archive(Finished::of(&session, draft.now).row());
            put(draft, session);
            drop_oldest_stopped(draft);
        }
    }
    Ok(Event::SessionStopped(id.clone()))
}

fn pause(draft: &mut Draft<'_>, id: &SessionId) -> Result<Event, Refusal> {
    let mut session = find(draft, id)?.clone();
    if session.is_running() {
        session.fold_run(draft.now);
        session.phase = Phase::Paused(draft.now);
        put(draft, session);
    }
    Ok(Event::SessionPaused(id.clone()))
}

fn resume(draft: &mut Draft<'_>, id: &SessionId) -> Result<Event, Refusal> {
    let mut session = find(draft, id)?.clone();
    run(draft, &mut session)?;
    put(draft, session);
    Ok(Event::SessionResumed(id.clone()))
}

fn remove(draft: &mut Draft<'_>, id: &SessionId) -> Result<Event, Refusal> {
    find(draft, id)?;
    draft.remove(&ItemKey::stopwatch(id));
    Ok(Event::SessionRemoved(id.clone()))
}

fn attach(draft: &mut Draft<'_>, id: &SessionId, goal: &Goal) -> Result<Event, Refusal> {
    let mut session = find(draft, id)?.clone();
    match session.goals.iter_mut().find(|old| old.id() == goal.id()) {
        Some(old) => old.clone_from(goal),
        None => session.goals.push(goal.clone()),
    }
    check_goals(&session.goals, draft.limits)?;
    put(draft, session);
    Ok(Event::GoalAttached(id.clone()))
}

fn detach(draft: &mut Draft<'_>, id: &SessionId, goal: &GoalId) -> Result<Event, Refusal> {
    let mut session = find(draft, id)?.clone();
    session.goals.retain(|old| old.id() != goal);
    put(draft, session);
    Ok(Event::GoalDetached(id.clone()))
}

fn ingest(draft: &mut Draft<'_>, known: &Known, rows: &[Finished]) -> Result<Event, Refusal> {
    if rows.len() > ROWS_MAX {
        return Err(Refusal::TooManyRows);
    }
    let mut seen = BTreeSet::new();
    for row in rows.iter().map(Finished::row) {
        if !known.0.contains(&row.id) && seen.insert(row.id.clone()) {
            draft.archive(row);
        }
    }
    Ok(Event::RowsIngested)
}

fn sessions<'d>(draft: &'d Draft<'_>) -> impl Iterator<Item = &'d Stopwatch> {
    draft.items().filter_map(|(_, item)| item.as_stopwatch())
}

fn find<'d>(draft: &'d Draft<'_>, id: &SessionId) -> Result<&'d Stopwatch, Refusal> {
    draft.get(&ItemKey::stopwatch(id)).and_then(Item::as_stopwatch).ok_or(Refusal::UnknownSession)
}

fn put(draft: &mut Draft<'_>, session: Stopwatch) {
    draft.put(ItemKey::stopwatch(&session.id), Item::Stopwatch(session));
}

fn drop_oldest_stopped(draft: &mut Draft<'_>) {
    let mut stopped: Vec<(Timestamp, SessionId)> = sessions(draft)
        .filter_map(|session| match session.phase {
            Phase::Stopped(at) => Some((at, session.id.clone())),
            Phase::Running | Phase::Paused(_) => None,
        })
        .collect();
    let excess = stopped.len().saturating_sub(draft.limits.stopped_sessions);
    stopped.sort();
    for (_, id) in stopped.into_iter().take(excess) {
        draft.remove(&ItemKey::stopwatch(&id));
    }
}

fn check_texts(start: &Start, limits: &Limits) -> Result<(), Refusal> {
    if longer(Some(&start.label), limits.label_chars) {
        return Err(Refusal::LabelTooLong(limits.label_chars));
    }
    if longer(start.comment.as_ref(), limits.comment_chars) {
        return Err(Refusal::CommentTooLong(limits.comment_chars));
    }
    if longer(start.group_name.as_ref(), limits.label_chars) {
        return Err(Refusal::GroupNameTooLong(limits.label_chars));
    }
    Ok(())
}

fn longer(text: Option<&String>, chars_max: usize) -> bool {
    text.is_some_and(|text| text.len() > chars_max && text.chars().count() > chars_max)
}

fn check_goals(goals: &[Goal], limits: &Limits) -> Result<(), Refusal> {
    if goals.len() > limits.goals {
        return Err(Refusal::TooManyGoals(limits.goals));
    }
    if goals.iter().any(|goal| goal.json().as_str().len() > GOAL_BYTES_MAX) {
        return Err(Refusal::GoalTooLarge);
    }
    let ids: BTreeSet<&GoalId> = goals.iter().map(Goal::id).collect();
    if ids.len() < goals.len() {
        return Err(Refusal::RepeatedGoal);
    }
    Ok(())
}
