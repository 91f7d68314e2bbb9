//! One running node, as its routes and sessions see it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use access::{Authenticator, Denied};
use engine::store::{Fault, FaultKind};
use engine::{COMMAND_TIMEOUT, Engine, ExecuteError, JoinError, Outcome, Request, Subscription};
use timers::{Beat, Board, RequiredRows, Scope, StoredRows, Timestamp};
use tokio::time::{sleep, timeout};
use tracing::Instrument;

use crate::http::body_slots::BodySlots;
use crate::http::import_limiter::ImportLimiter;
use crate::ops::cluster::ClusterReports;
use crate::ops::config::Settings;
use crate::ops::drain::Drain;
use crate::ops::metrics::Metrics;
use crate::ops::telemetry::Log;
use crate::ops::telemetry::traces::Traces;
use crate::session::connections::Connections;

/// How long a client waits for its subscription while the store does not answer.
const JOIN_WITHIN: Duration = Duration::from_secs(6);

/// Pause before an unavailable store is asked again.
const STORE_PAUSE: Duration = Duration::from_millis(100);

/// How long a starting node waits for its store and its keys before it accepts clients without them: a client that waits
/// this long shows its person nothing, and one that is told to return shows at least that.
const STARTED_WITHIN: Duration = Duration::from_secs(5);

/// Interval at which a starting node checks whether it can serve clients.
const STARTED_CHECK: Duration = Duration::from_millis(10);

/// The task of a request has panicked.
#[derive(Debug)]
pub(crate) struct Panicked;

/// One running node.
pub(crate) struct Node {
    pub(crate) settings: Settings,
    pub(crate) engine: Arc<Engine>,
    pub(crate) auth: Authenticator,
    pub(crate) connections: Arc<Connections>,
    pub(crate) body_slots: BodySlots,
    pub(crate) imports: ImportLimiter,
    pub(crate) drain: Drain,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) traces: Arc<Traces>,
    pub(crate) log: Log,
    pub(crate) cluster: ClusterReports,
    pub(crate) started: Instant,
}

impl Node {
    /// Subscribes a client to a scope, within [`JOIN_WITHIN`].
    pub(crate) async fn join(&self, scope: &Scope) -> Result<Subscription, JoinError> {
        let silent = |_| Err(Fault::new(FaultKind::Unavailable, "it does not answer").into());
        timeout(JOIN_WITHIN, self.engine.join(scope)).await.unwrap_or_else(silent)
    }

    /// Reads a board with its instants as dates, rows of its history, and when the scope was last in use. Waits for an
    /// unavailable store as long as a command lives.
    pub(crate) async fn read(
        &self,
        scope: &Scope,
        required: &RequiredRows,
    ) -> Result<(Board, StoredRows, Option<Timestamp>), JoinError> {
        let by = Instant::now() + COMMAND_TIMEOUT;
        loop {
            let read = self.engine.read_with_touch(scope, required).await;
            let is_final = read.as_ref().err().is_none_or(JoinError::is_damage);
            if is_final || Instant::now() >= by {
                return read;
            }
            sleep(STORE_PAUSE).await;
        }
    }

    /// Carries out a command, and measures it.
    pub(crate) async fn execute(&self, request: Request) -> Result<Outcome, ExecuteError> {
        let since = Instant::now();
        let result = self.engine.execute(request).await;
        self.metrics.command_done(since.elapsed(), &result);
        result
    }

    /// Carries out a command in a task of its own, so that a client that leaves does not interrupt it.
    ///
    /// # Errors
    /// [`Panicked`]: the task has panicked. The command may have had its effect.
    pub(crate) async fn execute_detached(
        self: &Arc<Self>,
        request: Request,
    ) -> Result<Result<Outcome, ExecuteError>, Panicked> {
        let node = Arc::clone(self);
        let done = tokio::spawn(async move { node.execute(request).await }.in_current_span()).await;
        done.map_err(|panicked| {
            tracing::error!(%panicked, "a request panicked");
            Panicked
        })
    }

    /// Records an authentication failure.
    pub(crate) fn record_auth_failure(&self, denied: &Denied) {
        tracing::debug!(reason = %denied, "a client could not be authenticated");
        self.metrics.refused(denied.into());
    }

    /// Waits until the node can serve clients, for [`STARTED_WITHIN`] at most. Clients that connect earlier would only be
    /// told to return.
    pub(crate) async fn started(&self) {
        let usable = async {
            while self.usable().is_err() {
                sleep(STARTED_CHECK).await;
            }
        };
        if timeout(STARTED_WITHIN, usable).await.is_err() {
            tracing::warn!("clients are accepted although the node cannot serve them yet");
        }
    }

    /// Tells whether load balancers should send clients here, or why not.
    pub(crate) fn ready(&self) -> Result<(), String> {
        if self.drain.is_leaving() {
            return Err("the node is stopping".to_owned());
        }
        self.usable()
    }

    /// Tells whether clients can be authenticated and shown their timers, or why not.
    fn usable(&self) -> Result<(), String> {
        self.engine.store().ready()?;
        self.auth.ready()?;
        if self.engine.hub().last_beat() == Beat(0) {
            // The node does not know the time yet. If the store became unavailable now, it could not continue displays.
            return Err("no beat was received yet".to_owned());
        }
        Ok(())
    }
}
