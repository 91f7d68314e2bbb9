//! Stores that are in use or not empty.

use harness::RedisServer;

use super::command::{Folder, Said, backup, node, restore, stop};
use super::content::{read, write};

#[tokio::test]
async fn a_backup_disturbs_no_running_node_and_a_restore_is_refused_while_one_runs() {
    let (redis, folder) = (RedisServer::start(), Folder::new());
    let file = folder.path("all.tcb");
    let running = node(&redis.url()).await;
    write(&running).await;
    let leader = running.get_internal("/cluster").await.json()["leader"].clone();
    Said::by(&mut backup(&redis.url(), &file)).has(0, &[]);
    assert_eq!(running.get_internal("/cluster").await.json()["leader"], leader);
    assert_eq!(running.metrics().await.must("tickcast_elections_won_total", &[]), 1.0, "it leads without a break");
    let before = read(&running).await;
    let said = Said::by(restore(&redis.url(), &file).arg("--into-existing"));
    said.has(69, &["runs on this store: stop all nodes first"]);
    assert_eq!(read(&running).await, before);
}

#[tokio::test]
async fn an_embedded_store_is_used_by_one_process() {
    let folder = Folder::new();
    let running = node(&folder.store("data")).await;
    let said = Said::by(&mut backup(&folder.store("data"), &folder.path("all.tcb")));
    said.has(69, &["is in use by another process: stop the node first"]);
    assert!(!folder.path("all.tcb").exists() && !folder.path("all.tcb.partial").exists());
    stop(running).await;
}

#[tokio::test]
async fn a_store_that_is_not_empty_is_restored_into_only_on_request() {
    let (redis, folder) = (RedisServer::start(), Folder::new());
    let file = folder.path("all.tcb");
    let first = node(&redis.url()).await;
    write(&first).await;
    let expected = read(&first).await;
    stop(first).await;
    Said::by(&mut backup(&redis.url(), &file)).has(0, &[]);
    let again = Said::by(&mut backup(&redis.url(), &file));
    again.has(2, &["exists and is not overwritten"]);

    let changed = node(&redis.url()).await;
    let mut ann = changed.connect("userId=ann&dialect=v1").await;
    ann.must("session-stop", "later", serde_json::json!({ "sessionId": "runs" })).await;
    let mut ben = changed.connect("userId=ben&dialect=v1").await;
    ben.must("session-start", "b", serde_json::json!({ "sessionId": "ben", "label": "Ben" })).await;
    stop(changed).await;
    Said::by(&mut restore(&redis.url(), &file)).has(65, &["the store is not empty", "nothing was restored"]);
    Said::by(restore(&redis.url(), &file).arg("--into-existing")).has(0, &["restored "]);

    let after = node(&redis.url()).await;
    assert_eq!(read(&after).await, expected);
    let mut ben = after.connect("userId=ben&dialect=v1").await;
    let ready = ben.next_of("ready").await;
    assert_eq!(ready["sessions"][0]["sessionId"], "ben", "a scope that the backup does not have stays: {ready}");
}
