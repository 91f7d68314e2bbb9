//! Tracks the topology of a cluster: its primaries, and the shards of each.
//!
//! Each primary has its own connections, so that a dead one does not block the others. When a shard moves, its
//! channels are subscribed again on the new primary: the server does not announce the move.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine::store::{Shards, Signal};
use fred::clients::Client;
use fred::interfaces::{ClientLike, ClusterInterface};
use fred::types::config::{Config, ServerConfig};
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::redis::coverage::Coverage;
use crate::redis::driver::builder;
use crate::redis::routes::Routes;
use crate::redis::server::Server;
use crate::redis::shared::Shared;
use crate::redis::slot_owners::{Address, shard_owners};
use crate::redis::subscription_task::SubscriptionRequest;

/// Interval at which the primaries are queried. A moved slot is noticed within this time, or at the first
/// command that reaches the wrong server.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// Shortest time between two queries, however many commands reach a wrong server.
const REFRESH_PAUSE_MIN: Duration = Duration::from_millis(50);

/// Timeout of one reply.
pub(crate) const REPLY_TIMEOUT: Duration = Duration::from_secs(1);

/// A primary, and its shards according to the last query.
pub(crate) struct Primary {
    server: Arc<Server>,
    shards: Shards,
}

/// Tracks the topology of a cluster.
pub(crate) struct Cluster {
    pub(crate) shared: Arc<Shared>,
    /// The servers to query when no known primary replies.
    pub(crate) seeds: Vec<Address>,
    /// The part of the configuration that all servers share.
    pub(crate) config: Config,
    pub(crate) replicas_ack: u32,
    pub(crate) routes: watch::Sender<Arc<Routes>>,
    pub(crate) servers: BTreeMap<Address, Primary>,
    pub(crate) coverage: Coverage,
}

impl Cluster {
    /// Runs until the store is closed.
    pub(crate) async fn run(mut self) {
        loop {
            let replies = self.query_topology().await;
            if !replies.is_empty() {
                self.apply_topology(shard_owners(&replies, &self.shared.keys)).await;
            }
            self.check_coverage().await;
            tokio::select! {
                () = sleep(REFRESH_INTERVAL) => {}
                () = self.shared.moved.notified() => sleep(REFRESH_PAUSE_MIN).await,
            }
        }
    }

    async fn check_coverage(&mut self) {
        for (address, primary) in &self.servers {
            if self.coverage.is_unknown(address)
                && let Some(commands) = primary.server.topology()
            {
                self.coverage.check(address, &commands).await;
            }
        }
    }

    /// Queries all primaries, or the seeds when no primary replies.
    async fn query_topology(&self) -> Vec<(Address, String)> {
        let queries = self.servers.iter().map(|(address, primary)| async move {
            let commands = primary.server.topology()?;
            let reply = timeout(REPLY_TIMEOUT, commands.cluster_nodes::<String>()).await.ok()?;
            Some((address.clone(), reply.ok()?))
        });
        let replies: Vec<(Address, String)> = join_all(queries).await.into_iter().flatten().collect();
        if !replies.is_empty() {
            return replies;
        }
        for seed in self.seeds.iter().chain(self.servers.keys()) {
            match timeout(REPLY_TIMEOUT, query(&self.config, seed)).await {
                Ok(Ok(reply)) => return vec![(seed.clone(), reply)],
                Ok(Err(error)) => tracing::debug!(%seed, %error, "a cluster server did not reply"),
                Err(_) => tracing::debug!(%seed, "a cluster server did not reply in time"),
            }
        }
        tracing::warn!("no cluster server replies; retrying");
        Vec::new()
    }

    /// Changes connections, routes and subscriptions to match the topology.
    async fn apply_topology(&mut self, owners: BTreeMap<Address, Shards>) {
        let known: BTreeMap<Address, Shards> =
            self.servers.iter().map(|(address, primary)| (address.clone(), primary.shards)).collect();
        if known == owners {
            return;
        }
        // A server that keeps a shard keeps its subscriptions. Updates of the other shards may have been
        // missed.
        let owned_before = |address: &Address| known.get(address).copied().unwrap_or(Shards::NONE);
        let moved: Shards =
            owners.iter().flat_map(|(address, shards)| shards.without(owned_before(address)).iter()).collect();
        tracing::info!(primaries = owners.len(), shards = moved.len(), "cluster shards moved");
        self.shared.signals.send(Signal::Lost(moved)).await.ok();
        for (address, shards) in &owners {
            match self.servers.get_mut(address) {
                Some(primary) => primary.shards = *shards,
                None => self.add(address, *shards),
            }
        }
        self.remove(&owners);
        // Routes change before any server signals that a shard is restored: the comparison of positions that
        // follows must read from the new owner.
        let routes = self.servers.values().map(|primary| (&primary.server, primary.shards));
        self.routes.send_replace(Arc::new(Routes::new(routes)));
        for primary in self.servers.values() {
            primary.server.request(SubscriptionRequest::SetShards(primary.shards)).await.ok();
        }
    }

    fn add(&mut self, address: &Address, shards: Shards) {
        let config = config_for(&self.config, address);
        match Server::connect(&self.shared, address.to_string(), &config, self.replicas_ack, shards) {
            Ok(server) => drop(self.servers.insert(address.clone(), Primary { server, shards })),
            Err(error) => tracing::error!(%address, %error, "the Redis driver rejects its configuration"),
        }
    }

    /// Closes the servers that have no shards any more.
    fn remove(&mut self, owners: &BTreeMap<Address, Shards>) {
        for (_, Primary { server, .. }) in self.servers.extract_if(.., |address, _| !owners.contains_key(address)) {
            tokio::spawn(async move { server.close().await });
        }
    }
}

/// Sends one query to one server.
async fn query(config: &Config, address: &Address) -> Result<String, fred::error::Error> {
    let mut builder = builder(&config_for(config, address), 32);
    builder.set_policy(fred::types::config::ReconnectPolicy::new_constant(1, 0));
    let client: Client = builder.build()?;
    // The driver's task ends with this function. A command that is sent meanwhile waits for the connection.
    let _driver_task = AbortOnDropHandle::new(client.connect());
    client.cluster_nodes().await
}

/// Returns the configuration of connections to one server.
pub(crate) fn config_for(config: &Config, address: &Address) -> Config {
    let server = ServerConfig::new_centralized(address.host.clone(), address.port);
    Config { server, ..config.clone() }
}
