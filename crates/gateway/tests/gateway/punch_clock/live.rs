//! The WebSocket, and the heartbeat, which it does not tell of.

use std::time::Instant;

use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn a_socket_has_the_document_at_once_after_each_change_and_ticks_each_second() {
    let office = Office::open_at(NOON).await;
    let (node, other) = (&office.node, office.second_node().await);
    let mut here = live(node, "ann").await;
    let mut there = live(&other, "ann").await;
    for socket in [&mut here, &mut there] {
        let first = socket.next().await;
        assert_eq!((&first["type"], ids(&first["payload"])), (&json!("session"), Vec::<Value>::new()), "{first}");
        assert_eq!(first["payload"]["userId"], "ann");
    }
    let posted = node.punch("ann", &json!([entry(1, "IN", NOON - HOUR)])).await;
    for socket in [&mut here, &mut there] {
        let told = socket.next().await;
        assert_eq!(told["type"], "session", "there is no tick before the first punch");
        assert_eq!(
            (&told["payload"]["entries"], &told["payload"]["updatedAt"]),
            (&posted["entries"], &posted["updatedAt"])
        );
    }
    let mut last = 3_600;
    for nth in 0..3 {
        let tick = here.next().await;
        assert_eq!((&tick["type"], &tick["payload"]["liveBreakSeconds"]), (&json!("tick"), &json!(0)), "{tick}");
        let seconds = number(&tick["payload"]["liveWorkSeconds"]);
        assert!(if nth == 0 { seconds >= last } else { seconds == last + 1 }, "{seconds} after {last}");
        assert_eq!(tick["payload"].as_object().unwrap().len(), 2);
        last = seconds;
    }
    other.punch("ann", &json!([entry(2, "OUT", NOON - 10 * MINUTE)])).await;
    assert_eq!(here.next_of("session").await["payload"]["currentStatus"], "OUT");
    let tick = here.next_of("tick").await;
    assert_eq!(tick["payload"]["liveWorkSeconds"], 0);
    assert!((600..1200).contains(&number(&tick["payload"]["liveBreakSeconds"])), "{tick}");
    node.save("ann", &json!({ "currentTheme": "aurora" })).await;
    assert_eq!(there.next_of("session").await["payload"]["currentStatus"], "OUT");
    assert_eq!(there.next_of("session").await["payload"]["currentTheme"], "aurora");
    node.reset("ann").await;
    assert_eq!(ids(&there.next_of("session").await["payload"]), Vec::<Value>::new());
}

#[tokio::test]
async fn a_socket_that_asks_is_answered_and_changes_nothing() {
    let node = Node::start().await;
    let mut socket = live(&node, "ann").await;
    socket.next_of("session").await;
    for (text, code) in [
        ("nonsense", "invalid_json"),
        (r#"{"type":"session","payload":{"entries":[{"id":1,"timestamp":1,"type":"IN"}]}}"#, "unknown_type"),
    ] {
        socket.say(text).await;
        let error = socket.next().await;
        assert_eq!((&error["type"], &error["payload"]["code"]), (&json!("error"), &json!(code)), "{error}");
    }
    assert_eq!(ids(&node.session("ann").await), Vec::<Value>::new());
}

#[tokio::test]
async fn a_heartbeat_moves_the_last_activity_and_publishes_nothing() {
    let office = Office::open_at(NOON).await;
    let (node, other) = (&office.node, office.second_node().await);
    let mut sockets = [live(node, "ann").await, live(&other, "ann").await];
    for socket in &mut sockets {
        socket.next_of("session").await;
    }
    let beat = async |body: &str| {
        let answer = node.call("POST", "/api/heartbeat?userId=ann", body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    // The first heartbeat comes before the first punch.
    let answer = beat(r#"{"timestamp":7}"#).await;
    let server_time = number(&answer["serverTime"]);
    assert_eq!(answer, json!({ "success": true, "message": "Heartbeat received", "serverTime": server_time }));
    assert!((NOON..NOON + 10 * MINUTE).contains(&server_time));
    for body in ["", "{}", "null", "nonsense", r#"{"timestamp":"x"}"#] {
        beat(body).await;
    }
    let calls = |name: &str| {
        let stats = office.redis.command(&["INFO", "commandstats"]).unwrap();
        let stat =
            stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls="))?.split(',').next());
        stat.map_or(0, |calls| calls.parse::<u64>().unwrap())
    };
    let posted = node.punch("ann", &json!([entry(1, "IN", NOON - HOUR)])).await;
    let (before, began) = (calls("hset"), Instant::now());
    for _ in 0..100 {
        beat("{}").await;
    }
    // The script of a beat uses HSET too, some times a second.
    let (cost, beats) = (calls("hset") - before, 4 * (began.elapsed().as_secs() + 2));
    assert!((100..=100 + beats).contains(&cost), "{cost} commands for 100 heartbeats");
    let active = |document: &Value| document["lastActivity"].as_str().unwrap().to_owned();
    wait_until("the heartbeats to be seen", async || active(&node.session("ann").await) > active(&posted)).await;
    let document = node.session("ann").await;
    assert_eq!(document["updatedAt"], posted["updatedAt"], "a heartbeat is no change");
    assert!(active(&other.session("ann").await) >= active(&document));
    // What the sockets have received until the next change are that of the punch, and ticks.
    node.save("ann", &json!({ "currentTheme": "dark" })).await;
    for socket in &mut sockets {
        assert_eq!(socket.next_of("session").await["payload"]["currentTheme"], "minimal");
        assert_eq!(socket.next_of("session").await["payload"]["currentTheme"], "dark");
    }
}
