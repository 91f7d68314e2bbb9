//! Who watches the engine.

use std::sync::Arc;
use std::time::Duration;

use engine::TraceParent;
use engine::telemetry::Timing;
use tracing::Span;

use crate::metrics::Timings;
use crate::telemetry::traces::{self, Traces};

/// Watches an engine.
pub(crate) struct Watch {
    pub(crate) traces: Arc<Traces>,
    pub(crate) timings: Timings,
}

impl engine::Telemetry for Watch {
    fn took(&self, what: Timing, took: Duration) {
        self.timings.took(what, took);
    }

    fn draws(&self, audience: usize) -> bool {
        self.traces.draws(audience)
    }

    fn here(&self) -> Option<TraceParent> {
        traces::here()
    }

    fn follow(&self, span: &Span, origin: &TraceParent) {
        self.traces.follow(span, origin);
    }
}
