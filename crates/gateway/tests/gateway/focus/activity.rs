//! Activity: idle seconds, pauses, spellings and floods.

use std::time::Duration;

use serde_json::json;
use tokio::time::interval;
use tokio_tungstenite::tungstenite::Message;

use super::*;

/// The spellings of the protocol document.
const SIGNALS: [&str; 4] =
    [r#"{"type":"activity"}"#, r#"{"type": "activity"}"#, r#"{ "type": "activity" }"#, r#"{ "type":"activity" }"#];

/// The same message, in words that are parsed.
const OTHERS: [&str; 4] = [
    r#"{"type" : "activity"}"#,
    r#"{"type":"activity","timestamp":1795176000000}"#,
    " {\"type\":\"activity\"}\n",
    r#"{"\u0074ype":"activity","id":7}"#,
];

#[tokio::test]
async fn activity_in_any_spelling_makes_the_next_second_active_and_is_not_answered() {
    let node = Node::start_with(&[SOON_IDLE]).await;
    let mut tracked = Vec::new();
    for text in SIGNALS.iter().chain(&OTHERS) {
        let (id, mut socket) = (node.new_session("ann", 25.0).await, node.socket("ann").await);
        // Before a start it has no effect.
        socket.say(text).await;
        socket.start(&id).await;
        tracked.push((id, text, socket));
    }
    for (_, text, socket) in &mut tracked {
        let tick = socket.tick_of(3).await;
        assert_eq!(seconds(&tick), [3, 1, 2]);
        socket.say(text).await;
    }
    for (id, text, mut socket) in tracked {
        loop {
            let tick = socket.tick_of(4).await;
            let [elapsed, active, idle] = seconds(&tick);
            assert_eq!(elapsed, active + idle, "{text}: {tick}");
            if active > 1 {
                break;
            }
        }
        socket.stop(&id).await;
        let session = node.read("ann", &id).await;
        // Two seconds, if the activity was at the very instant of a second.
        assert!((2..=3).contains(&seconds(&session)[1]), "{text}: {session}");
    }
    let metrics = node.metrics().await;
    let count = |name| metrics.must(name, &[("dialect", "focus")]);
    // Each socket has sent a start and a stop, too.
    let received = (count("tickcast_signals_received_total"), count("tickcast_messages_received_total"));
    assert_eq!(received, (8.0, 24.0));
}

#[tokio::test]
async fn seconds_of_a_pause_do_not_count_and_a_start_or_the_status_resumes() {
    let redis = RedisServer::start();
    let (node, other) = (start_over(&redis, "one", &[SOON_IDLE]).await, start_over(&redis, "two", &[SOON_IDLE]).await);
    let id = node.new_session("ann", 25.0).await;
    let mut socket = node.track("ann", &id).await;
    let seen = elapsed(&socket.tick_of(2).await);
    let paused = other.change("ann", &id, &json!({ "status": "paused" })).await;
    let before = elapsed(&paused);
    assert_eq!((&paused["status"], before >= 2), (&json!("paused"), true), "{paused}");
    let instant = node.server_time().await + 2_000;
    wait_until("two seconds to pass", async || node.server_time().await >= instant).await;
    assert_eq!(seconds(&other.read("ann", &id).await), seconds(&paused));
    socket.tell(json!({ "type": "tabSwitch" })).await;
    let mut last = seen;
    let refused = loop {
        let message = socket.next().await;
        if message["type"] != "tick" {
            break message;
        }
        // Those of the seconds before the pause. A tick during the pause would repeat a second.
        assert!(elapsed(&message) > last && elapsed(&message) <= before, "{message} after {last}");
        last = elapsed(&message);
    };
    assert_eq!(
        (&refused["message"], &refused["code"]),
        (&json!("the session is not tracked"), &json!("invalid_message"))
    );
    assert_eq!(other.change("ann", &id, &json!({ "status": "active" })).await["status"], "active");
    let tick = socket.tick_of(before + 2).await;
    assert_eq!(seconds(&tick)[1], seconds(&paused)[1] + 1, "to resume is an activity: {tick}");
    other.change("ann", &id, &json!({ "status": "paused" })).await;
    let paused = node.read("ann", &id).await;
    socket.start(&id).await;
    assert_eq!(node.read("ann", &id).await["status"], "active");
    let tick = socket.tick_of(elapsed(&paused) + 2).await;
    assert_eq!(seconds(&tick)[1], seconds(&paused)[1] + 1, "so is a start: {tick}");
    // A paused session can be ended, too.
    node.change("ann", &id, &json!({ "status": "paused" })).await;
    let paused = node.read("ann", &id).await;
    socket.stop(&id).await;
    assert_eq!(seconds(&node.read("ann", &id).await), seconds(&paused));
}

#[tokio::test]
async fn fifty_activities_a_second_are_neither_answered_nor_closed_nor_written() {
    let redis = RedisServer::start();
    let node = start_over(&redis, "one", &[("focus.idle_after", "4s")]).await;
    let id = node.new_session("ann", 25.0).await;
    let mut socket = node.track("ann", &id).await;
    let commits = async || node.metrics().await.must("tickcast_commits_total", &[]);
    let before = commits().await;
    let (mut every, mut sent, mut last) = (interval(Duration::from_millis(20)), 0, 0);
    while last < 8 {
        tokio::select! {
            _ = every.tick() => {
                socket.say(SIGNALS[0]).await;
                sent += 1;
            }
            tick = socket.next() => {
                assert_eq!(tick["type"], "tick", "{tick}");
                last = elapsed(&tick);
            }
        }
    }
    // One at once and one every 5 s; the lease of the node is renewed, too.
    let written = commits().await - before;
    assert!(sent > 100 && written < 20.0, "{written} commits for {sent} activities");
    socket.stop(&id).await;
    let session = node.read("ann", &id).await;
    assert_eq!(seconds(&session)[2], 0, "no second is idle: {session}");
}

#[tokio::test]
async fn a_stop_behind_a_flood_is_carried_out() {
    let node = Node::start().await;
    let id = node.new_session("ann", 25.0).await;
    let mut socket = node.track("ann", &id).await;
    // More than a client may send at once of other messages, ten times over.
    for _ in 0..12_000 {
        socket.feed(Message::text(SIGNALS[2])).await;
    }
    socket.flush().await;
    socket.tell(json!({ "type": "tabSwitch" })).await;
    assert_eq!(socket.answer().await, json!({ "type": "tabSwitchAck" }));
    socket.stop(&id).await;
    assert_eq!(node.read("ann", &id).await["tabSwitches"], 1);
    let refusals = node.metrics().await.get("tickcast_refusals_total", &[("reason", "messages")]);
    assert_eq!(refusals.unwrap_or(0.0), 0.0);
    // Other spellings are messages, with their limit.
    let mut socket = node.track("ann", &node.new_session("ann", 25.0).await).await;
    for _ in 0..3_000 {
        socket.feed(Message::text(OTHERS[1])).await;
    }
    socket.flush().await;
    assert_eq!(socket.closed().await.0, 4429);
}
