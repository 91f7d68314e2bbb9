//! Members who act at the same instant, on two nodes, and the limits of an organisation.

use harness::RedisServer;
use serde_json::{Value, json};

use super::member::{ACTIVE, ADJUST, CREATE, Member, START, STOP, TYPES, start, start_over};

const ROUNDS: u32 = 200;

const ALREADY: &str = "Cannot start timer: active timer already running for this session/project/track";

#[tokio::test]
async fn of_two_members_who_start_at_once_on_two_nodes_one_wins_and_of_two_stops_one_counts() {
    let redis = RedisServer::start();
    let (one, two) = (start_over(&redis, "a").await, start_over(&redis, "b").await);
    let (ann, ben) = (Member::new(&one, 1, 1), Member::new(&two, 2, 1));
    let mut sockets = [ann.socket().await, ben.socket().await];
    let mut expected = Vec::new();
    for round in 1..=ROUNDS {
        let target = ["sessionId", "projectId", "trackId"][round as usize % 3];
        let input = json!({ "taskTypeId": 1, target: round });
        let (first, second) = tokio::join!(ann.mutate(START, &input), ben.mutate(START, &input));
        let (won, lost) = if first.0.status == 200 { (first, second) } else { (second, first) };
        lost.fails("BAD_REQUEST", ALREADY);
        let entry = won.data();
        assert_eq!(entry["id"], round, "no id is left out");
        assert_eq!(ben.query(ACTIVE, &json!({ target: round })).await.data(), entry);
        let stop = json!({ "timeEntryId": entry["id"] });
        let (first, second) = tokio::join!(ann.mutate(STOP, &stop), ben.mutate(STOP, &stop));
        let (won, lost) = if first.0.status == 200 { (first, second) } else { (second, first) };
        lost.fails("BAD_REQUEST", "Cannot stop timer: timer is not running");
        assert_eq!(won.data()["id"], entry["id"]);
        expected.extend(["timer:started", "timer:stopped"].map(|name| (name, entry["id"].clone())));
    }
    for socket in &mut sockets {
        for (name, id) in &expected {
            let (received, payload) = socket.next().await;
            assert_eq!((received.as_str(), &payload["timeEntryId"]), (*name, id));
        }
    }
    assert_eq!(ann.entries(&Value::Null).await.len(), ROUNDS as usize);
}

#[tokio::test]
async fn fifty_members_who_act_at_once_on_two_nodes_lose_nothing() {
    const MEMBERS: u32 = 50;
    let redis = RedisServer::start();
    let nodes = [start_over(&redis, "a").await, start_over(&redis, "b").await];
    let mut working = tokio::task::JoinSet::new();
    for nth in 1..=MEMBERS {
        let member = Member::new(&nodes[nth as usize % 2], nth, 1);
        working.spawn(async move {
            let entry = until_accepted(&member, START, &json!({ "taskTypeId": 1, "sessionId": nth })).await;
            let name = json!({ "name": nth.to_string(), "hourlyRate": "1" });
            until_accepted(&member, CREATE, &name).await;
            until_accepted(&member, ADJUST, &json!({ "timeEntryId": entry["id"], "notes": nth.to_string() })).await;
            until_accepted(&member, STOP, &json!({ "timeEntryId": entry["id"] })).await
        });
    }
    let stopped = working.join_all().await;
    let ann = Member::new(&nodes[0], 1, 1);
    let mut ids: Vec<u64> = stopped.iter().map(|entry| entry["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=u64::from(MEMBERS)).collect::<Vec<_>>(), "each id once");
    for entry in &stopped {
        assert_eq!(entry["notes"], entry["sessionId"].to_string());
    }
    assert_eq!(ann.entries(&Value::Null).await.len(), MEMBERS as usize);
    let types = ann.query(TYPES, &Value::Null).await.data();
    let mut ids: Vec<u64> = types.as_array().unwrap().iter().map(|made| made["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=u64::from(MEMBERS) + 5).collect::<Vec<_>>());
}

/// Calls until the organisation is not too busy.
async fn until_accepted(member: &Member, procedure: &str, input: &Value) -> Value {
    for _ in 0..100 {
        let answer = member.mutate(procedure, input).await;
        if answer.0.status == 200 {
            return answer.data();
        }
        // The only permitted failure: too many concurrent commands, which did nothing.
        assert_eq!(answer.error().0, "TOO_MANY_REQUESTS", "{answer:?}");
    }
    panic!("{procedure} {input} is never accepted");
}

#[tokio::test]
async fn first_calls_at_once_on_two_nodes_give_one_set_of_task_types() {
    let redis = RedisServer::start();
    let (one, two) = (start_over(&redis, "a").await, start_over(&redis, "b").await);
    for organization in 1..=20 {
        let (ann, ben) = (Member::new(&one, 1, organization), Member::new(&two, 2, organization));
        let new = json!({ "name": "Foley", "hourlyRate": "1" });
        let (listed, made) = tokio::join!(ann.query(TYPES, &Value::Null), ben.mutate(CREATE, &new));
        assert_eq!(made.data()["id"], 6);
        assert!(listed.data().as_array().unwrap().len() >= 5);
        let ids: Vec<Value> =
            ben.query(TYPES, &Value::Null).await.data().as_array().unwrap().iter().map(|t| t["id"].clone()).collect();
        assert_eq!(ids, [6, 1, 2, 3, 4, 5].map(|id| json!(id)));
    }
}

#[tokio::test]
async fn the_limits_of_an_organization_are_refused_clearly_and_leave_others_alone() {
    let node = start(&[("studio.running_entries", "3"), ("studio.task_types", "6"), ("studio.text_chars", "5")]).await;
    let (ann, eve) = (Member::new(&node, 1, 1), Member::new(&node, 2, 2));
    let entries = [ann.start(1).await, ann.start(2).await, ann.start(3).await];
    let fourth = json!({ "taskTypeId": 1, "sessionId": 4 });
    let message = "Cannot start timer: 3 timers are running, which is the limit of an organization";
    ann.mutate(START, &fourth).await.fails("BAD_REQUEST", message);
    eve.start(4).await;
    ann.stop(&entries[1]).await;
    assert_eq!(ann.mutate(START, &fourth).await.data()["id"], 4, "a refused start takes no id");
    ann.mutate(CREATE, &json!({ "name": "x", "hourlyRate": "1" })).await.data();
    let seventh = ann.mutate(CREATE, &json!({ "name": "y", "hourlyRate": "1" })).await;
    seventh.fails("BAD_REQUEST", "an organization has at most 6 task types");
    let long = ann.mutate(START, &json!({ "taskTypeId": 1, "sessionId": 5, "notes": "123456" })).await;
    long.fails("BAD_REQUEST", "notes and descriptions have at most 5 characters");
}

#[tokio::test]
async fn a_thousand_entries_run_in_one_organization_and_the_next_is_refused() {
    // The limit unless it is configured.
    const ENTRIES: usize = 1000;
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    // With a view on the node, the board is not loaded for each call.
    let _view = ann.listen().await;
    for batch in 0..ENTRIES / 100 {
        let path = format!("{}?batch=1", vec!["timeTracking.timer.start"; 100].join(","));
        let inputs =
            (0..100).map(|nth| (nth.to_string(), json!({ "taskTypeId": 1, "sessionId": batch * 100 + nth + 1 })));
        let body = Value::Object(inputs.collect()).to_string();
        let answer = ann.send("POST", &path, &[super::member::JSON], body.as_bytes()).await;
        assert_eq!(answer.status, 200, "{:.300}", answer.body);
    }
    let refused = ann.mutate(START, &json!({ "taskTypeId": 1, "sessionId": ENTRIES + 1 })).await;
    let message = "Cannot start timer: 1000 timers are running, which is the limit of an organization";
    refused.fails("BAD_REQUEST", message);
    assert_eq!(ann.entries(&Value::Null).await.len(), ENTRIES);
    let mut socket = ann.socket().await;
    let stopped = ann.mutate(STOP, &json!({ "timeEntryId": 500 })).await.data();
    assert_eq!(socket.next_of("timer:stopped").await["timeEntryId"], stopped["id"]);
    ann.start(500).await;
}
