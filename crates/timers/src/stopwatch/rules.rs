//! The rules of stopwatch sessions.

use std::collections::BTreeSet;

use crate::change::ROWS_MAX;
use crate::command::CommandId;
use crate::draft::Draft;
use crate::history::{RequiredRows, Row, StoredRows};
use crate::ids::{GoalId, SessionId};
use crate::stopwatch::command::{Start, StopwatchCommand, derive_session_id};
use crate::stopwatch::finished::Finished;
use crate::stopwatch::goal::Goal;
use crate::stopwatch::limits::{GOAL_BYTES_MAX, StopwatchLimits};
use crate::stopwatch::refusal::StopwatchRefusal;
use crate::stopwatch::session::{Stopwatch, StopwatchPhase};
use crate::system::{ItemType, System};
use crate::time::{Millis, Timestamp};

/// The rules of stopwatch sessions.
#[derive(Clone, Copy, Debug)]
pub struct StopwatchRules;

impl System for StopwatchRules {
    type Command = StopwatchCommand;
    type Refusal = StopwatchRefusal;
    type Limits = StopwatchLimits;

    fn command_name(command: &StopwatchCommand) -> &'static str {
        command.name()
    }

    fn required_rows(command: &StopwatchCommand) -> RequiredRows {
        command.required_rows()
    }

    /// Removes sessions that were paused or stopped for too long.
    fn settle(draft: &mut Draft<'_>) {
        draft.remove_due::<Stopwatch>();
    }

    fn apply(
        draft: &mut Draft<'_>,
        stored: &StoredRows,
        command: &StopwatchCommand,
        id: CommandId,
    ) -> Result<(), StopwatchRefusal> {
        match command {
            StopwatchCommand::Start(new) => start(draft, new, id)?,
            StopwatchCommand::Stop(session) => stop(draft, session)?,
            StopwatchCommand::Pause(session) => pause(draft, session)?,
            StopwatchCommand::Resume(session) => resume(draft, session)?,
            StopwatchCommand::Remove(session) => remove(draft, session)?,
            StopwatchCommand::Attach(session, goal) => attach(draft, session, goal)?,
            StopwatchCommand::Detach(session, goal) => detach(draft, session, goal)?,
            StopwatchCommand::Ingest(rows) => ingest(draft, stored, rows)?,
        }
        let bytes_max = draft.limits.stopwatch.board_bytes;
        if draft.outgrows::<Stopwatch>(bytes_max) { Err(StopwatchRefusal::BoardTooLarge(bytes_max)) } else { Ok(()) }
    }
}

fn start(draft: &mut Draft<'_>, new: &Start, command: CommandId) -> Result<(), StopwatchRefusal> {
    let limits = &draft.limits.stopwatch;
    check_texts(new, limits)?;
    if let Some(goals) = &new.goals {
        check_goals(goals, limits)?;
    }
    let id = match &new.session {
        Some(id) => id.clone(),
        None => derive_session_id(&draft.board.scope, command, draft.board.position.revision.next()),
    };
    let mut session = match draft.item::<Stopwatch>(&id) {
        Some(item) => item.get::<Stopwatch>().ok_or(StopwatchRefusal::UnknownSession)?.clone(),
        None => stopped(draft, &id),
    };
    session.label.clone_from(&new.label);
    if let Some(goals) = &new.goals {
        session.goals.clone_from(goals);
    }
    for (field, given) in [
        (&mut session.group_id, &new.group_id),
        (&mut session.group_name, &new.group_name),
        (&mut session.comment, &new.comment),
    ] {
        if given.is_some() {
            field.clone_from(given);
        }
    }
    run(draft, &mut session)?;
    draft.put(session);
    Ok(())
}

/// Returns a session that has never run: it is stopped, so that [`run`] starts its first run.
fn stopped(draft: &Draft<'_>, id: &SessionId) -> Stopwatch {
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
        phase: StopwatchPhase::Stopped(draft.now),
        unknown_fields: Vec::new(),
    }
}

/// Starts a run, unless the session runs already.
fn run(draft: &Draft<'_>, session: &mut Stopwatch) -> Result<(), StopwatchRefusal> {
    if session.is_running() {
        return Ok(());
    }
    let live = sessions(draft).filter(|other| other.is_live() && other.id != session.id).count();
    let live_max = draft.limits.stopwatch.live_sessions;
    if live >= live_max {
        return Err(StopwatchRefusal::TooManySessions(live_max));
    }
    session.begin_run(draft.now);
    Ok(())
}

fn stop(draft: &mut Draft<'_>, id: &SessionId) -> Result<(), StopwatchRefusal> {
    let mut session = find(draft, id)?.clone();
    match session.phase {
        StopwatchPhase::Stopped(_) => {}
        StopwatchPhase::Running | StopwatchPhase::Paused(_) => {
            session.fold_run(draft.now);
            session.phase = StopwatchPhase::Stopped(draft.now);
            let mut dated = session.clone();
            dated.move_back(draft.ahead);
            draft.archive(Finished::of(&dated, draft.now - draft.ahead).row());
            draft.put(session);
            drop_oldest_stopped(draft);
        }
    }
    Ok(())
}

fn pause(draft: &mut Draft<'_>, id: &SessionId) -> Result<(), StopwatchRefusal> {
    let mut session = find(draft, id)?.clone();
    if session.is_running() {
        session.fold_run(draft.now);
        session.phase = StopwatchPhase::Paused(draft.now);
        draft.put(session);
    }
    Ok(())
}

fn resume(draft: &mut Draft<'_>, id: &SessionId) -> Result<(), StopwatchRefusal> {
    let mut session = find(draft, id)?.clone();
    run(draft, &mut session)?;
    draft.put(session);
    Ok(())
}

fn remove(draft: &mut Draft<'_>, id: &SessionId) -> Result<(), StopwatchRefusal> {
    find(draft, id)?;
    draft.remove::<Stopwatch>(id);
    Ok(())
}

fn attach(draft: &mut Draft<'_>, id: &SessionId, goal: &Goal) -> Result<(), StopwatchRefusal> {
    let mut session = find(draft, id)?.clone();
    match session.goals.iter_mut().find(|old| old.id() == goal.id()) {
        Some(old) => old.clone_from(goal),
        None => session.goals.push(goal.clone()),
    }
    check_goals(&session.goals, &draft.limits.stopwatch)?;
    draft.put(session);
    Ok(())
}

fn detach(draft: &mut Draft<'_>, id: &SessionId, goal: &GoalId) -> Result<(), StopwatchRefusal> {
    let mut session = find(draft, id)?.clone();
    session.goals.retain(|old| old.id() != goal);
    draft.put(session);
    Ok(())
}

fn ingest(draft: &mut Draft<'_>, stored: &StoredRows, rows: &[Row]) -> Result<(), StopwatchRefusal> {
    if rows.len() > ROWS_MAX {
        return Err(StopwatchRefusal::TooManyRows);
    }
    let mut seen = BTreeSet::new();
    for row in rows {
        if !stored.existing.contains(&row.id) && seen.insert(&row.id) {
            draft.archive(row.clone());
        }
    }
    Ok(())
}

fn sessions<'d>(draft: &'d Draft<'_>) -> impl Iterator<Item = &'d Stopwatch> {
    draft.all::<Stopwatch>()
}

fn find<'d>(draft: &'d Draft<'_>, id: &SessionId) -> Result<&'d Stopwatch, StopwatchRefusal> {
    draft.get::<Stopwatch>(id).ok_or(StopwatchRefusal::UnknownSession)
}

/// Removes the oldest stopped sessions beyond the limit, as many as this commit takes: after the limit was lowered, the
/// rest leaves with the next stops.
fn drop_oldest_stopped(draft: &mut Draft<'_>) {
    let mut stopped: Vec<(Timestamp, SessionId)> = sessions(draft)
        .filter_map(|session| match session.phase {
            StopwatchPhase::Stopped(at) => Some((at, session.id.clone())),
            StopwatchPhase::Running | StopwatchPhase::Paused(_) => None,
        })
        .collect();
    let excess = stopped.len().saturating_sub(draft.limits.stopwatch.stopped_sessions).min(draft.removals_left());
    stopped.sort();
    for (_, id) in stopped.into_iter().take(excess) {
        draft.remove::<Stopwatch>(&id);
    }
}

fn check_texts(new: &Start, limits: &StopwatchLimits) -> Result<(), StopwatchRefusal> {
    if new.label.is_empty() {
        return Err(StopwatchRefusal::EmptyLabel);
    }
    if is_longer(Some(&new.label), limits.label_chars) {
        return Err(StopwatchRefusal::LabelTooLong(limits.label_chars));
    }
    if is_longer(new.comment.as_ref(), limits.comment_chars) {
        return Err(StopwatchRefusal::CommentTooLong(limits.comment_chars));
    }
    if is_longer(new.group_name.as_ref(), limits.label_chars) {
        return Err(StopwatchRefusal::GroupNameTooLong(limits.label_chars));
    }
    Ok(())
}

fn is_longer(text: Option<&String>, chars_max: usize) -> bool {
    text.is_some_and(|text| text.len() > chars_max && text.chars().count() > chars_max)
}

fn check_goals(goals: &[Goal], limits: &StopwatchLimits) -> Result<(), StopwatchRefusal> {
    if goals.len() > limits.goals {
        return Err(StopwatchRefusal::TooManyGoals(limits.goals));
    }
    if goals.iter().any(|goal| goal.json().as_str().len() > GOAL_BYTES_MAX) {
        return Err(StopwatchRefusal::GoalTooLarge);
    }
    let ids: BTreeSet<&GoalId> = goals.iter().map(Goal::id).collect();
    if ids.len() < goals.len() {
        return Err(StopwatchRefusal::RepeatedGoal);
    }
    Ok(())
}
