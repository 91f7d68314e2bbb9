//! One running node, as its routes and sockets see it.

use std::sync::Arc;
use std::time::Instant;

use engine::Engine;
use timers::Beat;

use crate::auth::Auth;
use crate::config::Settings;
use crate::connections::Connections;
use crate::drain::Drain;
use crate::metrics::Metrics;

/// One running node.
pub(crate) struct Node {
    pub(crate) settings: Settings,
    pub(crate) engine: Arc<Engine>,
    pub(crate) auth: Auth,
    pub(crate) connections: Arc<Connections>,
    pub(crate) drain: Drain,
    pub(crate) metrics: Metrics,
    pub(crate) started: Instant,
}

impl Node {
    /// Tells whether clients should be sent here, or why not.
    pub(crate) fn ready(&self) -> Result<(), String> {
        if self.drain.is_leaving() {
            return Err("the node is stopping".to_owned());
        }
        self.engine.store().ready()?;
        if self.engine.hub().last_beat() == Beat(0) {
            // Were the store to leave now, there would be nothing to go on from.
            return Err("no beat was heard yet".to_owned());
        }
        Ok(())
    }
}
