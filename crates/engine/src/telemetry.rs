//! What a node tells those who watch it: how long things took, and where its spans belong.

use std::time::Duration;

use tracing::Span;

use crate::trace::TraceParent;

/// The target of events that belong into spans and not into logs.
pub const SPAN_EVENT: &str = "tickcast::span";

/// The target of spans that begin by themselves, if they are drawn; all others are made only within one.
pub const ROOT: &str = "tickcast::root";

/// What takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// The store's answer to something it was asked.
    Store(Operation, Answer),
    /// A beat, from its second to the beginning of its fan-out here.
    Beat,
    /// The ticks of some scopes, from the second to when they were written; each observation is a batch.
    Tick,
    /// A beat on its way from the store, beyond the quickest answer of the last minute.
    Signal,
    /// A change of another node, from its decision there to its being shown here.
    Update,
    /// Something that happens by itself, from its deadline to its outcome.
    Deadline,
}

/// What a store is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// To read a board.
    Load,
    /// To carry out a commit.
    Commit,
    /// To say whether what was read is safe.
    Confirm,
    /// To read the history.
    History,
    /// To signal the commits of a scope.
    Watch,
    /// To read where boards stand.
    Positions,
    /// To read what falls due.
    Due,
    /// To put a deadline off.
    PutOff,
    /// To give the beat.
    Beat,
}

/// What a store answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was done.
    Done,
    /// It had been done before.
    Repeated,
    /// A rival came first.
    Conflict,
    /// It came too late.
    Late,
    /// A second had begun since.
    Stale,
    /// Nothing was done: the store is away, or refuses.
    Failed,
    /// There was no answer.
    Silent,
}

impl Operation {
    /// All there are.
    pub const ALL: [Self; 9] = [
        Self::Load,
        Self::Commit,
        Self::Confirm,
        Self::History,
        Self::Watch,
        Self::Positions,
        Self::Due,
        Self::PutOff,
        Self::Beat,
    ];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Commit => "commit",
            Self::Confirm => "confirm",
            Self::History => "history",
            Self::Watch => "watch",
            Self::Positions => "positions",
            Self::Due => "due",
            Self::PutOff => "put_off",
            Self::Beat => "beat",
        }
    }
}

impl Answer {
    /// All there are.
    pub const ALL: [Self; 7] =
        [Self::Done, Self::Repeated, Self::Conflict, Self::Late, Self::Stale, Self::Failed, Self::Silent];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Repeated => "repeated",
            Self::Conflict => "conflict",
            Self::Late => "late",
            Self::Stale => "stale",
            Self::Failed => "failed",
            Self::Silent => "silent",
        }
    }
}

/// Somebody who watches a node. Nothing here may wait.
pub trait Telemetry: Send + Sync + 'static {
    /// Takes note of how long something took.
    fn took(&self, what: Timing, took: Duration);

    /// Tells whether something that begins by itself, and that so many listeners are shown, is traced.
    fn draws(&self, audience: usize) -> bool;

    /// Returns where the current span is; `None` if it is not recorded.
    fn here(&self) -> Option<TraceParent>;

    /// Makes a span, which was not entered yet, the consequence of one that may be another node's.
    fn follow(&self, span: &Span, origin: &TraceParent);
}

/// Begins a span of something that begins by itself and that so many listeners are shown, if it is traced. The span
/// is of the target [`ROOT`].
pub(crate) fn begin(telemetry: &dyn Telemetry, audience: usize, span: impl FnOnce() -> Span) -> Span {
    if telemetry.draws(audience) { span() } else { Span::none() }
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Telemetry for Unwatched {
    fn took(&self, _: Timing, _: Duration) {}

    fn draws(&self, _: usize) -> bool {
        false
    }

    fn here(&self) -> Option<TraceParent> {
        None
    }

    fn follow(&self, _: &Span, _: &TraceParent) {}
}
