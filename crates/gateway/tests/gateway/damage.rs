//! Stored data and configurations of Redis that an operator must repair.

use harness::{Node, RedisCluster, RedisServer, wait_until};
use serde_json::json;

/// Returns the key that matches a pattern.
fn key(redis: &RedisServer, pattern: &str) -> String {
    redis.replies(&[vec!["KEYS", pattern]]).unwrap()[0].texts()[0].to_owned()
}

#[tokio::test]
async fn a_client_of_a_damaged_board_is_told_so_and_others_are_served() {
    let redis = RedisServer::start();
    let node = Node::start_over(&redis, "a").await;
    let mut ann = node.connect("userId=ann&dialect=v1").await;
    ann.must("session-start", "a", json!({ "sessionId": "s", "label": "x" })).await;
    let board = key(&redis, "*:board:user:ann");
    redis.command(&["RENAME", &board, "kept"]).unwrap();
    redis.command(&["SET", &board, "x"]).unwrap();
    ann.ask("session-pause", Some("b"), json!({ "sessionId": "s" })).await;
    let error = ann.next_of("error").await["payload"].clone();
    assert_eq!((&error["code"], &error["retry"]), (&json!("damaged"), &json!(false)), "{error}");
    assert!(error["message"].as_str().unwrap().contains("damaged"), "{error}");
    // A client that connects to a node without a view of the board.
    let other = Node::start_over(&redis, "b").await;
    let mut late = other.connect("userId=ann&dialect=v1").await;
    assert_eq!(late.next_of("error").await["payload"]["code"], "damaged");
    assert_eq!(late.closed().await.0, 1013);
    redis.command(&["SET", &board.replace(":board:", ":history-index:"), "x"]).unwrap();
    let refused = other.get("/sessions?userId=ann").await;
    assert_eq!((refused.status, &refused.json()["error"]), (500, &json!("Damaged")));
    other.connect("userId=ben&dialect=v1").await.must("session-start", "a", json!({ "label": "y" })).await;
    assert!(other.log().contains("the stored data of a board is damaged"), "{}", other.log());
    assert!(other.metrics().await.must("tickcast_damaged_total", &[]) > 0.0);
    assert_eq!(other.get_internal("/readyz").await.status, 200);
    redis.command(&["DEL", &board]).unwrap();
    redis.command(&["RENAME", "kept", &board]).unwrap();
    wait_until("the repair", async || {
        let mut client = other.connect("userId=ann&dialect=v1").await;
        client.next().await["type"] == "ready"
    })
    .await;
}

#[tokio::test]
async fn an_overwritten_due_index_is_logged_and_measured() {
    let redis = RedisServer::start();
    let node = Node::start_over(&redis, "a").await;
    let mut ann = node.connect("userId=ann").await;
    ann.must("session-start", "a", json!({ "sessionId": "s", "label": "x" })).await;
    let index = key(&redis, "*:board:user:ann").replace("board:user:ann", "due");
    redis.command(&["SET", &index, "x"]).unwrap();
    wait_until("the metrics to tell it", async || {
        let metrics = node.metrics().await;
        metrics.must("tickcast_store_shards_damaged", &[]) == 1.0
            && metrics.must("tickcast_deadlines_overdue", &[]) == 1.0
    })
    .await;
    let log = node.log();
    let line = log.lines().find(|line| line.contains("the deadlines of some shards")).unwrap_or_default();
    assert!(line.contains("ERROR") && line.contains(&index), "{log}");
}

#[tokio::test]
async fn two_processes_with_the_same_id_on_one_store_are_reported() {
    let redis = RedisServer::start();
    let (one, two) = (Node::start_over(&redis, "same").await, Node::start_over(&redis, "same").await);
    let apart = Node::start_with(&[("store.url", &format!("{}/1", redis.url())), ("node.id", "same")]).await;
    let reports = |node: &Node| node.log().contains("another process has the same node.id");
    wait_until("the report", async || reports(&one) || reports(&two)).await;
    assert!(!reports(&apart), "it is on another database");
}

#[tokio::test]
async fn a_cluster_that_stops_as_a_whole_with_one_shard_is_reported() {
    let cluster = RedisCluster::start(3, false);
    cluster.servers[0].command(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]).unwrap();
    let node = Node::start_with(&[("store.url", &cluster.url())]).await;
    let report = |nth: usize| {
        let address = format!("127.0.0.1:{}", cluster.servers[nth].port());
        let log = node.log();
        log.lines().any(|line| line.contains("cluster-require-full-coverage is yes") && line.contains(&address))
    };
    wait_until("the reports", async || report(1) && report(2)).await;
    assert!(!report(0));
}
