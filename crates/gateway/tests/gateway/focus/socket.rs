//! Messages of the WebSocket.

use harness::NO_MESSAGE_LIMIT;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::*;

fn error(message: &str, code: &str) -> Value {
    json!({ "type": "error", "message": message, "code": code, "retry": false })
}

#[tokio::test]
async fn a_session_is_tracked_with_a_tick_a_second_until_it_is_stopped() {
    let node = Node::start_with(&[SOON_IDLE]).await;
    let id = node.create("ann", &json!({ "targetMinutes": 0.1 })).await;
    let id = id_of(&id);
    let mut bystander = node.socket("ann").await;
    let mut socket = node.track("ann", &id).await;
    let first = socket.tick_of(0).await;
    let keys: Vec<&String> = first.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 6, "{first}");
    let mut last = elapsed(&first);
    for _ in 0..4 {
        let tick = socket.tick_of(0).await;
        let [elapsed, active, idle] = seconds(&tick);
        assert_eq!(elapsed, last + 1, "{tick}");
        // Without activity the first second is active, and no other one.
        assert_eq!([active, idle], [elapsed.min(1), (elapsed - 1).max(0)], "{tick}");
        assert_eq!((&tick["idle"], &tick["tabSwitches"]), (&json!(elapsed > 1), &json!(0)), "{tick}");
        last = elapsed;
    }
    socket.tell(json!({ "type": "tabSwitch", "id": 7 })).await;
    assert_eq!(socket.answer().await, json!({ "type": "tabSwitchAck", "id": 7 }));
    socket.tell(json!({ "type": "tabSwitch" })).await;
    assert_eq!(socket.answer().await, json!({ "type": "tabSwitchAck" }));
    let tick = socket.tick_of(last + 1).await;
    assert_eq!((&tick["tabSwitches"], seconds(&tick)[1]), (&json!(2), 1), "a tab switch is no activity");
    let score = socket.stop(&id).await;
    let session = node.read("ann", &id).await;
    let [elapsed, active, idle] = seconds(&session);
    assert!(elapsed > last && active == 1 && idle == elapsed - 1, "{session}");
    // In the order of the formula, since a half is rounded up.
    let [elapsed, active, idle] = [elapsed, active, idle].map(|count| f64::from(u32::try_from(count).unwrap()));
    let expected = (100.0 * (elapsed / (0.1 * 60.0)) * (active / elapsed) - (4.0 + idle / 30.0)).round();
    assert_eq!((session["focusScore"].as_f64(), &session["focusScore"]), (Some(expected), &json!(score)));
    assert_eq!((&session["status"], &session["tabSwitches"]), (&json!("completed"), &json!(2)));
    // Nothing follows, neither here nor at a socket that tracks nothing: the next message is the next answer.
    for socket in [&mut socket, &mut bystander] {
        socket.tell(json!({ "type": "stop" })).await;
        assert_eq!(socket.next().await, error("Invalid session", "not_found"));
    }
}

#[tokio::test]
async fn nothing_is_tracked_without_a_start_and_a_socket_can_track_one_session_after_another() {
    let node = Node::start().await;
    let (first, second) = (node.new_session("ann", 25.0).await, node.new_session("ann", 25.0).await);
    let mut socket = node.socket("ann").await;
    for kind in ["stop", "tabSwitch"] {
        socket.tell(json!({ "type": kind, "id": "x" })).await;
        let mut expected = error("Invalid session", "not_found");
        expected["id"] = json!("x");
        assert_eq!(socket.next().await, expected, "{kind}");
    }
    socket.start(&first).await;
    socket.tick_of(1).await;
    // The other session is left, and not ended.
    socket.start(&second).await;
    let left = node.read("ann", &first).await;
    assert_eq!((&left["status"], elapsed(&left) >= 1), (&json!("active"), true));
    socket.tick_of(2).await;
    assert_eq!(seconds(&node.read("ann", &first).await), seconds(&left), "only the second one counts");
    socket.tell(json!({ "type": "stop", "status": "paused" })).await;
    assert_eq!(socket.answer().await, error("Invalid status", "invalid_message"));
    socket.tell(json!({ "type": "stop", "status": "cancelled", "id": 1 })).await;
    assert_eq!(socket.answer().await["sessionId"], second.as_str());
    assert_eq!(node.read("ann", &second).await["status"], "cancelled");
    socket.start(&first).await;
    socket.start(&first).await;
    socket.stop(&first).await;
    assert_eq!(node.stats("ann").await["completedSessions"], 1);
}

#[tokio::test]
async fn a_repeated_start_is_an_activity_and_keeps_the_rhythm() {
    let node = Node::start_with(&[SOON_IDLE]).await;
    let id = node.new_session("ann", 25.0).await;
    let mut socket = node.track("ann", &id).await;
    let mut last = elapsed(&socket.tick_of(3).await);
    for _ in 0..2 {
        socket.tell(json!({ "type": "start", "sessionId": id })).await;
        let mut started = false;
        let until = last + 3;
        while last < until {
            let message = socket.next().await;
            if message["type"] == "started" {
                started = true;
                continue;
            }
            assert_eq!(elapsed(&message), last + 1, "{message}");
            last += 1;
        }
        assert!(started, "a repeated start is answered");
    }
    socket.stop(&id).await;
    let [elapsed, active, idle] = seconds(&node.read("ann", &id).await);
    // A start makes one second active, or two at the very instant of a second.
    assert!((3..=5).contains(&active) && elapsed == active + idle, "{elapsed} {active} {idle}");
}

#[tokio::test]
async fn a_session_that_cannot_be_tracked_is_invalid() {
    let node = Node::start().await;
    let (ended, deleted) = (node.new_session("ann", 25.0).await, node.new_session("ann", 25.0).await);
    node.end("ann", &ended, &json!({})).await;
    node.delete("ann", &deleted).await;
    let mut socket = node.socket("ann").await;
    for id in [json!(ended), json!(deleted), json!(UNKNOWN), json!("1"), json!(""), json!(null), json!(7), json!([])] {
        socket.tell(json!({ "type": "start", "sessionId": id })).await;
        assert_eq!(socket.next().await, error("Invalid session", "not_found"), "{id}");
    }
    socket.tell(json!({ "type": "start" })).await;
    assert_eq!(socket.next().await, error("Invalid session", "not_found"));
    // A failed start leaves what is tracked.
    let id = node.new_session("ann", 25.0).await;
    socket.start(&id).await;
    socket.tell(json!({ "type": "start", "sessionId": UNKNOWN })).await;
    assert_eq!(socket.answer().await, error("Invalid session", "not_found"));
    let before = elapsed(&socket.tick_of(0).await);
    socket.tick_of(before + 2).await;
    socket.stop(&id).await;
}

#[tokio::test]
async fn garbage_is_answered_and_changes_nothing() {
    let node = Node::start_with(&[NO_MESSAGE_LIMIT]).await;
    let id = node.new_session("ann", 25.0).await;
    let mut socket = node.track("ann", &id).await;
    for (text, code) in [
        ("", "invalid_json"),
        ("nonsense", "invalid_json"),
        ("{\"type\":\"stop\"", "invalid_json"),
        ("[]", "invalid_message"),
        ("\"stop\"", "invalid_message"),
        ("{}", "invalid_message"),
        (r#"{"type":7}"#, "invalid_message"),
        (r#"{"type":"stop","id":[]}"#, "invalid_message"),
        (r#"{"type":"stop","status":7}"#, "invalid_message"),
        (r#"{"type":"Stop"}"#, "unknown_type"),
        (r#"{"type":"tick","elapsedSeconds":900}"#, "unknown_type"),
    ] {
        socket.say(text).await;
        let answer = socket.answer().await;
        assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!(code)), "{text}: {answer}");
        assert!(answer["message"].is_string() && answer["retry"] == false, "{answer}");
    }
    socket.send(Message::binary(br#"{"type":"stop"}"#.to_vec())).await;
    assert_eq!(socket.answer().await["code"], "invalid_message");
    socket.tell(json!({ "type": "time-ping", "t0": 5 })).await;
    let pong = socket.answer().await;
    assert_eq!((&pong["type"], &pong["t0"]), (&json!("time-pong"), &json!(5)));
    let session = node.read("ann", &id).await;
    assert_eq!((&session["status"], &session["tabSwitches"]), (&json!("active"), &json!(0)));
}

#[tokio::test]
async fn two_sockets_count_once_and_both_are_told_of_the_end() {
    let redis = RedisServer::start();
    let (one, two) = (start_over(&redis, "one", &[SOON_IDLE]).await, start_over(&redis, "two", &[SOON_IDLE]).await);
    let id = one.new_session("ann", 25.0).await;
    let (mut here, mut there) = (one.track("ann", &id).await, two.track("ann", &id).await);
    // Both nodes know both sockets by the second tick.
    let first = elapsed(&there.tick_of(1).await);
    let tick = there.tick_of(first + 2).await;
    let [elapsed, active, idle] = seconds(&tick);
    assert_eq!(seconds(&here.tick_of(elapsed).await), [elapsed, active, idle]);
    // The second start is an activity.
    assert!((1..=3).contains(&active) && idle == elapsed - active, "{tick}");
    let session = two.end("ann", &id, &json!({ "status": "abandoned" })).await;
    for socket in [&mut here, &mut there] {
        let stopped = socket.answer().await;
        assert_eq!(stopped, json!({ "type": "stopped", "sessionId": id, "focusScore": session["focusScore"] }));
    }
    // Deleted: the score is 0.
    let id = one.new_session("ann", 0.01).await;
    for socket in [&mut here, &mut there] {
        socket.start(&id).await;
    }
    here.tick_of(1).await;
    one.delete("ann", &id).await;
    for socket in [&mut here, &mut there] {
        assert_eq!(socket.answer().await, json!({ "type": "stopped", "sessionId": id, "focusScore": 0 }));
        socket.tell(json!({ "type": "tabSwitch" })).await;
        assert_eq!(socket.next().await, error("Invalid session", "not_found"));
    }
}

#[tokio::test]
async fn a_ping_is_answered_while_a_session_is_tracked_and_while_none_is() {
    let node = Node::start().await;
    let id = node.new_session("ann", 25.0).await;
    let mut socket = node.socket("ann").await;
    socket.pings(b"before").await;
    socket.start(&id).await;
    socket.tick_of(1).await;
    socket.pings(b"while idle").await;
    socket.pings(b"and again").await;
    socket.tick_of(2).await;
}
