//! A Redis outage, during which no node is ready.

use std::time::{Duration, Instant};

use harness::{Client, DEADLINE, Node, RedisServer};
use serde_json::json;
use tokio::task::JoinSet;

use crate::balancers::balancer::{Balancer, Kind, Place};

const CLIENTS: u64 = 10;

/// Seconds of the outage after the nodes have noticed it: a load balancer that probes once a second, and needs two
/// failures, has taken all nodes out of rotation well before.
const AWAY_S: u64 = 8;

/// This many requests reach each node, and the address without a node.
const REQUESTS: u32 = 50;

/// Connected clients see every second, and new clients reach a node, which can answer better than the load balancer.
pub(crate) async fn connected_clients_stay_connected(kind: &Kind) {
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

    redis.restart();
    are(&nodes, 200).await;
    balancer.connect("userId=late").await.must("session-start", "a", json!({ "label": "x" })).await;
    for mut watcher in all_see(watchers, 3).await {
        watcher.client.must("session-stop", "b", json!({ "sessionId": "s" })).await;
    }
}

/// A client that counts the seconds.
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

/// All read concurrently, because the node closes clients that do not read.
async fn all_see(watchers: Vec<Watcher>, ticks: u64) -> Vec<Watcher> {
    let seeing: JoinSet<Watcher> = watchers.into_iter().map(|watcher| watcher.see(ticks)).collect();
    seeing.join_all().await
}

/// Waits until `/readyz` of all nodes has this status.
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
