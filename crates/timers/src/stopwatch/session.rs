//! One stopwatch session and its value at an instant.

use crate::ids::SessionId;
use crate::limits::Limits;
use crate::position::Revision;
use crate::raw_json::RawJson;
use crate::stopwatch::goal::Goal;
use crate::time::{Beat, Millis, Timestamp};

/// What a session of the same order takes besides its texts, in bytes.
const FRAME_BYTES: usize = 256;

/// One stopwatch session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopwatch {
    /// The client's id, or one derived by the server.
    pub id: SessionId,
    /// The commit that made it; lists are in this order.
    pub created: Revision,
    /// What the person calls it.
    pub label: String,
    /// The group's id, if the client gave one.
    pub group_id: Option<String>,
    /// The group's name, if the client gave one.
    pub group_name: Option<String>,
    /// A remark, if the client gave one.
    pub comment: Option<String>,
    /// What it works towards, in the order of attachment.
    pub goals: Vec<Goal>,
    /// The start of its first run.
    pub first_started_at: Timestamp,
    /// The start of its current or last run.
    pub started_at: Timestamp,
    /// The sum of its finished runs.
    pub accumulated: Millis,
    /// Whether it runs.
    pub phase: Phase,
    /// Fields of a newer version, kept as they came.
    pub rest: Vec<(String, RawJson)>,
}

/// Whether a session runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Since `started_at`.
    Running,
    /// Since the instant given; its last run is in `accumulated`.
    Paused(Timestamp),
    /// Since the instant given; its last run is in `accumulated`.
    Stopped(Timestamp),
}

impl Stopwatch {
    /// Tells whether time is being counted.
    pub fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    /// Tells whether the session counts against the limit of live ones: running or paused.
    pub fn is_live(&self) -> bool {
        match self.phase {
            Phase::Running | Phase::Paused(_) => true,
            Phase::Stopped(_) => false,
        }
    }

    /// Returns the total time counted by `instant`; never less than what finished runs add up to.
    pub fn elapsed_at(&self, instant: Timestamp) -> Millis {
        match self.phase {
            Phase::Running => self.accumulated + instant.since(self.started_at),
            Phase::Paused(_) | Phase::Stopped(_) => self.accumulated,
        }
    }

    /// Returns what the session shows at a beat; `None` if it does not run or began after that beat.
    pub fn tick_at(&self, beat: Beat) -> Option<Millis> {
        let instant = beat.instant();
        (self.is_running() && instant >= self.started_at).then(|| self.elapsed_at(instant))
    }

    pub(crate) fn deadline(&self, limits: &Limits) -> Option<Timestamp> {
        match self.phase {
            Phase::Running => None,
            Phase::Paused(at) => Some(at + limits.paused_for),
            Phase::Stopped(at) => Some(at + limits.stopped_for),
        }
    }

    pub(crate) fn weight(&self) -> usize {
        let texts = [self.group_id.as_ref(), self.group_name.as_ref(), self.comment.as_ref()];
        FRAME_BYTES
            + self.id.as_str().len()
            + self.label.len()
            + texts.into_iter().flatten().map(String::len).sum::<usize>()
            + self.goals.iter().map(|goal| goal.json().as_str().len()).sum::<usize>()
            + self.rest.iter().map(|(name, value)| name.len() + value.as_str().len()).sum::<usize>()
    }

    /// Ends the current run, if any, at `now`.
    pub(crate) fn fold_run(&mut self, now: Timestamp) {
        self.accumulated = self.elapsed_at(now);
    }

    /// Begins a run at `now`.
    pub(crate) fn begin_run(&mut self, now: Timestamp) {
        self.started_at = now;
        self.phase = Phase::Running;
    }
}
