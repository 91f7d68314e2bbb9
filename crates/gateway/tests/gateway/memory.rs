//! Memory of connections in the node, and what is left of it after large messages.

use harness::{Client, Node};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

/// Clients of one measurement: with as many, a difference of one KiB each is more than the noise of the allocator.
const CLIENTS: usize = 400;

/// Most memory of an idle connection. A release build needs half of it, and futures are larger in a debug build.
const CONNECTION_KB: usize = 8;

/// Most memory that a message of 64 KiB leaves behind: noise of the allocator, which has a few such buffers in each arena.
const KEPT_KB: usize = 8;

/// Returns the resident memory of a node in KiB.
fn resident_kb(node: &Node) -> usize {
    let text = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

async fn connect(node: &Node, users: std::ops::Range<usize>) -> Vec<Client> {
    let mut clients = Vec::new();
    for user in users {
        let mut client = node.connect(&format!("userId=user-{user}&dialect=v1")).await;
        client.next_of("ready").await;
        clients.push(client);
    }
    clients
}

#[tokio::test]
async fn idle_connections_take_little_memory_also_after_a_large_message_of_each() {
    let node = Node::start().await;
    // The first clients also pay for what a node allocates once.
    let _first = connect(&node, 0..CLIENTS).await;
    let before = resident_kb(&node);
    let mut clients = connect(&node, CLIENTS..2 * CLIENTS).await;
    let idle = resident_kb(&node);
    assert!(idle - before < CLIENTS * CONNECTION_KB, "{} KiB for {CLIENTS} connections", idle - before);
    let large = json!({ "type": "nonsense", "payload": { "text": "x".repeat(65_000) } }).to_string();
    for client in &mut clients {
        client.send(Message::text(large.clone())).await;
        client.next_of("error").await;
    }
    let after = resident_kb(&node);
    let kept = after.saturating_sub(idle);
    assert!(kept < CLIENTS * KEPT_KB, "{kept} KiB of {CLIENTS} messages of 64 KiB");
}
