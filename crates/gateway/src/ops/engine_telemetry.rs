//! What the engine reports: durations to metrics, spans to traces.

use std::sync::Arc;
use std::time::Duration;

use engine::TraceParent;
use engine::telemetry::Timing;
use tracing::Span;

use crate::ops::metrics::Timings;
use crate::ops::telemetry::traces::{self, Traces};

/// Receives the engine's telemetry.
pub(crate) struct EngineTelemetry {
    pub(crate) traces: Arc<Traces>,
    pub(crate) timings: Timings,
}

impl engine::Telemetry for EngineTelemetry {
    fn record(&self, what: Timing, took: Duration) {
        self.timings.record(what, took);
    }

    fn should_sample(&self, audience: usize) -> bool {
        self.traces.should_sample(audience)
    }

    fn current_span(&self) -> Option<TraceParent> {
        traces::current()
    }

    fn link(&self, span: &Span, origin: &TraceParent) {
        self.traces.link(span, origin);
    }
}
