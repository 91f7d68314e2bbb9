//! Who is subscribed to what on one server: one task sends every SUBSCRIBE and UNSUBSCRIBE, so that they
//! can't overtake each other, and makes them anew after each lost link.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engine::store::{Fault, Shard, Shards, Signal};
use fred::error::Error;
use fred::interfaces::EventInterface;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::redis::fault::{fault, is_redirect, is_servers, link_down};
use crate::redis::keys::shard_of_beat;
use crate::redis::link::{LinkEvent, Links, watch_link, watch_pulse};
use crate::redis::listener::Listener;
use crate::redis::probe::{Probe, Trouble};
use crate::redis::shared::Shared;

/// Most orders taken together: one SUBSCRIBE and one PING serve them all.
const BATCH: usize = 512;

/// Most orders that wait.
pub(crate) const ORDERS_MAX: usize = 4096;

/// Pause before a store that is not ready is tried again: to connect may take three links one after the
/// other, and a refused permission is mended by a person.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// Pause before a server that refuses us is asked again.
const REFUSED_PAUSE: Duration = Duration::from_millis(500);

/// How often a store in use is looked at: what a person changes on the server is noticed in so long.
const PROBE_EVERY: Duration = Duration::from_secs(10);

/// Shortest time between two looks when commits are refused one after the other.
const PROBE_PAUSE: Duration = Duration::from_millis(500);

/// What is wanted of the task.
pub(crate) enum Order {
    /// Subscribe, if it is still wanted, and tell when it is certain.
    Watch(Shard, String, oneshot::Sender<Result<(), Fault>>),
    /// Let go, unless it is wanted again.
    Unwatch(Shard, String),
    /// Redis refused something that it took before, or beats are not heard: look whether it can be used.
    Probe,
    /// From now on these shards are this server's.
    Own(Shards),
}

/// The task's own.
pub(crate) struct Subscriptions {
    pub(crate) shared: Arc<Shared>,
    pub(crate) listener: Listener,
    pub(crate) links: Links,
    pub(crate) probe: Probe,
    pub(crate) owned: watch::Sender<Shards>,
    pub(crate) readiness: watch::Sender<Result<(), String>>,
    /// What is subscribed for certain.
    pub(crate) subscribed: BTreeSet<String>,
}

impl Subscriptions {
    /// Serves orders and mends links until the store is closed.
    pub(crate) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut events = self.link_events();
        let mut batch = Vec::new();
        let (mut tried_at, mut probed_at) = (Instant::now(), Instant::now());
        loop {
            let usable = self.is_usable();
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Some(LinkEvent::Up) => self.establish().await,
                    Some(LinkEvent::Down(why)) => self.lost(why).await,
                    None => return,
                },
                // Before the orders, and by the clock: those who ask again and again must not put it off.
                () = sleep_until(tried_at + TRY_AGAIN), if !usable => {
                    self.establish().await;
                    tried_at = Instant::now();
                }
                () = sleep_until(probed_at + PROBE_EVERY), if usable => {
                    self.probe().await;
                    probed_at = Instant::now();
                }
                taken = orders.recv_many(&mut batch, BATCH) => {
                    if taken == 0 {
                        return;
                    }
                    let asks_for_probe = self.serve(std::mem::take(&mut batch)).await;
                    if self.is_usable() && asks_for_probe && probed_at.elapsed() > PROBE_PAUSE {
                        self.probe().await;
                        probed_at = Instant::now();
                    }
                }
            }
        }
    }

    /// One stream of what happens to the subscriber's and the commands' link.
    fn link_events(&self) -> mpsc::Receiver<LinkEvent> {
        let (sender, receiver) = mpsc::channel(64);
        let Links { commands, subscriber, .. } = &self.links;
        watch_link(subscriber.reconnect_rx(), subscriber.error_rx(), sender.clone());
        watch_link(commands.reconnect_rx(), commands.error_rx(), sender.clone());
        watch_pulse(subscriber.clone(), sender.clone());
        for client in self.links.clients() {
            watch_pulse(client.clone(), sender.clone());
        }
        receiver
    }

    fn is_usable(&self) -> bool {
        self.readiness.borrow().is_ok()
    }

    /// Returns whether it was usable before.
    fn set_readiness(&self, readiness: Result<(), String>) -> bool {
        self.readiness.send_replace(readiness).is_ok()
    }

    fn owned(&self) -> Shards {
        *self.owned.borrow()
    }

    async fn signal(&self, signal: Signal) {
        // A hub that is gone needs to know nothing.
        self.shared.signals.send(signal).await.ok();
    }

    async fn lost(&mut self, why: String) {
        self.subscribed.clear();
        let was_usable = self.set_readiness(Err(why));
        if was_usable {
            self.shared.counts.lost.add_one();
            self.signal(Signal::Lost(self.owned())).await;
        }
    }

    /// Looks whether a store that is in use still can be.
    async fn probe(&mut self) {
        // What could not be let go when the queue was full.
        let mut unwanted: BTreeMap<Shard, Vec<String>> = BTreeMap::new();
        for channel in &self.subscribed {
            if let Some(shard) = self.shared.unwanted(channel) {
                unwanted.entry(shard).or_default().push(channel.clone());
            }
        }
        if self.let_go(unwanted).await.is_err() {
            return;
        }
        if let Err(Trouble { why, split, moved }) = self.probe.try_all(&self.links).await {
            if moved {
                self.shared.moved.notify_one();
                return;
            }
            tracing::error!(server = %self.links.name, %why, "Redis can't be used any more; trying again until it can");
            self.lost(why).await;
            self.links.begin_anew(split).await;
        }
    }

    /// Subscribes to everything that is wanted and makes sure that it is heard.
    async fn establish(&mut self) {
        if self.owned().is_empty() || !self.links.are_up() {
            return;
        }
        if self.is_usable() {
            self.lost("the connection is being established anew".to_owned()).await;
        }
        match self.subscribe_all().await {
            Ok(()) => {
                tracing::info!(server = %self.links.name, scopes = self.subscribed.len(), "connected to Redis");
                self.set_readiness(Ok(()));
                self.shared.counts.established.add_one();
                self.signal(Signal::Restored(self.owned())).await;
            }
            // It is not ours any more, which we are told soon.
            Err(Trouble { moved: true, .. }) => self.shared.moved.notify_one(),
            Err(Trouble { why, split, .. }) => {
                if self.readiness.borrow().as_ref() != Err(&why) {
                    tracing::error!(server = %self.links.name, %why, "Redis is there but can't be used; trying again");
                }
                self.set_readiness(Err(why));
                sleep(REFUSED_PAUSE).await;
                self.links.begin_anew(split).await;
            }
        }
    }

    async fn subscribe_all(&mut self) -> Result<(), Trouble> {
        self.subscribed.clear();
        let subscribed = self.subscribe_to(self.owned()).await;
        subscribed.map_err(|error| Trouble::told("to be listened to", &error))?;
        self.probe.try_all(&self.links).await
    }

    /// Subscribes to what is wanted of some shards, and to what the node needs itself.
    async fn subscribe_to(&mut self, shards: Shards) -> Result<(), Error> {
        let mut channels: Vec<String> = self.shared.wanted.of(shards).into_iter().map(|(_, channel)| channel).collect();
        channels.extend(self.probe.aim(self.owned()));
        if shards.contains(shard_of_beat()) {
            channels.push(self.shared.keys.beat());
        }
        let (heard, refused) = self.listener.subscribe(&channels).await;
        self.subscribed.extend(heard);
        refused.map_or(Ok(()), Err)
    }

    /// Serves orders; tells whether a look at the server is wanted.
    async fn serve(&mut self, orders: Vec<Order>) -> bool {
        let (mut asks_for_probe, mut acks, mut named) = (false, Vec::new(), BTreeMap::new());
        for order in orders {
            match order {
                Order::Watch(shard, channel, ack) => {
                    named.insert(channel.clone(), shard);
                    acks.push((channel, ack));
                }
                Order::Unwatch(shard, channel) => drop(named.insert(channel, shard)),
                Order::Probe => asks_for_probe = true,
                Order::Own(shards) => self.own(shards).await,
            }
        }
        let done = if self.is_usable() { self.change(&named).await } else { Ok(()) };
        for (channel, ack) in acks {
            let answer = match &done {
                _ if self.subscribed.contains(&channel) => Ok(()),
                Err(error) => Err(fault(error.clone())),
                // The link is made anew with what is wanted then; those who ask now ask again.
                Ok(()) => Err(link_down()),
            };
            ack.send(answer).ok();
        }
        asks_for_probe
    }

    /// Subscribes to what is wanted of the channels named, and lets go of the others.
    async fn change(&mut self, named: &BTreeMap<String, Shard>) -> Result<(), Error> {
        let (mut fresh, mut let_go) = (Vec::new(), BTreeMap::new());
        for (channel, shard) in named {
            let wanted = self.shared.wanted.has(*shard, channel) && self.owned().contains(*shard);
            match (wanted, self.subscribed.contains(channel)) {
                (true, false) => fresh.push(channel.clone()),
                (false, true) => let_go.entry(*shard).or_insert_with(Vec::new).push(channel.clone()),
                (true, true) | (false, false) => {}
            }
        }
        self.let_go(let_go).await?;
        let (heard, refused) = self.listener.subscribe(&fresh).await;
        self.subscribed.extend(heard);
        match refused {
            None => Ok(()),
            Some(error) => {
                self.refused(&error).await;
                Err(error)
            }
        }
    }

    /// Lets go of channels. What the server says against it comes unasked, so the link is then made anew.
    async fn let_go(&mut self, channels: BTreeMap<Shard, Vec<String>>) -> Result<(), Error> {
        for channel in channels.values().flatten() {
            self.subscribed.remove(channel);
        }
        if let Err(error) = self.listener.unsubscribe(channels).await {
            self.lost(error.details().to_owned()).await;
            self.links.begin_anew(false).await;
            return Err(error);
        }
        Ok(())
    }

    /// Takes shards over and gives others up.
    async fn own(&mut self, shards: Shards) {
        let before = self.owned.send_replace(shards);
        for (_, channel) in self.shared.wanted.of(before.without(shards)) {
            self.subscribed.remove(&channel);
        }
        let taken = shards.without(before);
        let hears_probe = self.probe.aim(shards).is_none_or(|channel| self.subscribed.contains(&channel));
        if !self.is_usable() || (taken.is_empty() && hears_probe) {
            return;
        }
        match self.subscribe_to(taken).await {
            Ok(()) => self.signal(Signal::Restored(taken)).await,
            Err(error) => {
                self.refused(&error).await;
                self.lost(error.details().to_owned()).await;
            }
        }
    }

    /// Makes the best of a refused subscription.
    async fn refused(&mut self, error: &Error) {
        if is_redirect(error) {
            self.shared.moved.notify_one();
        } else if is_servers(error) && !self.shared.sharded {
            self.lost(error.details().to_owned()).await;
            self.links.begin_anew(false).await;
        }
    }
}
