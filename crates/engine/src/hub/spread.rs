//! A traced change on its way to those who listen on this node.

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

/// How long a change is followed. Whoever has not been reached by then has a link that does not take it.
const FOLLOWED_FOR: Duration = Duration::from_secs(5);

/// Those who listen to a scope at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Audience {
    pub(crate) listeners: usize,
    /// The number of the last of them; who comes later has a higher one.
    pub(crate) last: u64,
}

/// A traced change on its way.
pub(crate) struct Spread {
    last: u64,
    /// Those who have neither been reached nor left.
    missing: AtomicUsize,
    sockets: AtomicU64,
    bytes: AtomicU64,
    is_superseded: AtomicBool,
    over: Notify,
}

impl Spread {
    /// Begins to follow a change to an audience, if that is recorded.
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
            tickcast.scope.kind = scope.kind(),
            tickcast.fan_out.audience = listeners,
            tickcast.fan_out.sockets = Empty,
            tickcast.fan_out.bytes = Empty,
            tickcast.fan_out.missed = Empty,
            tickcast.fan_out.superseded = Empty,
        );
        if span.is_disabled() {
            return None;
        }
        telemetry.follow(&span, origin);
        let spread = Arc::new(Self {
            last,
            missing: AtomicUsize::new(listeners),
            sockets: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            is_superseded: AtomicBool::new(false),
            over: Notify::new(),
        });
        let followed = Arc::clone(&spread);
        background.spawn(async move {
            timeout(FOLLOWED_FOR, followed.over.notified()).await.ok();
            span.record("tickcast.fan_out.sockets", followed.sockets.load(Ordering::Acquire));
            span.record("tickcast.fan_out.bytes", followed.bytes.load(Ordering::Acquire));
            span.record("tickcast.fan_out.missed", followed.missing.load(Ordering::Acquire));
            span.record("tickcast.fan_out.superseded", followed.is_superseded.load(Ordering::Acquire));
        });
        Some(spread)
    }

    /// Tells whether a listener was there when the change came.
    pub(crate) fn is_owed_to(&self, listener: u64) -> bool {
        listener <= self.last
    }

    /// Notes that one of the audience was written it.
    pub(crate) fn reached(&self, bytes: usize) {
        self.sockets.fetch_add(1, Ordering::AcqRel);
        self.bytes.fetch_add(bytes as u64, Ordering::AcqRel);
        self.one_less();
    }

    /// Notes that one of the audience has left before.
    pub(crate) fn left(&self) {
        self.one_less();
    }

    /// Notes that a later change has come, which those who are left are shown instead.
    pub(crate) fn supersede(&self) {
        if self.missing.load(Ordering::Acquire) > 0 {
            self.is_superseded.store(true, Ordering::Release);
            self.over.notify_one();
        }
    }

    fn one_less(&self) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.over.notify_one();
        }
    }
}
