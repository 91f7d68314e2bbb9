//! Checks that Redis is usable: all operations of a commit are permitted, messages published on the command
//! connection arrive on the subscriber's, and stored keys are not evicted.

use std::sync::Arc;
use std::time::Duration;

use engine::Clock;
use engine::store::{ServerDetails, Shards};
use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::{ClientLike, HashesInterface, SortedSetsInterface};
use fred::types::{InfoKind, Value};
use futures_util::future::try_join_all;
use timers::Timestamp;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::redis::connections::Connections;
use crate::redis::fault::{is_redirect, is_server_reply};
use crate::redis::keys::{ProbeKeys, beat_shard};
use crate::redis::script::Script;
use crate::redis::server_info::{self, field};
use crate::redis::shared::Shared;

/// Time allowed for a published message to arrive.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(2);

/// Checks one server.
pub(crate) struct Probe {
    shared: Arc<Shared>,
    /// The server's clock.
    clock: Arc<Clock>,
    owned: Shards,
    script: Script,
    keys: Option<ProbeKeys>,
    received: watch::Receiver<String>,
    details: watch::Sender<ServerDetails>,
    sequence: u64,
}

/// Why a server is not usable.
pub(crate) struct ProbeError {
    pub(crate) reason: String,
    /// The connections are on different servers and must all reconnect.
    pub(crate) split: bool,
    /// The server no longer owns the probed shard.
    pub(crate) moved: bool,
}

impl ProbeError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), split: false, moved: false }
    }

    pub(crate) fn from_reply(request: &str, error: &Error) -> Self {
        let reason = if is_server_reply(error) {
            format!("Redis refuses {request}: {}", error.details())
        } else {
            error.details().into()
        };
        Self { moved: is_redirect(error), ..Self::new(reason) }
    }
}

impl Probe {
    /// Makes a probe; `received` holds the last message of the probe's channel.
    pub(crate) fn new(
        shared: Arc<Shared>,
        clock: Arc<Clock>,
        received: watch::Receiver<String>,
        details: watch::Sender<ServerDetails>,
    ) -> Self {
        Self {
            shared,
            clock,
            owned: Shards::NONE,
            script: Script::new(include_str!("probe.lua")),
            keys: None,
            received,
            details,
            sequence: 0,
        }
    }

    /// Chooses keys in one of the server's shards, and returns the channel to subscribe to.
    pub(crate) fn set_shards(&mut self, owned: Shards) -> Option<String> {
        self.owned = owned;
        self.keys = owned.iter().next().map(|shard| self.shared.keys.probe(shard, &self.shared.node));
        self.keys.as_ref().map(|keys| keys.channel.clone())
    }

    /// Runs all checks.
    pub(crate) async fn check(&mut self, connections: &Connections) -> Result<(), ProbeError> {
        check_same_primary(connections).await?;
        self.check_server(&connections.commands.client).await?;
        self.check_cluster_name(&connections.commands.client).await?;
        self.check_reads(&connections.commands.client)
            .await
            .map_err(|error| ProbeError::from_reply("the reads of a node", &error))?;
        self.check_round_trip(&connections.commands.client).await
    }

    /// Checks that the store belongs to this node's cluster. The name is on the server of the beat.
    async fn check_cluster_name(&self, commands: &Client) -> Result<(), ProbeError> {
        if self.owned.contains(beat_shard()) {
            let verified = self.shared.cluster_name.verify(commands, &self.shared.keys.cluster_name()).await;
            verified.map_err(|error| ProbeError::from_reply("the key of the cluster's name", &error))?;
        }
        self.shared.cluster_name.refusal().map_or(Ok(()), |reason| Err(ProbeError::new(reason)))
    }

    /// Records what the server tells of itself, and rejects one that may evict keys when its memory is full.
    async fn check_server(&self, commands: &Client) -> Result<(), ProbeError> {
        let infos = try_join_all(server_info::sections().map(|section| commands.info::<String>(Some(section)))).await;
        let infos = infos.map_err(|error| ProbeError::from_reply("INFO", &error))?;
        let details = server_info::details(&infos.join("\n"));
        let policy = details.memory_policy.clone();
        self.details.send_replace(details);
        match policy.as_deref() {
            Some("noeviction") | None => Ok(()),
            Some(policy) => Err(ProbeError::new(format!(
                "maxmemory-policy is {policy}, which may evict timers; set it to noeviction"
            ))),
        }
    }

    async fn check_reads(&self, commands: &Client) -> Result<(), Error> {
        let Some(keys) = &self.keys else { return Ok(()) };
        let pipeline = commands.pipeline();
        let _: () = pipeline.hgetall(&keys.hash).await?;
        let _: () = pipeline.zrangebyscore(&keys.index, 0, 0, true, Some((0, 1))).await?;
        let _: () = pipeline.zrevrangebyscore(&keys.index, 0, 0, true, Some((0, 1))).await?;
        let _: () = pipeline.zmscore(&keys.index, "message").await?;
        pipeline.all::<Vec<Value>>().await?;
        Ok(())
    }

    async fn check_round_trip(&mut self, commands: &Client) -> Result<(), ProbeError> {
        let Some(ProbeKeys { hash, index, channel }) = &self.keys else { return Ok(()) };
        self.sequence += 1;
        let message = format!("{} {}", self.shared.instance, self.sequence);
        let args = vec![Value::from(self.shared.publish()), Value::from(channel), Value::from(&message)];
        let written = self.script.run(commands, vec![hash.clone(), index.clone()], args).await;
        let written =
            written.map_err(|error| ProbeError::from_reply("the writes and publications of a node", &error))?;
        if let Some(now) = written.as_u64().map(Timestamp) {
            self.clock.observe(now);
            self.shared.observe_server_time(now, self.owned);
        }
        match timeout(DELIVERY_TIMEOUT, self.received.wait_for(|received| *received == message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(ProbeError::new(format!(
                "a message published on {channel} did not arrive: the subscription was rejected, or the network fails in one direction"
            ))),
        }
    }
}

/// Checks that all connections are on one primary. A failover may leave them on different servers; a replica
/// rejects writes and, worse, forwards messages late.
async fn check_same_primary(connections: &Connections) -> Result<(), ProbeError> {
    let all = try_join_all(connections.clients().map(identity));
    let ids = tokio::try_join!(identity(&connections.subscriber.client), all);
    let (subscriber, others) =
        ids.map_err(|error| ProbeError::from_reply("INFO server and INFO replication", &error))?;
    if others.iter().any(|other| other.run_id != subscriber.run_id) {
        return Err(ProbeError { split: true, ..ProbeError::new("the connections are on different servers") });
    }
    if subscriber.role != "master" {
        return Err(ProbeError { split: true, ..ProbeError::new("the server is a replica, not a primary") });
    }
    Ok(())
}

struct ServerIdentity {
    run_id: String,
    role: String,
}

async fn identity(client: &impl ClientLike) -> Result<ServerIdentity, Error> {
    let (server, replication) =
        tokio::join!(client.info::<String>(Some(InfoKind::Server)), client.info::<String>(Some(InfoKind::Replication)));
    let (server, replication) = (server?, replication?);
    let field = |info: &str, name: &str| field(info, name).unwrap_or_default().to_owned();
    Ok(ServerIdentity { run_id: field(&server, "run_id"), role: field(&replication, "role") })
}
