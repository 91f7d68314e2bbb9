//! Nodes with room members, over every kind of Redis deployment.

use engine::{MembershipGuard, Request};
use harness::{RedisCluster, RedisServer, RedisWithSentinels, wait_until};
use timers::room::{Joining, RoomCommand};
use timers::{Command, ConnectionId, Item, MemberId, RequiredRows, ResumeSecret, RoomId, Scope};

use super::node::*;

fn room() -> RoomId {
    RoomId::new("r").expect("a valid id")
}

async fn join(node: &Node, name: &str) -> MembershipGuard {
    let guard = node.engine.presence().enter(&Scope::room(&room())).await.expect("the store records the room");
    let joining = Joining {
        member: MemberId::new(name).expect("a valid id"),
        secret: ResumeSecret::new(name).expect("a valid secret"),
        resume: None,
        name: None,
        connection: ConnectionId::new(name).expect("a valid id"),
        node: guard.node().clone(),
    };
    let command = if name == "ann" { RoomCommand::Create(None, joining) } else { RoomCommand::Join(joining) };
    let request = Request { scope: Scope::room(&room()), command: Command::Room(command), id: None };
    node.engine.execute(request).await.expect("joins");
    guard
}

/// Returns the stored members; empty while the store is unavailable.
async fn members(node: &Node) -> Vec<String> {
    let Ok(loaded) = node.engine.store().load(&Scope::room(&room()), &RequiredRows::default()).await else {
        return Vec::new();
    };
    let items = loaded.items.iter().map(|(_, bytes)| Item::decode(bytes).expect("an item"));
    items.filter_map(|item| item.get::<timers::room::Member>().map(|member| member.id.to_string())).collect()
}

/// Starts two nodes with one member each.
async fn two_with_members(url: &str) -> [(Node, MembershipGuard); 2] {
    let [one, two] = ["one", "two"].map(|name| Node::start(url, name));
    one.is_ready().await;
    two.is_ready().await;
    let (ann, ben) = (join(&one, "ann").await, join(&two, "ben").await);
    [(one, ann), (two, ben)]
}

/// Stops a node as if it had crashed, and waits until its members and its board are removed.
async fn crash_and_wait((dead, guard): &(Node, MembershipGuard), living: &Node) {
    dead.engine.stop().await;
    wait_until("ann to be removed", async || members(living).await == ["ben"]).await;
    let of_dead = Scope::node(&guard.node().clone());
    wait_until("the board of the node to be empty", async || {
        living.engine.store().load(&of_dead, &RequiredRows::default()).await.is_ok_and(|loaded| loaded.items.is_empty())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_a_dead_node_are_removed_and_its_board_expires() {
    let server = RedisServer::start();
    let [one, (two, ben)] = two_with_members(&server.url()).await;
    crash_and_wait(&one, &two).await;
    let expiry = |node: &str| {
        let script = "return redis.call('PTTL', redis.call('KEYS', '*:board:node:' .. ARGV[1])[1])";
        let answer = server.command(&["EVAL", script, "0", node]).expect("an answer");
        answer.trim_start_matches(':').parse::<i64>().expect("a number")
    };
    assert!((1..=300_000).contains(&expiry(one.1.node().as_str())));
    assert_eq!(expiry(ben.node().as_str()), -1, "the board of a live node does not expire");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_a_dead_node_are_removed_in_a_cluster() {
    let cluster = RedisCluster::start(3, false);
    let [one, (two, _)] = two_with_members(&cluster.url()).await;
    crash_and_wait(&one, &two).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_removes_no_member_and_dead_nodes_are_detected_after_it() {
    let mut redis = RedisWithSentinels::start();
    let [one, (two, ben)] = two_with_members(&redis.url()).await;
    wait_until("the replicas to have the boards", async || {
        redis.servers[1..].iter().all(|replica| {
            replica
                .command(&["EVAL", "return #redis.call('KEYS', '*:board:*')", "0"])
                .is_ok_and(|keys| keys.trim() == ":3")
        })
    })
    .await;
    redis.servers[0].kill();
    redis.primary();
    wait_until("both members to be readable again", async || members(&two).await.len() == 2).await;
    for node in [&one.0, &two] {
        node.is_ready().await;
    }
    let is_alive =
        |node: &Node, guard: &MembershipGuard| node.engine.presence().name().borrow().as_ref() == Some(guard.node());
    assert!(is_alive(&one.0, &one.1) && is_alive(&two, &ben), "the nodes keep their names");
    crash_and_wait(&one, &two).await;
}
