//! An embedded store whose disk does not take writes.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use harness::{Client, NO_MESSAGE_LIMIT, Node, wait_until};
use serde_json::{Value, json};

fn data(node: &Node) -> PathBuf {
    node.folder().join("data")
}

/// Limits the size of the files that a node writes: `None` lifts the limit.
fn limit_file_size(node: &Node, bytes: Option<u64>) {
    let limit = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
    let status =
        Command::new("prlimit").args(["--pid", &node.pid().to_string(), &format!("--fsize={limit}:")]).status();
    assert!(status.expect("prlimit, of util-linux, is installed").success());
}

/// Starts a session of some four kilobytes; returns the answer.
async fn start_large(client: &mut Client, id: &str) -> Value {
    client.ask("session-start", Some(id), json!({ "label": "x", "comment": "y".repeat(4000) })).await;
    loop {
        let message = client.next().await;
        if message["id"] == id {
            return message;
        }
    }
}

#[tokio::test]
async fn a_store_that_cannot_grow_is_not_ready_refuses_at_once_and_recovers() {
    let mut node = Node::start_with(&[NO_MESSAGE_LIMIT, ("log.level", "info")]).await;
    limit_file_size(&node, Some(fs::metadata(data(&node).join("tickcast.redb")).unwrap().len()));
    let mut user = 0;
    let mut client = node.connect("userId=user-0").await;
    let mut refused = loop {
        for nth in 0..50 {
            let answer = start_large(&mut client, &nth.to_string()).await;
            if answer["type"] == "error" {
                break;
            }
        }
        let answer = start_large(&mut client, "last").await;
        if answer["type"] == "error" {
            break answer;
        }
        user += 1;
        assert!(user < 100, "the store accepts everything");
        client = node.connect(&format!("userId=user-{user}")).await;
    };
    let began = Instant::now();
    for look in 0..20 {
        assert_eq!(refused["payload"]["code"], "unavailable", "{refused}");
        let ready = node.get_internal("/readyz").await;
        assert_eq!(ready.status, 503, "look {look}: {}", ready.body);
        refused = start_large(&mut client, &format!("late-{look}")).await;
    }
    assert!(began.elapsed() < Duration::from_secs(20), "20 refusals took {:?}", began.elapsed());
    let reports = node.log().matches("can't be written; the node is not ready").count();
    assert!((1..=2).contains(&reports), "{reports} reports: {}", node.log());
    limit_file_size(&node, None);
    node.is_ready().await;
    assert_eq!(start_large(&mut client, "after").await["type"], "ack");
}

#[tokio::test]
async fn a_node_whose_data_directory_is_removed_is_not_ready_and_acknowledges_nothing() {
    let node = Node::start().await;
    let mut client = node.connect("userId=ann").await;
    client.must("session-start", "a", json!({ "label": "before" })).await;
    fs::remove_dir_all(data(&node)).unwrap();
    client.ask("session-start", Some("b"), json!({ "label": "lost" })).await;
    assert_eq!(client.next_of("error").await["payload"]["code"], "unavailable");
    wait_until("the node to be unready", async || {
        let ready = node.get_internal("/readyz").await;
        ready.status == 503 && ready.body.contains("removed")
    })
    .await;
    assert!(node.log().contains("removed"), "{}", node.log());
}
