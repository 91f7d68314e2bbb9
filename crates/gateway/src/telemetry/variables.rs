//! What the environment says of OpenTelemetry, by the names that its specification gives.
//!
//! What makes no sense is told and left out, as the specification wants it: such variables are often set for all
//! programs of a cluster alike.

use std::env;
use std::path::Path;

/// How often spans are sent, how many wait at most, how many are sent at once; how often metrics are.
pub(super) const SPANS_EVERY: &str = "OTEL_BSP_SCHEDULE_DELAY";
pub(super) const SPANS_WAITING: &str = "OTEL_BSP_MAX_QUEUE_SIZE";
pub(super) const SPANS_AT_ONCE: &str = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
pub(super) const METRICS_EVERY: &str = "OTEL_METRIC_EXPORT_INTERVAL";

/// Tells whether a number is zero, which the SDK would take literally.
pub(super) fn is_zero(name: &str) -> bool {
    said(name).is_some_and(|value| value.trim().parse() == Ok(0))
}

/// What the environment says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variables {
    /// Whether nothing is to be told, and nothing measured.
    pub(super) is_disabled: bool,
    /// Whether spans are sent anywhere.
    pub(super) traces: bool,
    /// Whether metrics are sent anywhere, besides being there to be fetched.
    pub(super) metrics: bool,
    pub(super) sampler: Sampler,
    /// What made no sense, for the operator.
    pub(super) ignored: Vec<String>,
}

/// Which spans are recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sampler {
    /// Whether a trace that somebody else began is recorded if they record it, and only then.
    pub(super) asks_parent: bool,
    /// The share that is recorded of the others.
    pub(super) ratio: f64,
}

/// What a signal is sent by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http,
    Grpc,
}

/// What is sent.
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

    /// Returns a variable of its own.
    pub(super) fn variable(self, name: &str) -> String {
        let signal = self.name().to_ascii_uppercase();
        format!("OTEL_EXPORTER_OTLP_{signal}_{name}")
    }
}

/// Returns a variable of all signals.
pub(super) fn common(name: &str) -> String {
    format!("OTEL_EXPORTER_OTLP_{name}")
}

/// Returns what a variable says; one that is empty is as good as none.
pub(super) fn said(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// Returns what is said of one signal, or else of all.
pub(super) fn said_of(signal: Signal, name: &str) -> Option<String> {
    said(&signal.variable(name)).or_else(|| said(&common(name)))
}

/// Returns how a signal is sent.
pub(super) fn protocol(signal: Signal) -> Protocol {
    protocol_of(said_of(signal, "PROTOCOL").as_deref())
}

fn protocol_of(said: Option<&str>) -> Protocol {
    if said == Some("grpc") { Protocol::Grpc } else { Protocol::Http }
}

impl Variables {
    /// Notes why a signal can't be sent after all.
    pub(super) fn ignore(&mut self, signal: &str, why: &str) {
        self.ignored.push(format!("{signal} can't be sent: {why}"));
    }

    /// Reads the environment of the process.
    pub(super) fn read() -> Self {
        Self::of(said)
    }

    fn of(said: impl Fn(&str) -> Option<String>) -> Self {
        let mut ignored = Vec::new();
        let is_disabled = said("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let mut is_sent = |signal: Signal, others: &[&str]| {
            let name = format!("OTEL_{}_EXPORTER", signal.name().to_ascii_uppercase());
            let endpoint = said(&signal.variable("ENDPOINT")).or_else(|| said(&common("ENDPOINT")));
            let endpoint = endpoint.filter(|endpoint| is_endpoint(endpoint));
            // Without an address nothing is sent: a newcomer's machine has no collector.
            let Some(exporters) = said(&name) else { return endpoint.is_some() };
            let exporters: Vec<&str> = exporters.split(',').map(str::trim).collect();
            for exporter in &exporters {
                if !["otlp", "none"].contains(exporter) && !others.contains(exporter) {
                    ignored.push(format!("{name}: {exporter:?} is not known; otlp or none is"));
                }
            }
            exporters.contains(&"otlp")
        };
        let (traces, metrics) = (is_sent(Signal::Traces, &[]), is_sent(Signal::Metrics, &["prometheus"]));
        let sampler = sampler(&said, &mut ignored);
        check_values(&said, &mut ignored);
        Self { is_disabled, traces: traces && !is_disabled, metrics: metrics && !is_disabled, sampler, ignored }
    }
}

fn sampler(said: &impl Fn(&str) -> Option<String>, ignored: &mut Vec<String>) -> Sampler {
    const ALL: Sampler = Sampler { asks_parent: true, ratio: 1.0 };
    let Some(name) = said("OTEL_TRACES_SAMPLER") else { return ALL };
    let (asks_parent, root) = match name.strip_prefix("parentbased_") {
        Some(root) => (true, root),
        None => (false, name.as_str()),
    };
    let ratio = match root {
        "always_on" => 1.0,
        "always_off" => 0.0,
        "traceidratio" => ratio(said, ignored),
        _ => {
            ignored.push(format!("OTEL_TRACES_SAMPLER: {name:?} is not known; all is sampled"));
            return ALL;
        }
    };
    Sampler { asks_parent, ratio }
}

fn ratio(said: &impl Fn(&str) -> Option<String>, ignored: &mut Vec<String>) -> f64 {
    let Some(text) = said("OTEL_TRACES_SAMPLER_ARG") else { return 1.0 };
    match text.trim().parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => ratio,
        Ok(_) | Err(_) => {
            ignored.push(format!("OTEL_TRACES_SAMPLER_ARG: {text:?} is no number from 0 to 1; all is sampled"));
            1.0
        }
    }
}

/// Looks at what the SDK reads by itself, and leaves out without a word.
fn check_values(said: &impl Fn(&str) -> Option<String>, ignored: &mut Vec<String>) {
    for name in ["PROTOCOL", "COMPRESSION", "ENDPOINT", "TIMEOUT", "CERTIFICATE"] {
        for variable in [common(name), Signal::Traces.variable(name), Signal::Metrics.variable(name)] {
            let Some(value) = said(&variable) else { continue };
            let (is_known, expected) = match name {
                "PROTOCOL" => (["grpc", "http/protobuf"].contains(&value.as_str()), "grpc or http/protobuf"),
                "COMPRESSION" => (["gzip", "none"].contains(&value.as_str()), "gzip or none"),
                "ENDPOINT" => (is_endpoint(&value), "an address such as http://collector:4318"),
                "CERTIFICATE" => (Path::new(&value).is_file(), "a file"),
                _ => (value.parse::<u64>().is_ok(), "a number of milliseconds"),
            };
            if !is_known {
                ignored.push(format!("{variable}: {value:?} is not {expected}"));
            }
        }
    }
    for name in [SPANS_EVERY, SPANS_WAITING, SPANS_AT_ONCE, METRICS_EVERY] {
        if let Some(value) = said(name).filter(|value| value.parse::<u64>().ok().is_none_or(|number| number == 0)) {
            ignored.push(format!("{name}: {value:?} is no whole number above 0"));
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

    fn read(said: &[(&str, &str)]) -> Variables {
        Variables::of(|name| said.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    const ALL: Sampler = Sampler { asks_parent: true, ratio: 1.0 };

    #[test]
    fn nothing_is_sent_unless_somebody_says_where_or_that() {
        let nothing = read(&[]);
        let (traces, metrics, is_disabled) = (false, false, false);
        assert_eq!(nothing, Variables { is_disabled, traces, metrics, sampler: ALL, ignored: Vec::new() });
        for (said, traces, metrics) in [
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")][..], true, true),
            (&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4318/v1/traces")], true, false),
            (&[("OTEL_TRACES_EXPORTER", "otlp")], true, false),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"), ("OTEL_METRICS_EXPORTER", "none")], true, false),
            (&[("OTEL_METRICS_EXPORTER", "prometheus,otlp")], false, true),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"), ("OTEL_SDK_DISABLED", "true")], false, false),
        ] {
            let read = read(said);
            assert_eq!((read.traces, read.metrics, read.ignored), (traces, metrics, Vec::new()), "{said:?}");
        }
    }

    #[test]
    fn samplers_are_those_of_the_specification() {
        for (name, argument, asks_parent, ratio) in [
            ("always_on", "", false, 1.0),
            ("always_off", "", false, 0.0),
            ("traceidratio", "0.25", false, 0.25),
            ("parentbased_always_on", "", true, 1.0),
            ("parentbased_always_off", "", true, 0.0),
            ("parentbased_traceidratio", "0.01", true, 0.01),
        ] {
            let argument = Some(("OTEL_TRACES_SAMPLER_ARG", argument)).filter(|(_, argument)| !argument.is_empty());
            let said: Vec<(&str, &str)> = [("OTEL_TRACES_SAMPLER", name)].into_iter().chain(argument).collect();
            assert_eq!(read(&said).sampler, Sampler { asks_parent, ratio }, "{name}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_told_and_left_out() {
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
            let [told] = &read.ignored[..] else { panic!("{name}: {:?}", read.ignored) };
            assert!(told.starts_with(name) && told.contains(value), "{told}");
        }
        let ratio = read(&[("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "1.5")]);
        assert_eq!((ratio.sampler.ratio, ratio.ignored.len()), (1.0, 1));
    }
}
