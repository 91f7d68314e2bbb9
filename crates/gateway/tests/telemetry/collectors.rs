//! Collectors that are away, slow or wrong: nobody is to notice but the operator.

use std::time::{Duration, Instant};

use harness::{Client, Collector, DEADLINE, Node, Running, Site, free_port, program, wait_until};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

const COMMANDS: usize = 50;

/// Starts a node that traces all, and sends it soon.
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

/// Has somebody use a node, who must see nothing amiss.
async fn is_used(node: &Node) -> Client {
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

/// Ends a node, and tells how long that took.
async fn ends(mut node: Node, mut client: Client) -> (Duration, String) {
    let since = Instant::now();
    node.signal("TERM");
    assert_eq!(client.closed().await.0, 1012);
    assert!(node.ended().await.success());
    (since.elapsed(), node.log())
}

async fn harms_nobody(endpoint: &str, protocol: &str) {
    let node = node(endpoint, protocol).await;
    let client = is_used(&node).await;
    let has_failed = async || {
        let figures = node.figures().await;
        ["traces", "metrics"].iter().all(|signal| {
            figures.must("tickcast_telemetry_exports_total", &[("signal", signal), ("outcome", "failed")]) >= 1.0
        })
    };
    wait_until("sendings that fail", has_failed).await;
    let figures = node.figures().await;
    assert!(figures.must("tickcast_telemetry_spans_total", &[("state", "ended")]) > COMMANDS as f64);
    assert_eq!(figures.must("tickcast_telemetry_spans_total", &[("state", "sent")]), 0.0);
    let (took, log) = ends(node, client).await;
    assert!(took < DEADLINE / 2, "it took {took:?} to end");
    let told = log.lines().filter(|line| line.contains("the collector takes nothing")).count();
    assert_eq!(told, 2, "once for each signal: {log}");
}

#[tokio::test]
async fn a_collector_that_is_away_harms_nobody() {
    let endpoint = format!("http://127.0.0.1:{}", free_port());
    tokio::join!(harms_nobody(&endpoint, "grpc"), harms_nobody(&endpoint, "http/protobuf"));
}

#[tokio::test]
async fn a_collector_that_answers_nonsense_harms_nobody() {
    let site = Site::start("what is that?");
    let endpoint = site.url().replace("/keys", "");
    site.answer(500, "what is that?");
    tokio::join!(harms_nobody(&endpoint, "grpc"), harms_nobody(&endpoint, "http/protobuf"));
}

/// Accepts, and says nothing for ever.
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
async fn a_collector_that_never_answers_harms_nobody_and_holds_up_no_end() {
    let (port, _silent) = silent().await;
    let harms_nobody = async |protocol| {
        let node = node(&format!("http://127.0.0.1:{port}"), protocol).await;
        let client = is_used(&node).await;
        let (took, log) = ends(node, client).await;
        assert!(took < DEADLINE / 2, "it took {took:?} to end: {log}");
    };
    tokio::join!(harms_nobody("grpc"), harms_nobody("http/protobuf"));
}

#[tokio::test]
async fn a_collector_that_comes_back_is_told_from_then_on() {
    let site = Site::start("");
    site.answer(503, "");
    let node = node(&site.url().replace("/keys", ""), "http/protobuf").await;
    let _client = is_used(&node).await;
    wait_until("a word about the collector", async || node.log().contains("the collector takes nothing")).await;
    site.answer(200, "");
    wait_until("a word that it is back", async || node.log().contains("takes what is sent again")).await;
}

#[tokio::test]
async fn the_last_spans_are_sent_at_the_end() {
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
        ends(node, client).await;
        let spans = collector.spans();
        let is_ours = |name: &str| spans.iter().any(|span| span.node() == settings[2].1 && span.name == name);
        assert!(is_ours("message stopwatch.start") && is_ours("execute"), "{protocol}: {spans:#?}");
    }
}

/// A collector that others have made, which writes down what it is sent.
#[tokio::test]
async fn a_real_collector_understands_all() {
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
        let client = is_used(&node).await;
        wait_until("spans", async || {
            let figures = node.figures().await;
            figures.must("tickcast_telemetry_spans_total", &[("state", "sent")]) > COMMANDS as f64
        })
        .await;
        ends(node, client).await;
    }
    wait_until("what it writes down", async || {
        ["message stopwatch.pause", "execute", "fan_out"].iter().all(|words| says(words))
    })
    .await;
}
