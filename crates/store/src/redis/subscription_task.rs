//! The subscriptions on one server. One task sends every SUBSCRIBE and UNSUBSCRIBE, so that they stay in order,
//! and subscribes again after each lost connection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engine::store::{Fault, Shard, Shards, Signal};
use fred::error::Error;
use fred::interfaces::EventInterface;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use crate::redis::connections::{ConnectionEvent, Connections, Connector};
use crate::redis::fault::{fault, is_redirect, is_server_reply, not_connected};
use crate::redis::keys::beat_shard;
use crate::redis::probe::{Probe, ProbeError};
use crate::redis::pubsub::PubSub;
use crate::redis::shared::Shared;
use crate::redis::signals;

/// Most requests handled together: one SUBSCRIBE and one PING serve them all.
const BATCH_MAX: usize = 512;

/// Most queued requests.
pub(crate) const REQUESTS_MAX: usize = 4096;

/// Pause between attempts on a store that is not ready: all connections must be up, and a missing permission is
/// granted by a person.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Pause after a server rejected the node.
const REJECTED_PAUSE: Duration = Duration::from_millis(500);

/// Interval of probes of a usable store: a change of the server's settings is noticed within this time.
const PROBE_INTERVAL: Duration = Duration::from_secs(10);

/// Shortest time between two probes when successive commits are rejected.
const PROBE_PAUSE_MIN: Duration = Duration::from_millis(500);

/// A request to the task.
pub(crate) enum SubscriptionRequest {
    /// Subscribe if the channel is still desired, and reply once the subscription is confirmed.
    Watch(Shard, String, oneshot::Sender<Result<(), Fault>>),
    /// Unsubscribe unless the channel is desired again.
    Unwatch(Shard, String),
    /// Probe the server: it rejected a request, or beats do not arrive.
    Probe,
    /// The server now owns these shards.
    SetShards(Shards),
}

/// The task's state.
pub(crate) struct SubscriptionTask {
    pub(crate) shared: Arc<Shared>,
    pub(crate) connector: Connector,
    /// The connections in use.
    pub(crate) connections: watch::Sender<Connections>,
    pub(crate) events: mpsc::Receiver<ConnectionEvent>,
    pub(crate) probe: Probe,
    /// The last message of the probe's channel.
    pub(crate) probe_messages: watch::Sender<String>,
    /// The task that forwards the subscriber's messages.
    pub(crate) forward: Option<AbortOnDropHandle<()>>,
    pub(crate) owned: watch::Sender<Shards>,
    pub(crate) readiness: watch::Sender<Result<(), String>>,
    /// Confirmed subscriptions.
    pub(crate) subscribed: BTreeSet<String>,
}

impl SubscriptionTask {
    /// Handles requests and reconnects until the store is closed.
    pub(crate) async fn run(mut self, mut requests: mpsc::Receiver<SubscriptionRequest>) {
        self.forward_messages(&self.connections());
        let mut batch = Vec::new();
        let (mut retried_at, mut probed_at) = (Instant::now(), Instant::now());
        loop {
            let usable = self.is_usable();
            tokio::select! {
                biased;
                event = self.events.recv() => match event {
                    Some(ConnectionEvent::Up) => self.establish().await,
                    Some(ConnectionEvent::Down(reason)) => self.mark_lost(reason).await,
                    Some(ConnectionEvent::Silent) => {
                        if usable {
                            let reason = "Redis sends nothing";
                            self.connector.log.log(reason);
                            self.mark_lost(reason.to_owned()).await;
                        }
                        self.reconnect(true);
                    }
                    None => return,
                },
                // Ahead of the requests, and by the clock: frequent requests must not delay it.
                () = sleep_until(retried_at + RETRY_PAUSE), if !usable => {
                    self.establish().await;
                    retried_at = Instant::now();
                }
                () = sleep_until(probed_at + PROBE_INTERVAL), if usable => {
                    self.probe().await;
                    probed_at = Instant::now();
                }
                received = requests.recv_many(&mut batch, BATCH_MAX) => {
                    if received == 0 {
                        return;
                    }
                    let probe_requested = self.serve(std::mem::take(&mut batch)).await;
                    if self.is_usable() && probe_requested && probed_at.elapsed() > PROBE_PAUSE_MIN {
                        self.probe().await;
                        probed_at = Instant::now();
                    }
                }
            }
        }
    }

    /// Drops the subscriber's connection or all connections, whatever they wait for, and connects again.
    ///
    /// The error of a rejected SUBSCRIBE arrives outside the request-reply order. From then on the driver would
    /// match every PING on that connection with the wrong reply.
    fn reconnect(&mut self, all: bool) {
        self.subscribed.clear();
        let replaced = if all {
            self.connector.connect().map(|(connections, events)| {
                self.connections.borrow().abort();
                self.events = events;
                connections
            })
        } else {
            self.connector.replace_subscriber(&self.connections.borrow())
        };
        match replaced {
            Ok(connections) => {
                self.forward_messages(&connections);
                self.connections.send_replace(connections);
            }
            Err(error) => {
                tracing::error!(server = %self.connector.name, %error, "the Redis driver rejects its configuration");
            }
        }
    }

    fn forward_messages(&mut self, connections: &Connections) {
        let messages = connections.subscriber.client.message_rx();
        let (shared, owned) = (Arc::clone(&self.shared), self.owned.subscribe());
        let forward = signals::forward(messages, shared, owned, self.probe_messages.clone());
        self.forward = Some(AbortOnDropHandle::new(tokio::spawn(forward)));
    }

    fn connections(&self) -> Connections {
        self.connections.borrow().clone()
    }

    fn pubsub(&self) -> PubSub {
        let client = self.connections.borrow().subscriber.client.clone();
        PubSub { client, sharded: self.shared.sharded }
    }

    fn is_usable(&self) -> bool {
        self.readiness.borrow().is_ok()
    }

    /// Sets the readiness and returns whether the store was usable before.
    fn set_readiness(&self, readiness: Result<(), String>) -> bool {
        self.readiness.send_replace(readiness).is_ok()
    }

    fn owned(&self) -> Shards {
        *self.owned.borrow()
    }

    async fn signal(&self, signal: Signal) {
        // Nothing is lost if the hub has stopped.
        self.shared.signals.send(signal).await.ok();
    }

    async fn mark_lost(&mut self, reason: String) {
        self.subscribed.clear();
        let was_usable = self.set_readiness(Err(reason));
        if was_usable {
            self.shared.counters.lost.add_one();
            self.signal(Signal::Lost(self.owned())).await;
        }
    }

    /// Checks that a usable store still is.
    async fn probe(&mut self) {
        // Channels whose unsubscription found a full queue.
        let mut undesired: BTreeMap<Shard, Vec<String>> = BTreeMap::new();
        for channel in &self.subscribed {
            if let Some(shard) = self.shared.undesired_shard(channel) {
                undesired.entry(shard).or_default().push(channel.clone());
            }
        }
        if self.unsubscribe(undesired).await.is_err() {
            return;
        }
        if let Err(ProbeError { reason, split, moved }) = self.probe.check(&self.connections()).await {
            if moved {
                self.shared.moved.notify_one();
                return;
            }
            tracing::error!(server = %self.connector.name, %reason, "Redis can't be used any more; retrying");
            self.mark_lost(reason).await;
            self.reconnect(split);
        }
    }

    /// Subscribes to all desired channels and verifies that messages arrive.
    async fn establish(&mut self) {
        if self.owned().is_empty() || !self.connections.borrow().are_up() {
            return;
        }
        if self.is_usable() {
            self.mark_lost("the connection is being re-established".to_owned()).await;
        }
        match self.subscribe_all().await {
            Ok(()) => {
                tracing::info!(server = %self.connector.name, scopes = self.subscribed.len(), "connected to Redis");
                self.set_readiness(Ok(()));
                self.shared.counters.established.add_one();
                self.signal(Signal::Restored(self.owned())).await;
            }
            // The server has lost its shards; the new topology arrives soon.
            Err(ProbeError { moved: true, .. }) => self.shared.moved.notify_one(),
            Err(ProbeError { reason, split, .. }) => {
                if self.readiness.borrow().as_ref() != Err(&reason) {
                    tracing::error!(server = %self.connector.name, %reason, "connected to Redis, but it can't be used; retrying");
                }
                self.set_readiness(Err(reason));
                sleep(REJECTED_PAUSE).await;
                self.reconnect(split);
            }
        }
    }

    async fn subscribe_all(&mut self) -> Result<(), ProbeError> {
        self.subscribed.clear();
        let subscribed = self.subscribe_to(self.owned()).await;
        subscribed.map_err(|error| ProbeError::from_reply("subscriptions", &error))?;
        self.probe.check(&self.connections()).await
    }

    /// Subscribes to the desired channels of some shards, and to the node's own channels.
    async fn subscribe_to(&mut self, shards: Shards) -> Result<(), Error> {
        let mut channels: Vec<String> =
            self.shared.desired.in_shards(shards).into_iter().map(|(_, channel)| channel).collect();
        channels.extend(self.probe.set_shards(self.owned()));
        if shards.contains(beat_shard()) {
            channels.push(self.shared.keys.beat_channel());
        }
        let (subscribed, failed) = self.pubsub().subscribe(&channels).await;
        self.subscribed.extend(subscribed);
        failed.map_or(Ok(()), Err)
    }

    /// Handles requests; returns whether a probe is requested.
    async fn serve(&mut self, requests: Vec<SubscriptionRequest>) -> bool {
        let (mut probe_requested, mut acks, mut channels) = (false, Vec::new(), BTreeMap::new());
        for request in requests {
            match request {
                SubscriptionRequest::Watch(shard, channel, ack) => {
                    channels.insert(channel.clone(), shard);
                    acks.push((channel, ack));
                }
                SubscriptionRequest::Unwatch(shard, channel) => drop(channels.insert(channel, shard)),
                SubscriptionRequest::Probe => probe_requested = true,
                SubscriptionRequest::SetShards(shards) => self.set_shards(shards).await,
            }
        }
        let result = if self.is_usable() { self.apply(&channels).await } else { Ok(()) };
        for (channel, ack) in acks {
            let reply = match &result {
                _ if self.subscribed.contains(&channel) => Ok(()),
                Err(error) => Err(fault(error.clone())),
                // The connection subscribes to the desired channels when it is re-established; callers retry.
                Ok(()) => Err(not_connected()),
            };
            ack.send(reply).ok();
        }
        probe_requested
    }

    /// Subscribes to the desired ones of the given channels and unsubscribes from the others.
    async fn apply(&mut self, channels: &BTreeMap<String, Shard>) -> Result<(), Error> {
        let (mut added, mut removed) = (Vec::new(), BTreeMap::new());
        for (channel, shard) in channels {
            let desired = self.shared.desired.contains(*shard, channel) && self.owned().contains(*shard);
            match (desired, self.subscribed.contains(channel)) {
                (true, false) => added.push(channel.clone()),
                (false, true) => removed.entry(*shard).or_insert_with(Vec::new).push(channel.clone()),
                (true, true) | (false, false) => {}
            }
        }
        self.unsubscribe(removed).await?;
        let (subscribed, failed) = self.pubsub().subscribe(&added).await;
        self.subscribed.extend(subscribed);
        match failed {
            None => Ok(()),
            Some(error) => {
                self.handle_subscribe_error(&error).await;
                Err(error)
            }
        }
    }

    /// Unsubscribes from channels. An error arrives outside the request-reply order, so the subscriber then
    /// reconnects.
    async fn unsubscribe(&mut self, channels: BTreeMap<Shard, Vec<String>>) -> Result<(), Error> {
        for channel in channels.values().flatten() {
            self.subscribed.remove(channel);
        }
        if let Err(error) = self.pubsub().unsubscribe(channels).await {
            self.mark_lost(error.details().to_owned()).await;
            self.reconnect(false);
            return Err(error);
        }
        Ok(())
    }

    /// Replaces the shards that the server owns.
    async fn set_shards(&mut self, shards: Shards) {
        let before = self.owned.send_replace(shards);
        for (_, channel) in self.shared.desired.in_shards(before.without(shards)) {
            self.subscribed.remove(&channel);
        }
        let received = shards.without(before);
        let probe_subscribed = self.probe.set_shards(shards).is_none_or(|channel| self.subscribed.contains(&channel));
        if !self.is_usable() || (received.is_empty() && probe_subscribed) {
            return;
        }
        match self.subscribe_to(received).await {
            Ok(()) => self.signal(Signal::Restored(received)).await,
            Err(error) => {
                self.handle_subscribe_error(&error).await;
                self.mark_lost(error.details().to_owned()).await;
            }
        }
    }

    /// Handles a failed subscription: a redirect triggers a query of the topology, any other error reply a
    /// reconnection.
    async fn handle_subscribe_error(&mut self, error: &Error) {
        if is_redirect(error) {
            self.shared.moved.notify_one();
        } else if is_server_reply(error) && !self.shared.sharded {
            self.mark_lost(error.details().to_owned()).await;
            self.reconnect(false);
        }
    }
}
