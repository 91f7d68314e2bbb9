//! Who is subscribed to what: one task sends every SUBSCRIBE and UNSUBSCRIBE, so that they can't overtake
//! each other, and makes them anew after each lost link.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engine::store::{Fault, Signal};
use fred::clients::{Client, SubscriberClient};
use fred::error::Error;
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use fred::types::config::Server;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::redis::fault::{fault, link_down};
use crate::redis::link::HEARTBEAT;
use crate::redis::probe::{Probe, is_up};
use crate::redis::signals::Channels;

/// Most orders taken together: one SUBSCRIBE and one PING serve them all.
const BATCH: usize = 512;

/// Most orders that wait.
pub(crate) const ORDERS_MAX: usize = 4096;

/// Channels in one SUBSCRIBE: some 40 KB, a millisecond of the server.
const CHANNELS_AT_ONCE: usize = 1000;

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
    /// Subscribe, and tell when it is certain.
    Watch(String, oneshot::Sender<Result<(), Fault>>),
    /// Let go.
    Unwatch(String),
    /// Redis refused something that it took before: look whether it can be used at all.
    Probe,
}

/// The task's own.
pub(crate) struct Subscriptions {
    pub(crate) subscriber: SubscriberClient,
    pub(crate) commands: Client,
    pub(crate) beats: Client,
    pub(crate) channels: Arc<Channels>,
    pub(crate) signals: mpsc::Sender<Signal>,
    pub(crate) probe: Probe,
    pub(crate) readiness: watch::Sender<Result<(), String>>,
    pub(crate) wanted: BTreeSet<String>,
}

/// What happened to a link.
enum LinkEvent {
    Up,
    Down(String),
}

impl Subscriptions {
    /// Serves orders and mends links until the store is closed.
    pub(crate) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut events = self.link_events();
        let mut batch = Vec::new();
        let mut probed_at = Instant::now();
        loop {
            let usable = self.readiness.borrow().is_ok();
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Some(LinkEvent::Up) => self.establish().await,
                    Some(LinkEvent::Down(why)) => self.lost(why).await,
                    None => return,
                },
                taken = orders.recv_many(&mut batch, BATCH) => {
                    if taken == 0 {
                        return;
                    }
                    let asks_for_probe = batch.iter().any(|order| matches!(order, Order::Probe));
                    self.serve(std::mem::take(&mut batch), usable).await;
                    if usable && asks_for_probe && probed_at.elapsed() > PROBE_PAUSE {
                        self.probe().await;
                        probed_at = Instant::now();
                    }
                }
                () = sleep(TRY_AGAIN), if !usable => self.establish().await,
                () = sleep_until(probed_at + PROBE_EVERY), if usable => {
                    self.probe().await;
                    probed_at = Instant::now();
                }
            }
        }
    }

    /// One stream of what happens to the subscriber's and the commands' link.
    fn link_events(&self) -> mpsc::Receiver<LinkEvent> {
        let (sender, receiver) = mpsc::channel(64);
        watch_link(self.subscriber.reconnect_rx(), self.subscriber.error_rx(), sender.clone());
        watch_link(self.commands.reconnect_rx(), self.commands.error_rx(), sender.clone());
        watch_pulse(self.subscriber.clone(), sender.clone());
        watch_pulse(self.commands.clone(), sender);
        receiver
    }

    async fn lost(&self, why: String) {
        let was_usable = self.swap_readiness(Err(why));
        if was_usable {
            self.signals.send(Signal::Lost).await.ok();
        }
    }

    /// Looks whether a store that is in use still can be.
    async fn probe(&mut self) {
        if let Err(why) = self.probe.try_all().await {
            tracing::error!(%why, "Redis can't be used any more; trying again until it can");
            self.lost(why).await;
        }
    }

    /// Returns whether the store was ready before.
    fn swap_readiness(&self, readiness: Result<(), String>) -> bool {
        self.readiness.send_replace(readiness).is_ok()
    }

    /// Subscribes to everything that is wanted and makes sure that it is heard.
    async fn establish(&mut self) {
        if !(is_up(&self.subscriber) && is_up(&self.commands) && is_up(&self.beats)) {
            return;
        }
        if self.readiness.borrow().is_ok() {
            self.lost("the connection is being established anew".to_owned()).await;
        }
        match self.subscribe_all().await {
            Ok(()) => {
                tracing::info!(scopes = self.wanted.len(), "connected to Redis");
                self.swap_readiness(Ok(()));
                self.signals.send(Signal::Restored).await.ok();
            }
            Err(why) => {
                if self.readiness.borrow().as_ref() != Err(&why) {
                    tracing::error!(%why, "Redis is there but can't be used; trying again until it can");
                }
                self.swap_readiness(Err(why));
                self.begin_anew().await;
            }
        }
    }

    /// Drops the subscriber's connection. A refused SUBSCRIBE is answered where no answer is expected, and
    /// from then on every PING on that connection would be taken for the one before it.
    async fn begin_anew(&self) {
        sleep(REFUSED_PAUSE).await;
        self.subscriber.force_reconnection().await.ok();
    }

    async fn subscribe_all(&mut self) -> Result<(), String> {
        let told = |error: Error| error.details().to_owned();
        let own = vec![self.channels.beat.clone(), self.channels.probe.clone()];
        self.subscriber.subscribe(own).await.map_err(told)?;
        let wanted: Vec<String> = self.wanted.iter().cloned().collect();
        for channels in wanted.chunks(CHANNELS_AT_ONCE) {
            self.subscriber.subscribe(channels.to_vec()).await.map_err(told)?;
        }
        self.subscriber.ping::<()>(None).await.map_err(told)?;
        self.probe.try_all().await
    }

    async fn serve(&mut self, orders: Vec<Order>, usable: bool) {
        let mut acks = Vec::new();
        let mut last: BTreeMap<String, bool> = BTreeMap::new();
        for order in orders {
            match order {
                Order::Watch(channel, ack) => {
                    last.insert(channel.clone(), true);
                    acks.push((channel, ack));
                }
                Order::Unwatch(channel) => drop(last.insert(channel, false)),
                Order::Probe => {}
            }
        }
        let let_go = last.iter().filter(|(channel, wanted)| !**wanted && self.wanted.remove(*channel));
        let let_go: Vec<String> = let_go.map(|(channel, _)| channel.clone()).collect();
        let fresh = last.into_iter().filter(|(channel, wanted)| *wanted && !self.wanted.contains(channel));
        let fresh: Vec<String> = fresh.map(|(channel, _)| channel).collect();
        if !usable {
            // The link is made anew with what is wanted then; those who ask now ask again.
            for (_, ack) in acks {
                ack.send(Err(link_down())).ok();
            }
            return;
        }
        let done = self.change(let_go, fresh.clone()).await;
        if done.is_ok() {
            self.wanted.extend(fresh);
        }
        for (channel, ack) in acks {
            let answer = match &done {
                Ok(()) => Ok(()),
                Err(_) if self.wanted.contains(&channel) => Ok(()),
                Err(error) => Err(fault(error.clone())),
            };
            ack.send(answer).ok();
        }
    }

    /// Sends the commands and waits until the server has carried them out: SUBSCRIBE is not answered, but
    /// a PING behind it on the same link is.
    async fn change(&self, let_go: Vec<String>, fresh: Vec<String>) -> Result<(), Error> {
        if !let_go.is_empty() {
            self.subscriber.unsubscribe(let_go).await?;
        }
        if fresh.is_empty() {
            return Ok(());
        }
        self.subscriber.subscribe(fresh).await?;
        self.subscriber.ping::<()>(None).await
    }
}

fn watch_link(
    mut ups: Receiver<Server>,
    mut errors: Receiver<(Error, Option<Server>)>,
    events: mpsc::Sender<LinkEvent>,
) {
    tokio::spawn(async move {
        loop {
            let event = tokio::select! {
                up = ups.recv() => match up {
                    Ok(_) | Err(RecvError::Lagged(_)) => LinkEvent::Up,
                    Err(RecvError::Closed) => return,
                },
                error = errors.recv() => match error {
                    Ok((error, _)) => LinkEvent::Down(error.details().to_owned()),
                    Err(RecvError::Lagged(_)) => LinkEvent::Down("the connection fails again and again".to_owned()),
                    Err(RecvError::Closed) => return,
                },
            };
            if events.send(event).await.is_err() {
                return;
            }
        }
    });
}

/// Asks a link again and again whether it lives: one that is only half open says nothing by itself.
fn watch_pulse(client: impl ClientLike + 'static, events: mpsc::Sender<LinkEvent>) {
    tokio::spawn(async move {
        loop {
            sleep(HEARTBEAT).await;
            if let Err(error) = client.ping::<()>(None).await
                && events.send(LinkEvent::Down(format!("Redis does not answer: {}", error.details()))).await.is_err()
            {
                return;
            }
            if events.is_closed() {
                return;
            }
        }
    });
}
