//! One stopwatch session and its value at an instant.

use crate::ids::SessionId;
use crate::position::Revision;
use crate::raw_json::RawJson;
use crate::stopwatch::goal::Goal;
use crate::system::ItemType;
use crate::systems::Limits;
use crate::time::{Beat, Millis, Timestamp};

/// About how many bytes a stored session takes besides its texts.
const FIXED_BYTES: usize = 256;

/// One stopwatch session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopwatch {
    /// The id, given by the client or derived by the server.
    pub id: SessionId,
    /// The commit that created the session; lists are in this order.
    pub created: Revision,
    /// The label.
    pub label: String,
    /// The group's id, if the client gave one.
    pub group_id: Option<String>,
    /// The group's name, if the client gave one.
    pub group_name: Option<String>,
    /// The comment, if the client gave one.
    pub comment: Option<String>,
    /// The goals, in the order of attachment.
    pub goals: Vec<Goal>,
    /// The start of the first run.
    pub first_started_at: Timestamp,
    /// The start of the current or last run.
    pub started_at: Timestamp,
    /// The sum of the finished runs.
    pub accumulated: Millis,
    /// Whether the session runs.
    pub phase: StopwatchPhase,
    /// Fields of a newer version, kept byte for byte.
    pub unknown_fields: Vec<(String, RawJson)>,
}

/// Whether a session runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopwatchPhase {
    /// Running since `started_at`.
    Running,
    /// Paused since this instant; the last run is in `accumulated`.
    Paused(Timestamp),
    /// Stopped since this instant; the last run is in `accumulated`.
    Stopped(Timestamp),
}

impl Stopwatch {
    /// Tells whether the session runs.
    pub fn is_running(&self) -> bool {
        self.phase == StopwatchPhase::Running
    }

    /// Tells whether the session counts against the limit of live sessions: it runs or is paused.
    pub fn is_live(&self) -> bool {
        match self.phase {
            StopwatchPhase::Running | StopwatchPhase::Paused(_) => true,
            StopwatchPhase::Stopped(_) => false,
        }
    }

    /// Returns the total time at `instant`; never less than the sum of the finished runs.
    pub fn elapsed_at(&self, instant: Timestamp) -> Millis {
        match self.phase {
            StopwatchPhase::Running => self.accumulated + instant.since(self.started_at),
            StopwatchPhase::Paused(_) | StopwatchPhase::Stopped(_) => self.accumulated,
        }
    }

    /// Returns the total time at a beat; `None` if the session does not run or was started after that beat.
    pub fn tick_at(&self, beat: Beat) -> Option<Millis> {
        let instant = beat.instant();
        (self.is_running() && instant >= self.started_at).then(|| self.elapsed_at(instant))
    }

    /// Adds the current run, if any, to the finished ones at `now`.
    pub(crate) fn fold_run(&mut self, now: Timestamp) {
        self.accumulated = self.elapsed_at(now);
    }

    /// Starts a run at `now`.
    pub(crate) fn begin_run(&mut self, now: Timestamp) {
        self.started_at = now;
        self.phase = StopwatchPhase::Running;
    }
}

impl ItemType for Stopwatch {
    const KIND: &'static str = "stopwatch";
    type Id = SessionId;

    fn id(&self) -> &SessionId {
        &self.id
    }

    fn deadline(&self, limits: &Limits) -> Option<Timestamp> {
        match self.phase {
            StopwatchPhase::Running => None,
            StopwatchPhase::Paused(at) => Some(at + limits.stopwatch.paused_for),
            StopwatchPhase::Stopped(at) => Some(at + limits.stopwatch.stopped_for),
        }
    }

    fn ticks(&self) -> bool {
        self.is_running()
    }

    fn move_back(&mut self, by: Millis) {
        for at in [&mut self.first_started_at, &mut self.started_at] {
            *at = *at - by;
        }
        match &mut self.phase {
            StopwatchPhase::Running => {}
            StopwatchPhase::Paused(at) | StopwatchPhase::Stopped(at) => *at = *at - by,
        }
    }

    fn weight(&self) -> usize {
        let texts = [self.group_id.as_ref(), self.group_name.as_ref(), self.comment.as_ref()];
        FIXED_BYTES
            + self.id.as_str().len()
            + self.label.len()
            + texts.into_iter().flatten().map(String::len).sum::<usize>()
            + self.goals.iter().map(|goal| goal.json().as_str().len()).sum::<usize>()
            + self.unknown_fields.iter().map(|(name, value)| name.len() + value.as_str().len()).sum::<usize>()
    }
}
