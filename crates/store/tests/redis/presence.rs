//! Nodes with members in rooms, over a real Redis.

use engine::{Place, Request};
use harness::{RedisServer, wait_until};
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

/// The members that are stored.
async fn there(node: &Node) -> Vec<String> {
    let loaded = node.engine.store().load(&Scope::Room(room()), &[]).await.expect("loads");
    let items = loaded.items.iter().map(|(_, bytes)| Item::decode(bytes).expect("an item"));
    items.filter_map(|item| item.as_member().map(|member| member.id.to_string())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_nodes_members_leave_and_what_is_left_of_it_expires() {
    let server = RedisServer::start();
    let [one, two] = ["one", "two"].map(|name| Node::start(&server.url(), name));
    one.is_ready().await;
    two.is_ready().await;
    let (ann, ben) = (come(&one, "ann").await, come(&two, "ben").await);
    one.engine.stop().await;
    wait_until("ann to leave", async || there(&two).await == ["ben"]).await;
    let of_one = Scope::Node(ann.node().clone());
    wait_until("her node to be forgotten", async || {
        two.engine.store().load(&of_one, &[]).await.is_ok_and(|loaded| loaded.items.is_empty())
    })
    .await;
    let expiry = |node: &str| {
        let script = "return redis.call('PTTL', redis.call('KEYS', '*:board:node:' .. ARGV[1])[1])";
        let answer = server.command(&["EVAL", script, "0", node]).expect("an answer");
        answer.trim_start_matches(':').parse::<i64>().expect("a number")
    };
    assert!((1..=300_000).contains(&expiry(ann.node().as_str())));
    assert_eq!(expiry(ben.node().as_str()), -1, "who lives does not expire");
}
