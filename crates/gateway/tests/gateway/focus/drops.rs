//! Sockets that drop, and return in time or not.

use serde_json::json;

use super::*;

/// Real time that the requests of a test can take on a busy machine, in seconds.
const BUSY: i64 = 20;

#[tokio::test]
async fn the_gap_counts_if_a_socket_returns_in_time_on_any_node() {
    let school = School::open(&[SOON_IDLE]).await;
    let (node, other) = (&school.node, start_over(&school.redis, "two", &[SOON_IDLE]).await);
    let id = node.new_session("ann", 25.0).await;
    let mut socket = node.track("ann", &id).await;
    socket.tick_of(2).await;
    drop_socket(node, "ann", &id, socket).await;
    let dropped = node.read("ann", &id).await;
    let instant = node.server_time().await + 1_000;
    wait_until("a second to pass", async || node.server_time().await >= instant).await;
    assert_eq!(seconds(&other.read("ann", &id).await), seconds(&dropped), "nothing counts without a socket");
    school.move_by(5_000, &other).await;
    let mut socket = other.track("ann", &id).await;
    let tick = socket.tick_of(0).await;
    let gap = elapsed(&tick) - elapsed(&dropped);
    assert!((5..5 + BUSY).contains(&gap), "{tick} after {dropped}");
    // The gap was idle, and the return is an activity.
    let tick = socket.tick_of(elapsed(&tick) + 1).await;
    assert!(seconds(&tick)[1] <= seconds(&dropped)[1] + 2 && seconds(&tick)[2] >= seconds(&dropped)[2] + 4, "{tick}");
    assert_eq!(node.read("ann", &id).await["status"], "active");
}

#[tokio::test]
async fn the_clock_stopped_at_the_drop_if_no_socket_returns_in_time() {
    let school = School::open(&[SOON_IDLE]).await;
    let (node, other) = (&school.node, start_over(&school.redis, "two", &[SOON_IDLE]).await);
    let id = node.new_session("ann", 25.0).await;
    let ended = node.new_session("ben", 25.0).await;
    for (user, id) in [("ann", &id), ("ben", &ended)] {
        let mut socket = node.track(user, id).await;
        socket.tick_of(2).await;
        drop_socket(node, user, id, socket).await;
    }
    let dropped = node.read("ann", &id).await;
    school.move_by(120_000, &other).await;
    let away = other.read("ann", &id).await;
    assert_eq!((&away["status"], seconds(&away)), (&json!("active"), seconds(&dropped)));
    let mut socket = other.track("ann", &id).await;
    let tick = socket.tick_of(elapsed(&dropped) + 2).await;
    assert!(elapsed(&tick) < elapsed(&dropped) + 2 + BUSY, "{tick} after {dropped}");
    assert_eq!(seconds(&tick)[1], seconds(&dropped)[1] + 1, "it begins anew with an activity: {tick}");
    // One that is ended meanwhile ended at the drop as well.
    let before = seconds(&node.read("ben", &ended).await);
    assert_eq!(seconds(&other.end("ben", &ended, &json!({})).await), before);
}

#[tokio::test]
async fn one_socket_of_two_that_drops_changes_nothing() {
    let redis = RedisServer::start();
    let (node, other) = (start_over(&redis, "one", &[SOON_IDLE]).await, start_over(&redis, "two", &[SOON_IDLE]).await);
    let id = node.new_session("ann", 25.0).await;
    let socket = node.track("ann", &id).await;
    let mut stays = other.track("ann", &id).await;
    let before = elapsed(&stays.tick_of(1).await);
    drop_socket(&node, "ann", &id, socket).await;
    let mut last = elapsed(&stays.tick_of(before).await);
    for _ in 0..3 {
        let tick = stays.tick_of(0).await;
        assert_eq!(elapsed(&tick), last + 1, "{tick}");
        last += 1;
    }
    stays.stop(&id).await;
}

#[tokio::test]
async fn activity_that_is_not_stored_yet_counts_when_the_socket_drops_or_stops() {
    let node = Node::start_with(&[("focus.idle_after", "2s")]).await;
    for stops in [true, false] {
        let id = node.new_session("ann", 25.0).await;
        let mut socket = node.track("ann", &id).await;
        // The first is stored at once, the second is held for 5 s.
        socket.say(r#"{"type":"activity"}"#).await;
        socket.tick_of(3).await;
        socket.say(r#"{"type":"activity"}"#).await;
        socket.tell(json!({ "type": "tabSwitch" })).await;
        socket.answer().await;
        let seen = elapsed(&socket.tick_of(4).await);
        if stops {
            socket.stop(&id).await;
        } else {
            drop_socket(&node, "ann", &id, socket).await;
        }
        let session = node.read("ann", &id).await;
        let [elapsed, active, _] = seconds(&session);
        // The second activity makes the fourth second active, which would be idle without it.
        assert!(elapsed >= seen && active >= 3, "{session}");
    }
}
