//! Ends: counters of bodies, the first result, ends at the same instant.

use serde_json::json;

use super::*;

#[tokio::test]
async fn counters_of_a_body_are_clamped_to_the_time_since_the_creation() {
    let school = School::open(&[]).await;
    let node = &school.node;
    let (inflated, modest, odd) =
        (node.new_session("ann", 1.0).await, node.new_session("ann", 1.0).await, node.new_session("ann", 1.0).await);
    school.move_by(600_000, node).await;
    let body = json!({
        "elapsedSeconds": 1e300, "activeSeconds": "99999999999", "idleSeconds": 999_999, "tabSwitches": 3,
        "focusScore": 1_000_000, "targetMinutes": 0.001, "userId": "ben",
    });
    let session = node.end("ann", &inflated, &body).await;
    let [elapsed, active, idle] = seconds(&session);
    assert!((599..=660).contains(&elapsed) && active == elapsed && idle == 0, "{session}");
    let score = (100.0 * f64::from(u32::try_from(elapsed).unwrap()) / 60.0 - 6.0).round();
    assert_eq!((session["focusScore"].as_f64(), &session["tabSwitches"]), (Some(score), &json!(3)));
    assert_eq!((&session["userId"], &session["targetMinutes"]), (&json!("ann"), &json!(1)));
    let body = json!({ "elapsedSeconds": 90.9, "activeSeconds": "60", "idleSeconds": 60, "status": "abandoned" });
    let session = node.end("ann", &modest, &body).await;
    // 100 × 90 ÷ 60 × 60 ÷ 90 − 30 ÷ 30
    assert_eq!((seconds(&session), &session["focusScore"]), ([90, 60, 30], &json!(99)));
    let body = r#"{"elapsedSeconds":-5,"activeSeconds":"many","idleSeconds":null,"tabSwitches":[1]}"#;
    let session = node.end("ann", &odd, &serde_json::from_str(body).unwrap()).await;
    assert_eq!((seconds(&session), &session["tabSwitches"], &session["focusScore"]), ([0; 3], &json!(0), &json!(0)));
}

#[tokio::test]
async fn counters_of_a_body_do_not_count_for_a_tracked_session() {
    let school = School::open(&[SOON_IDLE]).await;
    let node = &school.node;
    let id = node.new_session("ann", 1.0).await;
    let mut socket = node.track("ann", &id).await;
    socket.tick_of(2).await;
    let body = json!({ "elapsedSeconds": 500, "activeSeconds": 500, "tabSwitches": 9 });
    let session = node.end("ann", &id, &body).await;
    let [elapsed, active, idle] = seconds(&session);
    assert!((2..60).contains(&elapsed) && active == 1 && idle == elapsed - 1, "{session}");
    assert_eq!(session["tabSwitches"], 0);
    // Also if it was tracked long ago.
    let id = node.new_session("ann", 1.0).await;
    let socket = node.track("ann", &id).await;
    drop_socket(node, "ann", &id, socket).await;
    school.move_by(600_000, node).await;
    let session = node.end("ann", &id, &body).await;
    assert!(self::elapsed(&session) < 60, "{session}");
}

#[tokio::test]
async fn the_first_end_stands_and_nothing_reopens_a_session() {
    let node = Node::start_with(&[SOON_IDLE]).await;
    for (given, status) in [
        (json!({}), "completed"),
        (json!({ "status": null }), "completed"),
        (json!({ "status": "completed" }), "completed"),
        (json!({ "status": "abandoned" }), "abandoned"),
        (json!({ "status": "cancelled" }), "cancelled"),
    ] {
        let id = node.new_session("ann", 1.0).await;
        let path = format!("/api/sessions/{id}/end");
        for bad in [json!("active"), json!("paused"), json!("Completed"), json!(""), json!(7)] {
            let body = json!({ "status": bad }).to_string();
            refused(&node.call("ann", "PUT", &path, &body).await, 400, "Invalid status");
        }
        assert_eq!(node.read("ann", &id).await["status"], "active");
        let first = node.end("ann", &id, &given).await;
        assert_eq!(first["status"], status, "{given}");
        assert!(first["endedAt"].is_string() && first["endTime"] == first["endedAt"], "{first}");
        let stats = node.stats("ann").await;
        let again =
            node.end("ann", &id, &json!({ "status": "cancelled", "elapsedSeconds": 9, "tabSwitches": 4 })).await;
        assert_eq!(again, first);
        for status in ["active", "paused"] {
            assert_eq!(node.change("ann", &id, &json!({ "status": status })).await, first, "{status}");
        }
        let mut socket = node.socket("ann").await;
        socket.tell(json!({ "type": "start", "sessionId": id })).await;
        assert_eq!(socket.next().await["message"], "Invalid session");
        assert_eq!((node.read("ann", &id).await, node.stats("ann").await), (first, stats));
    }
    assert_eq!(node.stats("ann").await["completedSessions"], 3);
}

#[tokio::test]
async fn a_change_of_an_ended_session_keeps_its_score() {
    let node = Node::start().await;
    let id = node.new_session("ann", 0.01).await;
    let mut socket = node.track("ann", &id).await;
    socket.tick_of(1).await;
    let score = socket.stop(&id).await;
    assert!(score >= 166, "{score}");
    let changed =
        node.change("ann", &id, &json!({ "subject": "Greek", "targetMinutes": 500, "status": "active" })).await;
    assert_eq!((&changed["subject"], &changed["targetMinutes"]), (&json!("Greek"), &json!(500)));
    assert_eq!((&changed["focusScore"], &changed["status"]), (&json!(score), &json!("completed")));
    assert_eq!((node.read("ann", &id).await, &node.stats("ann").await["focusScore"]), (changed, &json!(score)));
}

#[tokio::test]
async fn an_end_and_a_stop_at_the_same_instant_on_two_nodes_count_once() {
    let redis = RedisServer::start();
    let (one, two) = (start_over(&redis, "one", &[]).await, start_over(&redis, "two", &[]).await);
    let mut sum = 0;
    for _ in 0..8 {
        let id = one.new_session("ann", 0.01).await;
        let (mut here, mut there) = (one.track("ann", &id).await, two.track("ann", &id).await);
        there.tick_of(1).await;
        let body = json!({ "status": "abandoned" });
        let (ended, (), score) =
            tokio::join!(one.end("ann", &id, &body), here.tell(json!({ "type": "stop" })), there.stop(&id));
        let stopped = here.answer().await;
        assert_eq!((&stopped["type"], &stopped["focusScore"]), (&json!("stopped"), &json!(score)), "{stopped}");
        assert_eq!((&ended["focusScore"], one.read("ann", &id).await), (&json!(score), two.read("ann", &id).await));
        assert!(score > 0);
        sum += score;
    }
    let ended = one.list("ann", "status=completed").await.len() + one.list("ann", "status=abandoned").await.len();
    let stats = two.stats("ann").await;
    assert_eq!((ended, &stats["focusScore"]), (8, &json!(sum)), "{stats}");
    assert_eq!(stats["completedSessions"], one.list("ann", "status=completed").await.len());
}
