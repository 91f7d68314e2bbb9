//! One running node, as its routes and sockets see it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{Engine, ExecuteError, Feed, Outcome, Request};
use timers::{Beat, Scope};
use tokio::time::timeout;

use crate::auth::{Auth, Denied};
use crate::config::Settings;
use crate::connections::Connections;
use crate::drain::Drain;
use crate::metrics::Metrics;
use crate::telemetry::Log;
use crate::telemetry::traces::Traces;

/// How long a client waits for its timers while the store does not answer.
const JOIN_WITHIN: Duration = Duration::from_secs(6);

/// One running node.
pub(crate) struct Node {
    pub(crate) settings: Settings,
    pub(crate) engine: Arc<Engine>,
    pub(crate) auth: Auth,
    pub(crate) connections: Arc<Connections>,
    pub(crate) drain: Drain,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) traces: Arc<Traces>,
    pub(crate) log: Log,
    pub(crate) started: Instant,
}

impl Node {
    /// Listens to a scope for a client, which is not kept waiting for ever.
    pub(crate) async fn join(&self, scope: &Scope) -> Result<Feed, String> {
        match timeout(JOIN_WITHIN, self.engine.hub().join(scope)).await {
            Ok(joined) => joined.map_err(|error| error.to_string()),
            Err(_) => Err("the store does not answer".to_owned()),
        }
    }

    /// Carries out a command, and measures it.
    pub(crate) async fn execute(&self, request: Request) -> Result<Outcome, ExecuteError> {
        let since = Instant::now();
        let executed = self.engine.execute(request).await;
        self.metrics.command_done(since.elapsed(), &executed);
        executed
    }

    /// Notes that it was not found who a client is, and why.
    pub(crate) fn note_denied(&self, denied: &Denied) {
        tracing::debug!(why = %denied, "it was not found who a client is");
        self.metrics.refused(denied.into());
    }

    /// Tells whether clients should be sent here, or why not.
    pub(crate) fn ready(&self) -> Result<(), String> {
        if self.drain.is_leaving() {
            return Err("the node is stopping".to_owned());
        }
        self.engine.store().ready()?;
        self.auth.ready()?;
        if self.engine.hub().last_beat() == Beat(0) {
            // Were the store to leave now, there would be nothing to go on from.
            return Err("no beat was heard yet".to_owned());
        }
        Ok(())
    }
}
