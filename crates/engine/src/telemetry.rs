//! The measurements and trace links that a node reports.

use std::time::Duration;

use tracing::Span;

use crate::trace::TraceParent;

/// The target of events that belong into spans, and not into logs.
pub const SPAN_EVENT: &str = "tickcast::span";

/// The target of sampled root spans. All other spans are made only within one.
pub const ROOT: &str = "tickcast::root";

/// A measured duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// From a request to the store to its answer.
    Store(Operation, Answer),
    /// From a beat's second to the beginning of its fan-out on this node.
    Beat,
    /// From a beat's second to the write of its ticks; each observation is a batch of scopes.
    Tick,
    /// The transit time of a beat from the store, beyond that of the quickest answer of the last minute.
    Signal,
    /// From the decision of a change on another node to its publication on this node.
    Update,
    /// From a deadline to its outcome.
    Deadline,
}

/// A request to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Read a board.
    Load,
    /// Carry out a commit.
    Commit,
    /// Confirm that what was read is safe.
    Confirm,
    /// Read the history.
    History,
    /// Extend the life of scopes.
    Extend,
    /// Record that a scope was in use.
    Touch,
    /// Watch the commits of a scope.
    Watch,
    /// Read the positions of boards.
    Positions,
    /// Read the due deadlines.
    Due,
    /// Postpone a deadline.
    Postpone,
    /// Request a beat.
    Beat,
}

/// The store's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The request was carried out.
    Done,
    /// The request had been carried out before.
    Repeated,
    /// A rival committed first.
    Conflict,
    /// The request came too late.
    Late,
    /// A second had begun since the decision.
    Stale,
    /// The history of the scope is full.
    Full,
    /// Nothing was done: the store is unavailable, or refuses.
    Failed,
    /// There was no answer.
    Silent,
}

impl Operation {
    /// All variants.
    pub const ALL: [Self; 11] = [
        Self::Load,
        Self::Commit,
        Self::Confirm,
        Self::History,
        Self::Extend,
        Self::Touch,
        Self::Watch,
        Self::Positions,
        Self::Due,
        Self::Postpone,
        Self::Beat,
    ];

    /// Returns the name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Commit => "commit",
            Self::Confirm => "confirm",
            Self::History => "history",
            Self::Extend => "extend",
            Self::Touch => "touch",
            Self::Watch => "watch",
            Self::Positions => "positions",
            Self::Due => "due",
            Self::Postpone => "postpone",
            Self::Beat => "beat",
        }
    }
}

impl Answer {
    /// All variants.
    pub const ALL: [Self; 8] =
        [Self::Done, Self::Repeated, Self::Conflict, Self::Late, Self::Stale, Self::Full, Self::Failed, Self::Silent];

    /// Returns the name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Repeated => "repeated",
            Self::Conflict => "conflict",
            Self::Late => "late",
            Self::Stale => "stale",
            Self::Full => "full",
            Self::Failed => "failed",
            Self::Silent => "silent",
        }
    }
}

/// The receiver of a node's measurements and trace links. No method may block.
pub trait Telemetry: Send + Sync + 'static {
    /// Records a duration.
    fn record(&self, what: Timing, took: Duration);

    /// Decides whether a root span is traced whose subject is shown to this many listeners.
    fn should_sample(&self, audience: usize) -> bool;

    /// Returns the trace context of the current span; `None` if it is not recorded.
    fn current_span(&self) -> Option<TraceParent>;

    /// Links a span, which was not entered yet, to the span that caused it, possibly on another node.
    fn link(&self, span: &Span, origin: &TraceParent);
}

/// Begins a root span whose subject is shown to this many listeners, if it is sampled. The span has the target
/// [`ROOT`].
pub(crate) fn begin(telemetry: &dyn Telemetry, audience: usize, span: impl FnOnce() -> Span) -> Span {
    if telemetry.should_sample(audience) { span() } else { Span::none() }
}

/// Telemetry that records nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTelemetry;

impl Telemetry for NoTelemetry {
    fn record(&self, _: Timing, _: Duration) {}

    fn should_sample(&self, _: usize) -> bool {
        false
    }

    fn current_span(&self) -> Option<TraceParent> {
        None
    }

    fn link(&self, _: &Span, _: &TraceParent) {}
}
