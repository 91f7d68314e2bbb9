//! A backup during writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use harness::{NO_MESSAGE_LIMIT, Node, RedisServer};
use serde_json::json;

use super::command::{Folder, Said, backup, node, restore, stop};

/// People who write at once.
const PEOPLE: usize = 8;

/// Starts and stops sessions of a person until dropped; each acknowledged number of finished ones is noted.
async fn work(mut client: harness::Client, finished: Arc<AtomicU64>) {
    for nth in 1.. {
        let session = format!("s{nth}");
        client.must("session-start", &format!("a{nth}"), json!({ "sessionId": session, "label": "Work" })).await;
        client.must("session-stop", &format!("b{nth}"), json!({ "sessionId": session })).await;
        client.must("session-remove", &format!("c{nth}"), json!({ "sessionId": session })).await;
        finished.store(nth, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_backup_during_writes_has_what_was_acknowledged_before_it() {
    let (redis, folder) = (RedisServer::start(), Folder::new());
    let file = folder.path("all.tcb");
    let running = Node::start_with(&[
        ("store.url", &redis.url()),
        NO_MESSAGE_LIMIT,
        ("drain.notice", "0s"),
        ("drain.grace", "500ms"),
    ])
    .await;
    let mut people = Vec::new();
    for person in 0..PEOPLE {
        let client = running.connect(&format!("userId=p{person}&dialect=v1")).await;
        let finished = Arc::new(AtomicU64::new(0));
        people.push((tokio::spawn(work(client, Arc::clone(&finished))), finished));
    }
    harness::wait_for("everyone has written", || {
        people.iter().all(|(_, finished)| finished.load(Ordering::SeqCst) >= 3)
    })
    .await;
    let before: Vec<u64> = people.iter().map(|(_, finished)| finished.load(Ordering::SeqCst)).collect();
    let (url, path) = (redis.url(), file.clone());
    let said = tokio::task::spawn_blocking(move || Said::by(&mut backup(&url, &path))).await.unwrap();
    said.has(0, &[]);
    let after: Vec<u64> = people.iter().map(|(_, finished)| finished.load(Ordering::SeqCst)).collect();
    people.iter().for_each(|(task, _)| task.abort());
    stop(running).await;

    Said::by(&mut restore(&folder.store("data"), &file)).has(0, &[]);
    let restored = node(&folder.store("data")).await;
    for (person, (before, after)) in before.into_iter().zip(after).enumerate() {
        let listed = restored.get(&format!("/sessions?userId=p{person}&limit=1000")).await.json();
        let count = listed["sessions"].as_array().unwrap().len() as u64;
        // One session may be finished and its removal not acknowledged.
        assert!((before..=after + 1).contains(&count), "{person}: {before} <= {count} <= {after}");
    }
}
