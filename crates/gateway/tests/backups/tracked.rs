//! A focus session that a page tracks while the backup is taken.

use harness::{Client, Node, RedisServer};
use serde_json::{Value, json};

use super::command::{Folder, Said, backup, node, restore, stop};

async fn create(node: &Node, user: &str) -> String {
    let body = json!({ "targetMinutes": 25 }).to_string();
    let created = node.http("POST", &format!("/api/sessions?userId={user}"), &[], body.as_bytes()).await;
    assert_eq!(created.status, 201, "{created:?}");
    created.json()["session"]["_id"].as_str().unwrap().to_owned()
}

async fn track(node: &Node, user: &str, id: &str) -> Client {
    let mut socket = Client::connect(node.public, &format!("/ws/sessions?userId={user}")).await;
    socket.next_of("connected").await;
    socket.say(&json!({ "type": "start", "sessionId": id }).to_string()).await;
    socket.next_of("started").await;
    socket
}

/// Waits for a tick that shows more seconds.
async fn elapsed_beyond(socket: &mut Client, seconds: u64) -> u64 {
    loop {
        let tick = socket.next_of("tick").await;
        let elapsed = tick["elapsedSeconds"].as_u64().unwrap();
        if elapsed > seconds {
            return elapsed;
        }
    }
}

async fn elapsed(node: &Node, id: &str) -> u64 {
    let read: Value = node.http("GET", &format!("/api/sessions/{id}?userId=ann"), &[], b"").await.json();
    read["session"]["elapsedSeconds"].as_u64().unwrap_or_else(|| panic!("{read}"))
}

#[tokio::test]
async fn seconds_of_a_tracked_focus_session_end_with_its_last_activity_and_go_on_with_a_start() {
    let (redis, folder) = (RedisServer::start(), Folder::new());
    let before = node(&redis.url()).await;
    let id = create(&before, "ann").await;
    let mut socket = track(&before, "ann", &id).await;
    elapsed_beyond(&mut socket, 1).await;
    socket.say(r#"{"type":"tabSwitch"}"#).await;
    socket.next_of("tabSwitchAck").await;
    let file = folder.path("tracked.tcb");
    Said::by(&mut backup(&redis.url(), &file)).has(0, &["tracked.tcb: "]);
    let shown = elapsed_beyond(&mut socket, 2).await;

    let store = folder.store("data");
    Said::by(&mut restore(&store, &file)).has(0, &["restored "]);
    let after = node(&store).await;
    let restored = elapsed(&after, &id).await;
    assert!((2..=shown).contains(&restored), "{restored} of {shown} seconds");
    let other = create(&after, "ben").await;
    elapsed_beyond(&mut track(&after, "ben", &other).await, 2).await;
    assert_eq!(elapsed(&after, &id).await, restored, "no second counts without a page");
    let mut socket = track(&after, "ann", &id).await;
    elapsed_beyond(&mut socket, restored).await;
    stop(after).await;
    stop(before).await;
}
