//! The environment variables of OpenTelemetry, by the names of its specification.
//!
//! An invalid value is reported and ignored, as the specification demands: such variables are often set for all programs
//! of a cluster alike.

use std::env;
use std::path::Path;

/// The interval of span exports, the size of the span queue and of a batch, and the interval of metric exports.
pub(super) const SPAN_EXPORT_DELAY: &str = "OTEL_BSP_SCHEDULE_DELAY";
pub(super) const SPAN_QUEUE_SIZE: &str = "OTEL_BSP_MAX_QUEUE_SIZE";
pub(super) const SPAN_BATCH_SIZE: &str = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
pub(super) const METRIC_EXPORT_INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";

/// Returns whether a variable is zero, which the SDK would apply literally.
pub(super) fn is_zero(name: &str) -> bool {
    variable(name).is_some_and(|value| value.trim().parse() == Ok(0))
}

/// The settings of OpenTelemetry from the environment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OtelSettings {
    /// Whether nothing is exported or measured.
    pub(super) is_disabled: bool,
    /// Whether spans are exported.
    pub(super) traces: bool,
    /// Whether metrics are exported, besides being served at `/metrics`.
    pub(super) metrics: bool,
    pub(super) sampler: Sampler,
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

/// The transport of an exporter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http,
    Grpc,
}

/// A signal of OpenTelemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Metrics,
}

impl Signal {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
        }
    }

    /// Returns the name of the signal's own variable.
    pub(super) fn variable(self, name: &str) -> String {
        let signal = self.name().to_ascii_uppercase();
        format!("OTEL_EXPORTER_OTLP_{signal}_{name}")
    }
}

/// Returns the name of the variable for all signals.
pub(super) fn common(name: &str) -> String {
    format!("OTEL_EXPORTER_OTLP_{name}")
}

/// Returns the value of a variable; an empty one counts as unset.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// Returns the value for one signal, or else for all.
pub(super) fn signal_variable(signal: Signal, name: &str) -> Option<String> {
    variable(&signal.variable(name)).or_else(|| variable(&common(name)))
}

/// Returns the transport of a signal.
pub(super) fn protocol(signal: Signal) -> Protocol {
    protocol_of(signal_variable(signal, "PROTOCOL").as_deref())
}

fn protocol_of(value: Option<&str>) -> Protocol {
    if value == Some("grpc") { Protocol::Grpc } else { Protocol::Http }
}

impl OtelSettings {
    /// Records that a signal cannot be exported.
    pub(super) fn disable(&mut self, signal: &str, error: &str) {
        self.warnings.push(format!("{signal} cannot be exported: {error}"));
    }

    /// Reads the environment of the process.
    pub(super) fn read() -> Self {
        Self::of(variable)
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut warnings = Vec::new();
        let is_disabled = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let mut is_exported = |signal: Signal, others: &[&str]| {
            let name = format!("OTEL_{}_EXPORTER", signal.name().to_ascii_uppercase());
            let endpoint = variable(&signal.variable("ENDPOINT")).or_else(|| variable(&common("ENDPOINT")));
            let endpoint = endpoint.filter(|endpoint| is_endpoint(endpoint));
            // Without an address nothing is exported: a new user's machine has no collector.
            let Some(exporters) = variable(&name) else { return endpoint.is_some() };
            let exporters: Vec<&str> = exporters.split(',').map(str::trim).collect();
            for exporter in &exporters {
                if !["otlp", "none"].contains(exporter) && !others.contains(exporter) {
                    warnings.push(format!("{name}: {exporter:?} is unknown; supported are otlp and none"));
                }
            }
            exporters.contains(&"otlp")
        };
        let (traces, metrics) = (is_exported(Signal::Traces, &[]), is_exported(Signal::Metrics, &["prometheus"]));
        let sampler = sampler(&variable, &mut warnings);
        check_values(&variable, &mut warnings);
        Self { is_disabled, traces: traces && !is_disabled, metrics: metrics && !is_disabled, sampler, warnings }
    }
}

fn sampler(variable: &impl Fn(&str) -> Option<String>, warnings: &mut Vec<String>) -> Sampler {
    const ALL: Sampler = Sampler { respects_parent: true, ratio: 1.0 };
    let Some(name) = variable("OTEL_TRACES_SAMPLER") else { return ALL };
    let (respects_parent, root) = match name.strip_prefix("parentbased_") {
        Some(root) => (true, root),
        None => (false, name.as_str()),
    };
    let ratio = match root {
        "always_on" => 1.0,
        "always_off" => 0.0,
        "traceidratio" => ratio(variable, warnings),
        _ => {
            warnings.push(format!("OTEL_TRACES_SAMPLER: {name:?} is unknown; everything is sampled"));
            return ALL;
        }
    };
    Sampler { respects_parent, ratio }
}

fn ratio(variable: &impl Fn(&str) -> Option<String>, warnings: &mut Vec<String>) -> f64 {
    let Some(text) = variable("OTEL_TRACES_SAMPLER_ARG") else { return 1.0 };
    match text.trim().parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => ratio,
        Ok(_) | Err(_) => {
            warnings
                .push(format!("OTEL_TRACES_SAMPLER_ARG: {text:?} is not a number from 0 to 1; everything is sampled"));
            1.0
        }
    }
}

/// Checks the variables that the SDK reads by itself, and whose invalid values it ignores silently.
fn check_values(variable: &impl Fn(&str) -> Option<String>, warnings: &mut Vec<String>) {
    for name in ["PROTOCOL", "COMPRESSION", "ENDPOINT", "TIMEOUT", "CERTIFICATE"] {
        for full_name in [common(name), Signal::Traces.variable(name), Signal::Metrics.variable(name)] {
            let Some(value) = variable(&full_name) else { continue };
            let (is_valid, expected) = match name {
                "PROTOCOL" => (["grpc", "http/protobuf"].contains(&value.as_str()), "grpc or http/protobuf"),
                "COMPRESSION" => (["gzip", "none"].contains(&value.as_str()), "gzip or none"),
                "ENDPOINT" => (is_endpoint(&value), "an address such as http://collector:4318"),
                "CERTIFICATE" => (Path::new(&value).is_file(), "a file"),
                _ => (value.parse::<u64>().is_ok(), "a number of milliseconds"),
            };
            if !is_valid {
                warnings.push(format!("{full_name}: {value:?} is not {expected}"));
            }
        }
    }
    for name in [SPAN_EXPORT_DELAY, SPAN_QUEUE_SIZE, SPAN_BATCH_SIZE, METRIC_EXPORT_INTERVAL] {
        if let Some(value) = variable(name).filter(|value| value.parse::<u64>().ok().is_none_or(|number| number == 0)) {
            warnings.push(format!("{name}: {value:?} is not a whole number above 0"));
        }
    }
}

fn is_endpoint(text: &str) -> bool {
    let uri = text.parse::<axum::http::Uri>();
    uri.is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> OtelSettings {
        OtelSettings::of(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    const ALL: Sampler = Sampler { respects_parent: true, ratio: 1.0 };

    #[test]
    fn nothing_is_exported_without_an_endpoint_or_an_exporter() {
        let defaults = read(&[]);
        let (traces, metrics, is_disabled) = (false, false, false);
        assert_eq!(defaults, OtelSettings { is_disabled, traces, metrics, sampler: ALL, warnings: Vec::new() });
        for (variables, traces, metrics) in [
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")][..], true, true),
            (&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4318/v1/traces")], true, false),
            (&[("OTEL_TRACES_EXPORTER", "otlp")], true, false),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"), ("OTEL_METRICS_EXPORTER", "none")], true, false),
            (&[("OTEL_METRICS_EXPORTER", "prometheus,otlp")], false, true),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"), ("OTEL_SDK_DISABLED", "true")], false, false),
        ] {
            let read = read(variables);
            assert_eq!((read.traces, read.metrics, read.warnings), (traces, metrics, Vec::new()), "{variables:?}");
        }
    }

    #[test]
    fn the_samplers_of_the_specification_are_supported() {
        for (name, argument, respects_parent, ratio) in [
            ("always_on", "", false, 1.0),
            ("always_off", "", false, 0.0),
            ("traceidratio", "0.25", false, 0.25),
            ("parentbased_always_on", "", true, 1.0),
            ("parentbased_always_off", "", true, 0.0),
            ("parentbased_traceidratio", "0.01", true, 0.01),
        ] {
            let argument = Some(("OTEL_TRACES_SAMPLER_ARG", argument)).filter(|(_, argument)| !argument.is_empty());
            let variables: Vec<(&str, &str)> = [("OTEL_TRACES_SAMPLER", name)].into_iter().chain(argument).collect();
            assert_eq!(read(&variables).sampler, Sampler { respects_parent, ratio }, "{name}");
        }
    }

    #[test]
    fn an_invalid_value_is_reported_and_ignored() {
        for (name, value) in [
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_TRACES_SAMPLER", "xray"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "brotli"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4318"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere"),
        ] {
            let read = read(&[(name, value)]);
            assert_eq!(read.sampler, ALL);
            let [warning] = &read.warnings[..] else { panic!("{name}: {:?}", read.warnings) };
            assert!(warning.starts_with(name) && warning.contains(value), "{warning}");
        }
        let ratio = read(&[("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "1.5")]);
        assert_eq!((ratio.sampler.ratio, ratio.warnings.len()), (1.0, 1));
    }
}
