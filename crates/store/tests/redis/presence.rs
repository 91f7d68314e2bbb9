//! Nodes with members in rooms, over every kind of Redis.

use engine::{Place, Request};
use harness::{RedisCluster, RedisServer, RedisWithSentinels, wait_until};
use timers::room::{Command as Ask, Joining};
use timers::{Command, Item, LinkId, MemberId, ResumeSecret, RoomId, Scope};

use super::node::*;

fn room() -> RoomId {
    RoomId::new("r").expect("a good id")
}

async fn come(node: &Node, who: &str) -> Place {
    let place = node.engine.presence().enter(&room()).await.expect("the store knows of it");
    let joining = Joining {
        member: MemberId::new(who).expect("a good id"),
        secret: ResumeSecret::new(who).expect("a good secret"),
        resume: None,
        name: None,
        link: LinkId::new(who).expect("a good id"),
        node: place.node().clone(),
    };
    let ask = if who == "ann" { Ask::Create(None, joining) } else { Ask::Join(joining) };
    let request = Request { scope: Scope::Room(room()), command: Command::Room(ask), id: None, by: None };
    node.engine.execute(request).await.expect("comes in");
    place
}

/// The members that are stored; none while the store does not say.
async fn there(node: &Node) -> Vec<String> {
    let Ok(loaded) = node.engine.store().load(&Scope::Room(room()), &[]).await else { return Vec::new() };
    let items = loaded.items.iter().map(|(_, bytes)| Item::decode(bytes).expect("an item"));
    items.filter_map(|item| item.as_member().map(|member| member.id.to_string())).collect()
}

/// Two nodes with a member each.
async fn two_with_members(url: &str) -> [(Node, Place); 2] {
    let [one, two] = ["one", "two"].map(|name| Node::start(url, name));
    one.is_ready().await;
    two.is_ready().await;
    let (ann, ben) = (come(&one, "ann").await, come(&two, "ben").await);
    [(one, ann), (two, ben)]
}

/// Stops a node as if it had died, and waits until its members are gone and it is forgotten.
async fn the_dead_leave((dead, place): &(Node, Place), living: &Node) {
    dead.engine.stop().await;
    wait_until("ann to leave", async || there(living).await == ["ben"]).await;
    let of_dead = Scope::Node(place.node().clone());
    wait_until("her node to be forgotten", async || {
        living.engine.store().load(&of_dead, &[]).await.is_ok_and(|loaded| loaded.items.is_empty())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_nodes_members_leave_and_what_is_left_of_it_expires() {
    let server = RedisServer::start();
    let [one, (two, ben)] = two_with_members(&server.url()).await;
    the_dead_leave(&one, &two).await;
    let expiry = |node: &str| {
        let script = "return redis.call('PTTL', redis.call('KEYS', '*:board:node:' .. ARGV[1])[1])";
        let answer = server.command(&["EVAL", script, "0", node]).expect("an answer");
        answer.trim_start_matches(':').parse::<i64>().expect("a number")
    };
    assert!((1..=300_000).contains(&expiry(one.1.node().as_str())));
    assert_eq!(expiry(ben.node().as_str()), -1, "who lives does not expire");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_nodes_members_leave_in_a_cluster() {
    let cluster = RedisCluster::start(3, false);
    let [one, (two, _)] = two_with_members(&cluster.url()).await;
    the_dead_leave(&one, &two).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_kills_no_member_and_the_dead_leave_after_it() {
    let mut redis = RedisWithSentinels::start();
    let [one, (two, ben)] = two_with_members(&redis.url()).await;
    wait_until("the replicas to have them", async || {
        redis.servers[1..].iter().all(|replica| {
            replica
                .command(&["EVAL", "return #redis.call('KEYS', '*:board:*')", "0"])
                .is_ok_and(|keys| keys.trim() == ":3")
        })
    })
    .await;
    redis.servers[0].kill();
    redis.primary();
    wait_until("both to be told again", async || there(&two).await.len() == 2).await;
    for node in [&one.0, &two] {
        node.is_ready().await;
    }
    let lives = |node: &Node, place: &Place| node.engine.presence().name().borrow().as_ref() == Some(place.node());
    assert!(lives(&one.0, &one.1) && lives(&two, &ben), "they keep their names");
    the_dead_leave(&one, &two).await;
}
