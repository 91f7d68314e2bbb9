//! Running timers when the clock of the store is set back.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use harness::{Client, MovableClock, Node, RedisServer, SocketIo};
use serde_json::{Value, json};

const TWO_HOURS_MS: i64 = 2 * 3_600_000;

/// The time of a clock that is two hours back, in ms.
fn two_hours_ago() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap() - TWO_HOURS_MS
}

/// Waits for the next tick of a session; returns the elapsed time.
async fn tick(client: &mut Client, session: &str) -> i64 {
    loop {
        let tick = client.next_of("tick").await;
        if tick["payload"]["sessionId"] == session {
            return tick["payload"]["elapsedMs"].as_i64().unwrap();
        }
    }
}

/// Waits for a snapshot in which a session has a field; returns the session.
async fn shown(client: &mut Client, id: &str, field: &str) -> Value {
    loop {
        let snapshot = client.next_of("session-snapshot").await;
        let sessions = snapshot["payload"].as_array().unwrap();
        if let Some(session) = sessions.iter().find(|session| session["sessionId"] == id && !session[field].is_null()) {
            return session.clone();
        }
    }
}

/// Starts a session and expects that it has the date of the clock that was set back, and ticks.
async fn new_session_has_the_date_of_the_clock(client: &mut Client) {
    client.ask("session-start", None, json!({ "sessionId": "b", "label": "b" })).await;
    let started = shown(client, "b", "startedAt").await;
    let started_at = started["startedAt"].as_i64().unwrap();
    assert!((started_at - two_hours_ago()).abs() < 20_000, "{started}");
    let first = tick(client, "b").await;
    assert!((0..20_000).contains(&first), "{first}");
}

/// Pauses a session and expects that it keeps what it had.
async fn pause_keeps(client: &mut Client, id: &str, elapsed: i64) {
    client.ask("session-pause", None, json!({ "sessionId": id })).await;
    let paused = shown(client, id, "pausedAt").await;
    let accumulated = paused["accumulatedMs"].as_i64().unwrap();
    assert!((elapsed..elapsed + 30_000).contains(&accumulated), "{paused}");
}

#[tokio::test]
async fn an_embedded_store_restarted_two_hours_earlier_continues_its_timers() {
    let wall = MovableClock::make();
    let environment = wall.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut node = Node::launch_in(&[], &environment);
    node.is_ready().await;
    let mut client = node.connect("userId=ann").await;
    client.must("session-start", "1", json!({ "sessionId": "a", "label": "a" })).await;
    tick(&mut client, "a").await;
    let before = tick(&mut client, "a").await;
    node.kill();
    wall.move_by(-TWO_HOURS_MS);
    node.restart().await;
    let mut client = node.connect("userId=ann").await;
    let first = tick(&mut client, "a").await;
    assert!((before..before + 120_000).contains(&first), "{before} before the restart, {first} after it");
    assert_eq!(tick(&mut client, "a").await, first + 1000);
    new_session_has_the_date_of_the_clock(&mut client).await;
    pause_keeps(&mut client, "a", first).await;
    assert!(node.metrics().await.must("tickcast_clock_behind_seconds", &[]) > 7_000.0);
    assert!(node.log().contains("running timers continue"), "{}", node.log());
    // The next restart changes nothing.
    let before = tick(&mut client, "b").await;
    node.kill_and_restart().await;
    let mut client = node.connect("userId=ann").await;
    let after = tick(&mut client, "b").await;
    assert!((before..before + 60_000).contains(&after), "{before}, then {after}");
}

#[tokio::test]
async fn a_redis_whose_clock_is_set_back_two_hours_changes_only_dates() {
    let wall = MovableClock::make();
    let server = RedisServer::start_by(&wall);
    let node = Node::start_over(&server, "one").await;
    let mut client = node.connect("userId=ann").await;
    client.must("session-start", "1", json!({ "sessionId": "a", "label": "a" })).await;
    let first = tick(&mut client, "a").await;
    let (mut ann, _) = SocketIo::host(node.public).await;
    let began = Instant::now();
    ann.must("timer:start", json!(8)).await;
    wall.move_by(-TWO_HOURS_MS);

    let redated = client.next_of("session-snapshot").await;
    let (server_time, started_at) =
        (redated["serverTime"].as_i64().unwrap(), redated["payload"][0]["startedAt"].as_i64().unwrap());
    assert!((server_time - two_hours_ago()).abs() < 20_000, "{redated}");
    assert!((first..first + 20_000).contains(&(server_time - started_at)), "the page shows the same time: {redated}");
    let mut last = tick(&mut client, "a").await;
    assert!((first..first + 20_000).contains(&last), "{first}, then {last}");
    for _ in 0..3 {
        let next = tick(&mut client, "a").await;
        assert_eq!(next, last + 1000);
        last = next;
    }
    new_session_has_the_date_of_the_clock(&mut client).await;
    pause_keeps(&mut client, "a", last).await;

    let state = loop {
        let state = ann.next_of("timer:state").await;
        if (state["serverTime"].as_i64().unwrap() - two_hours_ago()).abs() < 60_000 {
            break state;
        }
    };
    let left = state["endsAt"].as_i64().unwrap() - state["serverTime"].as_i64().unwrap();
    assert!(state["isRunning"] == true && (0..=8_000).contains(&left), "{state}");
    let completed = ann.next_of("timer:completed").await;
    let took = began.elapsed();
    assert!((Duration::from_secs(7)..Duration::from_secs(30)).contains(&took), "{took:?}: {completed}");
    assert!((completed["completedAt"].as_i64().unwrap() - two_hours_ago()).abs() < 60_000, "{completed}");
}
