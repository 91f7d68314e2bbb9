//! Log lines.

use harness::{Client, Collector, Node, RedisServer, SocketIo, wait_until};
use serde_json::{Value, json};

const INFO: (&str, &str) = ("log.level", "info");

const JSON: (&str, &str) = ("content-type", "application/json");

async fn set(node: &Node, body: &Value) -> (u16, String) {
    let answer = node.http_internal("PUT", "/admin/log", &[JSON], body.to_string().as_bytes()).await;
    (answer.status, answer.body)
}

fn lines(node: &Node) -> Vec<Value> {
    node.log().lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
}

#[tokio::test]
async fn log_lines_are_json_with_the_ids_of_their_trace() {
    let (mut redis, collector) = (RedisServer::start(), Collector::start().await);
    let endpoint = format!("http://127.0.0.1:{}", collector.http);
    let settings = [("store.url", redis.url()), ("log.format", "json".to_owned()), ("node.id", "a".to_owned())];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
    let mut node = Node::launch_in(&settings, &environment);
    node.is_ready().await;
    redis.kill();
    let headers = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
    let mut client = Client::connect_with(node.public, "/session?userId=ann", &headers).await;
    assert_eq!(client.closed().await.0, 1013);
    let spans = collector.wait_for_spans("a coming", |spans| spans.iter().any(|span| span.name == "connect")).await;
    let connect = spans.iter().find(|span| span.name == "connect").unwrap();
    let lines = lines(&node);
    for line in &lines {
        for field in ["timestamp", "level", "target", "message"] {
            assert!(line[field].is_string(), "no {field} in {line}");
        }
    }
    let message = "a client cannot be subscribed";
    let line = lines.iter().find(|line| line["message"] == message).expect("a line of the trace");
    assert_eq!((&line["level"], &line["trace_id"]), (&json!("DEBUG"), &json!("0af7651916cd43dd8448eb211c80319c")));
    assert_eq!(line["span_id"], json!(connect.span));
}

#[tokio::test]
async fn personal_data_is_logged_at_level_debug_only() {
    let mut redis = RedisServer::start();
    let node = Node::start_with(&[("store.url", &redis.url()), ("auth.test_headers", "true"), INFO]).await;
    let headers = [("x-test-user-id", "bert-q"), ("x-test-org-id", "studio-z")];
    let mut member = SocketIo::open_with(node.public, "", &headers).await;
    assert!(member.connect_namespace(&json!({})).await.starts_with("40{"));
    member.say("41").await;
    let mut client = Client::connect_with(node.public, "/session?userId=anna-k&dialect=v1", &[]).await;
    client.must("session-start", "s", json!({ "sessionId": "intimate", "label": "Dentist" })).await;
    client.ask("session-stop", Some("x"), json!({ "sessionId": "other" })).await;
    client.next_of("error").await;
    client.say("{no json Dentist").await;
    client.next_of("error").await;
    let (_host, room) = SocketIo::host(node.public).await;
    node.connect("token=secretword").await.closed().await;
    assert_eq!(node.get("/sessions?userId=anna-k").await.status, 200);
    // An unreadable board, an invalid change, and a store that becomes unavailable.
    let boards = redis.replies(&[vec!["KEYS", "*board:user:anna-k"]]).unwrap();
    let board = boards[0].texts()[0].to_owned();
    redis.command(&["HSET", &board, "stopwatch:intimate", r#"{"kind":"Dentist"}"#]).unwrap();
    let channel = board.replace("board:", "");
    redis.command(&["PUBLISH", &channel, r#"{"v":"Dentist"}"#]).unwrap();
    wait_until("the invalid message is logged", async || {
        node.log().contains("malformed message on the channel of a scope")
    })
    .await;
    client.ask("session-pause", Some("y"), json!({ "sessionId": "intimate" })).await;
    redis.kill();
    client.ask("session-pause", Some("z"), json!({ "sessionId": "intimate" })).await;
    client.next_of("error").await;
    wait_until("the unavailable store is logged", async || node.log().contains("Redis can't be used")).await;
    let log = node.log();
    for personal in ["anna-k", "bert-q", "studio-z", "intimate", "Dentist", "secretword", room.as_str()] {
        assert!(!log.contains(personal), "{personal} in {log}");
    }
}

#[tokio::test]
async fn the_log_level_can_be_changed_temporarily() {
    let node = Node::start_with(&[INFO]).await;
    let configured = json!({ "level": "info", "configured": "info" });
    assert_eq!(node.get_internal("/admin/log").await.json(), configured);
    // An authentication failure is logged at level debug.
    let is_logged = async || {
        let before = node.log().len();
        node.connect("token=nonsense").await.closed().await;
        node.log()[before..].contains("a client could not be authenticated")
    };
    assert!(!is_logged().await);
    let (status, body) = set(&node, &json!({ "level": "gateway=debug" })).await;
    assert_eq!((status, serde_json::from_str::<Value>(&body).unwrap()["level"].clone()), (200, json!("gateway=debug")));
    assert!(is_logged().await);
    assert_eq!(set(&node, &json!({})).await.0, 200);
    assert_eq!(node.get_internal("/admin/log").await.json(), configured);
    assert!(!is_logged().await);
    assert_eq!(set(&node, &json!({ "level": "debug", "for": "500ms" })).await.0, 200);
    wait_until("the configured level", async || node.get_internal("/admin/log").await.json() == configured).await;
    assert!(!is_logged().await);
    for (body, message) in [
        (json!({ "level": "loud" }), "level: it must be"),
        (json!({ "level": 7 }), "invalid type"),
        (json!({ "level": "debug", "for": "soon" }), "for: it must be"),
        (json!({ "volume": "debug" }), "unknown field"),
    ] {
        let (status, answer) = set(&node, &body).await;
        assert!(status == 400 && answer.contains(message), "{body}: {answer}");
    }
    let answer = node.http_internal("PUT", "/admin/log", &[], b"{}").await;
    assert_eq!(answer.status, 415, "as pages send it");
    assert_eq!(node.get_internal("/admin/log").await.json(), configured);
}

#[tokio::test]
async fn invalid_variables_are_reported_and_ignored() {
    let environment = [
        ("OTEL_TRACES_SAMPLER", "xray"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier/pigeon"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem"),
    ];
    let mut node = Node::launch_in(&[], &environment);
    node.is_ready().await;
    let log = node.log();
    for (name, value) in environment {
        let is_reported = |line: &str| line.contains("WARN") && line.contains(name) && line.contains(value);
        assert!(log.lines().any(is_reported), "{name}: {log}");
    }
}
