//! Nodes that die while they track sessions, and a store that is away.

use harness::DURABLE;
use serde_json::json;

use super::*;

/// Real time that the requests of a test can take on a busy machine, in seconds.
const BUSY: i64 = 20;

/// How much of the last seconds of a dead node can be lost: the time between two renewals of its lease, and a second more.
const UNKNOWN_SECONDS: i64 = 4;

#[tokio::test]
async fn a_client_of_a_dead_node_goes_on_at_another() {
    let redis = RedisServer::start();
    let settings = [SOON_IDLE];
    let (mut node, other) = (start_over(&redis, "one", &settings).await, start_over(&redis, "two", &settings).await);
    let (id, stopped) = (node.new_session("ann", 25.0).await, node.new_session("ann", 0.01).await);
    let mut socket = node.track("ann", &stopped).await;
    socket.tick_of(1).await;
    let score = socket.stop(&stopped).await;
    let began = machine_time();
    socket.start(&id).await;
    let before = socket.tick_of(2).await;
    node.kill();
    let mut socket = other.track("ann", &id).await;
    let tick = socket.tick_of(elapsed(&before) + 1).await;
    let passed = (machine_time() - began) / 1000;
    assert!(elapsed(&tick) <= passed + 1, "{tick} after {passed} s");
    assert_eq!(elapsed(&tick), seconds(&tick)[1] + seconds(&tick)[2], "{tick}");
    // The lease of the dead node ends, which changes nothing for the socket on the living one.
    let mut last = elapsed(&tick);
    while machine_time() - began < 12_000 {
        let tick = socket.tick_of(0).await;
        assert!(elapsed(&tick) > last, "{tick} after {last}");
        last = elapsed(&tick);
    }
    // The rhythm of the seconds is that of the first start, so the gap has counted.
    let passed = (machine_time() - began) / 1000;
    assert!((passed - 5..=passed + 1).contains(&last), "{last} of {passed} s");
    let acknowledged = other.read("ann", &stopped).await;
    assert_eq!((&acknowledged["status"], &acknowledged["focusScore"]), (&json!("completed"), &json!(score)));
}

#[tokio::test]
async fn the_sockets_of_a_dead_node_are_removed_also_if_nobody_returns() {
    let redis = RedisServer::start();
    let (mut node, other) = (start_over(&redis, "one", &[]).await, start_over(&redis, "two", &[]).await);
    let id = node.new_session("ann", 25.0).await;
    let mut socket = node.track("ann", &id).await;
    let (before, seen_at) = (socket.tick_of(2).await, machine_time());
    let version = node.read("ann", &id).await["updatedAt"].clone();
    node.kill();
    let more = (machine_time() - seen_at) / 1000 + UNKNOWN_SECONDS;
    wait_until("the sockets to be removed", async || other.read("ann", &id).await["updatedAt"] != version).await;
    let session = other.read("ann", &id).await;
    let counted = elapsed(&session) - elapsed(&before);
    assert!((-UNKNOWN_SECONDS..=more).contains(&counted), "{session} after {before}");
    assert_eq!(session["status"], "active");
}

#[tokio::test]
async fn the_time_since_a_lone_node_died_counts_only_within_half_a_minute() {
    for (away, counts) in [(8, true), (120, false)] {
        let clock = MovableClock::make();
        let environment = clock.environment();
        let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut node = Node::launch_in(&[("focus.idle_after", "1s")], &environment);
        node.is_ready().await;
        let id = node.new_session("ann", 25.0).await;
        let mut socket = node.track("ann", &id).await;
        let before = elapsed(&socket.tick_of(2).await);
        node.kill();
        clock.move_by(away * 1000);
        node.restart().await;
        let mut socket = node.track("ann", &id).await;
        let after = elapsed(&socket.tick_of(0).await);
        let expected =
            if counts { before + away..before + away + BUSY } else { before - UNKNOWN_SECONDS..before + BUSY };
        assert!(expected.contains(&after), "{after} s after {before} s and {away} s away");
        let score = socket.stop(&id).await;
        node.kill_and_restart().await;
        assert_eq!(node.read("ann", &id).await["focusScore"], score);
    }
}

/// How long the store is away: longer than a lease, and than a socket may be gone.
const AWAY_SECONDS: i64 = 40;

#[tokio::test]
async fn a_store_that_is_away_loses_neither_seconds_nor_activity() {
    let mut redis = RedisServer::start_with(&DURABLE);
    let node = start_over(&redis, "one", &[("focus.idle_after", "5s")]).await;
    let id = node.new_session("ann", 25.0).await;
    let mut socket = node.track("ann", &id).await;
    let began = elapsed(&socket.tick_of(1).await);
    redis.kill();
    // Ticks go on, and so does activity.
    let mut last = began;
    while last < began + AWAY_SECONDS {
        socket.say(r#"{"type":"activity"}"#).await;
        last = elapsed(&socket.tick_of(last + 1).await);
    }
    redis.restart();
    let wait = async || node.call("ann", "GET", &format!("/api/sessions/{id}"), "").await.status == 200;
    wait_until("the store to be back", wait).await;
    let seen = elapsed(&socket.tick_of(last + 1).await);
    let score = socket.stop(&id).await;
    let session = node.read("ann", &id).await;
    let [elapsed, _, idle] = seconds(&session);
    assert!(elapsed >= seen && idle == 0, "{session}");
    assert_eq!(session["focusScore"], score);
}
