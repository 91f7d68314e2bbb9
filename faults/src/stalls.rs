//! Detects unintended stalls: a busy machine delays Redis or a node. Invariants that assume prompt delivery do not
//! apply at such moments.

use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use harness::http;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::cluster::{Cluster, Disturbance, DisturbanceKind, NODES};

/// Interval of probes.
const PROBE_INTERVAL: Duration = Duration::from_millis(50);

/// A longer probe is a stall: well below the 450 ms for which a node waits for a beat.
const STALL: Duration = Duration::from_millis(150);

/// Probes Redis and the nodes of a run.
pub(crate) struct StallMonitor {
    found: Arc<Mutex<Vec<Disturbance>>>,
    _tasks: JoinSet<()>,
}

impl StallMonitor {
    /// Starts the probes.
    pub(crate) fn start(cluster: &Cluster) -> Self {
        let found = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let (started_at, port) = (cluster.started_at, cluster.primary.port());
        tasks.spawn(probe(Arc::clone(&found), started_at, (0..NODES).collect(), move || write(port)));
        for (nth, node) in cluster.nodes.iter().enumerate() {
            let port = node.internal;
            tasks.spawn(probe(Arc::clone(&found), started_at, vec![nth], move || get_livez(port)));
        }
        Self { found, _tasks: tasks }
    }

    /// Returns the stalls so far.
    pub(crate) fn found(&self) -> Vec<Disturbance> {
        self.found.lock().clone()
    }
}

/// Repeats a probe; a slow probe is a disturbance of the nodes.
async fn probe<F: Future<Output = io::Result<()>>>(
    found: Arc<Mutex<Vec<Disturbance>>>,
    started_at: Instant,
    nodes: Vec<usize>,
    mut attempt: impl FnMut() -> F,
) {
    let mut next = interval(PROBE_INTERVAL);
    next.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        next.tick().await;
        let from = started_at.elapsed();
        // An error is an effect of the fault, which records it.
        let _ = attempt().await;
        let until = started_at.elapsed();
        if until - from > STALL {
            let disturbances =
                nodes.iter().map(|&node| Disturbance { node, kind: DisturbanceKind::Stalled, from, until });
            found.lock().extend(disturbances);
        }
    }
}

/// Writes to Redis, which replies after the write to disk.
async fn write(port: u16) -> io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"SET stall-watch x\r\n").await?;
    stream.read_u8().await.map(drop)
}

async fn get_livez(port: u16) -> io::Result<()> {
    http::request(port, "GET", "/livez", &[], b"").await.map(drop)
}
