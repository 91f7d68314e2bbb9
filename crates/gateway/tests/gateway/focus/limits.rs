//! Limits of sessions and sockets.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_session_too_many_ends_the_oldest_that_no_socket_tracks() {
    let node = Node::start_with(&[("focus.open_sessions", "3")]).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(node.new_session("ann", 25.0).await);
    }
    let tracked = node.track("ann", &ids[0]).await;
    ids.push(node.new_session("ann", 25.0).await);
    let abandoned = node.read("ann", &ids[1]).await;
    assert_eq!((&abandoned["status"], &abandoned["focusScore"]), (&json!("abandoned"), &json!(0)));
    assert_eq!(node.list("ann", "status=active").await, [&*ids[3], &*ids[2], &*ids[0]]);
    let others = [node.track("ann", &ids[2]).await, node.track("ann", &ids[3]).await];
    let answer = node.call("ann", "POST", "/api/sessions", r#"{"targetMinutes":25}"#).await;
    refused(&answer, 400, "3 sessions are open, which is the limit");
    // Another person has a limit of its own, and an ended session makes room.
    node.new_session("ben", 25.0).await;
    node.end("ann", &ids[0], &json!({})).await;
    node.new_session("ann", 25.0).await;
    drop((tracked, others));
}

#[tokio::test]
async fn sockets_beyond_the_limit_of_a_session_are_refused() {
    let node = Node::start().await;
    let id = node.new_session("ann", 25.0).await;
    let mut sockets = Vec::new();
    for _ in 0..64 {
        sockets.push(node.track("ann", &id).await);
    }
    let mut last = node.socket("ann").await;
    last.tell(json!({ "type": "start", "sessionId": id })).await;
    let message = "64 sockets track the session, which is the limit";
    let expected = json!({ "type": "error", "message": message, "code": "limit", "retry": false });
    assert_eq!(last.next().await, expected);
    let first = &mut sockets[0];
    first.start(&id).await;
    // One that leaves makes room.
    first.start(&node.new_session("ann", 25.0).await).await;
    last.start(&id).await;
}

#[tokio::test]
async fn a_full_history_refuses_an_end_and_says_so() {
    let node = Node::start_with(&[("limits.history_rows", "1")]).await;
    let ids = [node.new_session("ann", 25.0).await, node.new_session("ann", 25.0).await];
    node.end("ann", &ids[0], &json!({})).await;
    let answer = node.call("ann", "PUT", &format!("/api/sessions/{}/end", ids[1]), "").await;
    let message = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(answer.status == 400 && message.contains("history"), "{answer:?}");
    let mut socket = node.track("ann", &ids[1]).await;
    socket.tell(json!({ "type": "stop" })).await;
    let error = socket.answer().await;
    assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("limit")), "{error}");
    assert_eq!(node.read("ann", &ids[1]).await["status"], "active");
    node.delete("ann", &ids[0]).await;
    socket.stop(&ids[1]).await;
}
