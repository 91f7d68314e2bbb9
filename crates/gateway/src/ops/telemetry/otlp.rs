//! The export of spans and metrics to a collector. Exporters have threads and bounded queues of their own: a collector
//! that is unavailable, slow or failing costs the data, and nothing else.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::Context;
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
use parking_lot::Mutex;

use crate::ops::telemetry::environment::{
    METRIC_EXPORT_INTERVAL, Protocol, SPAN_BATCH_SIZE, SPAN_EXPORT_DELAY, SPAN_QUEUE_SIZE, Signal, is_zero, protocol,
    signal_variable,
};
use crate::ops::telemetry::otlp_grpc::tls_channel;
use crate::ops::telemetry::otlp_http::OtlpHttpClient;

/// Time limit of an export, unless the environment sets one.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The interval between exports of metrics, if the environment sets it to zero.
const DEFAULT_METRIC_INTERVAL: Duration = Duration::from_secs(60);

/// Counts the exports of all signals.
#[derive(Debug, Default)]
pub(crate) struct ExportStats {
    /// Spans that ended.
    pub(crate) spans: AtomicU64,
    pub(crate) of_traces: SignalStats,
    pub(crate) of_metrics: SignalStats,
}

impl ExportStats {
    fn of(&self, signal: Signal) -> &SignalStats {
        match signal {
            Signal::Traces => &self.of_traces,
            Signal::Metrics => &self.of_metrics,
        }
    }
}

/// Counts the exports of one signal.
#[derive(Debug, Default)]
pub(crate) struct SignalStats {
    /// Successful exports.
    pub(crate) done: AtomicU64,
    /// Failed exports.
    pub(crate) failed: AtomicU64,
    /// Spans in the successful and in the failed exports.
    pub(crate) spans_done: AtomicU64,
    pub(crate) spans_failed: AtomicU64,
    is_failing: AtomicBool,
    /// The error of the last failed HTTP request, which the exporter does not report.
    http_error: Mutex<Option<String>>,
}

impl SignalStats {
    /// Records the error of an HTTP request.
    fn set_http_error(&self, error: String) {
        *self.http_error.lock() = Some(error);
    }

    /// Counts an export, and logs the first failure and the first success after it.
    fn record(&self, signal: Signal, spans: usize, result: &OTelSdkResult) {
        let (count, of_spans) = match result {
            Ok(()) => (&self.done, &self.spans_done),
            Err(_) => (&self.failed, &self.spans_failed),
        };
        count.fetch_add(1, Ordering::Relaxed);
        of_spans.fetch_add(spans as u64, Ordering::Relaxed);
        let was_failing = self.is_failing.swap(result.is_err(), Ordering::Relaxed);
        match result {
            Err(error) if !was_failing => {
                let error = self.http_error.lock().take().unwrap_or_else(|| error.to_string());
                tracing::warn!(signal = signal.name(), %error, "the export to the collector fails; the data is lost");
            }
            Ok(()) if was_failing => {
                tracing::info!(signal = signal.name(), "the export to the collector succeeds again");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

/// Creates the tracer provider. Must be called on the runtime.
pub(super) fn tracer(resource: Resource, stats: &Arc<ExportStats>) -> Result<SdkTracerProvider, String> {
    let exporter = match protocol(Signal::Traces) {
        Protocol::Grpc => with_tls(SpanExporter::builder().with_tonic(), Signal::Traces)?.build(),
        Protocol::Http => {
            SpanExporter::builder().with_http().with_http_client(http_client(Signal::Traces, stats)?).build()
        }
    };
    let exporter = exporter.map_err(|error| error.to_string())?;
    let exporter = CountingExporter { exporter, stats: Arc::clone(stats) };
    let provider = SdkTracerProvider::builder()
        // `Traces` decides before it creates a span.
        .with_sampler(Sampler::AlwaysOn)
        .with_resource(resource)
        .with_span_processor(EndedSpanCounter(Arc::clone(stats)))
        .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batch_config()).build());
    Ok(provider.build())
}

/// Creates the reader that exports metrics periodically. Must be called on the runtime.
pub(super) fn metrics(stats: &Arc<ExportStats>) -> Result<PeriodicReader<impl PushMetricExporter + use<>>, String> {
    let exporter = match protocol(Signal::Metrics) {
        Protocol::Grpc => with_tls(MetricExporter::builder().with_tonic(), Signal::Metrics)?.build(),
        Protocol::Http => {
            MetricExporter::builder().with_http().with_http_client(http_client(Signal::Metrics, stats)?).build()
        }
    };
    let exporter = exporter.map_err(|error| error.to_string())?;
    let exporter = CountingExporter { exporter, stats: Arc::clone(stats) };
    let mut reader = PeriodicReader::builder(exporter);
    if is_zero(METRIC_EXPORT_INTERVAL) {
        reader = reader.with_interval(DEFAULT_METRIC_INTERVAL);
    }
    Ok(reader.build())
}

/// Returns the configuration of span batches from the environment, with the defaults in place of invalid zeros.
fn batch_config() -> BatchConfig {
    let mut config = BatchConfigBuilder::default();
    if is_zero(SPAN_EXPORT_DELAY) {
        config = config.with_scheduled_delay(OTEL_BSP_SCHEDULE_DELAY_DEFAULT);
    }
    if is_zero(SPAN_QUEUE_SIZE) {
        config = config.with_max_queue_size(OTEL_BSP_MAX_QUEUE_SIZE_DEFAULT);
    }
    if is_zero(SPAN_BATCH_SIZE) {
        config = config.with_max_export_batch_size(OTEL_BSP_MAX_EXPORT_BATCH_SIZE_DEFAULT);
    }
    config.build()
}

fn http_client(signal: Signal, stats: &Arc<ExportStats>) -> Result<OtlpHttpClient, String> {
    let timeout = signal_variable(signal, "TIMEOUT").and_then(|text| text.parse().ok());
    let timeout = timeout.map_or(DEFAULT_TIMEOUT, Duration::from_millis);
    let stats = Arc::clone(stats);
    let on_error = Box::new(move |error| stats.of(signal).set_http_error(error));
    OtlpHttpClient::new(ca_file(signal).as_deref(), timeout, on_error)
}

fn ca_file(signal: Signal) -> Option<PathBuf> {
    signal_variable(signal, "CERTIFICATE").map(PathBuf::from)
}

/// Configures TLS if the address of the collector begins with `https`.
fn with_tls<B: WithTonicConfig>(builder: B, signal: Signal) -> Result<B, String> {
    match signal_variable(signal, "ENDPOINT").filter(|endpoint| endpoint.starts_with("https")) {
        Some(endpoint) => Ok(builder.with_channel(tls_channel(&endpoint, ca_file(signal).as_deref())?)),
        None => Ok(builder),
    }
}

/// Counts the spans that end.
#[derive(Debug)]
struct EndedSpanCounter(Arc<ExportStats>);

impl SpanProcessor for EndedSpanCounter {
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

/// Counts the exports of an exporter.
#[derive(Debug)]
struct CountingExporter<E> {
    exporter: E,
    stats: Arc<ExportStats>,
}

impl opentelemetry_sdk::trace::SpanExporter for CountingExporter<SpanExporter> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.exporter.export(batch).await;
        self.stats.of(Signal::Traces).record(Signal::Traces, spans, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl PushMetricExporter for CountingExporter<MetricExporter> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.exporter.export(metrics).await;
        self.stats.of(Signal::Metrics).record(Signal::Metrics, 0, &result);
        result
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
