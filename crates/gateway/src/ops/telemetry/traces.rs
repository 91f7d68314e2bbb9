//! Sampling, and the parents and links of spans.
//!
//! The sampling decision is made before a span is created: a span that the SDK discards afterwards has already cost a
//! microsecond, and a command has five of them.

use engine::telemetry::{ROOT, SPAN_EVENT};
use engine::{Subscription, TraceParent};
use net::limits::TokenBucket;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use parking_lot::Mutex;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer;
use tracing_subscriber::layer::Filter;

use crate::ops::config::{FanOutRelation, TraceSettings};
use crate::ops::telemetry::environment::Sampler;

/// Decides what is traced, and creates the spans that begin a trace.
pub(crate) struct Traces {
    /// `None` if nothing is traced.
    sampler: Option<Sampler>,
    by_audience: bool,
    fan_out: FanOutRelation,
    /// Limits the traces that clients request.
    requested: Mutex<TokenBucket>,
}

/// The spans that a client's message belongs to.
#[derive(Default)]
pub(crate) struct TraceOrigin<'a> {
    /// The `traceparent` in the message; it may be invalid.
    pub(crate) parent: Option<&'a str>,
    /// The span in which the client connected.
    pub(crate) connect: Option<&'a TraceParent>,
}

impl Traces {
    pub(super) fn new(sampler: Option<Sampler>, settings: &TraceSettings) -> Self {
        Self {
            sampler: sampler.filter(|sampler| sampler.ratio > 0.0 || sampler.respects_parent),
            by_audience: settings.by_audience,
            fan_out: settings.fan_out,
            requested: Mutex::new(TokenBucket::new(settings.wanted_per_second, settings.wanted_per_second)),
        }
    }

    /// Begins a span for a request from outside that is shown to `audience` clients, as a child of `parent`.
    ///
    /// Returns a disabled span if the request is not sampled.
    pub(crate) fn begin(&self, parent: Option<&TraceParent>, audience: usize, span: impl FnOnce() -> Span) -> Span {
        let Some(sampler) = self.sampler else { return Span::none() };
        let is_sampled = match parent.filter(|_| sampler.respects_parent) {
            Some(parent) if !parent.sampled => false,
            // Beyond the limit of requested traces, the request is sampled like any other.
            Some(_) if self.admits_requested() => true,
            Some(_) | None => self.should_sample(audience),
        };
        if !is_sampled {
            return Span::none();
        }
        let span = span();
        if let Some(parent) = parent {
            set_parent(&span, parent);
        }
        span
    }

    /// Begins the span of a client that connects.
    pub(crate) fn connect(&self, parent: Option<&TraceParent>, dialect: &str) -> Span {
        self.begin(parent, 1, || {
            tracing::info_span!(
                target: ROOT,
                "connect",
                otel.kind = "server",
                tickcast.dialect = dialect,
            )
        })
    }

    /// Begins the span of a client's message.
    pub(crate) fn message(
        &self,
        origin: TraceOrigin<'_>,
        subscription: Option<&Subscription>,
        dialect: &str,
        command: &str,
    ) -> Span {
        // The audience is counted only if there is a sampler.
        if self.sampler.is_none() {
            return Span::none();
        }
        let parent = origin.parent.and_then(|text| text.parse().ok());
        let span = self.begin(parent.as_ref(), subscription.map_or(1, Subscription::audience), || {
            tracing::info_span!(
                target: ROOT,
                "message",
                otel.name = format!("message {command}"),
                otel.kind = "server",
                tickcast.dialect = dialect,
                tickcast.command = command,
            )
        });
        if let Some(connect) = origin.connect {
            link(&span, connect);
        }
        span
    }

    /// Returns whether an event of the node itself is sampled.
    ///
    /// An event that is shown to many clients is sampled as if each of them were sampled separately: of what clients are
    /// shown, the same share can be traced back, and tracing costs the same share of the work.
    pub(crate) fn should_sample(&self, audience: usize) -> bool {
        let Some(Sampler { ratio, .. }) = self.sampler else { return false };
        if ratio >= 1.0 || ratio <= 0.0 {
            return ratio >= 1.0;
        }
        let draws = if self.by_audience { audience.max(1) } else { 1 };
        let draws = i32::try_from(draws).unwrap_or(i32::MAX);
        fastrand::f64() < 1.0 - (1.0 - ratio).powi(draws)
    }

    /// Relates a span to its cause, which may be a span of another node.
    pub(crate) fn link(&self, span: &Span, origin: &TraceParent) {
        match self.fan_out {
            FanOutRelation::Parent => set_parent(span, origin),
            // A trace of its own, whatever span it is created in.
            FanOutRelation::Link => drop(span.set_parent(Context::new())),
        }
        link(span, origin);
    }

    fn admits_requested(&self) -> bool {
        self.requested.lock().take(1)
    }
}

/// Returns the current span, if it is recorded.
pub(crate) fn current() -> Option<TraceParent> {
    Context::map_current(|context| {
        let span = context.span();
        let current = span.span_context();
        current.is_sampled().then(|| TraceParent {
            trace: u128::from_be_bytes(current.trace_id().to_bytes()),
            span: u64::from_be_bytes(current.span_id().to_bytes()),
            sampled: true,
        })
    })
}

/// Adds a link to another span.
fn link(span: &Span, other: &TraceParent) {
    span.add_link(span_context(other));
}

fn set_parent(span: &Span, parent: &TraceParent) {
    // This fails only for a span that is disabled or has been entered.
    span.set_parent(Context::new().with_remote_span_context(span_context(parent))).ok();
}

fn span_context(origin: &TraceParent) -> SpanContext {
    let flags = if origin.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let (trace, span) = (TraceId::from(origin.trace), SpanId::from(origin.span));
    SpanContext::new(trace, span, flags, true, TraceState::NONE)
}

/// Lets through spans that begin a trace, which are sampled already, and everything within a trace.
pub(super) struct TraceFilter;

impl TraceFilter {
    fn is_traceable(metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        let is_own = target.starts_with("tickcast::")
            || ["engine", "store", "gateway", "net", "access"].contains(&target.split("::").next().unwrap_or_default());
        is_own && *metadata.level() <= Level::INFO
    }
}

impl<S> Filter<S> for TraceFilter {
    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if Self::is_traceable(metadata) { Interest::sometimes() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: &layer::Context<'_, S>) -> bool {
        let is_root = metadata.is_span() && metadata.target() == ROOT;
        is_root || (Self::is_traceable(metadata) && Context::map_current(TraceContextExt::has_active_span))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }
}

/// Returns whether an event belongs into the log.
pub(super) fn is_log_event(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && metadata.target() != SPAN_EVENT
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: TraceParent = TraceParent { trace: 1, span: 2, sampled: true };

    fn traces(sampler: Option<Sampler>, settings: TraceSettings) -> Traces {
        Traces::new(sampler, &settings)
    }

    fn sampler(respects_parent: bool, ratio: f64) -> Option<Sampler> {
        Some(Sampler { respects_parent, ratio })
    }

    /// Returns the number of spans that are created in a thousand attempts.
    fn created(traces: &Traces, parent: Option<&TraceParent>, audience: usize) -> usize {
        let mut created = 0;
        for _ in 0..1000 {
            traces.begin(parent, audience, || {
                created += 1;
                Span::none()
            });
        }
        created
    }

    #[test]
    fn without_a_sampler_no_span_is_created() {
        let off = traces(None, TraceSettings::default());
        assert_eq!(
            (created(&off, None, 10), created(&off, Some(&PARENT), 10), off.should_sample(usize::MAX)),
            (0, 0, false)
        );
    }

    #[test]
    fn a_large_audience_is_sampled_as_if_each_client_were() {
        let by_audience = traces(sampler(true, 0.01), TraceSettings::default());
        assert!(created(&by_audience, None, 1) < 60);
        let of_a_hundred = created(&by_audience, None, 100);
        assert!((500..760).contains(&of_a_hundred), "{of_a_hundred}, expected 634");
        assert_eq!(created(&by_audience, None, 10_000), 1000);
        let plain = traces(sampler(true, 0.01), TraceSettings { by_audience: false, ..TraceSettings::default() });
        assert!(created(&plain, None, 10_000) < 60);
        assert_eq!(created(&traces(sampler(true, 0.0), TraceSettings::default()), None, 10_000), 0);
    }

    #[test]
    fn a_parent_decides_for_parent_based_samplers_and_requested_traces_are_limited() {
        let settings = TraceSettings { wanted_per_second: 10, ..TraceSettings::default() };
        let parent_based = traces(sampler(true, 0.0), settings);
        let unsampled = TraceParent { sampled: false, ..PARENT };
        assert_eq!(created(&parent_based, Some(&unsampled), 1), 0);
        let requested = created(&parent_based, Some(&PARENT), 1);
        assert!((10..20).contains(&requested), "{requested}");
        let independent = traces(sampler(false, 1.0), settings);
        assert_eq!((created(&independent, Some(&unsampled), 1), created(&independent, Some(&PARENT), 1)), (1000, 1000));
    }
}
