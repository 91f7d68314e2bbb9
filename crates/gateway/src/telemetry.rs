//! What the process tells those who run it: a log, spans, and figures. All of OpenTelemetry is behind this module and
//! [`crate::metrics`].

mod line;
mod log;
mod otlp;
mod post;
pub(crate) mod traces;
mod variables;

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::{Key, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prometheus::Registry;

use crate::config::Settings;
use crate::telemetry::traces::Traces;
use crate::telemetry::variables::Variables;

pub(crate) use log::Log;
pub(crate) use otlp::Sent;

/// How long the end of the process waits for a collector to take the last of it.
const LAST_WITHIN: Duration = Duration::from_secs(3);

/// The name of the service, if the environment gives none.
const SERVICE: &str = "tickcast";

/// What the process tells.
pub(crate) struct Telemetry {
    pub(crate) log: Log,
    pub(crate) traces: Arc<Traces>,
    pub(crate) registry: Registry,
    pub(crate) sent: Arc<Sent>,
    tracer: Option<SdkTracerProvider>,
    meter: SdkMeterProvider,
}

impl Telemetry {
    /// Begins to tell. Must be called on the runtime.
    pub(crate) fn start(settings: &Settings) -> Result<Self> {
        let mut variables = Variables::read();
        let (sent, resource) = (Arc::<Sent>::default(), resource(&settings.node_id));
        // What can't be sent keeps nobody from being served.
        let tracer = variables.traces.then(|| otlp::tracer(resource.clone(), &sent));
        let tracer = tracer.and_then(|made| made.map_err(|why| variables.ignore("traces", &why)).ok());
        let (registry, mut meter) = (Registry::new(), SdkMeterProvider::builder().with_resource(resource));
        // Nothing is measured that nobody reads.
        if !variables.is_disabled {
            let fetched = opentelemetry_prometheus::exporter().with_registry(registry.clone());
            meter = meter.with_reader(fetched.scope_info_enabled(false).without_target_info().build()?);
        }
        if variables.metrics {
            match otlp::metrics(&sent) {
                Ok(reader) => meter = meter.with_reader(reader),
                Err(why) => variables.ignore("metrics", &why),
            }
        }
        let log = Log::start(&settings.log, tracer.as_ref()).context("the log can't begin")?;
        for ignored in &variables.ignored {
            tracing::warn!("{ignored}");
        }
        let sampler = tracer.is_some().then_some(variables.sampler);
        Ok(Self {
            log,
            traces: Arc::new(Traces::new(sampler, &settings.traces)),
            registry,
            sent,
            tracer,
            meter: meter.build(),
        })
    }

    /// Returns what instruments are made with.
    pub(crate) fn meter(&self) -> Meter {
        self.meter.meter("tickcast")
    }

    /// Sends the last of it. Must not be called on the runtime, which has to be there still.
    pub(crate) fn stop(&self) {
        let (done, both) = mpsc::channel();
        let of_meter = done.clone();
        let (meter, tracer) = (self.meter.clone(), self.tracer.clone());
        // A collector that is away was told of when it went. The SDK does not keep to a limit everywhere.
        thread::spawn(move || {
            meter.shutdown_with_timeout(LAST_WITHIN).ok();
            of_meter.send(()).ok();
        });
        thread::spawn(move || {
            if let Some(tracer) = tracer {
                tracer.shutdown_with_timeout(LAST_WITHIN).ok();
            }
            done.send(()).ok();
        });
        let end = Instant::now() + LAST_WITHIN;
        for _ in 0..2 {
            both.recv_timeout(end.saturating_duration_since(Instant::now())).ok();
        }
    }
}

/// Returns who tells. What the environment says of it counts (`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`).
fn resource(node: &str) -> Resource {
    let said = Resource::builder().build();
    let is_said = |name: &'static str| {
        said.get_ref(&Key::new(name)).is_some_and(|value| !value.as_str().starts_with("unknown_service"))
    };
    let ours = [
        ("service.name", SERVICE.to_owned()),
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id", node.to_owned()),
    ];
    let ours = ours.into_iter().filter(|(name, _)| !is_said(name));
    Resource::builder().with_attributes(ours.map(|(name, value)| KeyValue::new(name, value))).build()
}
