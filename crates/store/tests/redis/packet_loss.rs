//! Loss of packets between a node and Redis. The kernel repeats lost data after pauses that double, so a connection
//! that waits for it stays out for almost as long again as the failure took.
//!
//! `PACKET_LOSS=15:both:20` measures 20 failures of 15 s in both directions (or `to`, `from`), under load.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use engine::Reader;
use harness::{DEADLINE, PacketLoss, RedisServer, enter_own_network};
use timers::{HistoryId, RequiredRows, Scope};
use tokio::time::{sleep, timeout};

use super::node::*;

/// The address at which the affected node reaches Redis.
const AFFECTED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Longest recovery in the test: three times the goal, for a busy machine, and half of the pause of the kernel.
const RECOVERY_MAX: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_with_a_stuck_write_is_abandoned_after_a_loss_of_packets() {
    if !enter_own_network("redis::packet_loss::a_connection_with_a_stuck_write_is_abandoned_after_a_loss_of_packets") {
        return;
    }
    let measured = std::env::var("PACKET_LOSS").ok();
    let (seconds, direction, count) = measured.as_deref().map_or((14, "both", 1), parse);
    let pair = Pair::start().await;
    let mut recoveries = Vec::new();
    for _ in 0..count {
        let (to_server, from_server) = (direction != "from", direction != "to");
        let recovery = pair.fail(Duration::from_secs(seconds), to_server, from_server, measured.is_none()).await;
        println!("{seconds} s {direction}: {:.2} s", recovery.as_secs_f64());
        recoveries.push(recovery);
    }
    if measured.is_none() {
        assert!(recoveries[0] < RECOVERY_MAX, "{recoveries:?}");
    }
}

fn parse(text: &str) -> (u64, &str, usize) {
    let words: Vec<&str> = text.split(':').collect();
    let [seconds, direction, count] = words[..] else { panic!("{text} is not seconds:direction:count") };
    (seconds.parse().expect("seconds"), direction, count.parse().expect("a count"))
}

/// A node whose packets are lost, and one that changes the same scopes meanwhile.
struct Pair {
    server: RedisServer,
    affected: Arc<Node>,
    other: Node,
    scopes: Vec<Scope>,
    _readers: Vec<Reader>,
}

impl Pair {
    async fn start() -> Self {
        let server = RedisServer::start_with(&["--bind", "127.0.0.1", &AFFECTED.to_string()]);
        let affected = Node::start(&format!("redis://{AFFECTED}:{}", server.port()), "affected");
        let (affected, other) = (Arc::new(affected), Node::start(&server.url(), "other"));
        affected.is_ready().await;
        other.is_ready().await;
        let scopes: Vec<Scope> = (0..20).map(|nth| scope(&format!("user-{nth}"))).collect();
        let mut readers = Vec::new();
        for scope in &scopes {
            readers.push(Reader::new(affected.engine.hub().join(scope).await.expect("joins")));
        }
        Self { server, affected, other, scopes, _readers: readers }
    }

    /// Loses packets for a while, and returns the time from then until the node equals the store and commits.
    async fn fail(&self, span: Duration, to_server: bool, from_server: bool, is_stuck: bool) -> Duration {
        let ends = Arc::new(AtomicBool::new(false));
        let load: Vec<_> =
            (0..8).map(|nth| tokio::spawn(run_load(Arc::clone(&self.affected), nth, Arc::clone(&ends)))).collect();
        sleep(Duration::from_millis(500)).await; // tidy: allow: the failure begins under load
        let loss = PacketLoss::start(AFFECTED, self.server.port(), to_server, from_server);
        if is_stuck {
            self.fill_send_buffer().await;
        }
        sleep(span).await; // tidy: allow: the failure lasts this long
        for scope in &self.scopes {
            let user = scope.to_string();
            let user = user.split(':').nth(1).expect("a user");
            let name = format!("s{}", fastrand::u64(..));
            self.other.engine.execute(request_of(user, &name, None)).await.expect("the other node works");
        }
        drop(loss);
        let healed = Instant::now();
        timeout(DEADLINE * 3, async {
            while self.affected.start_session("after").await.is_err() {}
            all_equal(&[&*self.affected], &self.scopes).await;
            self.affected.is_ready().await;
        })
        .await
        .expect("the node recovers");
        let recovery = healed.elapsed();
        ends.store(true, Ordering::Relaxed);
        for task in load {
            task.await.expect("no panic");
        }
        self.clear().await;
        recovery
    }

    /// Sends more than the kernel takes without an acknowledgement.
    async fn fill_send_buffer(&self) {
        let ids = (0..20_000).map(|nth| HistoryId::new(&format!("{nth:0100}")).expect("an id"));
        let required = RequiredRows { existing: ids.collect(), bodies: Vec::new() };
        let ann = scope("ann");
        let sends = (0..8).map(|_| self.affected.engine.store().load(&ann, &required));
        for sent in futures_util::future::join_all(sends).await {
            sent.expect_err("nothing arrives");
        }
    }

    /// Deletes the sessions, of which a scope has a limited number.
    async fn clear(&self) {
        self.server.command(&["FLUSHALL"]).expect("answers");
        all_equal(&[&*self.affected], &self.scopes).await;
    }
}

/// Starts sessions of users of its own until `ends`, twenty a second.
async fn run_load(node: Arc<Node>, nth: usize, ends: Arc<AtomicBool>) {
    let mut users = 0..;
    while !ends.load(Ordering::Relaxed) {
        let user = format!("load-{nth}-{}", users.next().expect("endless"));
        // Its outcome is no part of the test.
        node.engine.execute(request_of(&user, "load", None)).await.ok();
        sleep(Duration::from_millis(50)).await; // tidy: allow: the pace of the load
    }
}
