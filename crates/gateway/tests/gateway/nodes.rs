//! Several nodes over one Redis.

use std::time::{Duration, Instant};

use harness::http::{UPGRADE, request};
use harness::{DEADLINE, Node, RedisServer, wait_until};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::test]
async fn changes_reach_the_other_node_and_both_tick_alike() {
    let redis = RedisServer::start();
    let (one, two) = (Node::start_over(&redis, "a").await, Node::start_over(&redis, "b").await);
    let mut here = one.connect("userId=ann&dialect=v1").await;
    let mut there = two.connect("userId=ann&dialect=v1").await;
    here.next_of("ready").await;
    there.next_of("ready").await;
    here.must("session-start", "a", json!({ "sessionId": "s", "label": "Shared" })).await;
    assert_eq!(there.next_of("session-update").await["payload"]["label"], "Shared");
    let first = here.next_of("tick").await;
    let mut same = there.next_of("tick").await;
    while same["serverTime"].as_u64() < first["serverTime"].as_u64() {
        same = there.next_of("tick").await;
    }
    assert_eq!(first, same);
    there.must("session-stop", "b", json!({ "sessionId": "s" })).await;
    loop {
        let update = here.next_of("session-update").await;
        if update["payload"]["running"] == false {
            break;
        }
    }
    let leaders = [one.get_internal("/cluster").await.json(), two.get_internal("/cluster").await.json()];
    assert_eq!(leaders[0]["leader"], leaders[1]["leader"], "one leader");
}

#[tokio::test]
async fn a_dead_leader_is_replaced_and_no_second_is_missing() {
    let redis = RedisServer::start();
    let mut nodes = [Node::start_over(&redis, "a").await, Node::start_over(&redis, "b").await];
    let leader = nodes[0].get_internal("/cluster").await.json()["leader"].clone();
    if leader == "b" {
        nodes.reverse();
    }
    let [dying, living] = nodes;
    let mut client = living.connect("userId=ann&dialect=v1").await;
    client.must("session-start", "a", json!({ "sessionId": "s", "label": "x" })).await;
    let mut last = client.next_of("tick").await["serverTime"].as_u64().unwrap();
    drop(dying);
    for _ in 0..4 {
        let next = client.next_of("tick").await["serverTime"].as_u64().unwrap();
        assert_eq!(next, last + 1000);
        last = next;
    }
    let end = Instant::now() + DEADLINE;
    let mut look = tokio::time::interval(Duration::from_millis(20));
    let name = living.get_internal("/cluster").await.json()["node"].clone();
    while living.get_internal("/cluster").await.json()["leader"] != name {
        look.tick().await;
        assert!(Instant::now() < end, "there is no leader");
    }
}

#[tokio::test]
async fn an_unavailable_redis_is_logged_without_its_password_and_awaited() {
    let mut redis = RedisServer::start_with(&["--requirepass", "s3cret"]);
    redis.kill();
    let url = format!("redis://:s3cret@127.0.0.1:{}", redis.port());
    let mut node = Node::launch(&[("store.url", &url)]);
    let end = Instant::now() + DEADLINE;
    let mut look = tokio::time::interval(Duration::from_millis(20));
    let wanted = format!("redis://:***@127.0.0.1:{}", redis.port());
    while !(node.log().contains(&wanted) && node.log().contains("retrying")) {
        look.tick().await;
        assert!(Instant::now() < end, "{}", node.log());
    }
    assert!(!node.log().contains("s3cret"), "{}", node.log());
    let unready = node.get_internal("/readyz").await;
    assert_eq!(unready.status, 503);
    assert!(!unready.body.contains("s3cret"), "{unready:?}");
    assert_eq!(node.get_internal("/livez").await.status, 200);
    let (code, reason) = node.connect("userId=ann").await.closed().await;
    assert_eq!(code, 1013, "{reason}");
    redis.restart();
    node.is_ready().await;
    node.connect("userId=ann").await.must("session-start", "a", json!({ "label": "x" })).await;
}

#[tokio::test]
async fn clients_that_connect_while_a_node_starts_are_served_once_it_is_usable() {
    let redis = RedisServer::start();
    redis.freeze();
    let mut node = Node::launch(&[("store.url", &redis.url())]);
    let end = Instant::now() + DEADLINE;
    let mut look = tokio::time::interval(Duration::from_millis(10));
    while request(node.internal, "GET", "/readyz", &[], b"").await.is_err() {
        look.tick().await;
        assert!(Instant::now() < end, "{}", node.log());
    }
    let mut early = Vec::new();
    for nth in 0..10 {
        let mut tcp = TcpStream::connect(("127.0.0.1", node.public)).await.unwrap();
        let head = UPGRADE.map(|(name, value)| format!("{name}: {value}\r\n")).concat();
        let handshake = format!("GET /session?userId=u{nth} HTTP/1.1\r\nhost: localhost\r\n{head}\r\n");
        tcp.write_all(handshake.as_bytes()).await.unwrap();
        early.push(tcp);
    }
    redis.thaw();
    for tcp in &mut early {
        let mut received = Vec::new();
        while !String::from_utf8_lossy(&received).contains("\"ready\"") {
            let read = timeout(DEADLINE, tcp.read_buf(&mut received)).await.expect("an answer in time").unwrap();
            assert!(read > 0, "it is closed: {}", String::from_utf8_lossy(&received));
        }
        let received = String::from_utf8_lossy(&received);
        assert!(received.starts_with("HTTP/1.1 101") && !received.contains("reconnectAfterMs"), "{received}");
    }
    node.is_ready().await;
}

#[tokio::test]
async fn a_client_that_connects_while_redis_is_silent_is_closed_in_time() {
    let redis = RedisServer::start();
    let mut node = Node::start_over(&redis, "a").await;
    redis.freeze();
    let (code, reason) = node.connect("userId=early").await.closed().await;
    assert_eq!(code, 1013, "{reason}");
    wait_until("it to be noticed", async || node.get_internal("/readyz").await.status == 503).await;
    let began = Instant::now();
    let mut late = Vec::new();
    for _ in 0..10 {
        late.push(node.connect("userId=late").await);
    }
    for mut client in late {
        assert_eq!(client.closed().await.0, 1013);
    }
    assert!(began.elapsed() < DEADLINE / 2, "one does not wait for the other");
    redis.thaw();
    node.is_ready().await;
    node.connect("userId=late").await.next_of("ready").await;
}

#[tokio::test]
async fn a_long_redis_outage_is_reported_to_clients_which_continue_afterwards() {
    let mut redis = RedisServer::start();
    let node = Node::start_with(&[("store.url", &redis.url()), ("beat.holdover", "3s")]).await;
    let mut client = node.connect("userId=ann&dialect=v1").await;
    client.must("session-start", "a", json!({ "sessionId": "s", "label": "x" })).await;
    let mut last = client.next_of("tick").await["serverTime"].as_u64().unwrap();
    redis.kill();
    let mut shown = 0;
    let error = loop {
        let message = client.next().await;
        if message["type"] == "error" {
            break message;
        }
        let tick = message["serverTime"].as_u64().unwrap();
        assert_eq!(tick, last + 1000, "displays go on while Redis is away");
        (last, shown) = (tick, shown + 1);
    };
    assert!(shown >= 2, "{shown} ticks");
    assert_eq!((&error["payload"]["code"], &error["payload"]["retry"]), (&json!("time_uncertain"), &json!(true)));
    redis.restart();
    client.next_of("session-snapshot").await;
    client.must("session-start", "b", json!({ "sessionId": "s", "label": "again" })).await;
    client.next_of("tick").await;
}
