//! Whether Redis can be used: what a commit does is allowed, what is published on the command link is heard
//! on the subscriber's, and what is stored stays.

use std::time::Duration;

use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::{ClientLike, HashesInterface, SortedSetsInterface};
use fred::types::{InfoKind, Value};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::redis::fault::is_servers;
use crate::redis::keys::ProbeKeys;
use crate::redis::script::Script;

/// How long a word may be on its way.
const HEARD_WITHIN: Duration = Duration::from_secs(2);

/// Tries what a node needs.
pub(crate) struct Probe {
    commands: Client,
    script: Script,
    keys: ProbeKeys,
    heard: watch::Receiver<String>,
    words: u64,
}

impl Probe {
    /// Makes a probe; `heard` has the last word that came back on the channel.
    pub(crate) fn new(commands: Client, keys: ProbeKeys, heard: watch::Receiver<String>) -> Self {
        Self { commands, script: Script::new(include_str!("probe.lua")), keys, heard, words: 0 }
    }

    /// Tells what stands in the way of using Redis, if anything does.
    pub(crate) async fn try_all(&mut self) -> Result<(), String> {
        self.keeps_what_it_stores().await?;
        self.reads().await.map_err(|error| refused("to let the node read", &error))?;
        self.writes_and_hears().await
    }

    /// Refuses a server that may drop keys when its memory is full.
    async fn keeps_what_it_stores(&self) -> Result<(), String> {
        let info = self.commands.info::<String>(Some(InfoKind::Memory)).await;
        let info = info.map_err(|error| refused("to tell its maxmemory-policy", &error))?;
        let policy = info.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")).map(str::trim);
        match policy {
            Some("noeviction") | None => Ok(()),
            Some(policy) => Err(format!("maxmemory-policy is {policy}, which drops timers; set it to noeviction")),
        }
    }

    async fn reads(&self) -> Result<(), Error> {
        let pipeline = self.commands.pipeline();
        let _: () = pipeline.hgetall(&self.keys.hash).await?;
        let _: () = pipeline.zrangebyscore(&self.keys.index, 0, 0, true, Some((0, 1))).await?;
        let _: () = pipeline.zrevrangebyscore(&self.keys.index, 0, 0, true, Some((0, 1))).await?;
        pipeline.all::<Vec<Value>>().await?;
        Ok(())
    }

    async fn writes_and_hears(&mut self) -> Result<(), String> {
        self.words += 1;
        let word = self.words.to_string();
        let keys = vec![self.keys.hash.clone(), self.keys.index.clone()];
        let args = vec![Value::from(&self.keys.channel), Value::from(&word)];
        let written = self.script.run(&self.commands, keys, args).await;
        written.map_err(|error| refused("to let the node write and publish", &error))?;
        match timeout(HEARD_WITHIN, self.heard.wait_for(|heard| *heard == word)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(format!(
                "what is published on {} is not heard: the subscription was refused, or the connections are on \
                 different servers",
                self.keys.channel
            )),
        }
    }
}

fn refused(what: &str, error: &Error) -> String {
    if is_servers(error) { format!("Redis refuses {what}: {}", error.details()) } else { error.details().to_owned() }
}

/// Tells whether a client has its connection.
pub(crate) fn is_up(client: &impl ClientLike) -> bool {
    client.is_connected()
}
