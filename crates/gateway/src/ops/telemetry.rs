//! Logs, traces and metrics of the process. Only this module and [`crate::ops::metrics`] use OpenTelemetry.

mod environment;
mod log;
mod log_format;
mod otlp;
mod otlp_grpc;
mod otlp_http;
pub(crate) mod traces;

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prometheus::Registry;

use crate::ops::config::{LogSettings, Settings};
use crate::ops::telemetry::environment::OtelSettings;
use crate::ops::telemetry::traces::Traces;

pub(crate) use log::Log;
pub(crate) use otlp::ExportStats;

/// Time limit of the last export at the end of the process.
const LAST_EXPORT_TIMEOUT: Duration = Duration::from_secs(3);

/// The name of the service, unless the environment sets one.
const SERVICE_NAME: &str = "tickcast";

/// Starts the log of a command, which is for its person: without what a node logs as a matter of course.
///
/// # Errors
/// The level cannot be parsed.
pub(crate) fn start_command_log(settings: &LogSettings) -> Result<()> {
    let is_default = settings.level == "info";
    let level = if is_default { "warn".to_owned() } else { settings.level.clone() };
    Log::start(&LogSettings { level, ..settings.clone() }, None).context("cannot start the log")?;
    Ok(())
}

/// The log, the traces and the metrics of the process.
pub(crate) struct Telemetry {
    pub(crate) log: Log,
    pub(crate) traces: Arc<Traces>,
    pub(crate) registry: Registry,
    pub(crate) exports: Arc<ExportStats>,
    tracer: Option<SdkTracerProvider>,
    meter: SdkMeterProvider,
}

impl Telemetry {
    /// Starts logging and exporting. Must be called on the runtime.
    pub(crate) fn start(settings: &Settings) -> Result<Self> {
        let mut otel = OtelSettings::read();
        let (exports, resource) = (Arc::<ExportStats>::default(), resource(&settings.node_id, &otel.attributes));
        // The node serves clients even if it cannot export.
        let tracer = otel.traces.as_ref();
        let tracer = tracer.map(|exporter| otlp::tracer(exporter, &otel.batches, resource.clone(), &exports));
        let tracer = tracer.and_then(|tracer| tracer.map_err(|error| otel.disable("traces", &error)).ok());
        let (registry, mut meter) = (Registry::new(), SdkMeterProvider::builder().with_resource(resource));
        // Without a reader the instruments record nothing.
        if !otel.is_disabled {
            let prometheus = opentelemetry_prometheus::exporter().with_registry(registry.clone());
            meter = meter.with_reader(prometheus.scope_info_enabled(false).without_target_info().build()?);
        }
        if let Some(exporter) = &otel.metrics {
            match otlp::metrics(exporter, &otel, &exports) {
                Ok(reader) => meter = meter.with_reader(reader),
                Err(error) => otel.disable("metrics", &error),
            }
        }
        let log = Log::start(&settings.log, tracer.as_ref()).context("cannot start the log")?;
        for warning in &otel.warnings {
            tracing::warn!("{warning}");
        }
        let sampler = tracer.is_some().then_some(otel.sampler);
        Ok(Self {
            log,
            traces: Arc::new(Traces::new(sampler, &settings.traces)),
            registry,
            exports,
            tracer,
            meter: meter.build(),
        })
    }

    /// Returns the meter that creates instruments.
    pub(crate) fn meter(&self) -> Meter {
        self.meter.meter("tickcast")
    }

    /// Exports what remains. Must not be called on the runtime, which must still run.
    pub(crate) fn stop(&self) {
        let (done, both_done) = mpsc::channel();
        let meter_done = done.clone();
        let (meter, tracer) = (self.meter.clone(), self.tracer.clone());
        // The failure of a collector was logged when it began. Threads of their own, because the SDK does not observe the
        // time limit everywhere.
        thread::spawn(move || {
            meter.shutdown_with_timeout(LAST_EXPORT_TIMEOUT).ok();
            meter_done.send(()).ok();
        });
        thread::spawn(move || {
            if let Some(tracer) = tracer {
                tracer.shutdown_with_timeout(LAST_EXPORT_TIMEOUT).ok();
            }
            done.send(()).ok();
        });
        let deadline = Instant::now() + LAST_EXPORT_TIMEOUT;
        for _ in 0..2 {
            both_done.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok();
        }
    }
}

/// Returns the resource that exports name. The attributes of the environment take precedence.
fn resource(node: &str, configured: &[(String, String)]) -> Resource {
    let defaults =
        [("service.name", SERVICE_NAME), ("service.version", env!("CARGO_PKG_VERSION")), ("service.instance.id", node)];
    let configured = configured.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    // Of two attributes with one name the last counts.
    let attributes: BTreeMap<&str, &str> = defaults.into_iter().chain(configured).collect();
    let attributes = attributes.iter().map(|(name, value)| KeyValue::new((*name).to_owned(), (*value).to_owned()));
    Resource::builder_empty().with_detector(Box::new(TelemetryResourceDetector)).with_attributes(attributes).build()
}
