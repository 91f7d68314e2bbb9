//! The environment variables of OpenTelemetry, by the names of its specification.
//!
//! An invalid value is reported and ignored, as the specification demands: such variables are often set for all programs
//! of a cluster alike. For the same reason names of values are compared without case. The SDK reads the variables too, by
//! rules of its own; so what it would read is given to it.

mod exporter;
mod pairs;
mod variables;

use std::ffi::OsString;
use std::time::Duration;

use opentelemetry_sdk::metrics::Temporality;

pub(super) use exporter::{ExporterSettings, Protocol, Signal};
use pairs::attributes;
use variables::Variables;

/// Variables that only the SDK reads. Here they are only checked.
const NUMBERS_OF_THE_SDK: [&str; 4] = [
    "OTEL_BSP_EXPORT_TIMEOUT",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
];

/// The settings of OpenTelemetry from the environment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OtelSettings {
    /// Whether nothing is exported or measured.
    pub(super) is_disabled: bool,
    /// The exporter of spans, if they are exported.
    pub(super) traces: Option<ExporterSettings>,
    /// The exporter of metrics, if they are exported, besides being served at `/metrics`.
    pub(super) metrics: Option<ExporterSettings>,
    pub(super) sampler: Sampler,
    pub(super) batches: BatchSettings,
    /// The interval of metric exports.
    pub(super) metric_interval: Option<Duration>,
    pub(super) temporality: Option<Temporality>,
    /// The attributes of the resource.
    pub(super) attributes: Vec<(String, String)>,
    /// The invalid values that are ignored, for the log.
    pub(super) warnings: Vec<String>,
}

/// The sampler of traces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sampler {
    /// Whether a span with a parent is sampled exactly if its parent is.
    pub(super) respects_parent: bool,
    /// The share of other spans that is sampled.
    pub(super) ratio: f64,
}

/// The batches of spans; the SDK's defaults where a value is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct BatchSettings {
    pub(super) delay: Option<Duration>,
    pub(super) queue_size: Option<usize>,
    pub(super) batch_size: Option<usize>,
}

impl OtelSettings {
    /// Records that a signal cannot be exported.
    pub(super) fn disable(&mut self, signal: &str, error: &str) {
        self.warnings.push(format!("{signal} cannot be exported: {error}"));
    }

    /// Reads the environment of the process.
    pub(super) fn read() -> Self {
        Self::of(|name| std::env::var_os(name))
    }

    fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let variables = Variables::new(&variable);
        let is_disabled = variables.boolean("OTEL_SDK_DISABLED").unwrap_or_default();
        let traces = ExporterSettings::read(&variables, Signal::Traces);
        let metrics = ExporterSettings::read(&variables, Signal::Metrics);
        let sampler = sampler(&variables);
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let batches = BatchSettings {
            delay: variables.positive("OTEL_BSP_SCHEDULE_DELAY").map(Duration::from_millis),
            queue_size: variables.positive("OTEL_BSP_MAX_QUEUE_SIZE").map(count),
            batch_size: variables.positive("OTEL_BSP_MAX_EXPORT_BATCH_SIZE").map(count),
        };
        let metric_interval = variables.positive("OTEL_METRIC_EXPORT_INTERVAL").map(Duration::from_millis);
        let temporality = variables.parsed("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", |text| {
            text.parse().map_err(|()| "cumulative, delta or lowmemory".to_owned())
        });
        for name in NUMBERS_OF_THE_SDK {
            variables.parsed(name, |text| text.parse::<u32>().map_err(|_| "a whole number".to_owned()));
        }
        Self {
            is_disabled,
            traces: traces.filter(|_| !is_disabled),
            metrics: metrics.filter(|_| !is_disabled),
            sampler,
            batches,
            metric_interval,
            temporality,
            attributes: attributes(&variables),
            warnings: variables.into_warnings(),
        }
    }
}

fn sampler(variables: &Variables<'_>) -> Sampler {
    const ALL: Sampler = Sampler { respects_parent: true, ratio: 1.0 };
    let Some(name) = variables.get("OTEL_TRACES_SAMPLER").map(|name| name.to_ascii_lowercase()) else { return ALL };
    let (respects_parent, root) = match name.strip_prefix("parentbased_") {
        Some(root) => (true, root),
        None => (false, name.as_str()),
    };
    let ratio = match root {
        "always_on" => 1.0,
        "always_off" => 0.0,
        "traceidratio" => ratio(variables),
        _ => {
            variables.warn(format!("OTEL_TRACES_SAMPLER: {name:?} is unknown; everything is sampled"));
            return ALL;
        }
    };
    Sampler { respects_parent, ratio }
}

fn ratio(variables: &Variables<'_>) -> f64 {
    let ratio = variables.parsed("OTEL_TRACES_SAMPLER_ARG", |text| match text.parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        Ok(_) | Err(_) => Err("a number from 0 to 1; everything is sampled".to_owned()),
    });
    ratio.unwrap_or(1.0)
}

#[cfg(test)]
mod tests;
