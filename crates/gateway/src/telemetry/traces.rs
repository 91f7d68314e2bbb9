//! What is traced, and where its spans belong.
//!
//! It is decided before a span is made: one that the SDK leaves out in the end has cost a microsecond by then, and a
//! command has five of them.

use std::sync::{Mutex, PoisonError};

use engine::telemetry::{ROOT, SPAN_EVENT};
use engine::{Feed, TraceParent};
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer;
use tracing_subscriber::layer::Filter;

use crate::bucket::Bucket;
use crate::config::{FanOutRelation, TraceSettings};
use crate::telemetry::variables::Sampler;

/// What is traced.
pub(crate) struct Traces {
    /// None if nothing is.
    sampler: Option<Sampler>,
    by_audience: bool,
    fan_out: FanOutRelation,
    /// How much is traced because clients want it.
    wanted: Mutex<Bucket>,
}

/// Where a client's message comes from.
#[derive(Default)]
pub(crate) struct Whence<'a> {
    /// The `traceparent` that it says, which may be none.
    pub(crate) parent: Option<&'a str>,
    /// The span in which its client came in.
    pub(crate) connect: Option<&'a TraceParent>,
}

impl Traces {
    pub(super) fn new(sampler: Option<Sampler>, settings: &TraceSettings) -> Self {
        Self {
            sampler: sampler.filter(|sampler| sampler.ratio > 0.0 || sampler.asks_parent),
            by_audience: settings.by_audience,
            fan_out: settings.fan_out,
            wanted: Mutex::new(Bucket::new(settings.wanted_per_second, settings.wanted_per_second)),
        }
    }

    /// Begins a span of something that comes from outside and is shown to so many, as a consequence of what it says
    /// that it is; the span is none if it is not traced.
    pub(crate) fn begin(&self, parent: Option<&TraceParent>, audience: usize, span: impl FnOnce() -> Span) -> Span {
        let Some(sampler) = self.sampler else { return Span::none() };
        let records = match parent.filter(|_| sampler.asks_parent) {
            Some(parent) if !parent.sampled => false,
            // Beyond what clients may want, they are drawn like others.
            Some(_) if self.is_wanted() => true,
            Some(_) | None => self.draws(audience),
        };
        if !records {
            return Span::none();
        }
        let span = span();
        if let Some(parent) = parent {
            set_parent(&span, parent);
        }
        span
    }

    /// Begins the span of a client that comes in.
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
    pub(crate) fn message(&self, whence: Whence<'_>, feed: Option<&Feed>, dialect: &str, what: &str) -> Span {
        // Without traces it need not be looked how many listen.
        if self.sampler.is_none() {
            return Span::none();
        }
        let parent = whence.parent.and_then(|text| text.parse().ok());
        let span = self.begin(parent.as_ref(), feed.map_or(1, Feed::audience), || {
            tracing::info_span!(
                target: ROOT,
                "message",
                otel.name = format!("message {what}"),
                otel.kind = "server",
                tickcast.dialect = dialect,
                tickcast.command = what,
            )
        });
        if let Some(connect) = whence.connect {
            link(&span, connect);
        }
        span
    }

    /// Tells whether something that begins by itself is traced.
    ///
    /// What is shown to many is drawn as if each of them had been: of what people are shown, the same share can be
    /// traced back, and tracing costs the same share of the work.
    pub(crate) fn draws(&self, audience: usize) -> bool {
        let Some(Sampler { ratio, .. }) = self.sampler else { return false };
        if ratio >= 1.0 || ratio <= 0.0 {
            return ratio >= 1.0;
        }
        let times = if self.by_audience { audience.max(1) } else { 1 };
        let times = i32::try_from(times).unwrap_or(i32::MAX);
        fastrand::f64() < 1.0 - (1.0 - ratio).powi(times)
    }

    /// Makes a span the consequence of one that may be another node's.
    pub(crate) fn follow(&self, span: &Span, origin: &TraceParent) {
        match self.fan_out {
            FanOutRelation::Parent => set_parent(span, origin),
            // A trace of its own, whatever it is made in.
            FanOutRelation::Link => drop(span.set_parent(Context::new())),
        }
        link(span, origin);
    }

    fn is_wanted(&self) -> bool {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).take(1)
    }
}

/// Returns where the current span is, if it is recorded.
pub(crate) fn here() -> Option<TraceParent> {
    Context::map_current(|context| {
        let span = context.span();
        let here = span.span_context();
        here.is_sampled().then(|| TraceParent {
            trace: u128::from_be_bytes(here.trace_id().to_bytes()),
            span: u64::from_be_bytes(here.span_id().to_bytes()),
            sampled: true,
        })
    })
}

/// Links a span to another.
fn link(span: &Span, other: &TraceParent) {
    span.add_link(context_of(other));
}

fn set_parent(span: &Span, parent: &TraceParent) {
    // It fails only for a span that is none, or was entered.
    span.set_parent(Context::new().with_remote_span_context(context_of(parent))).ok();
}

fn context_of(origin: &TraceParent) -> SpanContext {
    let flags = if origin.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let (trace, span) = (TraceId::from(origin.trace), SpanId::from(origin.span));
    SpanContext::new(trace, span, flags, true, TraceState::NONE)
}

/// Lets through spans that begin a trace, which are drawn already, and what is in one.
pub(super) struct InTraces;

impl InTraces {
    fn may_be(metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        let is_ours = target.starts_with("tickcast::")
            || ["engine", "store", "gateway"].contains(&target.split("::").next().unwrap_or_default());
        is_ours && *metadata.level() <= Level::INFO
    }
}

impl<S> Filter<S> for InTraces {
    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if Self::may_be(metadata) { Interest::sometimes() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: &layer::Context<'_, S>) -> bool {
        let begins = metadata.is_span() && metadata.target() == ROOT;
        begins || (Self::may_be(metadata) && Context::map_current(TraceContextExt::has_active_span))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }
}

/// Tells whether something is for a log.
pub(super) fn is_for_logs(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && metadata.target() != SPAN_EVENT
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: TraceParent = TraceParent { trace: 1, span: 2, sampled: true };

    fn traces(sampler: Option<Sampler>, settings: TraceSettings) -> Traces {
        Traces::new(sampler, &settings)
    }

    fn of_ratio(asks_parent: bool, ratio: f64) -> Option<Sampler> {
        Some(Sampler { asks_parent, ratio })
    }

    /// How many of a thousand are begun.
    fn begun(traces: &Traces, parent: Option<&TraceParent>, audience: usize) -> usize {
        let mut begun = 0;
        for _ in 0..1000 {
            traces.begin(parent, audience, || {
                begun += 1;
                Span::none()
            });
        }
        begun
    }

    #[test]
    fn nothing_is_begun_without_a_sampler() {
        let off = traces(None, TraceSettings::default());
        assert_eq!((begun(&off, None, 10), begun(&off, Some(&PARENT), 10), off.draws(usize::MAX)), (0, 0, false));
    }

    #[test]
    fn what_is_shown_to_many_is_drawn_as_if_each_of_them_had_been() {
        let weighed = traces(of_ratio(true, 0.01), TraceSettings::default());
        assert!(begun(&weighed, None, 1) < 60);
        let of_a_hundred = begun(&weighed, None, 100);
        assert!((500..760).contains(&of_a_hundred), "{of_a_hundred}, 634 are expected");
        assert_eq!(begun(&weighed, None, 10_000), 1000);
        let plain = traces(of_ratio(true, 0.01), TraceSettings { by_audience: false, ..TraceSettings::default() });
        assert!(begun(&plain, None, 10_000) < 60);
        assert_eq!(begun(&traces(of_ratio(true, 0.0), TraceSettings::default()), None, 10_000), 0);
    }

    #[test]
    fn a_parent_decides_for_samplers_that_ask_it_and_clients_can_not_want_without_end() {
        let settings = TraceSettings { wanted_per_second: 10, ..TraceSettings::default() };
        let asking = traces(of_ratio(true, 0.0), settings);
        let unsampled = TraceParent { sampled: false, ..PARENT };
        assert_eq!(begun(&asking, Some(&unsampled), 1), 0);
        let wanted = begun(&asking, Some(&PARENT), 1);
        assert!((10..20).contains(&wanted), "{wanted}");
        let deaf = traces(of_ratio(false, 1.0), settings);
        assert_eq!((begun(&deaf, Some(&unsampled), 1), begun(&deaf, Some(&PARENT), 1)), (1000, 1000));
    }
}
