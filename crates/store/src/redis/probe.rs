//! Whether Redis can be used: what a commit does is allowed, what is published on the command link is heard
//! on the subscriber's, and what is stored stays.

use std::sync::Arc;
use std::time::Duration;

use engine::Clock;
use engine::store::Shards;
use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::{ClientLike, HashesInterface, SortedSetsInterface};
use fred::types::{InfoKind, Value};
use futures_util::future::try_join_all;
use timers::Timestamp;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::redis::fault::{is_redirect, is_servers};
use crate::redis::keys::ProbeKeys;
use crate::redis::link::Links;
use crate::redis::script::Script;
use crate::redis::shared::Shared;

/// How long a word may be on its way.
const HEARD_WITHIN: Duration = Duration::from_secs(2);

/// Tries what a node needs.
pub(crate) struct Probe {
    shared: Arc<Shared>,
    /// The server's.
    clock: Arc<Clock>,
    owned: Shards,
    script: Script,
    keys: Option<ProbeKeys>,
    heard: watch::Receiver<String>,
    words: u64,
}

/// What stands in the way of using Redis.
pub(crate) struct Trouble {
    pub(crate) why: String,
    /// The connections are on different servers, and must all be made anew.
    pub(crate) split: bool,
    /// The server has given up the shard that was tried.
    pub(crate) moved: bool,
}

impl Trouble {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), split: false, moved: false }
    }

    pub(crate) fn told(what: &str, error: &Error) -> Self {
        let why = if is_servers(error) {
            format!("Redis refuses {what}: {}", error.details())
        } else {
            error.details().into()
        };
        Self { moved: is_redirect(error), ..Self::new(why) }
    }
}

impl Probe {
    /// Makes a probe; `heard` has the last word that came back on the channel.
    pub(crate) fn new(shared: Arc<Shared>, clock: Arc<Clock>, heard: watch::Receiver<String>) -> Self {
        Self {
            shared,
            clock,
            owned: Shards::NONE,
            script: Script::new(include_str!("probe.lua")),
            keys: None,
            heard,
            words: 0,
        }
    }

    /// Takes keys in a shard that the server has, and returns the channel to listen to.
    pub(crate) fn aim(&mut self, owned: Shards) -> Option<String> {
        self.owned = owned;
        self.keys = owned.iter().next().map(|shard| self.shared.keys.probe(shard, &self.shared.node));
        self.keys.as_ref().map(|keys| keys.channel.clone())
    }

    /// Tells what stands in the way of using Redis, if anything does.
    pub(crate) async fn try_all(&mut self, links: &Links) -> Result<(), Trouble> {
        is_one_primary(links).await?;
        keeps_what_it_stores(&links.commands).await?;
        self.reads(&links.commands).await.map_err(|error| Trouble::told("to let the node read", &error))?;
        self.writes_and_hears(&links.commands).await
    }

    async fn reads(&self, commands: &Client) -> Result<(), Error> {
        let Some(keys) = &self.keys else { return Ok(()) };
        let pipeline = commands.pipeline();
        let _: () = pipeline.hgetall(&keys.hash).await?;
        let _: () = pipeline.zrangebyscore(&keys.index, 0, 0, true, Some((0, 1))).await?;
        let _: () = pipeline.zrevrangebyscore(&keys.index, 0, 0, true, Some((0, 1))).await?;
        pipeline.all::<Vec<Value>>().await?;
        Ok(())
    }

    async fn writes_and_hears(&mut self, commands: &Client) -> Result<(), Trouble> {
        let Some(ProbeKeys { hash, index, channel }) = &self.keys else { return Ok(()) };
        self.words += 1;
        let word = self.words.to_string();
        let args = vec![Value::from(self.shared.publish()), Value::from(channel), Value::from(&word)];
        let written = self.script.run(commands, vec![hash.clone(), index.clone()], args).await;
        let written = written.map_err(|error| Trouble::told("to let the node write and publish", &error))?;
        if let Some(now) = written.as_u64().map(Timestamp) {
            self.clock.observe(now);
            self.shared.learn_time(now, self.owned);
        }
        match timeout(HEARD_WITHIN, self.heard.wait_for(|heard| *heard == word)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Trouble::new(format!(
                "what is published on {channel} is not heard: the subscription was refused, or the network is cut one way"
            ))),
        }
    }
}

/// After a failover each connection may have found another server; a replica takes no writes and, worse,
/// passes on what it hears late.
async fn is_one_primary(links: &Links) -> Result<(), Trouble> {
    let all = try_join_all(links.clients().map(identity));
    let ids = tokio::try_join!(identity(&links.subscriber), all);
    let (subscriber, others) = ids.map_err(|error| Trouble::told("to tell who it is", &error))?;
    if others.iter().any(|other| other.run_id != subscriber.run_id) {
        return Err(Trouble { split: true, ..Trouble::new("the connections are on different servers") });
    }
    if subscriber.role != "master" {
        return Err(Trouble { split: true, ..Trouble::new("the server is a replica, not a primary") });
    }
    Ok(())
}

struct Identity {
    run_id: String,
    role: String,
}

async fn identity(client: &impl ClientLike) -> Result<Identity, Error> {
    let (server, replication) =
        tokio::join!(client.info::<String>(Some(InfoKind::Server)), client.info::<String>(Some(InfoKind::Replication)));
    let (server, replication) = (server?, replication?);
    let field = |info: &str, name: &str| {
        let found = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        found.unwrap_or_default().trim().to_owned()
    };
    Ok(Identity { run_id: field(&server, "run_id"), role: field(&replication, "role") })
}

/// Refuses a server that may drop keys when its memory is full.
async fn keeps_what_it_stores(commands: &Client) -> Result<(), Trouble> {
    let info = commands.info::<String>(Some(InfoKind::Memory)).await;
    let info = info.map_err(|error| Trouble::told("to tell its maxmemory-policy", &error))?;
    let policy = info.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")).map(str::trim);
    match policy {
        Some("noeviction") | None => Ok(()),
        Some(policy) => {
            Err(Trouble::new(format!("maxmemory-policy is {policy}, which drops timers; set it to noeviction")))
        }
    }
}
