//! The subscriber's connection: what is subscribed on it for certain.

use std::time::Duration;

use fred::clients::SubscriberClient;
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, PubsubInterface};
use futures_util::future::try_join_all;
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
    /// Subscribes, and returns when the server has carried it out.
    ///
    /// SUBSCRIBE is not answered, but a PING behind it on the same link is. SSUBSCRIBE is answered, and the
    /// driver takes each answer for one command, so there is one a channel.
    pub(crate) async fn subscribe(&self, channels: &[String]) -> Result<(), Error> {
        for channels in channels.chunks(CHANNELS_AT_ONCE) {
            let subscribed = timeout(WITHIN, self.subscribe_some(channels)).await;
            // The driver may wait for ever for an answer that went with its connection.
            subscribed.map_err(|_| Error::new(ErrorKind::Timeout, "no answer to a subscription"))??;
        }
        if channels.is_empty() || self.sharded {
            return Ok(());
        }
        self.client.ping::<()>(None).await
    }

    async fn subscribe_some(&self, channels: &[String]) -> Result<(), Error> {
        if self.sharded {
            try_join_all(channels.iter().map(|channel| self.client.ssubscribe(channel))).await?;
            return Ok(());
        }
        self.client.subscribe(channels.to_vec()).await
    }

    /// Lets go, without waiting for it.
    pub(crate) async fn unsubscribe(&self, channels: Vec<String>) -> Result<(), Error> {
        if channels.is_empty() {
            return Ok(());
        }
        if self.sharded { self.client.sunsubscribe(channels).await } else { self.client.unsubscribe(channels).await }
    }
}
