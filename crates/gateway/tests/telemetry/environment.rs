//! The environment variables of OpenTelemetry, as a collector sees their effect.

use harness::{Collector, Node};
use serde_json::json;

/// Uses a node with these variables until its spans arrive; returns the attributes of their resource.
async fn resource(collector: &Collector, node: &str, variables: &[(&str, &str)]) -> (Vec<String>, String) {
    let settings = [("node.id", node), ("store.url", "memory://")];
    let often = [("OTEL_BSP_SCHEDULE_DELAY", " 20 ")];
    let mut tickcast = Node::launch_in(&settings, &[&often, variables].concat());
    tickcast.is_ready().await;
    let mut client = tickcast.connect("userId=ann&dialect=v1").await;
    client.must("session-start", "s", json!({ "label": "x" })).await;
    let is_own = |span: &harness::ExportedSpan| span.resource.get("service.instance.id").is_some_and(|id| id == node);
    let spans = collector.wait_for_spans("a span", |spans| spans.iter().any(is_own)).await;
    let resource = &spans.iter().find(|span| is_own(span)).unwrap().resource;
    let attributes = ["service.name", "team", "telemetry.sdk.language"];
    (attributes.map(|name| resource.get(name).cloned().unwrap_or_default()).to_vec(), tickcast.log())
}

#[tokio::test]
async fn precedence_encoding_case_and_fallbacks_are_those_of_the_specification() {
    let collector = Collector::start().await;
    let (grpc, http) = (format!("127.0.0.1:{}", collector.grpc), format!("http://127.0.0.1:{}/", collector.http));
    let common = [
        ("OTEL_SERVICE_NAME", "of-the-variable"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=of-the-list,team=a%2Cb%3D"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20YTpi,broken"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", ""),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "NONE"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "carrier-pigeon"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://nowhere"),
    ];
    let over_grpc = [("PROTOCOL", "GRPC"), ("ENDPOINT", grpc.as_str()), ("INSECURE", "True")]
        .map(|(name, value)| (format!("OTEL_EXPORTER_OTLP_{name}"), value));
    let over_http = [("PROTOCOL", "Http/Protobuf"), ("ENDPOINT", http.as_str()), ("INSECURE", "no")]
        .map(|(name, value)| (format!("OTEL_EXPORTER_OTLP_{name}"), value));
    for (node, transport) in [("over-grpc", over_grpc), ("over-http", over_http)] {
        let transport = transport.each_ref().map(|(name, value)| (name.as_str(), *value));
        let (attributes, log) = resource(&collector, node, &[&common[..], &transport].concat()).await;
        assert_eq!(attributes, ["of-the-variable", "a,b=", "rust"], "{node}");
        for warning in [
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: \"carrier-pigeon\" is not grpc or http/protobuf",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: \"ftp://nowhere\" is not an address",
            "OTEL_EXPORTER_OTLP_HEADERS: header 2 is malformed: it has no =",
        ] {
            assert_eq!(log.matches(warning).count(), 1, "{node}, {warning}: {log}");
        }
        assert_eq!(log.contains("OTEL_EXPORTER_OTLP_INSECURE: \"no\""), node == "over-http", "{log}");
    }
    let authorizations = collector.authorizations();
    assert!(authorizations.len() >= 2, "requests over both transports");
    assert!(authorizations.iter().all(|values| values == &["Basic YTpi"]), "{authorizations:?}");
}

#[tokio::test]
async fn a_malformed_list_of_attributes_is_ignored_as_a_whole() {
    let collector = Collector::start().await;
    let endpoint = format!("http://127.0.0.1:{}", collector.http);
    let variables =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_RESOURCE_ATTRIBUTES", "service.name=x,team=100%")];
    let (attributes, log) = resource(&collector, "malformed", &variables).await;
    assert_eq!(attributes, ["tickcast", "", "rust"]);
    assert!(log.contains("OTEL_RESOURCE_ATTRIBUTES is ignored: its percent-encoding is invalid"), "{log}");
}
