//! The end of a node: it becomes unready and refuses new sockets, closes its sockets in jittered slices, and finishes
//! requests in progress.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use crate::ops::config::DrainSettings;

/// How long before its close a client is told of it at most: a client that makes its next connection first needs a
/// dial, which load balancers can send to this node once or twice, and a snapshot.
const ANNOUNCED_BEFORE: Duration = Duration::from_secs(5);

/// A client is advised to reconnect after a random time up to this, so that the other nodes are not overloaded.
const RECONNECT_WITHIN_MS: u64 = 2000;

/// How long sockets may take to close after the last one began to: the budget of a command and a close handshake.
const CLOSE_WITHIN: Duration = Duration::from_secs(8);

/// Ctrl-C at a terminal: a person waits for the end.
const AT_A_TERMINAL: DrainSettings = DrainSettings { grace: Duration::from_millis(200), notice: Duration::ZERO };

/// The source of the request to shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShutdownSource {
    /// An orchestrator (SIGTERM).
    Orchestrator,
    /// A person (Ctrl-C).
    Person,
}

/// The shutdown of a node.
pub(crate) struct Drain {
    settings: DrainSettings,
    phase: watch::Sender<DrainPhase>,
    sockets: TaskTracker,
}

/// How far a shutdown has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DrainPhase {
    /// No shutdown has begun.
    Serving,
    /// Not ready: sockets stay, and new ones are refused. The last of them closes by this instant.
    Leaving(Instant),
    /// Sockets close within this duration, by this instant.
    Closing(Duration, Instant),
}

/// What happens to a socket of a stopping node, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DrainStep {
    /// The client is told that the socket closes within this duration: [`DrainStep::close_after`].
    Announce(Duration),
    /// The socket closes, and the client is advised to reconnect after this many milliseconds.
    Close(u64),
}

impl DrainStep {
    /// Waits until a socket closes that was announced to close within a duration.
    pub(crate) async fn close_after(within: Duration) -> Self {
        sleep(within).await;
        Self::Close(fastrand::u64(100..=RECONNECT_WITHIN_MS))
    }
}

impl Drain {
    pub(crate) fn new(settings: DrainSettings) -> Self {
        Self { settings, phase: watch::Sender::new(DrainPhase::Serving), sockets: TaskTracker::new() }
    }

    /// Runs a socket's task. The node waits for it before it ends.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.sockets.spawn(task);
    }

    pub(crate) fn is_leaving(&self) -> bool {
        *self.phase.borrow() != DrainPhase::Serving
    }

    /// Returns whether sockets are being closed.
    pub(crate) fn is_closing(&self) -> bool {
        matches!(*self.phase.borrow(), DrainPhase::Closing(..))
    }

    /// Returns the number of sockets that the end waits for.
    pub(crate) fn sockets(&self) -> usize {
        self.sockets.len()
    }

    /// Returns a receiver of the phase, which learns of changes.
    pub(crate) fn phase(&self) -> watch::Receiver<DrainPhase> {
        self.phase.subscribe()
    }

    /// Waits until the close of this socket is to be announced.
    pub(crate) fn announcement(&self) -> impl Future<Output = DrainStep> + Send + use<> {
        let mut phase = self.phase.subscribe();
        async move {
            let closing = phase.wait_for(|phase| matches!(phase, DrainPhase::Closing(..))).await.map(|phase| *phase);
            let Ok(DrainPhase::Closing(grace, _)) = closing else { return DrainStep::Announce(Duration::ZERO) };
            let within = ANNOUNCED_BEFORE.min(grace / 2);
            sleep((grace - within).mul_f64(fastrand::f64())).await;
            DrainStep::Announce(within)
        }
    }

    /// Waits until sockets are being closed.
    pub(crate) async fn closing(&self) {
        self.phase.subscribe().wait_for(|phase| matches!(phase, DrainPhase::Closing(..))).await.ok();
    }

    /// Makes the node unready, and makes it refuse new sockets.
    pub(crate) fn leave(&self, source: ShutdownSource) {
        let DrainSettings { grace, notice } = self.settings_for(source);
        self.phase.send_replace(DrainPhase::Leaving(Instant::now() + notice + grace));
    }

    /// Waits until load balancers have noticed that the node is unready, then closes all sockets within the configured
    /// time.
    pub(crate) async fn close_all(&self, source: ShutdownSource) {
        let DrainSettings { grace, notice } = self.settings_for(source);
        // In full, even if there is no socket: load balancers send clients to this node until they notice.
        sleep(notice).await;
        self.sockets.close();
        tracing::info!(sockets = self.sockets.len(), ?grace, "closing sockets");
        self.phase.send_replace(DrainPhase::Closing(grace, Instant::now() + grace));
        timeout(grace, self.sockets.wait()).await.ok();
    }

    /// Waits for the sockets that are still closing.
    pub(crate) async fn finish(&self) {
        if timeout(CLOSE_WITHIN, self.sockets.wait()).await.is_err() {
            tracing::warn!(sockets = self.sockets.len(), "some sockets did not close in time");
        }
    }

    fn settings_for(&self, source: ShutdownSource) -> DrainSettings {
        match source {
            ShutdownSource::Orchestrator => self.settings,
            ShutdownSource::Person => AT_A_TERMINAL,
        }
    }
}
