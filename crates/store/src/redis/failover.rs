//! Follows the primary that the sentinels name: a server that a majority of them has replaced is left at once,
//! although it may work for a long time yet, because its writes are lost.

use std::sync::Arc;

use engine::store::{Shards, Signal};
use fred::types::config::Config;
use tokio::sync::watch;

use crate::redis::cluster::config_for;
use crate::redis::routes::Routes;
use crate::redis::sentinel::Sentinels;
use crate::redis::server::Server;
use crate::redis::shared::Shared;
use crate::redis::slot_owners::Address;

/// Follows the primary.
pub(crate) struct Failover {
    pub(crate) shared: Arc<Shared>,
    pub(crate) sentinels: Sentinels,
    /// The address of the sentinels in logs.
    pub(crate) name: String,
    /// The part of the configuration that all servers share.
    pub(crate) config: Config,
    pub(crate) replicas_ack: u32,
    pub(crate) routes: watch::Sender<Arc<Routes>>,
}

impl Failover {
    /// Runs until the store is closed.
    pub(crate) async fn run(mut self) {
        self.routes.send_replace(Arc::new(Routes::unavailable(self.sentinels.no_primary())));
        let mut in_use: Option<(Address, Arc<Server>)> = None;
        loop {
            let is_usable = || in_use.as_ref().is_some_and(|(_, server)| server.ready().is_ok());
            let next = self.sentinels.next_primary(is_usable).await;
            if let Some((replaced, server)) = in_use.take() {
                self.leave(&replaced, &server, &next).await;
            }
            in_use = self.follow(next);
        }
    }

    /// Stops to use a primary that was replaced. From here on, commands wait for the new one.
    async fn leave(&self, replaced: &Address, server: &Server, next: &Address) {
        tracing::warn!(%replaced, primary = %next, "the sentinels name another primary; switching to it");
        let reason = format!("the sentinels have replaced the primary {replaced} by {next}");
        self.routes.send_replace(Arc::new(Routes::unavailable(reason)));
        server.abandon();
        self.shared.counters.lost.add_one();
        // Nothing is lost if the hub has stopped.
        self.shared.signals.send(Signal::Lost(Shards::ALL)).await.ok();
    }

    fn follow(&self, primary: Address) -> Option<(Address, Arc<Server>)> {
        let name = format!("{primary} ({})", self.name);
        let config = config_for(&self.config, &primary);
        match Server::connect(&self.shared, name, &config, self.replicas_ack, Shards::ALL) {
            Ok(server) => {
                self.routes.send_replace(Arc::new(Routes::new([(&server, Shards::ALL)])));
                Some((primary, server))
            }
            Err(error) => {
                tracing::error!(%primary, %error, "the Redis driver rejects its configuration");
                None
            }
        }
    }
}
