//! The trace of a change from its arrival at this node to its listeners.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use timers::Scope;
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::field::Empty;

use crate::background::Background;
use crate::telemetry::{ROOT, Telemetry};
use crate::trace::TraceParent;

/// How long a change is traced. A listener that has not been reached by then has a link that takes nothing.
const TRACED_FOR: Duration = Duration::from_secs(5);

/// The listeners of a scope at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Audience {
    pub(crate) listeners: usize,
    /// The number of the latest listener; later ones have higher numbers.
    pub(crate) last: u64,
}

/// The trace of one change.
pub(crate) struct FanOutTrace {
    last: u64,
    /// Listeners that have neither been reached nor left.
    missing: AtomicUsize,
    sockets: AtomicU64,
    bytes: AtomicU64,
    is_superseded: AtomicBool,
    over: Notify,
}

impl FanOutTrace {
    /// Begins a trace, if it is recorded.
    pub(crate) fn begin(
        telemetry: &dyn Telemetry,
        background: &Background,
        origin: &TraceParent,
        scope: &Scope,
        audience: Audience,
    ) -> Option<Arc<Self>> {
        let Audience { listeners, last } = audience;
        if listeners == 0 {
            return None;
        }
        let span = tracing::info_span!(
            target: ROOT,
            parent: None,
            "fan_out",
            otel.kind = "consumer",
            messaging.operation.name = "fan_out",
            messaging.operation.type = "process",
            tickcast.scope.kind = scope.kind().label(),
            tickcast.fan_out.audience = listeners,
            tickcast.fan_out.sockets = Empty,
            tickcast.fan_out.bytes = Empty,
            tickcast.fan_out.missed = Empty,
            tickcast.fan_out.superseded = Empty,
        );
        if span.is_disabled() {
            return None;
        }
        telemetry.link(&span, origin);
        let trace = Arc::new(Self {
            last,
            missing: AtomicUsize::new(listeners),
            sockets: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            is_superseded: AtomicBool::new(false),
            over: Notify::new(),
        });
        let traced = Arc::clone(&trace);
        background.spawn(async move {
            timeout(TRACED_FOR, traced.over.notified()).await.ok();
            span.record("tickcast.fan_out.sockets", traced.sockets.load(Ordering::Acquire));
            span.record("tickcast.fan_out.bytes", traced.bytes.load(Ordering::Acquire));
            span.record("tickcast.fan_out.missed", traced.missing.load(Ordering::Acquire));
            span.record("tickcast.fan_out.superseded", traced.is_superseded.load(Ordering::Acquire));
        });
        Some(trace)
    }

    /// Tells whether a listener was there when the change came.
    pub(crate) fn includes(&self, listener: u64) -> bool {
        listener <= self.last
    }

    /// Records that the change was written to a listener.
    pub(crate) fn record_delivery(&self, bytes: usize) {
        self.sockets.fetch_add(1, Ordering::AcqRel);
        self.bytes.fetch_add(bytes as u64, Ordering::AcqRel);
        self.decrement_missing();
    }

    /// Records that a listener left before the change reached it.
    pub(crate) fn record_departure(&self) {
        self.decrement_missing();
    }

    /// Records that a later change came, which the missing listeners are shown instead.
    pub(crate) fn supersede(&self) {
        if self.missing.load(Ordering::Acquire) > 0 {
            self.is_superseded.store(true, Ordering::Release);
            self.over.notify_one();
        }
    }

    fn decrement_missing(&self) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.over.notify_one();
        }
    }
}
