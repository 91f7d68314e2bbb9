//! One server that holds all shards or some: its connections, its clock, and what is known of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::store::{Commit, Committed, Fault, FaultKind, Shards};
use engine::{BootClock, Clock};
use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::EventInterface;
use fred::types::config::Config;
use timers::{Scope, Tag, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::redis::commit::{self, Until};
use crate::redis::fault::{commit_fault, fault, is_redirect, is_servers, link_down};
use crate::redis::fence::{Ask, Fence, Keeper, Told};
use crate::redis::keys::shard_of_beat;
use crate::redis::link::{Links, is_up};
use crate::redis::listener::Listener;
use crate::redis::probe::Probe;
use crate::redis::shared::Shared;
use crate::redis::span::Asked;
use crate::redis::subscriptions::{ORDERS_MAX, Order, Subscriptions};
use crate::redis::{answer, signals};

const COMMIT: Asked = Asked { name: "EVALSHA commit", operation: "EVALSHA", script: Some("commit"), batch: None };

/// The board's tag, and what waits for replicas.
const CONFIRM: Asked = Asked { name: "PIPELINE", operation: "PIPELINE", script: None, batch: Some(3) };

/// One server.
pub(crate) struct Server {
    shared: Arc<Shared>,
    links: Links,
    clock: Arc<Clock>,
    orders: mpsc::Sender<Order>,
    owned: watch::Receiver<Shards>,
    readiness: watch::Receiver<Result<(), String>>,
    fence: Option<Fence>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Server {
    /// Begins to connect, and goes on for as long as it takes.
    ///
    /// # Errors
    /// The driver's, about its configuration.
    pub(crate) fn connect(
        shared: &Arc<Shared>,
        name: String,
        config: &Config,
        replicas_ack: u32,
        shards: Shards,
    ) -> Result<Arc<Self>, Error> {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let waits = format!("{name} has not answered yet");
        let links = Links::connect(name, config, replicas_ack > 0, &tasks)?;
        let (orders, taken) = mpsc::channel(ORDERS_MAX);
        let (probed, probes) = watch::channel(String::new());
        let (ready, readiness) = watch::channel(Err(waits));
        let (owner, owned) = watch::channel(shards);
        let fence = links.fence.clone().map(|client| {
            let (shared, owned) = (Arc::clone(shared), owned.clone());
            let (fence, keep) = Fence::new(Keeper { client, replicas: replicas_ack, shared, owned });
            tasks.spawn(stop.clone().run_until_cancelled_owned(keep));
            fence
        });
        let clock = Arc::new(Clock::new(Box::new(BootClock)));
        let messages = links.subscriber.message_rx();
        let carry = signals::carry(messages, Arc::clone(shared), owned.clone(), probed);
        tasks.spawn(stop.clone().run_until_cancelled_owned(carry));
        let subscriptions = Subscriptions {
            shared: Arc::clone(shared),
            listener: Listener { client: links.subscriber.clone(), sharded: shared.sharded },
            links: links.clone(),
            probe: Probe::new(Arc::clone(shared), Arc::clone(&clock), probes),
            owned: owner,
            readiness: ready,
            subscribed: BTreeSet::new(),
        };
        tasks.spawn(stop.clone().run_until_cancelled_owned(subscriptions.run(taken)));
        let shared = Arc::clone(shared);
        Ok(Arc::new(Self { shared, links, clock, orders, owned, readiness, fence, tasks, stop }))
    }

    /// Returns the connection for commands. A command on a link that is down would wait in the driver's
    /// queue and happen later.
    pub(crate) fn commands(&self) -> Result<&Client, Fault> {
        if is_up(&self.links.commands) { Ok(&self.links.commands) } else { Err(link_down()) }
    }

    /// Returns the connection for beats.
    pub(crate) fn beats(&self) -> Result<&Client, Fault> {
        if is_up(&self.links.beats) { Ok(&self.links.beats) } else { Err(link_down()) }
    }

    /// Carries out a commit, and waits for replicas where that is asked for.
    pub(crate) async fn commit(&self, commit: &Commit) -> Result<Committed, Fault> {
        self.check_time()?;
        let keys = self.shared.keys.of(&commit.scope);
        let until = Until::of(commit.decided_at, self.skew());
        let args = commit::args(commit, &until, keys.channel, self.shared.publish());
        let keys = vec![keys.board, keys.due, keys.rows, keys.index];
        let told = match self.fence()? {
            Some(fence) => self.shared.place.trace(COMMIT, fence.pass(Ask::Commit(keys, args))).await,
            None => {
                let asked = self.shared.commit.run(self.commands()?, keys, args);
                let answer = self.shared.place.trace(COMMIT, asked).await;
                answer.map(|answer| Told { answer, safe: Ok(()) })
            }
        };
        let Told { answer, safe } = told.map_err(|error| {
            if is_servers(&error) {
                self.ask_for_probe();
            }
            self.note(&error);
            commit_fault(error)
        })?;
        let (committed, published) = answer::committed(answer, |now| self.cluster_time(now))?;
        if !published {
            self.shared.counts.unpublished.add_one();
            tracing::error!(server = %self.links.name, "Redis refuses to publish; other nodes hear of nothing (ACL?)");
            self.ask_for_probe();
        }
        match committed {
            Committed::Done(..) | Committed::Repeated(..) => safe.map_err(|why| {
                self.shared.counts.unsafe_yet.add_one();
                tracing::debug!(server = %self.links.name, %why, "replicas do not have a commit in time");
                unsafe_yet(why)
            })?,
            Committed::Conflict(_) | Committed::Late(_) | Committed::Stale(_) => {}
        }
        Ok(committed)
    }

    /// Waits until replicas have a board as it stood at `tag`, where that is asked for; tells whether it still
    /// stands there.
    pub(crate) async fn confirm(&self, scope: &Scope, tag: Tag) -> Result<bool, Fault> {
        let Some(fence) = self.fence()? else { return Ok(true) };
        let asked = fence.pass(Ask::Tag(self.shared.keys.board(scope)));
        let told = self.shared.place.trace(CONFIRM, asked).await;
        let Told { answer, safe } = told.map_err(|error| self.fault(error))?;
        safe.map_err(unsafe_yet)?;
        Ok(answer::tag(answer.as_bytes())? == tag)
    }

    /// Returns the fence where there is one; as to a link that is down, see [`Self::commands`].
    fn fence(&self) -> Result<Option<&Fence>, Fault> {
        match &self.fence {
            Some(fence) if fence.is_up() => Ok(Some(fence)),
            Some(_) => Err(link_down()),
            None => Ok(None),
        }
    }

    /// Makes a fault of an error, and has what it tells looked into.
    pub(crate) fn fault(&self, error: Error) -> Fault {
        self.note(&error);
        fault(error)
    }

    fn note(&self, error: &Error) {
        if is_redirect(error) {
            self.shared.moved.notify_one();
        }
    }

    /// Takes note of what this server's clock says, and returns it as cluster time.
    pub(crate) fn cluster_time(&self, now: Timestamp) -> Timestamp {
        self.clock.observe(now);
        let now = i128::from(now.0) - self.skew();
        Timestamp(u64::try_from(now).unwrap_or_default())
    }

    /// Refuses what can't be dated: the server that holds the beat was not heard yet, and this one may be
    /// hours off.
    pub(crate) fn check_time(&self) -> Result<(), Fault> {
        if self.holds_beat() || self.shared.ahead().is_some() {
            return Ok(());
        }
        Err(Fault::new(FaultKind::Unavailable, "the time of the cluster is not known yet"))
    }

    fn holds_beat(&self) -> bool {
        self.owned.borrow().contains(shard_of_beat())
    }

    /// Returns how far this server's clock is ahead of cluster time, in ms.
    ///
    /// The server that holds the beat tells it exactly. Of another it is reckoned from the quickest answers
    /// of the last minute: never more than the truth and its clock's last step allow.
    fn skew(&self) -> i128 {
        if self.holds_beat() {
            return -i128::from(self.shared.absorbed().0);
        }
        self.clock.ahead().zip(self.shared.ahead()).map_or(0, |(server, cluster)| server - cluster)
    }

    /// Returns the shards that it holds.
    pub(crate) fn shards(&self) -> Shards {
        *self.owned.borrow()
    }

    /// Tells whether it can be used, or why not.
    pub(crate) fn ready(&self) -> Result<(), String> {
        self.readiness.borrow().clone()
    }

    /// Gives the task of the subscriptions something to do, and waits while it has too much.
    pub(crate) async fn order(&self, order: Order) -> Result<(), Fault> {
        self.orders.send(order).await.map_err(|_| link_down())
    }

    /// The same without waiting; `false` when it has too much to do.
    pub(crate) fn try_order(&self, order: Order) -> bool {
        self.orders.try_send(order).is_ok()
    }

    /// Something is refused that was allowed. When the queue is full, the next refusal asks again.
    pub(crate) fn ask_for_probe(&self) {
        self.try_order(Order::Probe);
    }

    /// Ends its tasks and connections.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        self.links.quit().await;
        self.tasks.close();
    }
}

/// A failover may still take it back; sending it again asks again.
fn unsafe_yet(why: String) -> Fault {
    Fault::new(FaultKind::Unknown, why)
}
