//! The exporter of one signal. Its own variables take precedence over those of all signals.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Uri};

use crate::ops::telemetry::environment::pairs::headers;
use crate::ops::telemetry::environment::variables::Variables;

/// Time limit of an export, unless the environment sets one.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The exporter of one signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExporterSettings {
    pub(crate) protocol: Protocol,
    /// The complete address.
    pub(crate) endpoint: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) timeout: Duration,
    pub(crate) compresses: bool,
    /// A file of further root certificates (PEM).
    pub(crate) ca_file: Option<PathBuf>,
}

/// The transport of an exporter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Grpc,
}

/// A signal of OpenTelemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Traces,
    Metrics,
}

impl Signal {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
        }
    }

    /// Returns the names of a variable: that of the signal, and that of all signals.
    fn variables(self, name: &str) -> [String; 2] {
        let signal = self.name().to_ascii_uppercase();
        [format!("OTEL_EXPORTER_OTLP_{signal}_{name}"), format!("OTEL_EXPORTER_OTLP_{name}")]
    }
}

impl ExporterSettings {
    /// Reads the variables of a signal; `None` if it is not exported.
    pub(super) fn read(variables: &Variables<'_>, signal: Signal) -> Option<Self> {
        let protocol = variables.first(&signal.variables("PROTOCOL"), protocol).unwrap_or(Protocol::Http);
        let [insecure, of_all] = signal.variables("INSECURE").map(|name| variables.boolean(&name));
        let endpoint = endpoint(variables, signal, protocol, insecure.or(of_all).unwrap_or_default());
        let settings = Self {
            protocol,
            headers: headers(variables, &signal.variables("HEADERS")),
            timeout: variables.first(&signal.variables("TIMEOUT"), milliseconds).unwrap_or(DEFAULT_TIMEOUT),
            compresses: variables.first(&signal.variables("COMPRESSION"), compression).unwrap_or_default(),
            ca_file: variables.first(&signal.variables("CERTIFICATE"), readable_file),
            endpoint: endpoint.clone().unwrap_or_else(|| default_endpoint(signal, protocol)),
        };
        // Without an address nothing is exported by default: a new user's machine has no collector.
        is_exported(variables, signal).unwrap_or(endpoint.is_some()).then_some(settings)
    }
}

/// Returns whether the variable of the signal names OTLP as its exporter; `None` if it names no known one.
fn is_exported(variables: &Variables<'_>, signal: Signal) -> Option<bool> {
    let name = format!("OTEL_{}_EXPORTER", signal.name().to_ascii_uppercase());
    let names = variables.get(&name)?.to_ascii_lowercase();
    let others: &[&str] = match signal {
        Signal::Traces => &["none"],
        Signal::Metrics => &["none", "prometheus"],
    };
    let (known, unknown): (Vec<&str>, Vec<&str>) =
        names.split(',').map(str::trim).partition(|exporter| *exporter == "otlp" || others.contains(exporter));
    for exporter in unknown {
        variables.warn(format!("{name}: {exporter:?} is unknown; supported are otlp and none"));
    }
    (!known.is_empty()).then(|| known.contains(&"otlp"))
}

/// Returns the address of the collector, if one is set.
fn endpoint(variables: &Variables<'_>, signal: Signal, protocol: Protocol, is_insecure: bool) -> Option<String> {
    let [own, of_all] = signal.variables("ENDPOINT");
    let parse = |text: &str| match protocol {
        Protocol::Http => address(text),
        // The specification lets an address for gRPC be without a scheme.
        Protocol::Grpc if text.contains("://") => address(text),
        Protocol::Grpc => address(&format!("{}://{text}", if is_insecure { "http" } else { "https" })),
    };
    variables.parsed(&own, parse).or_else(|| {
        let base = variables.parsed(&of_all, parse)?;
        Some(match protocol {
            Protocol::Http => format!("{}/v1/{}", base.trim_end_matches('/'), signal.name()),
            Protocol::Grpc => base,
        })
    })
}

fn default_endpoint(signal: Signal, protocol: Protocol) -> String {
    match protocol {
        Protocol::Http => format!("http://localhost:4318/v1/{}", signal.name()),
        Protocol::Grpc => "http://localhost:4317".to_owned(),
    }
}

fn address(text: &str) -> Result<String, String> {
    let uri = text.parse::<Uri>();
    if uri.is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()) {
        Ok(text.to_owned())
    } else {
        Err("an address such as http://collector:4318".to_owned())
    }
}

fn protocol(text: &str) -> Result<Protocol, String> {
    match text.to_ascii_lowercase().as_str() {
        "grpc" => Ok(Protocol::Grpc),
        "http/protobuf" => Ok(Protocol::Http),
        _ => Err("grpc or http/protobuf".to_owned()),
    }
}

/// Returns whether requests are compressed.
fn compression(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "gzip" => Ok(true),
        "none" => Ok(false),
        _ => Err("gzip or none".to_owned()),
    }
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_millis).map_err(|_| "a number of milliseconds".to_owned())
}

fn readable_file(text: &str) -> Result<PathBuf, String> {
    match File::open(text).and_then(|file| file.metadata()) {
        Ok(metadata) if metadata.is_file() => Ok(text.into()),
        Ok(_) => Err("a file".to_owned()),
        Err(error) => Err(format!("a readable file: {error}")),
    }
}
