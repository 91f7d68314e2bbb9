//! Metrics: the same instruments for Prometheus to scrape and for OTLP to export.

mod close;
mod connections;
mod engine;
mod labelled_counter;
mod node;
mod observed;
mod process;
mod refusal;
mod timings;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::engine::{ExecuteError, Outcome, name_of};
use net::limits::{NetLimit, NetObserver};
use net::websocket::CloseReason;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};
use prometheus::{Encoder, Registry, TextEncoder};

use crate::ops::metrics::close::CloseLabel;
use crate::ops::metrics::connections::{ClientLabels, DialectLabel};
use crate::ops::metrics::labelled_counter::{Label, LabelledCounter};
use crate::ops::metrics::timings::WORK_SECONDS;
use crate::ops::telemetry::{ExportStats, Telemetry};

pub(crate) use connections::ConnectionGauge;
pub(crate) use node::observe as observe_node;
pub(crate) use refusal::Refusal;
pub(crate) use timings::Timings;

/// The commit of the build, if the build named it.
pub(crate) const REVISION: Option<&str> = option_env!("TICKCAST_REVISION");

/// The instruments that the gateway counts by itself.
pub(crate) struct Metrics {
    registry: Registry,
    opened: LabelledCounter<ClientLabels>,
    connected: LabelledCounter<ClientLabels>,
    closed: LabelledCounter<CloseLabel>,
    refusals: LabelledCounter<Refusal>,
    received: LabelledCounter<DialectLabel>,
    signals: LabelledCounter<DialectLabel>,
    sent: LabelledCounter<DialectLabel>,
    commands: Histogram<f64>,
    requests: Histogram<f64>,
}

impl Metrics {
    /// Creates the instruments. Must be called on the runtime.
    pub(crate) fn new(telemetry: &Telemetry) -> Arc<Self> {
        let meter = telemetry.meter();
        let seconds = |name: &'static str, what: &'static str| {
            let histogram = meter.f64_histogram(name).with_unit("s").with_description(what);
            histogram.with_boundaries(WORK_SECONDS.to_vec()).build()
        };
        let metrics = Arc::new(Self {
            registry: telemetry.registry.clone(),
            opened: LabelledCounter::default(),
            connected: LabelledCounter::default(),
            closed: LabelledCounter::default(),
            refusals: LabelledCounter::default(),
            received: LabelledCounter::default(),
            signals: LabelledCounter::default(),
            sent: LabelledCounter::default(),
            commands: seconds("tickcast.command.duration", "From a command's arrival to its outcome, by outcome"),
            requests: seconds("http.server.request.duration", "Duration of HTTP requests"),
        });
        metrics.observe(&meter);
        observe_exports(&meter, &telemetry.exports);
        observe_build(&meter);
        process::observe(&meter);
        metrics
    }

    fn observe(self: &Arc<Self>, meter: &Meter) {
        counter(
            meter,
            self,
            "tickcast.connections.opened",
            "Clients that connected, by dialect and authentication method",
            |metrics| &metrics.opened,
        );
        counter(
            meter,
            self,
            "tickcast.connections.closed",
            "Sockets that closed, by close code and reason; 1006 is a broken connection",
            |metrics| &metrics.closed,
        );
        counter(meter, self, "tickcast.refusals", "Connections, requests and messages refused, by reason", |metrics| {
            &metrics.refusals
        });
        counter(meter, self, "tickcast.messages.received", "Messages from clients, by dialect", |metrics| {
            &metrics.received
        });
        counter(
            meter,
            self,
            "tickcast.signals.received",
            "Messages from clients that only say that they were sent, by dialect",
            |metrics| &metrics.signals,
        );
        counter(meter, self, "tickcast.messages.sent", "Messages to clients other than ticks, by dialect", |metrics| {
            &metrics.sent
        });
        let metrics = Arc::downgrade(self);
        meter
            .u64_observable_gauge("tickcast.connections")
            .with_description("Connected clients, by dialect and authentication method")
            .with_callback(move |gauge| {
                if let Some(metrics) = metrics.upgrade() {
                    metrics.connected.observe(gauge);
                }
            })
            .build();
    }

    pub(crate) fn message_received(&self, dialect: &str) {
        self.received.add(DialectLabel::of(dialect), 1);
    }

    /// Counts a signal; a client that sends too many is read more slowly.
    pub(crate) fn signal_received(&self, dialect: &str, is_surplus: bool) {
        self.signals.add(DialectLabel::of(dialect), 1);
        if is_surplus {
            self.refused(Refusal::Signals);
        }
    }

    pub(crate) fn messages_sent(&self, dialect: &str, count: u64) {
        if count > 0 {
            self.sent.add(DialectLabel::of(dialect), count);
        }
    }

    /// Counts a socket that was closed, and the limit that was the reason.
    pub(crate) fn closed(&self, reason: &CloseReason) {
        self.closed.add(reason.into(), 1);
        if let Some(refusal) = Refusal::of(reason) {
            self.refused(refusal);
        }
    }

    /// Counts a socket that broke.
    pub(crate) fn broke(&self) {
        self.closed.add(CloseLabel::BROKEN, 1);
    }

    pub(crate) fn refused(&self, why: Refusal) {
        self.refusals.add(why, 1);
    }

    pub(crate) fn command_done(&self, took: Duration, outcome: &Result<Outcome, ExecuteError>) {
        if let Err(ExecuteError::Refused(refusal)) = outcome
            && let Some(refusal) = Refusal::of_command(*refusal)
        {
            self.refused(refusal);
        }
        self.commands.record(took.as_secs_f64(), &[KeyValue::new("outcome", name_of(outcome))]);
    }

    /// Records an answered HTTP request; `route` is empty if no route matched.
    pub(crate) fn request_answered(&self, took: Duration, method: &'static str, route: &str, status: u16) {
        let labels = [
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.route", route.to_owned()),
            KeyValue::new("http.response.status_code", i64::from(status)),
        ];
        self.requests.record(took.as_secs_f64(), &labels);
    }

    /// Returns the connected clients by dialect.
    pub(crate) fn connected_by_dialect(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for labels in ClientLabels::all() {
            *counts.entry(labels.dialect()).or_default() += self.connected.get(*labels);
        }
        counts
    }

    /// Returns the refusals since the start, by reason; always the same reasons in the same order.
    pub(crate) fn refusals(&self) -> Vec<(&'static str, u64)> {
        Refusal::all().iter().map(|reason| (reason.name(), self.refusals.get(*reason))).collect()
    }

    /// Returns all metrics in the Prometheus text format.
    pub(crate) fn text(&self) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text).map_err(|error| error.to_string())?;
        Ok(text)
    }
}

impl NetObserver for Metrics {
    fn refused(&self, limit: NetLimit) {
        Self::refused(self, limit.into());
    }
}

fn counter<L: Label>(
    meter: &Meter,
    metrics: &Arc<Metrics>,
    name: &'static str,
    what: &'static str,
    field: fn(&Metrics) -> &LabelledCounter<L>,
) {
    let metrics = Arc::downgrade(metrics);
    meter
        .u64_observable_counter(name)
        .with_description(what)
        .with_callback(move |counter| {
            if let Some(metrics) = metrics.upgrade() {
                field(&metrics).observe(counter);
            }
        })
        .build();
}

/// Observes what was exported to a collector.
fn observe_exports(meter: &Meter, sent: &Arc<ExportStats>) {
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let of_spans = Arc::clone(sent);
    meter
        .u64_observable_counter("tickcast.telemetry.spans")
        .with_description(
            "Recorded spans, by state: ended, sent, failed; the difference waits in the queue or was dropped",
        )
        .with_callback(move |counter| {
            let ExportStats { spans, of_traces, .. } = &*of_spans;
            for (state, count) in
                [("ended", spans), ("sent", &of_traces.spans_done), ("failed", &of_traces.spans_failed)]
            {
                counter.observe(read(count), &[KeyValue::new("state", state)]);
            }
        })
        .build();
    let of_exports = Arc::clone(sent);
    meter
        .u64_observable_counter("tickcast.telemetry.exports")
        .with_description("Exports to a collector, by signal and outcome")
        .with_callback(move |counter| {
            for (signal, sendings) in [("traces", &of_exports.of_traces), ("metrics", &of_exports.of_metrics)] {
                for (outcome, count) in [("done", &sendings.done), ("failed", &sendings.failed)] {
                    counter.observe(read(count), &[KeyValue::new("signal", signal), KeyValue::new("outcome", outcome)]);
                }
            }
        })
        .build();
}

fn observe_build(meter: &Meter) {
    let labels =
        [KeyValue::new("version", env!("CARGO_PKG_VERSION")), KeyValue::new("revision", REVISION.unwrap_or("unknown"))];
    meter
        .u64_observable_gauge("tickcast.build.info")
        .with_description("The version and revision of the build; always 1")
        .with_callback(move |gauge| gauge.observe(1, &labels))
        .build();
}
