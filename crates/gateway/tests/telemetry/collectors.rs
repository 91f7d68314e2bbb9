//! Unavailable, slow and faulty collectors, which only the operator may notice.

use std::time::{Duration, Instant};

use harness::{
    Certificates, Client, Collector, DEADLINE, Node, Running, Site, TlsFront, free_port, program, wait_until,
};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

const COMMANDS: usize = 50;

/// Starts a node that traces everything and exports at short intervals.
async fn node(endpoint: &str, protocol: &str) -> Node {
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
    ];
    let mut node = Node::launch_in(&[("drain.grace", "100ms"), ("drain.notice", "0s")], &environment);
    node.is_ready().await;
    node
}

/// Uses a node as a client, which must notice nothing.
async fn use_node(node: &Node) -> Client {
    let mut client = node.connect("userId=ann&dialect=v1").await;
    client.must("session-start", "s", json!({ "sessionId": "s", "label": "x" })).await;
    let mut last = client.next_of("tick").await["serverTime"].as_u64().unwrap();
    for nth in 0..COMMANDS {
        let kind = if nth % 2 == 0 { "session-pause" } else { "session-resume" };
        client.must(kind, &format!("{nth}"), json!({ "sessionId": "s" })).await;
    }
    last = client.next_of("tick").await["serverTime"].as_u64().unwrap().max(last);
    for _ in 0..3 {
        let next = client.next_of("tick").await["serverTime"].as_u64().unwrap();
        assert_eq!(next, last + 1000, "a second is missing");
        last = next;
    }
    client
}

/// Stops a node, and returns how long that took and its log.
async fn stop(mut node: Node, mut client: Client) -> (Duration, String) {
    let since = Instant::now();
    node.signal("TERM");
    assert_eq!(client.closed().await.0, 1012);
    assert!(node.ended().await.success());
    (since.elapsed(), node.log())
}

async fn affects_no_client(endpoint: &str, protocol: &str) {
    let node = node(endpoint, protocol).await;
    let client = use_node(&node).await;
    let has_failed = async || {
        let metrics = node.metrics().await;
        ["traces", "metrics"].iter().all(|signal| {
            metrics.must("tickcast_telemetry_exports_total", &[("signal", signal), ("outcome", "failed")]) >= 1.0
        })
    };
    wait_until("sendings that fail", has_failed).await;
    let metrics = node.metrics().await;
    assert!(metrics.must("tickcast_telemetry_spans_total", &[("state", "ended")]) > COMMANDS as f64);
    assert_eq!(metrics.must("tickcast_telemetry_spans_total", &[("state", "sent")]), 0.0);
    let (took, log) = stop(node, client).await;
    assert!(took < DEADLINE / 2, "it took {took:?} to end");
    let warnings = log.lines().filter(|line| line.contains("the export to the collector fails")).count();
    assert_eq!(warnings, 2, "once for each signal: {log}");
}

#[tokio::test]
async fn an_unavailable_collector_affects_no_client() {
    let endpoint = format!("http://127.0.0.1:{}", free_port());
    tokio::join!(affects_no_client(&endpoint, "grpc"), affects_no_client(&endpoint, "http/protobuf"));
}

#[tokio::test]
async fn a_collector_with_invalid_answers_affects_no_client() {
    let site = Site::start("what is that?");
    let endpoint = site.url().replace("/keys", "");
    site.answer(500, "what is that?");
    tokio::join!(affects_no_client(&endpoint, "grpc"), affects_no_client(&endpoint, "http/protobuf"));
}

/// Accepts connections and never answers.
async fn silent() -> (u16, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent = async move {
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await);
        }
    };
    (port, AbortOnDropHandle::new(tokio::spawn(silent)))
}

#[tokio::test]
async fn a_collector_that_never_answers_affects_no_client_and_delays_no_shutdown() {
    let (port, _silent) = silent().await;
    let delays_no_shutdown = async |protocol| {
        let node = node(&format!("http://127.0.0.1:{port}"), protocol).await;
        let client = use_node(&node).await;
        let (took, log) = stop(node, client).await;
        assert!(took < DEADLINE / 2, "it took {took:?} to end: {log}");
    };
    tokio::join!(delays_no_shutdown("grpc"), delays_no_shutdown("http/protobuf"));
}

#[tokio::test]
async fn export_resumes_when_the_collector_returns() {
    let site = Site::start("");
    site.answer(503, "");
    let node = node(&site.url().replace("/keys", ""), "http/protobuf").await;
    let _client = use_node(&node).await;
    wait_until("the failure is logged", async || node.log().contains("the export to the collector fails")).await;
    site.answer(200, "");
    wait_until("the recovery is logged", async || node.log().contains("the export to the collector succeeds again"))
        .await;
}

#[tokio::test]
async fn the_last_spans_are_exported_at_shutdown() {
    let collector = Collector::start().await;
    for (protocol, port) in [("grpc", collector.grpc), ("http/protobuf", collector.http)] {
        let endpoint = format!("http://127.0.0.1:{port}");
        let environment = [
            (
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                if protocol == "grpc" { endpoint.clone() } else { endpoint + "/v1/traces" },
            ),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.to_owned()),
            ("OTEL_BSP_SCHEDULE_DELAY", "600000".to_owned()),
        ];
        let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
        let settings = [("drain.grace", "100ms"), ("drain.notice", "0s"), ("node.id", protocol)];
        let settings = settings.map(|(name, value)| (name, value.split('/').next().unwrap()));
        let mut node = Node::launch_in(&settings, &environment);
        node.is_ready().await;
        let mut client = node.connect("userId=ann&dialect=v1").await;
        client.must("session-start", "s", json!({ "label": "x" })).await;
        stop(node, client).await;
        let spans = collector.spans();
        let is_ours = |name: &str| spans.iter().any(|span| span.node() == settings[2].1 && span.name == name);
        assert!(is_ours("message stopwatch.start") && is_ours("execute"), "{protocol}: {spans:#?}");
    }
}

#[tokio::test]
async fn a_replaced_certificate_authority_of_the_collector_is_trusted_without_a_restart() {
    let collector = Collector::start().await;
    for (protocol, port) in [("grpc", collector.grpc), ("http/protobuf", collector.http)] {
        let (certificates, next) = (Certificates::make(), Certificates::make());
        let front = TlsFront::start(port, &certificates);
        let (endpoint, authority) = (format!("https://localhost:{}", front.port()), certificates.authority());
        let environment = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", authority.to_str().unwrap()),
            ("OTEL_BSP_SCHEDULE_DELAY", "20"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
        ];
        let mut node = Node::launch_in(&[], &environment);
        node.is_ready().await;
        let mut client = node.connect("userId=ann&dialect=v1").await;
        client.must("session-start", "s", json!({ "sessionId": "s", "label": "x" })).await;
        let sent = async || node.metrics().await.must("tickcast_telemetry_spans_total", &[("state", "sent")]);
        wait_until("spans over TLS", async || sent().await > 0.0).await;
        certificates.replace_with(&next);
        front.close_connections();
        let before = sent().await;
        client.must("session-pause", "p", json!({ "sessionId": "s" })).await;
        wait_until("spans under the next authority", async || {
            // Spans of an export that failed are lost, so new ones are needed.
            let status = node.get("/sessions?userId=ann").await.status;
            status == 200 && sent().await > before
        })
        .await;
    }
}

/// A third-party collector, which records what it receives.
#[tokio::test]
async fn a_real_collector_accepts_everything() {
    let folder = tempfile::tempdir().unwrap();
    let (grpc, http) = (free_port(), free_port());
    let log = folder.path().join("log");
    let file = std::fs::File::create(&log).unwrap();
    let mut command = std::process::Command::new(program("rotel", "ROTEL"));
    command
        .args(["start", "--exporter", "blackhole", "--debug-log", "traces", "--debug-log-verbosity", "detailed"])
        .args([
            "--otlp-grpc-endpoint",
            &format!("127.0.0.1:{grpc}"),
            "--otlp-http-endpoint",
            &format!("127.0.0.1:{http}"),
        ])
        .stdout(file.try_clone().unwrap())
        .stderr(file);
    let _running = Running::start(&mut command);
    let says = |words: &str| std::fs::read_to_string(&log).unwrap().contains(words);
    for (protocol, port) in [("grpc", grpc), ("http/protobuf", http)] {
        wait_until("the collector", async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await;
        let node = node(&format!("http://127.0.0.1:{port}"), protocol).await;
        let client = use_node(&node).await;
        wait_until("spans", async || {
            let metrics = node.metrics().await;
            metrics.must("tickcast_telemetry_spans_total", &[("state", "sent")]) > COMMANDS as f64
        })
        .await;
        stop(node, client).await;
    }
    wait_until("what it writes down", async || {
        ["message stopwatch.pause", "execute", "fan_out"].iter().all(|words| says(words))
    })
    .await;
}
