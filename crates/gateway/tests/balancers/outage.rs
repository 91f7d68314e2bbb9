//! Redis away, and so no node ready.

use std::time::{Duration, Instant};

use harness::{Client, DEADLINE, Node, RedisServer};
use serde_json::json;
use tokio::task::JoinSet;

use crate::balancers::balancer::{Balancer, Kind, Place};

const CLIENTS: u64 = 10;

/// For how many seconds Redis stays away after the nodes have noticed: a balancer that looks once a second, and
/// believes the second look, takes all of them out well before.
const AWAY_S: u64 = 8;

/// So many requests meet each node, and the place where none is.
const REQUESTS: u32 = 50;

/// Those who are there see every second of it, and those who come reach a node, which knows better than the
/// balancer what to tell them.
pub(crate) async fn nobody_who_is_there_is_cut_off(kind: &Kind) {
    let mut redis = RedisServer::start_with(&["--appendonly", "yes"]);
    let url = redis.url();
    let settings = [("store.url", url.as_str())];
    let nodes = [Node::start_with(&settings).await, Node::start_with(&settings).await];
    let balancer = Balancer::start(kind, &[Place::from(&nodes[0]), Place::from(&nodes[1]), Place::empty()]).await;
    let mut watchers = Vec::new();
    for nth in 0..CLIENTS {
        let mut client = balancer.connect(&format!("userId=u{nth}&dialect=v1")).await;
        client.must("session-start", "a", json!({ "sessionId": "s", "label": "x" })).await;
        watchers.push(Watcher { client, last: None });
    }
    let watchers = all_see(watchers, 1).await;
    redis.kill();
    are(&nodes, 503).await;
    let watchers = all_see(watchers, AWAY_S).await;
    for _ in 0..REQUESTS {
        let answer = balancer.http("GET", "/api/health", &[], b"").await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    redis.start_again();
    are(&nodes, 200).await;
    balancer.connect("userId=late").await.must("session-start", "a", json!({ "label": "x" })).await;
    for mut watcher in all_see(watchers, 3).await {
        watcher.client.must("session-stop", "b", json!({ "sessionId": "s" })).await;
    }
}

/// Somebody who counts the seconds.
struct Watcher {
    client: Client,
    last: Option<u64>,
}

impl Watcher {
    async fn see(mut self, ticks: u64) -> Self {
        for _ in 0..ticks {
            let tick = self.client.next_of("tick").await;
            let at = tick["serverTime"].as_u64().unwrap();
            assert!(self.last.is_none_or(|last| at == last + 1000), "{at} after {:?}", self.last);
            self.last = Some(at);
        }
        self
    }
}

/// All read at once: who does not read is cut off by the node.
async fn all_see(watchers: Vec<Watcher>, ticks: u64) -> Vec<Watcher> {
    let seeing: JoinSet<Watcher> = watchers.into_iter().map(|watcher| watcher.see(ticks)).collect();
    seeing.join_all().await
}

/// Waits until all nodes answer so to whether they are ready.
async fn are(nodes: &[Node], status: u16) {
    let end = Instant::now() + DEADLINE;
    let mut look = tokio::time::interval(Duration::from_millis(50));
    for node in nodes {
        while node.get_internal("/readyz").await.status != status {
            assert!(Instant::now() < end, "a node does not answer {status}");
            look.tick().await;
        }
    }
}
