//! Stalls that nobody ordered: a busy machine holds up Redis or a node, and a law that presumes news within
//! a moment must not be held against Tickcast then.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use harness::http;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::cluster::{Cluster, Kind, NODES, Trouble};

/// How often everything is tried.
const TRY_EVERY: Duration = Duration::from_millis(50);

/// What takes longer is a stall: well below the 450 ms for which a node waits to hear a beat.
const STALL: Duration = Duration::from_millis(150);

/// Watches Redis and the nodes of a run.
pub(crate) struct Watch {
    seen: Arc<Mutex<Vec<Trouble>>>,
    _tasks: JoinSet<()>,
}

impl Watch {
    /// Begins to watch.
    pub(crate) fn start(cluster: &Cluster) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let (begun, port) = (cluster.begun, cluster.primary.port());
        tasks.spawn(watch(Arc::clone(&seen), begun, (0..NODES).collect(), move || write(port)));
        for (nth, node) in cluster.nodes.iter().enumerate() {
            let port = node.internal;
            tasks.spawn(watch(Arc::clone(&seen), begun, vec![nth], move || look(port)));
        }
        Self { seen, _tasks: tasks }
    }

    /// Returns the stalls so far.
    pub(crate) fn seen(&self) -> Vec<Trouble> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Tries something again and again; whatever takes long troubles the nodes.
async fn watch<F: Future<Output = io::Result<()>>>(
    seen: Arc<Mutex<Vec<Trouble>>>,
    begun: Instant,
    nodes: Vec<usize>,
    mut attempt: impl FnMut() -> F,
) {
    let mut next = interval(TRY_EVERY);
    next.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        next.tick().await;
        let from = begun.elapsed();
        // What is not there at all is what the fault does, and is noted by it.
        let _ = attempt().await;
        let until = begun.elapsed();
        if until - from > STALL {
            let troubles = nodes.iter().map(|&node| Trouble { node, kind: Kind::Stalled, from, until });
            seen.lock().unwrap_or_else(PoisonError::into_inner).extend(troubles);
        }
    }
}

/// Writes to Redis, which answers when it is on disk.
async fn write(port: u16) -> io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"SET stall-watch x\r\n").await?;
    stream.read_u8().await.map(drop)
}

async fn look(port: u16) -> io::Result<()> {
    http::request(port, "GET", "/livez", &[], b"").await.map(drop)
}
