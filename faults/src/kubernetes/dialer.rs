//! Clients that dial the Service again and again: they tell whether new clients are served while nodes come and go.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::http;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::client_async;

use super::connections::dial_failure;

/// Interval of dials of each kind.
const DIAL_INTERVAL: Duration = Duration::from_millis(40);

/// Timeout of a dial, as that of the other clients.
const DIAL_TIMEOUT: Duration = Duration::from_secs(3);

/// Most failures that are kept in full.
const KEPT_MAX: usize = 50;

/// Dials as long as it exists.
pub(crate) struct Dialer {
    tally: Arc<Mutex<Tally>>,
    _tasks: JoinSet<()>,
}

/// The dials of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) dials: usize,
    /// The number of failures by kind and cause, such as `handshake: 503`.
    pub(crate) failures: BTreeMap<String, usize>,
    /// The first failures, with the time since the start of the run.
    pub(crate) first: Vec<(Duration, String)>,
}

#[derive(Clone, Copy)]
enum DialKind {
    Request,
    Handshake,
}

impl Dialer {
    /// Starts to dial a Service.
    pub(crate) fn start(service: SocketAddr, started_at: Instant) -> Self {
        let tally = Arc::new(Mutex::new(Tally::default()));
        let mut tasks = JoinSet::new();
        for kind in [DialKind::Request, DialKind::Handshake] {
            tasks.spawn(repeat(kind, service, started_at, Arc::clone(&tally)));
        }
        Self { tally, _tasks: tasks }
    }

    /// Returns the dials so far.
    pub(crate) fn tally(&self) -> Tally {
        self.tally.lock().clone()
    }
}

async fn repeat(kind: DialKind, service: SocketAddr, started_at: Instant, tally: Arc<Mutex<Tally>>) {
    let mut next = interval(DIAL_INTERVAL);
    next.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        next.tick().await;
        let at = started_at.elapsed();
        let dialed = timeout(DIAL_TIMEOUT, dial(kind, service)).await.context("no answer in time").flatten();
        let mut tally = tally.lock();
        tally.dials += 1;
        if let Err(error) = dialed {
            let reason = format!("{error:#}");
            let name = match kind {
                DialKind::Request => "request",
                DialKind::Handshake => "handshake",
            };
            *tally.failures.entry(format!("{name}: {}", dial_failure(&reason))).or_default() += 1;
            if tally.first.len() < KEPT_MAX {
                tally.first.push((at, format!("{name}: {reason}")));
            }
        }
    }
}

async fn dial(kind: DialKind, service: SocketAddr) -> Result<()> {
    let tcp = TcpStream::connect(service).await?;
    match kind {
        DialKind::Request => {
            let response = http::request_over(tcp, "GET", "/api/health", &[], b"").await?;
            ensure!(response.status == 200, "{}", response.status);
        }
        DialKind::Handshake => {
            let url = format!("ws://{service}/session?userId=dialer&client=dialer&dialect=v1");
            let (mut socket, _) = client_async(url, tcp).await?;
            socket.close(None).await?;
        }
    }
    Ok(())
}
