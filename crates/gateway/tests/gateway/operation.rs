//! The operation of a node: shared routes, probes and shutdown.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use harness::http::UPGRADE;
use harness::{Client, DEADLINE, Node, SocketIo, wait_until};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn the_shared_routes_answer_as_documented() {
    let node = Node::start().await;
    assert_eq!(node.get("/health").await.json(), json!({ "status": "ok", "sessions": 0, "usersConnected": 0 }));
    let mut client = node.connect("userId=ann").await;
    client.must("session-start", "a", json!({ "label": "x" })).await;
    let _room = SocketIo::host(node.public).await;
    assert_eq!(node.get("/health").await.json(), json!({ "status": "ok", "sessions": 1, "usersConnected": 1 }));
    drop(client);
    wait_until("she is not connected", async || node.get("/health").await.json()["usersConnected"] == 0).await;
    assert_eq!(node.get("/health").await.json()["sessions"], 0, "her board may be in memory still");
    let health = node.get("/api/health").await.json();
    assert_eq!((&health["status"], &health["message"]), (&json!("ok"), &json!("Server is running")));
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let timestamp = health["timestamp"].as_u64().expect("milliseconds since 1970");
    assert!(health["uptime"].as_f64().unwrap() > 0.0 && timestamp.abs_diff(at) < 60_000, "{health}");
    for (method, path) in [("POST", "/"), ("GET", "/nowhere"), ("DELETE", "/sessions"), ("GET", "/ingestCsv")] {
        let answer = node.http(method, path, &[], b"").await;
        let wanted = json!({ "error": "Not found", "message": "Route not found", "path": path, "method": method });
        assert_eq!((answer.status, answer.json()), (404, wanted), "{method} {path}");
    }
    let page = node.get("/?userId=ann").await;
    assert!(page.status == 200 && page.body.contains("<title>"), "{page:?}");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    for absolute in ["href=\"/", "src=\"/"] {
        assert!(!page.body.contains(absolute), "a proxy may serve the page below a prefix");
    }
    assert_eq!(node.get("/test/package.json").await.status, 404, "tests are not served");
}

#[tokio::test]
async fn an_unchanged_page_is_answered_304() {
    let node = Node::start().await;
    let page = node.get("/").await;
    let tag = page.head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    for known in [tag, &format!("W/{tag}"), &format!("\"other\", {tag}"), "*"] {
        assert_eq!(node.http("GET", "/", &[("if-none-match", known)], b"").await.status, 304, "{known}");
    }
    assert_eq!(node.http("GET", "/", &[("if-none-match", "\"other\"")], b"").await.status, 200);
}

#[tokio::test]
async fn a_node_with_a_blocked_log_keeps_running() {
    let mut node = Node::start_with_closed_stderr().await;
    let mut client = node.connect("userId=ann").await;
    client.must("session-start", "a", json!({ "label": "x" })).await;
    node.signal("TERM");
    assert_eq!(client.closed().await.0, 1012);
    assert_eq!(node.ended().await.code(), Some(0));
}

#[tokio::test]
async fn preflights_of_allowed_origins_are_answered() {
    let node = Node::start().await;
    let headers = [
        ("origin", "http://localhost:3000"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type"),
    ];
    let answer = node.http("OPTIONS", "/ingestCsv", &headers, b"").await;
    let head = answer.head.to_ascii_lowercase();
    assert!(head.contains("access-control-allow-origin: http://localhost:3000"), "{head}");
    assert!(head.contains("access-control-allow-credentials: true"));
    assert!(head.contains("authorization") && head.contains("idempotency-key"));
}

#[tokio::test]
async fn the_routes_of_a_disabled_system_answer_404() {
    let node = Node::start_with(&[("clockit.enabled", "false")]).await;
    for path in ["/session?userId=ann", "/health", "/sessions", "/sessions.csv"] {
        assert_eq!(node.get(path).await.status, 404, "{path}");
    }
    assert_eq!(node.get("/api/health").await.status, 200);
    let enabled = node.get("/api/systems").await.json();
    assert_eq!(enabled, json!({ "systems": ["rooms", "studio", "punch_clock", "focus"] }));
}

#[tokio::test]
async fn the_internal_listener_reports_the_state_of_the_node() {
    let node = Node::start_with(&[("node.id", "node-a")]).await;
    let mut client = node.connect("userId=ann").await;
    client.must("session-start", "a", json!({ "label": "x" })).await;
    client.next_of("tick").await;
    assert_eq!(node.get_internal("/livez").await.status, 200);
    assert_eq!(node.get_internal("/readyz").await.json(), json!({ "ready": true }));
    let cluster = node.get_internal("/cluster").await.json();
    assert_eq!((&cluster["node"], &cluster["leader"]), (&json!("node-a"), &json!("node-a")));
    // The board of ann, and the board that all nodes watch.
    assert_eq!((&cluster["scopes"], &cluster["connections"]), (&json!(2), &json!(1)));
    assert!(cluster["beat"].as_u64().unwrap() > 1_700_000_000 && cluster["beatLagMs"].as_u64().unwrap() < 1000);
    let metrics = node.metrics().await;
    let of_ann = &[("dialect", "clockit.seed"), ("auth", "trusted")];
    for (name, labels, value) in [
        ("tickcast_commits_total", &[][..], 1.0),
        ("tickcast_connections", of_ann, 1.0),
        ("tickcast_connections", &[], 1.0),
        ("tickcast_leader", &[], 1.0),
        ("tickcast_messages_received_total", &[("dialect", "clockit.seed")], 1.0),
        ("tickcast_command_duration_seconds_count", &[("outcome", "changed")], 1.0),
    ] {
        assert_eq!(metrics.must(name, labels), value, "{name}");
    }
}

#[tokio::test]
async fn a_shutdown_closes_sockets_with_advice_and_finishes_commands_in_progress() {
    let mut node = Node::start_with(&[("drain.grace", "500ms"), ("drain.notice", "200ms")]).await;
    let mut clients = Vec::new();
    for nth in 0..10 {
        let mut client = node.connect(&format!("userId=u{nth}")).await;
        client.next_of("ready").await;
        clients.push(client);
    }
    node.signal("TERM");
    let began = Instant::now();
    while node.get_internal("/readyz").await.status != 503 {
        assert!(began.elapsed() < DEADLINE);
    }
    for (nth, client) in clients.iter_mut().enumerate() {
        client.ask("session-start", Some("late"), json!({ "sessionId": nth.to_string(), "label": "x" })).await;
    }
    for client in &mut clients {
        let (code, reason) = client.closed().await;
        assert_eq!(code, 1012);
        let advice: serde_json::Value = serde_json::from_str(&reason).unwrap();
        assert!(advice["reconnectAfterMs"].as_u64().is_some(), "{reason}");
    }
    let status = node.ended().await;
    assert_eq!(status.code(), Some(0), "{}", node.log());
    let log = node.log();
    assert!(!log.contains("did not close in time"), "{log}");
}

#[tokio::test]
async fn the_close_of_a_stopping_node_is_announced_to_every_client_that_is_served_until_then() {
    let mut node = Node::start_with(&[("drain.grace", "6s"), ("drain.notice", "0s")]).await;
    let mut sockets = Vec::new();
    for path in ["/session?userId=ann", "/api/session/live?userId=ann", "/ws/sessions?userId=ann"] {
        sockets.push((path, Client::connect(node.public, path).await));
    }
    for (path, socket) in &mut sockets {
        assert_ne!(socket.next().await["type"], "going-away", "{path}");
    }
    sockets[0].1.must("session-start", "a", json!({ "label": "x" })).await;
    let mut member = SocketIo::host(node.public).await.0;
    let mut unadmitted = Client::connect(node.public, "/socket.io/?EIO=4&transport=websocket").await;
    node.signal("TERM");
    for (path, socket) in &mut sockets {
        let announced = socket.next_of("going-away").await;
        assert_eq!(announced["payload"], json!({ "withinMs": 3000 }), "{path}");
    }
    assert_eq!(member.next_of("going-away").await, json!({ "withinMs": 3000 }));
    let (_, clockit) = &mut sockets[0];
    clockit.next_of("tick").await;
    for (path, socket) in &mut sockets {
        assert_eq!(socket.closed().await.0, 1012, "{path}");
    }
    assert_eq!(unadmitted.closed().await.0, 1012);
    assert_eq!(node.ended().await.code(), Some(0), "{}", node.log());
}

#[tokio::test]
async fn a_node_without_clients_serves_until_load_balancers_have_noticed() {
    const NOTICE: Duration = Duration::from_secs(2);
    let mut node = Node::start_with(&[("drain.notice", "2s"), ("drain.grace", "1h")]).await;
    let mut idle = TcpStream::connect(("127.0.0.1", node.public)).await.unwrap();
    idle.write_all(b"GET /api/health HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    idle.read_u8().await.expect("the connection is served");
    let mut client = node.connect("userId=ann").await;
    client.next_of("ready").await;
    node.signal("TERM");
    let began = Instant::now();
    wait_until("it is unready", async || node.get_internal("/readyz").await.status == 503).await;
    // The last client leaves early.
    drop(client);
    wait_until("no sockets", async || node.get_internal("/cluster").await.json()["connections"] == 0).await;
    idle.write_all(b"GET /api/health HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answers = String::new();
    idle.read_to_string(&mut answers).await.expect("the connection is closed after its answer");
    assert!(answers.contains("connection: close"), "{answers}");
    let paths = ["/session?userId=ann", "/socket.io/?EIO=4&transport=websocket", "/socket.io/?EIO=4&transport=polling"];
    for path in paths {
        let refused = node.http("GET", path, &UPGRADE, b"").await;
        assert!(refused.status == 503 && refused.header("retry-after").is_some(), "{path}: {refused:?}");
    }
    assert_eq!(node.metrics().await.must("tickcast_refusals_total", &[("reason", "stopping")]), 3.0);
    assert_eq!(node.get("/api/health").await.status, 200);
    assert_eq!(node.ended().await.code(), Some(0));
    assert!(began.elapsed() >= NOTICE, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_second_signal_ends_any_node_at_once() {
    let mut busy = Node::start_with(&[("drain.grace", "1h"), ("drain.notice", "1h")]).await;
    let mut client = busy.connect("userId=ann").await;
    client.next_of("ready").await;
    busy.signal("TERM");
    wait_until("it is unready", async || busy.get_internal("/readyz").await.status == 503).await;
    busy.signal("TERM");
    assert_eq!(busy.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_store_folder_serves_one_process() {
    let node = Node::start().await;
    let folder = node.folder().join("data");
    let mut second = Node::launch(&[("store.url", &format!("embedded://{}", folder.display()))]);
    assert_eq!(second.ended().await.code(), Some(1));
    let log = second.log();
    assert!(log.contains("is in use by another process"), "{log}");
    let mut third = Node::launch(&[("public.listen", &format!("127.0.0.1:{}", node.public))]);
    assert_eq!(third.ended().await.code(), Some(1));
    assert!(third.log().contains("cannot be used (public.listen)"), "{}", third.log());
}

#[tokio::test]
async fn a_full_node_still_accepts_websockets_and_closes_other_connections_after_the_answer() {
    let node = Node::start().await;
    let mut silent = Vec::new();
    for _ in 0..2_100 {
        silent.push(TcpStream::connect(("127.0.0.1", node.public)).await.unwrap());
    }
    node.connect("userId=ann").await.next_of("ready").await;
    let mut asked = TcpStream::connect(("127.0.0.1", node.public)).await.unwrap();
    asked.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    asked.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
}
