//! The export of spans and metrics to a collector. Exporters have threads and bounded queues of their own: a collector
//! that is unavailable, slow or failing costs the data, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::{
    Compression, MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
};
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

use crate::ops::telemetry::environment::{BatchSettings, ExporterSettings, OtelSettings, Protocol, Signal};
use crate::ops::telemetry::otlp_grpc::tls_channel;
use crate::ops::telemetry::otlp_http::OtlpHttpClient;

/// The interval between exports of metrics, unless the environment sets one.
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
pub(super) fn tracer(
    settings: &ExporterSettings,
    batches: &BatchSettings,
    resource: Resource,
    stats: &Arc<ExportStats>,
) -> Result<SdkTracerProvider, String> {
    let exporter = match settings.protocol {
        Protocol::Grpc => over_grpc(SpanExporter::builder().with_tonic(), settings)?.build(),
        Protocol::Http => over_http(SpanExporter::builder().with_http(), settings, Signal::Traces, stats)?.build(),
    };
    let exporter = exporter.map_err(|error| error.to_string())?;
    let exporter = CountingExporter { exporter, stats: Arc::clone(stats) };
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batch_config(batches)).build();
    let provider = SdkTracerProvider::builder()
        // `Traces` decides before it creates a span.
        .with_sampler(Sampler::AlwaysOn)
        .with_resource(resource)
        .with_span_processor(EndedSpanCounter(Arc::clone(stats)))
        .with_span_processor(processor);
    Ok(provider.build())
}

/// Creates the reader that exports metrics periodically. Must be called on the runtime.
pub(super) fn metrics(
    settings: &ExporterSettings,
    otel: &OtelSettings,
    stats: &Arc<ExportStats>,
) -> Result<PeriodicReader<impl PushMetricExporter + use<>>, String> {
    let builder = MetricExporter::builder().with_temporality(otel.temporality.unwrap_or_default());
    let exporter = match settings.protocol {
        Protocol::Grpc => over_grpc(builder.with_tonic(), settings)?.build(),
        Protocol::Http => over_http(builder.with_http(), settings, Signal::Metrics, stats)?.build(),
    };
    let exporter = exporter.map_err(|error| error.to_string())?;
    let exporter = CountingExporter { exporter, stats: Arc::clone(stats) };
    let interval = otel.metric_interval.unwrap_or(DEFAULT_METRIC_INTERVAL);
    Ok(PeriodicReader::builder(exporter).with_interval(interval).build())
}

/// Returns the configuration of span batches.
fn batch_config(settings: &BatchSettings) -> BatchConfig {
    BatchConfigBuilder::default()
        .with_scheduled_delay(settings.delay.unwrap_or(OTEL_BSP_SCHEDULE_DELAY_DEFAULT))
        .with_max_queue_size(settings.queue_size.unwrap_or(OTEL_BSP_MAX_QUEUE_SIZE_DEFAULT))
        .with_max_export_batch_size(settings.batch_size.unwrap_or(OTEL_BSP_MAX_EXPORT_BATCH_SIZE_DEFAULT))
        .build()
}

fn over_http<B: WithExportConfig + WithHttpConfig>(
    builder: B,
    settings: &ExporterSettings,
    signal: Signal,
    stats: &Arc<ExportStats>,
) -> Result<B, String> {
    let stats = Arc::clone(stats);
    let on_error = Box::new(move |error| stats.of(signal).set_http_error(error));
    let client = OtlpHttpClient::new(settings.ca_file.as_deref(), settings.timeout, on_error)?;
    // The builder takes texts only.
    let text = |(name, value): &(HeaderName, HeaderValue)| Some((name.to_string(), value.to_str().ok()?.to_owned()));
    let builder = builder
        .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
        .with_endpoint(settings.endpoint.as_str())
        .with_timeout(settings.timeout)
        .with_headers(settings.headers.iter().filter_map(text).collect())
        .with_http_client(client);
    Ok(if settings.compresses { builder.with_compression(Compression::Gzip) } else { builder })
}

/// Configures TLS too if the address of the collector begins with `https`.
fn over_grpc<B: WithExportConfig + WithTonicConfig>(builder: B, settings: &ExporterSettings) -> Result<B, String> {
    let builder = builder
        .with_endpoint(settings.endpoint.as_str())
        .with_timeout(settings.timeout)
        .with_metadata(MetadataMap::from_headers(settings.headers.iter().cloned().collect::<HeaderMap>()));
    let builder = if settings.compresses { builder.with_compression(Compression::Gzip) } else { builder };
    if !settings.endpoint.starts_with("https") {
        return Ok(builder);
    }
    Ok(builder.with_channel(tls_channel(&settings.endpoint, settings.ca_file.as_deref())?))
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
