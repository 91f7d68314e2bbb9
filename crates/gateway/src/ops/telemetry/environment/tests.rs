//! Tests of the environment variables of OpenTelemetry.

use super::*;

use std::os::unix::ffi::OsStringExt;

fn read(variables: &[(&str, &str)]) -> OtelSettings {
    OtelSettings::of(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value)))
}

const ALL: Sampler = Sampler { respects_parent: true, ratio: 1.0 };

const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");

#[test]
fn nothing_is_exported_without_an_endpoint_or_an_exporter() {
    let defaults = read(&[]);
    assert_eq!((defaults.traces, defaults.metrics, defaults.is_disabled), (None, None, false));
    assert_eq!((defaults.sampler, defaults.warnings), (ALL, Vec::new()));
    for (variables, traces, metrics) in [
        (&[ENDPOINT][..], true, true),
        (&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4318/v1/traces")], true, false),
        (&[("OTEL_TRACES_EXPORTER", "otlp")], true, false),
        (&[("OTEL_TRACES_EXPORTER", "OTLP")], true, false),
        (&[ENDPOINT, ("OTEL_METRICS_EXPORTER", "none")], true, false),
        (&[ENDPOINT, ("OTEL_METRICS_EXPORTER", " None ")], true, false),
        (&[("OTEL_METRICS_EXPORTER", "Prometheus,otlp")], false, true),
        (&[ENDPOINT, ("OTEL_SDK_DISABLED", "TRUE")], false, false),
        (&[ENDPOINT, ("OTEL_SDK_DISABLED", "")], true, true),
    ] {
        let read = read(variables);
        let is_exported = (read.traces.is_some(), read.metrics.is_some());
        assert_eq!((is_exported, read.warnings), ((traces, metrics), Vec::new()), "{variables:?}");
    }
}

#[test]
fn the_samplers_of_the_specification_are_supported() {
    for (name, argument, respects_parent, ratio) in [
        ("always_on", "", false, 1.0),
        ("always_off", "", false, 0.0),
        ("traceidratio", "0.25", false, 0.25),
        ("parentbased_always_on", "", true, 1.0),
        ("PARENTBASED_ALWAYS_OFF", "", true, 0.0),
        ("ParentBased_TraceIdRatio", " 0.01 ", true, 0.01),
    ] {
        let variables = [("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", argument)];
        let read = read(&variables);
        assert_eq!((read.sampler, read.warnings), (Sampler { respects_parent, ratio }, Vec::new()), "{name}");
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
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "1"),
        ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "yes"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "none"),
        ("OTEL_SDK_DISABLED", "yes"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "30s"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "-1"),
    ] {
        let read = read(&[(name, value)]);
        assert_eq!((read.sampler, read.is_disabled), (ALL, false));
        let [warning] = &read.warnings[..] else { panic!("{name}: {:?}", read.warnings) };
        assert!(warning.starts_with(name) && warning.contains(value), "{warning}");
    }
    let ratio = read(&[("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "1.5")]);
    assert_eq!((ratio.sampler.ratio, ratio.warnings.len()), (1.0, 1));
    let not_text = OtelSettings::of(|name| (name == "OTEL_SERVICE_NAME").then(|| OsString::from_vec(vec![b'a', 0xff])));
    assert_eq!((not_text.attributes, not_text.warnings.len()), (Vec::new(), 1));
}

#[test]
fn an_invalid_value_of_a_signal_falls_back_to_that_of_all_signals() {
    let read = read(&[
        ENDPOINT,
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "GRPC"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "GZip"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "3000"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "kafka"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "brotli"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://c"),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "Http/Protobuf"),
        ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "NONE"),
    ]);
    let (traces, metrics) = (read.traces.unwrap(), read.metrics.unwrap());
    let timeout = Duration::from_secs(3);
    assert_eq!((traces.protocol, traces.compresses, traces.timeout), (Protocol::Grpc, true, timeout));
    assert_eq!(traces.endpoint, "http://c:4318");
    assert_eq!((metrics.protocol, metrics.compresses, metrics.timeout), (Protocol::Http, false, timeout));
    assert_eq!(metrics.endpoint, "http://c:4318/v1/metrics");
    assert_eq!(read.warnings.len(), 4, "{:?}", read.warnings);
}

#[test]
fn an_address_for_grpc_may_be_without_a_scheme() {
    for (insecure, endpoint) in [("true", "http://c:4317"), ("False", "https://c:4317"), ("", "https://c:4317")] {
        let read = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4317"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_INSECURE", insecure),
        ]);
        assert_eq!((read.traces.unwrap().endpoint.as_str(), read.warnings), (endpoint, Vec::new()));
    }
}

#[test]
fn attributes_are_percent_decoded_and_a_malformed_list_is_ignored_as_a_whole() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    for (list, expected) in [
        ("", Some(vec![])),
        ("a=b, c = d ,", Some(vec![pair("a", "b"), pair("c", "d")])),
        ("team=a%2Cb%3dc,caf%C3%A9=%20x", Some(vec![pair("team", "a,b=c"), pair("café", " x")])),
        ("query=a=b", Some(vec![pair("query", "a=b")])),
        ("a=b,c", None),
        ("a=b,=d", None),
        ("a=100%,c=d", None),
        ("a=%f", None),
        ("a=%FF", None),
    ] {
        let read = read(&[("OTEL_RESOURCE_ATTRIBUTES", list)]);
        assert_eq!(read.warnings.len(), usize::from(expected.is_none()), "{list}: {:?}", read.warnings);
        assert_eq!(read.attributes, expected.unwrap_or_default(), "{list}");
    }
}

#[test]
fn the_variable_of_the_service_name_takes_precedence() {
    let list = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=of-the-list");
    let name = |variables: &[(&str, &str)]| read(variables).attributes.pop().unwrap().1;
    assert_eq!(name(&[list]), "of-the-list");
    assert_eq!(name(&[list, ("OTEL_SERVICE_NAME", "of-the-variable")]), "of-the-variable");
    assert_eq!(name(&[list, ("OTEL_SERVICE_NAME", " ")]), "of-the-list");
}

#[test]
fn malformed_headers_are_reported_without_their_values() {
    let read = read(&[
        ENDPOINT,
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", ""),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20czNjcmV0==,x-key: s3cret,b d=s3cret,c=s3cret%,d=%0A"),
    ]);
    let headers = |exporter: Option<ExporterSettings>| {
        let headers = exporter.unwrap().headers;
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(headers(read.traces), ["authorization: Basic czNjcmV0=="], "an empty variable counts as unset");
    assert_eq!(headers(read.metrics), ["authorization: Basic czNjcmV0=="]);
    let warnings = read.warnings.join("\n");
    assert_eq!(read.warnings.len(), 4, "{warnings}");
    assert!(warnings.contains("OTEL_EXPORTER_OTLP_HEADERS: header 2 is malformed") && !warnings.contains("s3cret"));
}
