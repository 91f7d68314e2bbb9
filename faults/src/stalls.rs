//! Detects unintended stalls: a busy machine delays Redis or a node. Invariants that assume prompt delivery do not
//! apply at such moments.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use harness::http;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::cluster::{Disturbance, DisturbanceKind};

/// Interval of probes.
const PROBE_INTERVAL: Duration = Duration::from_millis(50);

/// A longer probe is a stall: well below the 450 ms for which a node waits for a beat.
const STALL: Duration = Duration::from_millis(150);

/// Limit of a probe: a server that is gone does not answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Interval at which new nodes are looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// The nodes that exist: their numbers and internal addresses.
type Nodes = dyn Fn() -> Vec<(usize, SocketAddr)> + Send + Sync;

/// Probes Redis and the nodes of a run.
pub(crate) struct StallMonitor {
    found: Arc<Mutex<Vec<Disturbance>>>,
    _tasks: JoinSet<()>,
}

impl StallMonitor {
    /// Starts the probes of Redis, whose stalls delay all nodes, and of the nodes, also of those that come later.
    pub(crate) fn start(
        started_at: Instant,
        redis: SocketAddr,
        nodes: impl Fn() -> Vec<(usize, SocketAddr)> + Send + Sync + 'static,
    ) -> Self {
        let (found, nodes): (Arc<Mutex<Vec<Disturbance>>>, Arc<Nodes>) = (Arc::default(), Arc::new(nodes));
        let mut tasks = JoinSet::new();
        let affected = Arc::clone(&nodes);
        let all = move || affected().into_iter().map(|(node, _)| node).collect();
        tasks.spawn(probe(Arc::clone(&found), started_at, all, move || write(redis)));
        tasks.spawn(probe_nodes(Arc::clone(&found), started_at, nodes));
        Self { found, _tasks: tasks }
    }

    /// Returns the stalls so far.
    pub(crate) fn found(&self) -> Vec<Disturbance> {
        self.found.lock().clone()
    }
}

/// Probes each node as soon as it exists.
async fn probe_nodes(found: Arc<Mutex<Vec<Disturbance>>>, started_at: Instant, nodes: Arc<Nodes>) {
    let mut probes: JoinSet<()> = JoinSet::new();
    let mut known = BTreeSet::new();
    let mut look = interval(LOOK_INTERVAL);
    loop {
        look.tick().await;
        for (node, address) in nodes() {
            if known.insert(node) {
                let found = Arc::clone(&found);
                probes.spawn(probe(found, started_at, move || vec![node], move || get_livez(address)));
            }
        }
    }
}

/// Repeats a probe; a slow probe is a disturbance of the nodes.
async fn probe<F: Future<Output = io::Result<()>>>(
    found: Arc<Mutex<Vec<Disturbance>>>,
    started_at: Instant,
    nodes: impl Fn() -> Vec<usize>,
    mut attempt: impl FnMut() -> F,
) {
    let mut next = interval(PROBE_INTERVAL);
    next.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        next.tick().await;
        let from = started_at.elapsed();
        // An error is an effect of the fault, which records it.
        let _ = timeout(PROBE_TIMEOUT, attempt()).await;
        let until = started_at.elapsed();
        if until - from > STALL {
            let disturbances =
                nodes().into_iter().map(|node| Disturbance { node, kind: DisturbanceKind::Stalled, from, until });
            found.lock().extend(disturbances);
        }
    }
}

/// Writes to Redis, which replies after the write to disk.
async fn write(redis: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(redis).await?;
    stream.write_all(b"SET stall-watch x\r\n").await?;
    stream.read_u8().await.map(drop)
}

async fn get_livez(node: SocketAddr) -> io::Result<()> {
    http::request(node, "GET", "/livez", &[], b"").await.map(drop)
}
