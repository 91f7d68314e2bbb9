//! Follows a cluster: which primaries there are, and which shards each has.
//!
//! Each primary has connections of its own, so a dead one stops nobody else, and each shard's channels are
//! subscribed anew where the shard has gone, which the server tells nobody.

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

use crate::redis::claims::{Address, owners};
use crate::redis::link::builder;
use crate::redis::routes::Routes;
use crate::redis::server::Server;
use crate::redis::shared::Shared;
use crate::redis::subscriptions::Order;

/// How often the primaries are asked what they have; a slot that moves is noticed in so long, or at the
/// first command that meets it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Shortest time between two looks, however many commands meet a slot that has moved.
const LOOK_PAUSE: Duration = Duration::from_millis(50);

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// A primary, and which shards it was told to be its own.
pub(crate) struct Member {
    server: Arc<Server>,
    shards: Shards,
}

/// Follows a cluster.
pub(crate) struct Cluster {
    pub(crate) shared: Arc<Shared>,
    /// Where to ask when no primary that is known answers.
    pub(crate) seeds: Vec<Address>,
    /// What is the same for all servers.
    pub(crate) config: Config,
    pub(crate) replicas_ack: u32,
    pub(crate) routes: watch::Sender<Arc<Routes>>,
    pub(crate) servers: BTreeMap<Address, Member>,
}

impl Cluster {
    /// Follows it until the store is closed.
    pub(crate) async fn run(mut self) {
        loop {
            let answers = self.ask().await;
            if !answers.is_empty() {
                self.follow(owners(&answers, &self.shared.keys)).await;
            }
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                () = self.shared.moved.notified() => sleep(LOOK_PAUSE).await,
            }
        }
    }

    /// Asks all primaries, or the seeds when none answers.
    async fn ask(&self) -> Vec<(Address, String)> {
        let asked = self.servers.iter().map(|(address, member)| async move {
            let commands = member.server.commands().ok()?;
            let answer = timeout(ANSWER_WITHIN, commands.cluster_nodes::<String>()).await.ok()?;
            Some((address.clone(), answer.ok()?))
        });
        let answers: Vec<(Address, String)> = join_all(asked).await.into_iter().flatten().collect();
        if !answers.is_empty() {
            return answers;
        }
        for seed in self.seeds.iter().chain(self.servers.keys()) {
            match timeout(ANSWER_WITHIN, scout(&self.config, seed)).await {
                Ok(Ok(answer)) => return vec![(seed.clone(), answer)],
                Ok(Err(error)) => tracing::debug!(%seed, %error, "a server of the cluster does not answer"),
                Err(_) => tracing::debug!(%seed, "a server of the cluster does not answer in time"),
            }
        }
        tracing::warn!("no server of the cluster answers; trying again");
        Vec::new()
    }

    /// Does what is needed for the shards to be where they are.
    async fn follow(&mut self, owners: BTreeMap<Address, Shards>) {
        let known: BTreeMap<Address, Shards> =
            self.servers.iter().map(|(address, member)| (address.clone(), member.shards)).collect();
        if known == owners {
            return;
        }
        // Those that keep a shard hear it as before. The others were, or will be, left without updates.
        let had = |address: &Address| known.get(address).copied().unwrap_or(Shards::NONE);
        let moved: Shards = owners.iter().flat_map(|(address, shards)| shards.without(had(address)).iter()).collect();
        tracing::info!(primaries = owners.len(), shards = moved.len(), "shards have moved in the cluster");
        self.shared.signals.send(Signal::Lost(moved)).await.ok();
        for (address, shards) in &owners {
            match self.servers.get_mut(address) {
                Some(member) => member.shards = *shards,
                None => self.meet(address, *shards),
            }
        }
        self.part(&owners);
        // Before anybody tells that it hears a shard again: what is then compared must come from there.
        let routes = self.servers.values().map(|member| (&member.server, member.shards));
        self.routes.send_replace(Arc::new(Routes::to(routes)));
        for member in self.servers.values() {
            member.server.order(Order::Own(member.shards)).await.ok();
        }
    }

    fn meet(&mut self, address: &Address, shards: Shards) {
        let config = at(&self.config, address);
        match Server::connect(&self.shared, address.to_string(), &config, self.replicas_ack, shards) {
            Ok(server) => drop(self.servers.insert(address.clone(), Member { server, shards })),
            Err(error) => tracing::error!(%address, %error, "the driver refuses its configuration"),
        }
    }

    /// Leaves those that have nothing any more.
    fn part(&mut self, owners: &BTreeMap<Address, Shards>) {
        for (_, Member { server, .. }) in self.servers.extract_if(.., |address, _| !owners.contains_key(address)) {
            tokio::spawn(async move { server.close().await });
        }
    }
}

/// Asks one server once.
async fn scout(config: &Config, address: &Address) -> Result<String, fred::error::Error> {
    let mut builder = builder(&at(config, address), 32);
    builder.set_policy(fred::types::config::ReconnectPolicy::new_constant(1, 0));
    let client: Client = builder.build()?;
    // However this ends, the driver's task ends with it. What is asked meanwhile waits for the connection.
    let _router = AbortOnDropHandle::new(client.connect());
    client.cluster_nodes().await
}

fn at(config: &Config, address: &Address) -> Config {
    let server = ServerConfig::new_centralized(address.host.clone(), address.port);
    Config { server, ..config.clone() }
}
