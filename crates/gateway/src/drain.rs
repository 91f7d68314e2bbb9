//! How a node ends: it says so, closes its sockets one after the other, and finishes what it began.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use crate::config::DrainSettings;

/// A client is asked to come back after a random while up to this, so that the others nodes are not
/// stormed.
const RECONNECT_WITHIN_MS: u64 = 2000;

/// How long sockets may take to close after the last was asked to: a command's life and a close handshake.
const LAST_WORDS: Duration = Duration::from_secs(8);

/// Ctrl-C at a terminal: a person waits.
const AT_A_TERMINAL: DrainSettings = DrainSettings { grace: Duration::from_millis(200), notice: Duration::ZERO };

/// Who asked for the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// An orchestrator (SIGTERM).
    Orchestrator,
    /// A person (Ctrl-C).
    Person,
}

/// The end of a node, from its beginning.
pub(crate) struct Drain {
    settings: DrainSettings,
    stage: watch::Sender<Stage>,
    sockets: TaskTracker,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Serving,
    /// No more ready, but still serving.
    Leaving,
    /// Sockets close within this span.
    Closing(Duration),
}

impl Drain {
    pub(crate) fn new(settings: DrainSettings) -> Self {
        Self { settings, stage: watch::Sender::new(Stage::Serving), sockets: TaskTracker::new() }
    }

    /// Runs a socket's task; the node waits for it before it ends.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.sockets.spawn(task);
    }

    pub(crate) fn is_leaving(&self) -> bool {
        *self.stage.borrow() != Stage::Serving
    }

    /// Returns how many sockets the end has to wait for.
    pub(crate) fn sockets(&self) -> usize {
        self.sockets.len()
    }

    /// Waits until it is this socket's turn to close, and returns the advice it closes with: after how
    /// many milliseconds to come back.
    pub(crate) fn turn(&self) -> impl Future<Output = u64> + Send + use<> {
        let mut stage = self.stage.subscribe();
        async move {
            let closing = stage.wait_for(|stage| matches!(stage, Stage::Closing(_))).await.map(|stage| *stage);
            if let Ok(Stage::Closing(within)) = closing {
                sleep(within.mul_f64(fastrand::f64())).await;
            }
            fastrand::u64(100..=RECONNECT_WITHIN_MS)
        }
    }

    /// Waits until sockets are being closed.
    pub(crate) async fn closing(&self) {
        self.stage.subscribe().wait_for(|stage| matches!(stage, Stage::Closing(_))).await.ok();
    }

    /// Begins the end: not ready from now on.
    pub(crate) fn leave(&self) {
        self.stage.send_replace(Stage::Leaving);
    }

    /// Has all sockets closed in the time that the settings give; at once when there is none.
    pub(crate) async fn close_all(&self, asked: Asked) {
        let DrainSettings { grace, notice } = match asked {
            Asked::Orchestrator => self.settings,
            Asked::Person => AT_A_TERMINAL,
        };
        self.sockets.close();
        if timeout(notice, self.sockets.wait()).await.is_ok() {
            self.stage.send_replace(Stage::Closing(Duration::ZERO));
            return;
        }
        tracing::info!(sockets = self.sockets.len(), ?grace, "closing sockets");
        self.stage.send_replace(Stage::Closing(grace));
        timeout(grace, self.sockets.wait()).await.ok();
    }

    /// Waits for what still closes, as long as a closing may take.
    pub(crate) async fn finish(&self) {
        if timeout(LAST_WORDS, self.sockets.wait()).await.is_err() {
            tracing::warn!(sockets = self.sockets.len(), "some sockets did not close in time");
        }
    }
}
