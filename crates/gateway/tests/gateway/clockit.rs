//! Clockit sessions over the WebSocket, in both dialects.

use harness::{Client, Node};
use serde_json::{Value, json};

#[tokio::test]
async fn the_seed_dialect_end_to_end() {
    let node = Node::start().await;
    let mut client = node.connect("userId=ann").await;
    let ready = client.next().await;
    assert_eq!((&ready["type"], &ready["payload"], &ready["sessions"]), (&json!("ready"), &json!([]), &json!([])));
    assert!(ready["serverTime"].as_u64().unwrap() > 1_700_000_000_000);

    client.ask("session-start", None, json!({ "sessionId": "s", "label": "Write", "goals": [] })).await;
    let snapshot = client.next().await;
    assert_eq!(snapshot["type"], "session-snapshot");
    assert_eq!(snapshot["payload"][0]["sessionId"], "s");
    assert_eq!(snapshot["payload"][0]["userId"], "ann");
    assert_eq!(snapshot["payload"][0].get("endedAt"), None, "absent, not null");
    let mut last: Option<u64> = None;
    for _ in 0..3 {
        let tick = client.next().await;
        assert_eq!(tick["type"], "tick");
        assert_eq!((&tick["payload"]["sessionId"], &tick["payload"]["running"]), (&json!("s"), &json!(true)));
        let elapsed = tick["payload"]["elapsedMs"].as_u64().unwrap();
        assert!(last.is_none_or(|last| elapsed == last + 1000), "{last:?}, then {elapsed}");
        last = Some(elapsed);
    }
    client.ask("session-stop", Some("1"), json!({ "sessionId": "s" })).await;
    let stopped = client.next_of("session-snapshot").await;
    let frozen = stopped["payload"][0]["accumulatedMs"].clone();
    let tick = client.next().await;
    assert_eq!(tick["payload"], json!({ "sessionId": "s", "elapsedMs": frozen, "running": false }));
    let ack = client.next().await;
    assert_eq!(ack, json!({ "type": "ack", "id": "1", "rev": 2, "sessionId": "s" }));
    client.pings(b"no tick follows").await;
}

#[tokio::test]
async fn pings_and_close_frames_are_answered_on_an_idle_connection() {
    let node = Node::start().await;
    let mut client = node.connect("userId=ann").await;
    client.next_of("ready").await;
    client.pings(b"one").await;
    client.pings(b"two").await;
    client.close(1000, "done").await;
    assert_eq!(client.closed().await, (1000, "done".to_owned()));
}

#[tokio::test]
async fn the_v1_dialect_end_to_end() {
    let node = Node::start().await;
    let mut one = node.connect("userId=ann&dialect=v1").await;
    let mut two = node.connect("userId=ann&dialect=v1").await;
    one.next_of("ready").await;
    two.next_of("ready").await;
    let ack = one.must("session-start", "a", json!({ "label": "No id" })).await;
    let session = ack["sessionId"].as_str().unwrap().to_owned();
    assert!(session.starts_with("session-"), "{session}");
    let update = two.next().await;
    assert_eq!(update["type"], "session-update");
    assert_eq!(update["payload"]["sessionId"], session.as_str());
    assert_eq!(update["payload"].get("removed"), None, "the key must not exist");
    let tick = two.next_of("tick").await;
    assert_eq!(tick["payload"][0]["sessionId"], session.as_str());
    assert_eq!(tick["serverTime"].as_u64().unwrap() % 1000, 0);

    two.must("session-pause", "b", json!({ "sessionId": session })).await;
    let mut last_ticks = Vec::new();
    loop {
        let message = one.next().await;
        if message["type"] == "tick" && message["payload"][0]["running"] == false {
            last_ticks.push(message);
        } else if message["type"] == "session-update" && message["payload"]["removed"] == true {
            break;
        } else if !last_ticks.is_empty() {
            assert_ne!(message["type"], "tick", "exactly one after a pause");
            continue;
        }
        if last_ticks.len() == 1 {
            two.ask("session-remove", None, json!({ "sessionId": session })).await;
        }
    }
    assert_eq!(last_ticks.len(), 1);
}

#[tokio::test]
async fn two_devices_show_the_same_second() {
    let node = Node::start().await;
    let mut one = node.connect("userId=ann&dialect=v1").await;
    let mut two = node.connect("userId=ann").await;
    one.must("session-start", "a", json!({ "sessionId": "s", "label": "x" })).await;
    for _ in 0..3 {
        let array = one.next_of("tick").await;
        let object = two.next_of("tick").await;
        assert_eq!(array["payload"][0], object["payload"]);
    }
}

#[tokio::test]
async fn a_client_that_joins_late_sees_the_elapsed_time() {
    let node = Node::start().await;
    let mut one = node.connect("userId=ann").await;
    one.must("session-start", "a", json!({ "sessionId": "s", "label": "x" })).await;
    let first = one.next_of("tick").await;
    let mut two = node.connect("userId=ann").await;
    let ready = two.next().await;
    assert_eq!(ready["payload"][0]["running"], true);
    assert_eq!(ready["payload"], ready["sessions"]);
    let tick = two.next().await;
    assert!(tick["payload"]["elapsedMs"].as_u64() > first["payload"]["elapsedMs"].as_u64());
}

#[tokio::test]
async fn messages_sent_before_ready_are_not_lost() {
    let node = Node::start().await;
    let mut client = node.connect("userId=ann").await;
    for nth in 0..20 {
        client
            .ask("session-start", Some(&nth.to_string()), json!({ "sessionId": nth.to_string(), "label": "x" }))
            .await;
    }
    assert_eq!(client.next().await["type"], "ready");
    for nth in 0..20 {
        assert_eq!(client.next_of("ack").await["id"], nth.to_string(), "in order");
    }
}

#[tokio::test]
async fn goals_and_their_unknown_fields_are_returned_unchanged() {
    let node = Node::start().await;
    let mut client = node.connect("userId=ann&dialect=v1").await;
    client.next_of("ready").await;
    client.must("session-start", "a", json!({ "sessionId": "s", "label": "x" })).await;
    let goal = r#"{"id":"g","title":"t","completed":true,"completedAt":5,"groupId":"gr","groupName":"G","estimatedGoalTime":1.50,"extra":{"b":[1e2,null]}}"#;
    client.say(&format!(r#"{{"type":"session-attach","payload":{{"sessionId":"s","goal":{goal}}}}}"#)).await;
    let update = client.next_of("session-update").await;
    assert_eq!(update["payload"]["goals"], json!([serde_json::from_str::<Value>(goal).unwrap()]));
    client.must("session-detach", "b", json!({ "sessionId": "s", "goalId": "absent" })).await;
    client.must("session-detach", "c", json!({ "sessionId": "s", "goalId": "g" })).await;
    let mut again = node.connect("userId=ann").await;
    assert_eq!(again.next().await["payload"][0]["goals"], json!([]));
}

#[tokio::test]
async fn expired_paused_sessions_are_removed_and_clients_are_notified() {
    let node = Node::start_with(&[("clockit.paused_for", "1500ms")]).await;
    let mut client = node.connect("userId=ann&dialect=v1").await;
    client.must("session-start", "a", json!({ "sessionId": "s", "label": "x" })).await;
    client.must("session-pause", "b", json!({ "sessionId": "s" })).await;
    let gone = client.next_of("session-update").await;
    assert_eq!((&gone["payload"]["sessionId"], &gone["payload"]["removed"]), (&json!("s"), &json!(true)));
}

#[tokio::test]
async fn conflicting_commands_of_two_sockets_converge_to_one_state() {
    let node = Node::start().await;
    let (mut one, mut two) = (node.connect("userId=ann").await, node.connect("userId=ann").await);
    one.must("session-start", "a", json!({ "sessionId": "s", "label": "x" })).await;
    for round in 0..20 {
        let id = format!("r{round}");
        one.ask("session-pause", Some(&id), json!({ "sessionId": "s" })).await;
        two.ask("session-resume", Some(&id), json!({ "sessionId": "s" })).await;
        let (of_one, of_two) = (ack_of(&mut one, &id).await, ack_of(&mut two, &id).await);
        assert!(of_one["rev"].is_u64() && of_two["rev"].is_u64());
    }
    one.must("session-attach", "z", json!({ "sessionId": "s", "goal": { "id": "last", "title": "t" } })).await;
    let mut judge = node.connect("userId=ann").await;
    let truth = judge.next().await["payload"].clone();
    for client in [&mut one, &mut two] {
        client.ask("session-attach", None, json!({ "sessionId": "s", "goal": { "id": "end", "title": "t" } })).await;
        let seen = loop {
            let snapshot = client.next_of("session-snapshot").await;
            let goals = snapshot["payload"][0]["goals"].as_array().unwrap().len();
            if goals == 2 {
                break snapshot["payload"][0].clone();
            }
        };
        assert_eq!((&seen["running"], &seen["accumulatedMs"]), (&truth[0]["running"], &truth[0]["accumulatedMs"]));
        client.must("session-detach", "d", json!({ "sessionId": "s", "goalId": "end" })).await;
    }
}

#[tokio::test]
async fn two_devices_count_their_command_ids_separately() {
    let node = Node::start().await;
    let mut page = node.connect("userId=ann").await;
    page.must("session-start", "1", json!({ "sessionId": "s", "label": "x" })).await;
    page.must("session-pause", "2", json!({ "sessionId": "s" })).await;
    let resumed = page.must("session-resume", "3", json!({ "sessionId": "s" })).await;
    for query in ["userId=ann", "userId=ann&client=", "userId=ann&client=phone", "userId=ann&client=editor"] {
        let mut other = node.connect(query).await;
        let paused = other.must("session-pause", "2", json!({ "sessionId": "s" })).await;
        assert!(paused["rev"].as_u64() > resumed["rev"].as_u64(), "{query}: {paused}");
        assert_eq!(running(&node).await, false, "{query}");
        other.must("session-resume", "3", json!({ "sessionId": "s" })).await;
        assert_eq!(running(&node).await, true, "{query}");
    }
}

async fn running(node: &Node) -> Value {
    node.connect("userId=ann").await.next().await["payload"][0]["running"].clone()
}

#[tokio::test]
async fn a_client_repeats_a_command_on_another_connection_and_it_takes_effect_once() {
    let node = Node::start().await;
    let start = json!({ "label": "Once" });
    let mut first = None;
    for query in ["userId=ann&client=phone", "userId=ann&client=phone&dialect=v1"] {
        let ack = node.connect(query).await.must("session-start", "1", start.clone()).await;
        assert_eq!(first.get_or_insert(ack.clone()), &ack, "the first outcome");
    }
    // The ids of a connection without a client end with it.
    let other = node.connect("userId=ann").await.must("session-start", "1", start.clone()).await;
    let later = node.connect("userId=ann").await.must("session-start", "1", start.clone()).await;
    assert_ne!(other["sessionId"], later["sessionId"]);
    let sessions = node.connect("userId=ann").await.next().await["payload"].clone();
    assert_eq!(sessions.as_array().unwrap().len(), 3, "{sessions}");
    // Another user's client of the same name is another client.
    let ack = node.connect("userId=ben&client=phone").await.must("session-start", "1", start).await;
    assert_eq!(ack["rev"], 1);
}

async fn ack_of(client: &mut Client, id: &str) -> Value {
    loop {
        let ack = client.next_of("ack").await;
        if ack["id"] == id {
            return ack;
        }
    }
}

#[tokio::test]
async fn a_client_that_sends_its_time_receives_the_time_of_the_server() {
    let node = Node::start().await;
    let mut client = node.connect("userId=ann").await;
    client.next_of("ready").await;
    client.say(r#"{"type":"time-ping","t0":12.5}"#).await;
    let pong = client.next_of("time-pong").await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let [t1, t2] = ["t1", "t2"].map(|name| pong[name].as_u64().unwrap());
    assert_eq!(pong["t0"], 12.5);
    assert!(t1 <= t2 && u128::from(t2).abs_diff(now) < 5_000, "{pong}");
}
