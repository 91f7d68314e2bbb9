//! Calls that come twice: with an `Idempotency-Key` they take effect once, whichever node answers.

use harness::RedisServer;
use serde_json::{Value, json};

use super::member::{ADJUST, CREATE, JSON, Member, START, STOP, TYPES, UPDATE, after, start, start_over};

/// Each mutation in the order of a person's work: the key, the procedure and the input.
fn work(round: usize, began: &Value) -> Vec<(String, &'static str, Value)> {
    let key = |name: &str| format!("{name}-{round}");
    vec![
        (key("create"), CREATE, json!({ "name": "Foley", "hourlyRate": "5.5" })),
        (key("update"), UPDATE, json!({ "id": 6, "data": { "hourlyRate": "6", "sortOrder": round } })),
        (key("start"), START, json!({ "taskTypeId": 6, "sessionId": 7, "notes": "x" })),
        (key("move"), ADJUST, json!({ "timeEntryId": round + 1, "startTime": after(began, -3_600_000) })),
        (key("stop"), STOP, json!({ "timeEntryId": round + 1 })),
        (key("correct"), ADJUST, json!({ "timeEntryId": round + 1, "notes": "y" })),
    ]
}

#[tokio::test]
async fn a_repetition_gives_the_same_answer_and_takes_effect_once_on_either_node() {
    let redis = RedisServer::start();
    let (one, two) = (start_over(&redis, "a").await, start_over(&redis, "b").await);
    let (ann, ben) = (Member::new(&one, 1, 1), Member::new(&one, 2, 1));
    let mut events = ben.socket().await;
    let began = ann.mutate(START, &json!({ "taskTypeId": 1, "sessionId": 1 })).await.data()["startTime"].clone();
    for round in 1..=3 {
        for (key, procedure, input) in work(round, &began) {
            let first = ann.repeat(&key, procedure, &input).await;
            assert_eq!(first.0.status, 200, "{procedure}: {first:?}");
            for node in [&two, &one, &two] {
                let again = ann.at(node).repeat(&key, procedure, &input).await;
                assert_eq!((again.0.status, &again.0.body), (200, &first.0.body), "{procedure}");
            }
        }
    }
    let types = ann.query(TYPES, &Value::Null).await.data();
    assert_eq!(types.as_array().unwrap().len(), 8, "three were created");
    assert_eq!(ann.entries(&Value::Null).await.len(), 4, "three were started besides the first");
    let once = ["timer:started", "timer:adjusted", "timer:started", "timer:stopped", "timer:adjusted"];
    let expected: Vec<&str> = std::iter::once("timer:started").chain((0..3).flat_map(|_| once)).collect();
    for name in expected {
        assert_eq!(events.next().await.0, name);
    }
}

#[tokio::test]
async fn simultaneous_repetitions_on_two_nodes_take_effect_once() {
    let redis = RedisServer::start();
    let (one, two) = (start_over(&redis, "a").await, start_over(&redis, "b").await);
    let (ann, there) = (Member::new(&one, 1, 1), Member::new(&two, 1, 1));
    for round in 1..=50 {
        let (key, input) = (format!("key {round}"), json!({ "taskTypeId": 1, "sessionId": round }));
        let (first, second) = tokio::join!(ann.repeat(&key, START, &input), there.repeat(&key, START, &input));
        assert_eq!(first.data(), second.data());
        assert_eq!(first.data()["id"], round);
    }
}

#[tokio::test]
async fn a_key_belongs_to_a_person_a_procedure_and_an_input() {
    let node = start(&[]).await;
    let (ann, ben, eve) = (Member::new(&node, 1, 1), Member::new(&node, 2, 1), Member::new(&node, 1, 2));
    let input = |session: u32| json!({ "taskTypeId": 1, "sessionId": session });
    let first = ann.repeat("k", START, &input(1)).await.data();
    let message = "Cannot start timer: active timer already running for this session/project/track";
    ben.repeat("k", START, &input(1)).await.fails("BAD_REQUEST", message);
    assert_eq!(ann.repeat("k", START, &input(2)).await.data()["id"], 2, "another input is another call");
    assert_eq!(eve.repeat("k", START, &input(1)).await.data()["id"], 1, "another organisation");
    assert_eq!(ann.repeat("k", STOP, &json!({ "timeEntryId": first["id"] })).await.data()["id"], first["id"]);
    // Calls of one batch have one key and are different calls.
    let body = json!({ "0": { "name": "x", "hourlyRate": "1" }, "1": { "name": "x", "hourlyRate": "1" } }).to_string();
    let path = "timeTracking.taskTypes.create,timeTracking.taskTypes.create?batch=1";
    let headers = [JSON, ("idempotency-key", "batch")];
    let made = ann.send("POST", path, &headers, body.as_bytes()).await;
    let ids: Vec<Value> =
        made.json().as_array().unwrap().iter().map(|made| made["result"]["data"]["id"].clone()).collect();
    assert_eq!(ids, [json!(6), json!(7)]);
    assert_eq!(ann.send("POST", path, &headers, body.as_bytes()).await.body, made.body);
    let long = "k".repeat(201);
    for bad in ["", &long, "clé"] {
        let refused = ann.repeat(bad, START, &input(9)).await;
        let expected = ("BAD_REQUEST".to_owned(), "Idempotency-Key must be 1 to 200 printable characters".to_owned());
        assert_eq!(refused.error(), expected, "{bad}");
    }
}

#[tokio::test]
async fn without_a_key_a_second_stop_and_a_second_start_are_refused_and_change_nothing() {
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    let entry = ann.start(1).await;
    let stopped = ann.stop(&entry).await;
    for _ in 0..3 {
        let again = ann.mutate(STOP, &json!({ "timeEntryId": entry["id"] })).await;
        again.fails("BAD_REQUEST", "Cannot stop timer: timer is not running");
    }
    let listed = ann.entries(&Value::Null).await;
    assert_eq!((listed.len(), &listed[0]["endTime"]), (1, &stopped["endTime"]));
}

#[tokio::test]
async fn a_refusal_is_not_remembered_as_the_answer_of_a_key() {
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    let entry = ann.start(1).await;
    let input = json!({ "taskTypeId": 1, "sessionId": 1 });
    assert_eq!(ann.repeat("k", START, &input).await.error().0, "BAD_REQUEST");
    ann.stop(&entry).await;
    assert_eq!(ann.repeat("k", START, &input).await.data()["id"], 2);
}
