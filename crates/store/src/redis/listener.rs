//! The subscriber's connection: what is subscribed on it for certain.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::store::Shard;
use fred::clients::SubscriberClient;
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, PubsubInterface};
use futures_util::future::join_all;
use tokio::time::timeout;

/// Channels in one SUBSCRIBE: some 40 KB, a millisecond of the server.
const CHANNELS_AT_ONCE: usize = 1000;

/// How long so many subscriptions may take: a hundred times what they do.
const WITHIN: Duration = Duration::from_secs(2);

/// Subscribes on one connection.
pub(crate) struct Listener {
    pub(crate) client: SubscriberClient,
    /// Whether channels belong to slots, as in a cluster.
    pub(crate) sharded: bool,
}

impl Listener {
    /// Subscribes, and returns when the server has carried it out: what is heard from now on, and what the
    /// server, or the driver, had against the rest.
    ///
    /// SUBSCRIBE is not answered, but a PING behind it on the same link is. SSUBSCRIBE is answered, and the
    /// driver takes each answer for one command, so there is one a channel.
    pub(crate) async fn subscribe(&self, channels: &[String]) -> (Vec<String>, Option<Error>) {
        let (mut heard, mut refused) = (Vec::new(), None);
        for channels in channels.chunks(CHANNELS_AT_ONCE) {
            // The driver may wait for ever for an answer that went with its connection.
            match timeout(WITHIN, self.subscribe_some(channels, &mut heard)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => refused = Some(error),
                Err(_) => refused = Some(Error::new(ErrorKind::Timeout, "no answer to a subscription")),
            }
        }
        (heard, refused)
    }

    async fn subscribe_some(&self, channels: &[String], heard: &mut Vec<String>) -> Result<(), Error> {
        if !self.sharded {
            self.client.subscribe(channels.to_vec()).await?;
            self.client.ping::<()>(None).await?;
            heard.extend_from_slice(channels);
            return Ok(());
        }
        let mut refused = Ok(());
        let answers = join_all(channels.iter().map(|channel| self.client.ssubscribe(channel))).await;
        for (channel, answer) in channels.iter().zip(answers) {
            match answer {
                Ok(()) => heard.push(channel.clone()),
                Err(error) => refused = Err(error),
            }
        }
        refused
    }

    /// Lets go, and returns when the server has carried it out. It is not answered, and a refusal is taken for
    /// the answer to what comes next: the PING behind it tells.
    pub(crate) async fn unsubscribe(&self, channels: BTreeMap<Shard, Vec<String>>) -> Result<(), Error> {
        if channels.is_empty() {
            return Ok(());
        }
        let unsubscribed = timeout(WITHIN, async {
            if self.sharded {
                // One slot at a time: the server refuses what lies in several.
                for channels in channels.into_values() {
                    self.client.sunsubscribe(channels).await?;
                }
            } else {
                self.client.unsubscribe(channels.into_values().flatten().collect::<Vec<_>>()).await?;
            }
            self.client.ping::<()>(None).await
        });
        unsubscribed.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout, "no answer to letting go")))
    }
}
