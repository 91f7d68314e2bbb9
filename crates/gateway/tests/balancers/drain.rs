//! The shutdown of one of two nodes.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::{Client, Node, RedisServer};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::balancers::balancer::{Balancer, Kind, Place};

const CLIENTS: usize = 40;

/// The default of `drain.notice`, which the configurations rely on.
const NOTICE: Duration = Duration::from_secs(5);

/// Addresses of long-polling clients: load balancers select the node by the address.
const ADDRESSES: u8 = 8;

/// All clients move to the remaining node, and have missed nothing.
pub(crate) async fn all_clients_move_to_the_other(kind: &Kind) {
    let redis = RedisServer::start();
    let url = redis.url();
    let settings = [("store.url", url.as_str()), ("drain.grace", "2s")];
    let (mut leaving, staying) = (Node::start_with(&settings).await, Arc::new(Node::start_with(&settings).await));
    let nodes = [Place::from(&leaving), Place::from(staying.as_ref()), Place::from(staying.as_ref())];
    let balancer = Arc::new(Balancer::start(kind, &nodes).await);
    let (mut movers, mut stayers) = (Vec::new(), Vec::new());
    for nth in 0..CLIENTS {
        let before = connections(&leaving).await;
        let person = Person::arrive(nth, &balancer).await;
        let list = if connections(&leaving).await > before { &mut movers } else { &mut stayers };
        list.push(person);
    }
    assert!(movers.len() >= CLIENTS / 8 && stayers.len() >= CLIENTS / 8, "{} {}", movers.len(), stayers.len());

    leaving.signal("TERM");
    let stopped_at = Instant::now();
    while leaving.get_internal("/readyz").await.status != 503 {
        assert!(stopped_at.elapsed() < NOTICE, "the node does not report that it is draining");
    }
    for person in movers.iter_mut().chain(&mut stayers).filter(|person| person.nth % 4 == 1) {
        person.start("while it drained").await;
    }
    tokio::join!(
        returning_clients_reach_the_other_node(&balancer, &leaving, stopped_at),
        polling_clients_reach_the_other_node(&balancer, stopped_at),
    );
    let mut moving = JoinSet::new();
    for person in movers {
        moving.spawn(person.move_over(Arc::clone(&balancer), Arc::clone(&staying)));
    }
    let moved = moving.join_all().await;
    for person in moved.into_iter().chain(stayers) {
        person.knows_all(&staying).await;
    }
    let status = leaving.ended().await;
    assert_eq!(status.code(), Some(0), "{}", leaving.log());
}

/// A user with one device.
struct Person {
    nth: usize,
    client: Client,
    /// The acknowledged commands.
    sessions: BTreeSet<String>,
    /// The last list received on connecting.
    shown: Value,
}

impl Person {
    async fn arrive(nth: usize, balancer: &Balancer) -> Self {
        let mut client = balancer.connect(&query(nth)).await;
        let shown = client.next_of("ready").await;
        let mut person = Self { nth, client, sessions: BTreeSet::new(), shown };
        if nth.is_multiple_of(4) {
            person.start("before").await;
        }
        person
    }

    async fn start(&mut self, session: &str) {
        start(&mut self.client, session).await;
        self.sessions.insert(session.to_owned());
    }

    /// Is disconnected, follows the advice, and reconnects to the other node.
    async fn move_over(mut self, balancer: Arc<Balancer>, staying: Arc<Node>) -> Self {
        let (code, reason) = self.client.closed().await;
        assert_eq!(code, 1012, "{reason}");
        let advice: Value = serde_json::from_str(&reason).unwrap();
        let after = Duration::from_millis(advice["reconnectAfterMs"].as_u64().unwrap());
        if self.nth.is_multiple_of(2) {
            let mut other_device = staying.connect(&query(self.nth)).await;
            start(&mut other_device, "while away").await;
            self.sessions.insert("while away".to_owned());
        }
        tokio::time::sleep(after).await; // tidy: allow: a client that follows the advice
        self.client = balancer.connect(&query(self.nth)).await;
        self.shown = self.client.next_of("ready").await;
        self
    }

    /// Checks that the client is on this node and has missed nothing.
    async fn knows_all(mut self, staying: &Node) {
        if !self.sessions.is_empty() {
            self.client.next_of("tick").await;
        }
        self.start("after").await;
        let truth = staying.connect(&query(self.nth)).await.next_of("ready").await;
        let truth = truth["payload"].as_array().unwrap();
        let ids: BTreeSet<String> = truth.iter().map(|one| one["sessionId"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ids, self.sessions, "what was acknowledged is not what is");
        let shown = self.shown["payload"].as_array().unwrap();
        assert!(shown.iter().all(|one| truth.contains(one)), "{shown:?} is not of {truth:?}");
    }
}

fn query(nth: usize) -> String {
    format!("userId=u{nth}&dialect=v1")
}

async fn start(client: &mut Client, session: &str) {
    client.must("session-start", session, json!({ "sessionId": session, "label": session })).await;
}

async fn connections(node: &Node) -> u64 {
    node.get_internal("/cluster").await.json()["connections"].as_u64().unwrap()
}

/// Connects repeatedly, as clients of a bad network do: each connection reaches the node that stays, from the moment at
/// which the other is unready, whether the load balancer has noticed or not.
async fn returning_clients_reach_the_other_node(balancer: &Balancer, leaving: &Node, stopped_at: Instant) {
    let opened = async || leaving.metrics().await.must("tickcast_connections_opened_total", &[]);
    let before = opened().await;
    let mut count = 0;
    while stopped_at.elapsed() < NOTICE / 2 {
        balancer.connect(&format!("userId=returning{count}")).await.next_of("ready").await;
        count += 1;
    }
    assert_eq!(opened().await, before, "of {count} clients, some reached the node that leaves");
}

/// Long-polling clients of many addresses can use the other node within the notice.
async fn polling_clients_reach_the_other_node(balancer: &Balancer, stopped_at: Instant) {
    let mut look = tokio::time::interval(Duration::from_millis(50));
    for client in 1..=ADDRESSES {
        let address = Ipv4Addr::new(127, 0, 0, client);
        let path = "/socket.io/?EIO=4&transport=polling";
        loop {
            let open = balancer.http_from(address, "GET", path, b"").await;
            assert_eq!(open.status, 200, "{open:?}");
            let open: Value = serde_json::from_str(open.body.strip_prefix('0').unwrap()).unwrap();
            let path = format!("{path}&sid={}", open["sid"].as_str().unwrap());
            // Until the load balancer has noticed, it may send further requests to the node that leaves.
            if balancer.http_from(address, "POST", &path, b"40").await.body == "ok" {
                break;
            }
            look.tick().await;
            assert!(stopped_at.elapsed() < NOTICE, "the load balancer has not noticed in time");
        }
    }
}
