//! What one user can store and import, and how long a guest's timers are kept.

use std::time::{Duration, Instant};

use harness::http::Response;
use harness::{Client, Node, RedisServer, wait_until};
use serde_json::{Value, json};

const CSV: (&str, &str) = ("content-type", "text/csv");

/// Longer than the pauses of a busy machine.
const GUEST_LIFETIME: Duration = Duration::from_secs(4);

fn rows(range: std::ops::Range<u32>) -> String {
    range.map(|nth| format!("2026-01-01T10:00:00.000Z,2026-01-01T12:00:00.000Z,{nth},,,,,,,,,,,,,,,\n")).collect()
}

async fn import(node: &Node, user: &str, body: &str) -> Response {
    node.http("POST", &format!("/ingestCsv?userId={user}"), &[CSV], body.as_bytes()).await
}

async fn listed(node: &Node, user: &str) -> usize {
    node.get(&format!("/sessions?userId={user}")).await.json()["sessions"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_full_history_refuses_imports_and_stops_and_names_the_limit() {
    let node = Node::start_with(&[("limits.history_rows", "3")]).await;
    assert_eq!(import(&node, "ann", &rows(0..2)).await.json(), json!({ "stored": 2, "repeated": 0 }));
    let refused = import(&node, "ann", &rows(1..5)).await;
    let expected = json!({ "error": "the history is full: it holds at most 3 rows", "rows": [] });
    assert_eq!((refused.status, refused.json(), listed(&node, "ann").await), (422, expected, 2), "all rows or none");
    assert_eq!(import(&node, "ann", &rows(0..3)).await.json(), json!({ "stored": 1, "repeated": 2 }));
    assert_eq!(import(&node, "ann", &rows(0..3)).await.json(), json!({ "stored": 0, "repeated": 3 }));

    let mut client = node.connect("userId=ann").await;
    client.must("session-start", "1", json!({ "sessionId": "s", "label": "x" })).await;
    client.ask("session-stop", Some("2"), json!({ "sessionId": "s" })).await;
    let error = client.next_of("error").await;
    assert_eq!(
        (&error["id"], &error["payload"]["code"], &error["payload"]["retry"]),
        (&json!("2"), &json!("limit"), &json!(false))
    );
    assert_eq!(error["payload"]["message"], "the history is full: it holds at most 3 rows");
    client.must("session-pause", "3", json!({ "sessionId": "s" })).await;
    client.must("session-remove", "4", json!({ "sessionId": "s" })).await;
    assert_eq!(import(&node, "ben", &rows(0..3)).await.status, 200, "another user has a history of its own");
}

#[tokio::test]
async fn a_history_is_limited_in_bytes_too() {
    let node = Node::start_with(&[("limits.history_bytes", "1000")]).await;
    let row = |comment: &str| format!("2026-01-01T10:00:00Z,2026-01-01T12:00:00Z,,,,,,,,,,,,,,,{comment},\n");
    let refused = import(&node, "ann", &row(&"x".repeat(1000))).await;
    assert_eq!((refused.status, listed(&node, "ann").await), (422, 0));
    assert_eq!(refused.json()["error"], "the history is full: it holds at most 1000 bytes");
    assert_eq!(import(&node, "ann", &row(&"x".repeat(500))).await.status, 200);
    assert_eq!(import(&node, "ann", &row(&"y".repeat(500))).await.status, 422);
}

#[tokio::test]
async fn parallel_imports_on_two_nodes_do_not_exceed_the_quota_together() {
    let redis = RedisServer::start();
    let settings = [("store.url", redis.url()), ("limits.history_rows", "500".to_owned())];
    let settings = settings.each_ref().map(|(key, value)| (*key, value.as_str()));
    let nodes = [Node::start_with(&settings).await, Node::start_with(&settings).await];
    let mut imports = tokio::task::JoinSet::new();
    for nth in 0..8 {
        let (port, body) = (nodes[nth % 2].public, rows(100 * nth as u32..100 * (nth as u32 + 1)));
        imports.spawn(async move {
            let path = "/ingestCsv?userId=ann";
            harness::http::request(port, "POST", path, &[CSV], body.as_bytes()).await.unwrap().status
        });
    }
    let mut statuses = imports.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200; 5], vec![422; 3]].concat());
    assert_eq!(nodes[0].get("/sessions.csv?userId=ann").await.body.lines().count(), 1 + 500);
}

#[tokio::test]
async fn imports_of_a_user_and_of_an_address_are_limited() {
    let node = Node::start_with(&[
        ("limits.imports_per_user", "2"),
        ("limits.imports_per_address", "3"),
        ("public.proxy.networks", "127.0.0.0/8"),
    ])
    .await;
    let import = async |user: &str, address: &str| {
        let headers = [CSV, ("x-forwarded-for", address)];
        node.http("POST", &format!("/ingestCsv?userId={user}"), &headers, rows(0..1).as_bytes()).await
    };
    for _ in 0..2 {
        assert_eq!(import("ann", "203.0.113.1").await.status, 200);
    }
    let refused = import("ann", "203.0.113.2").await;
    assert_eq!((refused.status, &refused.json()["error"]), (429, &json!("Too many requests")));
    assert_eq!(refused.json()["message"], "at most 2 imports of one user in a minute");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(import("ben", "203.0.113.1").await.status, 200);
    let refused = import("cem", "203.0.113.1").await;
    assert_eq!(
        (refused.status, refused.json()["message"].as_str()),
        (429, Some("at most 3 imports of one address in a minute"))
    );
    assert_eq!(import("cem", "203.0.113.3").await.status, 200);
    let metrics = node.metrics().await;
    for reason in ["imports_of_user", "imports_of_address"] {
        assert_eq!(metrics.must("tickcast_refusals_total", &[("reason", reason)]), 1.0);
    }
}

/// Connects as a guest and starts a session; returns the guest's id.
async fn guest(node: &Node, session: &str) -> (Client, String) {
    let mut client = node.connect("").await;
    client.must("session-start", "1", json!({ "sessionId": session, "label": "x" })).await;
    client.ask("session-attach", None, json!({ "sessionId": session, "goal": { "id": "g", "title": "t" } })).await;
    let user = client.next_of("session-update").await["payload"]["userId"].as_str().unwrap().to_owned();
    (client, user)
}

async fn sessions(node: &Node, user: &str) -> Value {
    node.connect(&format!("userId={user}")).await.next().await["payload"].clone()
}

#[tokio::test]
async fn the_timers_of_a_guest_are_deleted_from_redis_after_its_last_connection() {
    let redis = RedisServer::start();
    let lifetime = format!("{}s", GUEST_LIFETIME.as_secs());
    let settings =
        [("store.url", redis.url()), ("auth.guest_lifetime", lifetime), ("clockit.stopped_for", "2s".into())];
    let settings = settings.each_ref().map(|(key, value)| (*key, value.as_str()));
    let node = Node::start_with(&settings).await;
    let (mut leaves, left) = guest(&node, "a").await;
    let (mut stays, stayed) = guest(&node, "b").await;
    for client in [&mut leaves, &mut stays] {
        client.must("session-start", "2", json!({ "sessionId": "stopped", "label": "x" })).await;
        client.must("session-stop", "3", json!({ "sessionId": "stopped" })).await;
    }
    node.connect("userId=ann").await.must("session-start", "1", json!({ "sessionId": "c", "label": "x" })).await;
    let connected = Instant::now();
    drop(leaves);
    let list = |args: &[&str]| -> Vec<String> {
        let replies = redis.replies(&[args.to_vec()]).unwrap();
        replies[0].texts().into_iter().map(str::to_owned).collect()
    };
    let keys = || list(&["KEYS", "tickcast:*"]).join(" ");
    assert!(keys().contains(&format!("board:user:{left}")) && keys().contains(&format!("history:user:{left}")));
    wait_until("the guest's keys are gone", async || !keys().contains(&left)).await;
    let due = || {
        let indices = list(&["KEYS", "tickcast:*:due"]);
        indices.iter().flat_map(|index| list(&["ZRANGE", index, "0", "-1"])).collect::<Vec<_>>()
    };
    wait_until("its deadline is gone", async || !due().contains(&format!("user:{left}"))).await;
    wait_until("the other guest was connected for two lifetimes", async || connected.elapsed() > GUEST_LIFETIME * 2)
        .await;
    stays.must("session-pause", "4", json!({ "sessionId": "b" })).await;
    assert_eq!(sessions(&node, &stayed).await[0]["sessionId"], "b");
    assert_eq!(listed(&node, &stayed).await, 1);
    assert_eq!(sessions(&node, "ann").await[0]["sessionId"], "c");
    let board = list(&["KEYS", "*:board:user:ann"]).remove(0);
    assert!(redis.command(&["TTL", &board]).unwrap().ends_with("-1"), "an authenticated user's timers stay");
}

#[tokio::test]
async fn the_timers_of_a_guest_are_deleted_from_the_local_store_too() {
    let node = Node::start_with(&[("auth.guest_lifetime", "1s")]).await;
    let (mut leaves, left) = guest(&node, "a").await;
    leaves.must("session-stop", "2", json!({ "sessionId": "a" })).await;
    drop(leaves);
    assert_eq!(listed(&node, &left).await, 1);
    wait_until("the guest's history is gone", async || listed(&node, &left).await == 0).await;
    wait_until("the guest's sessions are gone", async || sessions(&node, &left).await == json!([])).await;
}

#[tokio::test]
async fn a_store_that_fills_up_is_logged_and_measured() {
    const LIMIT: usize = 64 << 20;
    let redis = RedisServer::start_with(&["--maxmemory", "64mb"]);
    redis.command(&["SETRANGE", "of another program", &(LIMIT * 85 / 100).to_string(), "x"]).unwrap();
    let node = Node::start_over(&redis, "a").await;
    wait_until("it is logged", async || node.log().contains("the store is filling up")).await;
    let metrics = node.metrics().await;
    let [used, limit] = ["used", "limit"].map(|name| metrics.must(&format!("tickcast_store_{name}_bytes"), &[]));
    assert!(limit == LIMIT as f64 && (0.8..0.95).contains(&(used / limit)), "{used} of {limit}");
    // The disk of an embedded store.
    let metrics = Node::start().await.metrics().await;
    let [used, limit] = ["used", "limit"].map(|name| metrics.must(&format!("tickcast_store_{name}_bytes"), &[]));
    assert!(used > 0.0 && used <= limit, "{used} of {limit}");
}
