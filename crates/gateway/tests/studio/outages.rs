//! Redis that goes away in the middle of a call.

use harness::{DURABLE, Node, RedisServer, wait_until};
use serde_json::{Value, json};

use super::member::{Answer, LIST, Member, QUERIES, START, STOP, start_over};

async fn is_ready(node: &Node) {
    wait_until("the node to be ready", async || node.get_internal("/readyz").await.status == 200).await;
}

/// Repeats a call until it is carried out; each failure in between must be 503.
async fn until_done(member: &Member, key: &str, procedure: &str, input: &Value) -> Answer {
    loop {
        let answer = member.repeat(key, procedure, input).await;
        if answer.0.status == 200 {
            return answer;
        }
        assert_eq!((answer.0.status, answer.error().0.as_str()), (503, "SERVICE_UNAVAILABLE"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_start_that_redis_dies_during_takes_effect_once_when_it_is_repeated() {
    const ROUNDS: u32 = 12;
    let mut redis = RedisServer::start_with(&DURABLE);
    let (one, two) = (start_over(&redis, "a").await, start_over(&redis, "b").await);
    let (ann, ben) = (Member::new(&one, 1, 1), Member::new(&two, 2, 1));
    let mut socket = ben.socket().await;
    let mut failures = 0;
    for round in 1..=ROUNDS {
        let (key, input) = (format!("start {round}"), json!({ "taskTypeId": 1, "sessionId": round }));
        let calling = {
            let (ann, key, input) = (ann.clone(), key.clone(), input.clone());
            tokio::spawn(async move { ann.repeat(&key, START, &input).await })
        };
        // The death hits each stage of the call in some round.
        tokio::time::sleep(std::time::Duration::from_micros(u64::from(round) * 700)).await; // tidy: allow: the moment of the fault
        redis.kill();
        let answer = calling.await.unwrap();
        redis.restart();
        if answer.0.status != 200 {
            assert_eq!((answer.0.status, answer.error().0.as_str()), (503, "SERVICE_UNAVAILABLE"), "{answer:?}");
            failures += 1;
        }
        is_ready(&one).await;
        is_ready(&two).await;
        let entry = until_done(&ann, &key, START, &input).await.data();
        assert_eq!(entry["id"], round, "no start is lost or doubled");
        if answer.0.status == 200 {
            assert_eq!(answer.data(), entry);
        }
        assert_eq!(until_done(&ann.at(&two), &key, START, &input).await.data(), entry, "on the other node");
        let (name, payload) = socket.next().await;
        assert_eq!((name.as_str(), &payload["timeEntryId"]), ("timer:started", &entry["id"]), "once and in order");
    }
    assert!(failures > 0, "the fault never hits a call");
    assert_eq!(ben.entries(&Value::Null).await.len(), ROUNDS as usize);
}

#[tokio::test]
async fn a_start_that_redis_hangs_during_takes_effect_once_when_it_is_repeated() {
    let redis = RedisServer::start();
    let (one, two) = (start_over(&redis, "a").await, start_over(&redis, "b").await);
    let (ann, ben) = (Member::new(&one, 1, 1), Member::new(&two, 2, 1));
    ann.start(99).await;
    let mut socket = ben.socket().await;
    let input = json!({ "taskTypeId": 1, "sessionId": 1 });
    redis.freeze();
    let answer = ann.repeat("k", START, &input).await;
    redis.thaw();
    assert_eq!((answer.0.status, answer.error().0.as_str()), (503, "SERVICE_UNAVAILABLE"), "{answer:?}");
    is_ready(&one).await;
    is_ready(&two).await;
    let entry = until_done(&ann, "k", START, &input).await.data();
    assert_eq!(until_done(&ann.at(&two), "k", START, &input).await.data(), entry);
    let stopped = until_done(&ben, "stop", STOP, &json!({ "timeEntryId": entry["id"] })).await.data();
    for name in ["timer:started", "timer:stopped"] {
        let (received, payload) = socket.next().await;
        assert_eq!((received.as_str(), &payload["timeEntryId"]), (name, &stopped["id"]), "once and in order");
    }
    assert_eq!(ben.entries(&Value::Null).await.len(), 2);
}

#[tokio::test]
async fn queries_answer_503_while_redis_is_away_and_the_socket_stays_open() {
    let mut redis = RedisServer::start_with(&DURABLE);
    let node = start_over(&redis, "a").await;
    let ann = Member::new(&node, 1, 1);
    let entry = ann.start(1).await;
    let mut socket = ann.socket().await;
    redis.kill();
    wait_until("the outage to be noticed", async || node.get_internal("/readyz").await.status == 503).await;
    for procedure in QUERIES {
        let answer = ann.query(procedure, &json!({ "sessionId": 1 })).await;
        assert_eq!(
            (answer.0.status, answer.error().0.as_str()),
            (503, "SERVICE_UNAVAILABLE"),
            "{procedure}: {answer:?}"
        );
    }
    redis.restart();
    is_ready(&node).await;
    let stopped = until_done(&ann, "stop", STOP, &json!({ "timeEntryId": entry["id"] })).await.data();
    assert_eq!(socket.next_of("timer:stopped").await["timeEntryId"], stopped["id"], "of the same socket");
    assert_eq!(ann.query(LIST, &Value::Null).await.data()["entries"].as_array().unwrap().len(), 1);
}
