//! What is measured: the same instruments to be fetched by Prometheus and to be sent to a collector.

mod close;
mod engine;
mod node;
mod observed;
mod party;
mod process;
mod refusal;
mod tally;
mod timings;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::engine::{ExecuteError, Outcome, name_of};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};
use prometheus::{Encoder, Registry, TextEncoder};

use crate::metrics::close::Close;
use crate::metrics::party::Party;
use crate::metrics::tally::{Label, Tally};
use crate::metrics::timings::WORK_SECONDS;
use crate::telemetry::{Sent, Telemetry};
use crate::ws::Closing;

pub(crate) use node::observe as observe_node;
pub(crate) use party::{Dialect, Present};
pub(crate) use refusal::Refusal;
pub(crate) use timings::Timings;

/// The commit that this was built from, if whoever built it said so.
const REVISION: Option<&str> = option_env!("TICKCAST_REVISION");

/// What is counted as it happens.
pub(crate) struct Metrics {
    registry: Registry,
    opened: Tally<Party>,
    present: Tally<Party>,
    closed: Tally<Close>,
    refusals: Tally<Refusal>,
    received: Tally<Dialect>,
    sent: Tally<Dialect>,
    commands: Histogram<f64>,
    requests: Histogram<f64>,
}

impl Metrics {
    /// Makes the instruments. Must be called on the runtime.
    pub(crate) fn new(telemetry: &Telemetry) -> Arc<Self> {
        let meter = telemetry.meter();
        let seconds = |name: &'static str, what: &'static str| {
            let histogram = meter.f64_histogram(name).with_unit("s").with_description(what);
            histogram.with_boundaries(WORK_SECONDS.to_vec()).build()
        };
        let metrics = Arc::new(Self {
            registry: telemetry.registry.clone(),
            opened: Tally::default(),
            present: Tally::default(),
            closed: Tally::default(),
            refusals: Tally::default(),
            received: Tally::default(),
            sent: Tally::default(),
            commands: seconds("tickcast.command.duration", "From a command's arrival to its outcome, by outcome"),
            requests: seconds("http.server.request.duration", "How long HTTP requests take"),
        });
        metrics.observe(&meter);
        observe_sent(&meter, &telemetry.sent);
        observe_build(&meter);
        process::observe(&meter);
        metrics
    }

    fn observe(self: &Arc<Self>, meter: &Meter) {
        counter(
            meter,
            self,
            "tickcast.connections.opened",
            "Clients that came, by dialect and by what they were believed for",
            |metrics| &metrics.opened,
        );
        counter(
            meter,
            self,
            "tickcast.connections.closed",
            "Sockets that ended, by close code and reason; 1006 is one that broke",
            |metrics| &metrics.closed,
        );
        counter(meter, self, "tickcast.refusals", "Connections, requests and messages refused, by reason", |metrics| {
            &metrics.refusals
        });
        counter(meter, self, "tickcast.messages.received", "Messages of clients, by dialect", |metrics| {
            &metrics.received
        });
        counter(
            meter,
            self,
            "tickcast.messages.sent",
            "Messages to clients that are no ticks, by dialect",
            |metrics| &metrics.sent,
        );
        let metrics = Arc::downgrade(self);
        meter
            .u64_observable_gauge("tickcast.connections")
            .with_description("Clients that are there, by dialect and by what they were believed for")
            .with_callback(move |gauge| {
                if let Some(metrics) = metrics.upgrade() {
                    metrics.present.observe(gauge);
                }
            })
            .build();
    }

    pub(crate) fn message_received(&self, dialect: impl Into<Dialect>) {
        self.received.add(dialect.into(), 1);
    }

    pub(crate) fn messages_sent(&self, dialect: impl Into<Dialect>, count: u64) {
        self.sent.add(dialect.into(), count);
    }

    /// Counts a socket that was closed, and the limit that it was closed for.
    pub(crate) fn closed(&self, closing: &Closing) {
        self.closed.add(closing.into(), 1);
        if let Some(refusal) = Refusal::of(closing) {
            self.refused(refusal);
        }
    }

    /// Counts a socket that broke.
    pub(crate) fn broke(&self) {
        self.closed.add(Close::BROKEN, 1);
    }

    pub(crate) fn refused(&self, why: Refusal) {
        self.refusals.add(why, 1);
    }

    pub(crate) fn command_done(&self, took: Duration, outcome: &Result<Outcome, ExecuteError>) {
        self.commands.record(took.as_secs_f64(), &[KeyValue::new("outcome", name_of(outcome))]);
    }

    /// Notes an answered HTTP request; `route` is empty for what no route is for.
    pub(crate) fn request_answered(&self, took: Duration, method: &'static str, route: &str, status: u16) {
        let labels = [
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.route", route.to_owned()),
            KeyValue::new("http.response.status_code", i64::from(status)),
        ];
        self.requests.record(took.as_secs_f64(), &labels);
    }

    /// Returns all figures in the Prometheus text format.
    pub(crate) fn text(&self) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text).map_err(|error| error.to_string())?;
        Ok(text)
    }
}

fn counter<L: Label>(
    meter: &Meter,
    metrics: &Arc<Metrics>,
    name: &'static str,
    what: &'static str,
    tally: fn(&Metrics) -> &Tally<L>,
) {
    let metrics = Arc::downgrade(metrics);
    meter
        .u64_observable_counter(name)
        .with_description(what)
        .with_callback(move |counter| {
            if let Some(metrics) = metrics.upgrade() {
                tally(&metrics).observe(counter);
            }
        })
        .build();
}

/// Measures what was sent to a collector.
fn observe_sent(meter: &Meter, sent: &Arc<Sent>) {
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let of_spans = Arc::clone(sent);
    meter
        .u64_observable_counter("tickcast.telemetry.spans")
        .with_description(
            "Spans that were recorded, by what became of them; what is missing between the three waits, or was dropped",
        )
        .with_callback(move |counter| {
            let Sent { spans, of_traces, .. } = &*of_spans;
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
        .with_description("Times that something was sent to a collector, by signal and outcome")
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
        .with_description("What this was built from; always 1")
        .with_callback(move |gauge| gauge.observe(1, &labels))
        .build();
}
