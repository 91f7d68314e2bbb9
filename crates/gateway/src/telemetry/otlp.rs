//! Sending spans and metrics to a collector. One that is away, slow or wrong costs what it was to be sent, and nothing
//! else: exporters have threads and bounded queues of their own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithHttpConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, Temporality};
use opentelemetry_sdk::trace::{
    BatchConfig, BatchConfigBuilder, BatchSpanProcessor, OTEL_BSP_MAX_EXPORT_BATCH_SIZE_DEFAULT,
    OTEL_BSP_MAX_QUEUE_SIZE_DEFAULT, OTEL_BSP_SCHEDULE_DELAY_DEFAULT, Sampler, SdkTracerProvider, Span, SpanData,
    SpanProcessor,
};

use crate::telemetry::post::Post;
use crate::telemetry::variables::{
    METRICS_EVERY, Protocol, SPANS_AT_ONCE, SPANS_EVERY, SPANS_WAITING, Signal, is_zero, protocol, said_of,
};

/// How long a collector may take, if the environment does not say.
const WITHIN: Duration = Duration::from_secs(10);

/// How often metrics are sent, if the environment does not say.
const METRICS_USUALLY_EVERY: Duration = Duration::from_secs(60);

/// What was sent, and what was not.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Spans that ended.
    pub(crate) spans: AtomicU64,
    pub(crate) of_traces: Sendings,
    pub(crate) of_metrics: Sendings,
}

impl Sent {
    fn of(&self, signal: Signal) -> &Sendings {
        match signal {
            Signal::Traces => &self.of_traces,
            Signal::Metrics => &self.of_metrics,
        }
    }
}

/// What became of what was to be sent of one signal.
#[derive(Debug, Default)]
pub(crate) struct Sendings {
    pub(crate) done: AtomicU64,
    pub(crate) failed: AtomicU64,
    /// How many spans were in those that were done, and in those that failed.
    pub(crate) spans_done: AtomicU64,
    pub(crate) spans_failed: AtomicU64,
    is_failing: AtomicBool,
    /// Why the last one failed on its way, which the exporter does not tell.
    failure: Mutex<Option<String>>,
}

impl Sendings {
    /// Takes note of why something fails on its way.
    pub(super) fn fails(&self, why: String) {
        *self.lock() = Some(why);
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what became of one; tells of it when that has changed.
    fn note(&self, signal: Signal, spans: usize, sent: &OTelSdkResult) {
        let (count, of_spans) = match sent {
            Ok(()) => (&self.done, &self.spans_done),
            Err(_) => (&self.failed, &self.spans_failed),
        };
        count.fetch_add(1, Ordering::Relaxed);
        of_spans.fetch_add(spans as u64, Ordering::Relaxed);
        let was_failing = self.is_failing.swap(sent.is_err(), Ordering::Relaxed);
        match sent {
            Err(error) if !was_failing => {
                let why = self.lock().take().unwrap_or_else(|| error.to_string());
                tracing::warn!(signal = signal.name(), %why, "the collector takes nothing; what is sent now is lost");
            }
            Ok(()) if was_failing => tracing::info!(signal = signal.name(), "the collector takes what is sent again"),
            Ok(()) | Err(_) => {}
        }
    }
}

/// Makes what spans are recorded with. Must be called on the runtime.
pub(super) fn tracer(resource: Resource, sent: &Arc<Sent>) -> Result<SdkTracerProvider, String> {
    let exporter = match protocol(Signal::Traces) {
        Protocol::Grpc => over_tls(SpanExporter::builder().with_tonic(), Signal::Traces)?.build(),
        Protocol::Http => SpanExporter::builder().with_http().with_http_client(post(Signal::Traces, sent)?).build(),
    };
    let exporter = Counted { exporter: exporter.map_err(|error| error.to_string())?, sent: Arc::clone(sent) };
    let provider = SdkTracerProvider::builder()
        // What is not to be recorded never becomes a span.
        .with_sampler(Sampler::AlwaysOn)
        .with_resource(resource)
        .with_span_processor(Ended(Arc::clone(sent)))
        .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches()).build());
    Ok(provider.build())
}

/// Makes what sends metrics now and then. Must be called on the runtime.
pub(super) fn metrics(sent: &Arc<Sent>) -> Result<PeriodicReader<impl PushMetricExporter + use<>>, String> {
    let exporter = match protocol(Signal::Metrics) {
        Protocol::Grpc => over_tls(MetricExporter::builder().with_tonic(), Signal::Metrics)?.build(),
        Protocol::Http => MetricExporter::builder().with_http().with_http_client(post(Signal::Metrics, sent)?).build(),
    };
    let exporter = Counted { exporter: exporter.map_err(|error| error.to_string())?, sent: Arc::clone(sent) };
    let mut reader = PeriodicReader::builder(exporter);
    if is_zero(METRICS_EVERY) {
        reader = reader.with_interval(METRICS_USUALLY_EVERY);
    }
    Ok(reader.build())
}

/// Returns how spans are sent, as the environment says; what can't be zero is as usual then.
fn batches() -> BatchConfig {
    let mut batches = BatchConfigBuilder::default();
    if is_zero(SPANS_EVERY) {
        batches = batches.with_scheduled_delay(OTEL_BSP_SCHEDULE_DELAY_DEFAULT);
    }
    if is_zero(SPANS_WAITING) {
        batches = batches.with_max_queue_size(OTEL_BSP_MAX_QUEUE_SIZE_DEFAULT);
    }
    if is_zero(SPANS_AT_ONCE) {
        batches = batches.with_max_export_batch_size(OTEL_BSP_MAX_EXPORT_BATCH_SIZE_DEFAULT);
    }
    batches.build()
}

fn post(signal: Signal, sent: &Arc<Sent>) -> Result<Post, String> {
    let within = said_of(signal, "TIMEOUT").and_then(|text| text.parse().ok()).map_or(WITHIN, Duration::from_millis);
    let sent = Arc::clone(sent);
    Post::new(ca_file(signal).as_deref(), within, Box::new(move |why| sent.of(signal).fails(why)))
}

fn ca_file(signal: Signal) -> Option<PathBuf> {
    said_of(signal, "CERTIFICATE").map(PathBuf::from)
}

/// Has a collector spoken to over TLS, if its address says so.
fn over_tls<B: WithTonicConfig>(builder: B, signal: Signal) -> Result<B, String> {
    if !said_of(signal, "ENDPOINT").is_some_and(|endpoint| endpoint.starts_with("https")) {
        return Ok(builder);
    }
    let tls = ClientTlsConfig::new().with_enabled_roots();
    let Some(file) = ca_file(signal) else { return Ok(builder.with_tls_config(tls)) };
    let pem = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(builder.with_tls_config(tls.ca_certificate(Certificate::from_pem(pem))))
}

/// Counts the spans that end.
#[derive(Debug)]
struct Ended(Arc<Sent>);

impl SpanProcessor for Ended {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, _: SpanData) {
        self.0.spans.fetch_add(1, Ordering::Relaxed);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Counts what an exporter sends.
#[derive(Debug)]
struct Counted<E> {
    exporter: E,
    sent: Arc<Sent>,
}

impl opentelemetry_sdk::trace::SpanExporter for Counted<SpanExporter> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let sent = self.exporter.export(batch).await;
        self.sent.of(Signal::Traces).note(Signal::Traces, spans, &sent);
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl PushMetricExporter for Counted<MetricExporter> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let sent = self.exporter.export(metrics).await;
        self.sent.of(Signal::Metrics).note(Signal::Metrics, 0, &sent);
        sent
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}
