//! A session as last reported by the server, and its next seconds by the local clock. Pure.

use std::sync::Arc;

use crate::focus::protocol::{FocusCounters, FocusSession, FocusStatus, FocusTick};

/// Counters that are ahead of the server's by less are kept until the server's are ahead: no second is shown twice.
const AHEAD_MAX_SECONDS: u64 = 5;

/// A run lasts for more than 15 s with the default settings, so that these cover four hours at least.
const RUNS_MAX: usize = 1_000;

/// How long after its last socket has gone the server lets another one continue the count.
const RETURN_WITHIN_MS: i64 = 30_000;

/// What a person did in some seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivityKind {
    Active,
    Idle,
    /// They were counted before this client displayed the session.
    Unseen,
}

/// Neighbouring seconds of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivityRun {
    pub kind: ActivityKind,
    pub seconds: u64,
}

/// A session with its newest counters.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FocusModel {
    pub(crate) session: Option<Arc<FocusSession>>,
    /// Whether the last counted second is idle.
    pub(crate) idle: bool,
    /// All counted seconds, in order.
    pub(crate) runs: Arc<Vec<ActivityRun>>,
    /// The whole second of the server's time to which the counters belong.
    pub(crate) beat_ms: i64,
}

/// Seconds that have probably passed since the server has counted; the last `idle` ones are idle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UncountedSeconds {
    pub(crate) seconds: u64,
    pub(crate) idle: u64,
}

impl FocusModel {
    /// Returns the session if it has this id.
    pub(crate) fn session_with(&self, id: &str) -> Option<&Arc<FocusSession>> {
        self.session.as_ref().filter(|session| session.id == id)
    }

    pub(crate) fn status(&self) -> Option<FocusStatus> {
        self.session.as_ref().map(|session| session.status)
    }

    /// Applies a document of the server, which was read at a second of its time. Older documents have no effect.
    pub(crate) fn apply_session(&mut self, session: Arc<FocusSession>, beat_ms: i64) {
        let Some(known) = self.session_with(&session.id).cloned() else {
            let unseen = ActivityRun { kind: ActivityKind::Unseen, seconds: session.counters.elapsed_seconds };
            let mut runs = Vec::new();
            append(&mut runs, unseen);
            *self = Self { session: Some(session), idle: false, runs: Arc::new(runs), beat_ms };
            return;
        };
        if session.updated_at < known.updated_at {
            return;
        }
        let is_active = session.status == FocusStatus::Active && known.status == FocusStatus::Active;
        let is_late = session.counters.elapsed_seconds == known.counters.elapsed_seconds
            || is_ahead(&known.counters, &session.counters);
        if is_active && is_late {
            // While no socket tracks the session, the counters stay; the seconds since then can count later.
            let counters = known.counters;
            self.session = Some(Arc::new(FocusSession { counters, ..FocusSession::clone(&session) }));
            return;
        }
        count(Arc::make_mut(&mut self.runs), &known.counters, &session.counters, self.idle);
        self.idle &= is_active;
        (self.session, self.beat_ms) = (Some(session), beat_ms);
    }

    /// Applies a tick. A session that is not active has no ticks: they precede its last document.
    pub(crate) fn apply_tick(&mut self, tick: FocusTick, beat_ms: i64) {
        let Some(session) = self.session.as_mut().filter(|session| session.status == FocusStatus::Active) else {
            return;
        };
        if is_ahead(&session.counters, &tick.counters) {
            return;
        }
        count(Arc::make_mut(&mut self.runs), &session.counters, &tick.counters, tick.idle);
        Arc::make_mut(session).counters = tick.counters;
        (self.idle, self.beat_ms) = (tick.idle, beat_ms);
    }

    /// Returns the seconds of an active session until a whole second of the server's time; those later than `idle_from_ms`
    /// are idle. Returns nothing after the time within which the server continues the count.
    pub(crate) fn uncounted(&self, beat_ms: i64, idle_from_ms: i64) -> Option<UncountedSeconds> {
        let ms = beat_ms.saturating_sub(self.beat_ms);
        if self.status() != Some(FocusStatus::Active) || ms > RETURN_WITHIN_MS {
            return None;
        }
        let whole_seconds = |ms: i64| ms.max(0).unsigned_abs() / 1000;
        let (seconds, active) = (whole_seconds(ms), whole_seconds(idle_from_ms.saturating_sub(self.beat_ms)));
        Some(UncountedSeconds { seconds, idle: seconds.saturating_sub(active) })
    }

    /// Adds seconds, of which the last ones are idle.
    pub(crate) fn continue_locally(&mut self, more: UncountedSeconds) {
        let Some(session) = self.session.as_mut().filter(|_| more.seconds > 0) else { return };
        let before = session.counters;
        let counters = FocusCounters {
            elapsed_seconds: before.elapsed_seconds + more.seconds,
            active_seconds: before.active_seconds + (more.seconds - more.idle),
            idle_seconds: before.idle_seconds + more.idle,
            tab_switches: before.tab_switches,
        };
        self.idle = more.idle > 0;
        count(Arc::make_mut(&mut self.runs), &before, &counters, self.idle);
        Arc::make_mut(session).counters = counters;
    }

    /// Displays a command that the server has not answered.
    pub(crate) fn apply_pending(&mut self, session_id: &str, status: FocusStatus) {
        let open = self.session.as_mut().filter(|session| session.id == session_id && session.status.is_open());
        if let Some(session) = open {
            Arc::make_mut(session).status = status;
            self.idle &= status == FocusStatus::Active;
        }
    }
}

fn is_ahead(displayed: &FocusCounters, other: &FocusCounters) -> bool {
    let ahead = displayed.elapsed_seconds.saturating_sub(other.elapsed_seconds);
    (1..AHEAD_MAX_SECONDS).contains(&ahead)
}

/// Of several seconds at once only their sums are known; the last one is known to be idle or not.
fn count(runs: &mut Vec<ActivityRun>, before: &FocusCounters, after: &FocusCounters, is_idle: bool) {
    let Some(seconds) = after.elapsed_seconds.checked_sub(before.elapsed_seconds) else {
        return trim(runs, before.elapsed_seconds - after.elapsed_seconds);
    };
    let idle_seconds = after.idle_seconds.saturating_sub(before.idle_seconds).min(seconds);
    let idle = ActivityRun { kind: ActivityKind::Idle, seconds: idle_seconds };
    let active = ActivityRun { kind: ActivityKind::Active, seconds: seconds - idle_seconds };
    for run in if is_idle { [active, idle] } else { [idle, active] } {
        append(runs, run);
    }
}

fn append(runs: &mut Vec<ActivityRun>, run: ActivityRun) {
    if run.seconds == 0 {
        return;
    }
    match runs.last_mut() {
        Some(last) if last.kind == run.kind => last.seconds += run.seconds,
        Some(_) | None => runs.push(run),
    }
    if runs.len() > RUNS_MAX {
        let first = runs.remove(0);
        runs[0] = ActivityRun { kind: ActivityKind::Unseen, seconds: first.seconds + runs[0].seconds };
    }
}

/// The server counts fewer seconds than were displayed, because this client was away for too long.
fn trim(runs: &mut Vec<ActivityRun>, mut surplus: u64) {
    while let Some(last) = runs.last_mut().filter(|_| surplus > 0) {
        if last.seconds > surplus {
            last.seconds -= surplus;
            return;
        }
        surplus -= last.seconds;
        runs.pop();
    }
}

#[cfg(test)]
mod tests;
