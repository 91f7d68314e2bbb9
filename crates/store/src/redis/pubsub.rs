//! The subscriber connection: confirmed subscriptions.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::store::Shard;
use fred::clients::SubscriberClient;
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, PubsubInterface};
use futures_util::future::join_all;
use tokio::time::timeout;

/// Channels in one SUBSCRIBE: some 40 KB, a millisecond of the server.
const CHUNK: usize = 1000;

/// Timeout of one chunk: a hundred times the usual duration.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Subscribes and unsubscribes on one connection.
pub(crate) struct PubSub {
    pub(crate) client: SubscriberClient,
    /// Whether channels belong to slots, as in a cluster.
    pub(crate) sharded: bool,
}

impl PubSub {
    /// Subscribes, and returns when the server has done so: the subscribed channels, and the error for the
    /// others.
    ///
    /// SUBSCRIBE has no reply of its own; the reply to a PING behind it on the same connection confirms it.
    /// SSUBSCRIBE has a reply per channel, which the driver matches with one command each, so one command is
    /// sent per channel.
    pub(crate) async fn subscribe(&self, channels: &[String]) -> (Vec<String>, Option<Error>) {
        let (mut subscribed, mut failed) = (Vec::new(), None);
        for channels in channels.chunks(CHUNK) {
            // The driver may wait without limit for a reply that was lost with its connection.
            match timeout(SUBSCRIBE_TIMEOUT, self.subscribe_chunk(channels, &mut subscribed)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => failed = Some(error),
                Err(_) => failed = Some(Error::new(ErrorKind::Timeout, "no reply to a subscription")),
            }
        }
        (subscribed, failed)
    }

    async fn subscribe_chunk(&self, channels: &[String], subscribed: &mut Vec<String>) -> Result<(), Error> {
        if !self.sharded {
            self.client.subscribe(channels.to_vec()).await?;
            self.client.ping::<()>(None).await?;
            subscribed.extend_from_slice(channels);
            return Ok(());
        }
        let mut result = Ok(());
        let replies = join_all(channels.iter().map(|channel| self.client.ssubscribe(channel))).await;
        for (channel, reply) in channels.iter().zip(replies) {
            match reply {
                Ok(()) => subscribed.push(channel.clone()),
                Err(error) => result = Err(error),
            }
        }
        result
    }

    /// Unsubscribes, and returns when the server has done so. The command has no reply, and the driver takes an
    /// error for the reply to the next command: the PING behind it reveals it.
    pub(crate) async fn unsubscribe(&self, channels: BTreeMap<Shard, Vec<String>>) -> Result<(), Error> {
        if channels.is_empty() {
            return Ok(());
        }
        let unsubscribed = timeout(SUBSCRIBE_TIMEOUT, async {
            if self.sharded {
                // One slot per command: the server rejects channels of several slots.
                for channels in channels.into_values() {
                    self.client.sunsubscribe(channels).await?;
                }
            } else {
                self.client.unsubscribe(channels.into_values().flatten().collect::<Vec<_>>()).await?;
            }
            self.client.ping::<()>(None).await
        });
        unsubscribed.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout, "no reply to an unsubscription")))
    }
}
