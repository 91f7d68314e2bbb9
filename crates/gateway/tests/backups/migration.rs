//! From one kind of store to the other, with timers of all systems that run meanwhile.

use std::os::unix::fs::PermissionsExt;

use harness::{Node, RedisServer, wait_until};

use super::command::{Folder, Said, backup, node, restore, stop};
use super::content::{goes_on, read, write};

/// Moves everything from one store to another, and compares what nodes show.
async fn moves_everything(folder: &Folder, from: &str, to: &str) {
    let before = node(from).await;
    let kept = write(&before).await;
    let expected = read(&before).await;
    expected.are_complete();
    stop(before).await;

    let file = folder.path("all.tcb");
    Said::by(&mut backup(from, &file)).has(0, &["all.tcb: ", " scopes, "]);
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "only the owner can read it");
    assert!(!folder.path("all.tcb.partial").exists());
    Said::by(&mut restore(to, &file)).has(0, &["restored ", " scopes"]);

    let after = node(to).await;
    assert_eq!(read(&after).await, expected);
    goes_on(&after, &kept).await;
    deadlines_fire(&after).await;
    stop(after).await;
}

/// The member that did not return leaves by its deadline.
async fn deadlines_fire(node: &Node) {
    wait_until("a deadline to be carried out", async || {
        node.metrics().await.must("tickcast_deadlines_fired_total", &[]) >= 1.0
    })
    .await;
}

#[tokio::test]
async fn all_systems_move_from_redis_to_an_embedded_store() {
    let (redis, folder) = (RedisServer::start(), Folder::new());
    moves_everything(&folder, &redis.url(), &folder.store("data")).await;
}

#[tokio::test]
async fn all_systems_move_from_an_embedded_store_to_redis() {
    let (redis, folder) = (RedisServer::start(), Folder::new());
    moves_everything(&folder, &folder.store("data"), &redis.url()).await;
}
