//! One server, which owns all shards or some: its connections, its clock and its state.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::store::{Capacity, Commit, Committed, Fault, FaultKind, ServerDetails, ServerStatus, Shards};
use engine::{BootClock, Clock};
use fred::clients::Client;
use fred::error::Error;
use fred::types::config::Config;
use timers::{Scope, Tag, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::redis::commit::{self, CommitWindow};
use crate::redis::connections::{Connections, Connector};
use crate::redis::decode::{self, CommitReply};
use crate::redis::driver::is_up;
use crate::redis::fault::{commit_fault, fault, is_redirect, is_server_reply, not_connected, readable};
use crate::redis::keys::beat_shard;
use crate::redis::probe::Probe;
use crate::redis::replica_wait::{Acked, ReplicaWait, ReplicaWaitTask, WaitRequest};
use crate::redis::retention;
use crate::redis::shared::Shared;
use crate::redis::span::Operation;
use crate::redis::subscription_task::{REQUESTS_MAX, SubscriptionRequest, SubscriptionTask};

const COMMIT: Operation =
    Operation { name: "EVALSHA commit", operation: "EVALSHA", script: Some("commit"), batch: None };

/// The board's tag, the key of the replica wait, and WAIT.
const CONFIRM: Operation = Operation { name: "PIPELINE", operation: "PIPELINE", script: None, batch: Some(3) };

/// Most attempts at a commit whose history is to be counted: once a history is counted, it stays so.
const COUNTS_MAX: usize = 3;

/// One server.
pub(crate) struct Server {
    shared: Arc<Shared>,
    /// The server's name in logs.
    name: String,
    connections: watch::Receiver<Connections>,
    clock: Arc<Clock>,
    requests: mpsc::Sender<SubscriptionRequest>,
    owned: watch::Receiver<Shards>,
    readiness: watch::Receiver<Result<(), String>>,
    /// What the server told of itself at the last probe.
    details: watch::Receiver<ServerDetails>,
    replica_wait: Option<ReplicaWait>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Server {
    /// Starts to connect and retries without a time limit.
    ///
    /// # Errors
    /// The driver's error about its configuration.
    pub(crate) fn connect(
        shared: &Arc<Shared>,
        name: String,
        config: &Config,
        replicas_ack: u32,
        shards: Shards,
    ) -> Result<Arc<Self>, Error> {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let not_ready = format!("{name} has not replied yet");
        let connector = Connector::new(name.clone(), config.clone(), replicas_ack > 0);
        let (connections, events) = connector.connect()?;
        let (in_use, connections) = watch::channel(connections);
        let (requests, taken) = mpsc::channel(REQUESTS_MAX);
        let (probe_messages, probe_message) = watch::channel(String::new());
        let (ready, readiness) = watch::channel(Err(not_ready));
        let (owner, owned) = watch::channel(shards);
        let (details_tx, details) = watch::channel(ServerDetails::default());
        let replica_wait = (replicas_ack > 0).then(|| {
            let (shared, owned, connections) = (Arc::clone(shared), owned.clone(), connections.clone());
            let (wait, task) = ReplicaWait::new(ReplicaWaitTask { connections, replicas: replicas_ack, shared, owned });
            tasks.spawn(stop.clone().run_until_cancelled_owned(task));
            wait
        });
        let clock = Arc::new(Clock::new(Box::new(BootClock)));
        let subscriptions = SubscriptionTask {
            shared: Arc::clone(shared),
            connector,
            connections: in_use,
            events,
            probe: Probe::new(Arc::clone(shared), Arc::clone(&clock), probe_message, details_tx),
            probe_messages,
            forward: None,
            owned: owner,
            readiness: ready,
            subscribed: BTreeSet::new(),
        };
        tasks.spawn(stop.clone().run_until_cancelled_owned(subscriptions.run(taken)));
        let shared = Arc::clone(shared);
        Ok(Arc::new(Self {
            shared,
            name,
            connections,
            clock,
            requests,
            owned,
            readiness,
            details,
            replica_wait,
            tasks,
            stop,
        }))
    }

    /// Returns the connection for commands. Fails if it is down: the driver would queue the command and execute
    /// it later. Fails too unless the store belongs to this node's cluster.
    pub(crate) fn commands(&self) -> Result<Client, Fault> {
        self.shared.cluster_name.check()?;
        connected(&self.connections.borrow().commands.client)
    }

    /// Returns the connection for queries of the topology, which any cluster may send.
    pub(crate) fn topology(&self) -> Option<Client> {
        connected(&self.connections.borrow().commands.client).ok()
    }

    /// Returns the connection for beats.
    pub(crate) fn beats(&self) -> Result<Client, Fault> {
        self.shared.cluster_name.check()?;
        connected(&self.connections.borrow().beats.client)
    }

    /// Executes a commit, and waits for replicas if configured.
    pub(crate) async fn commit(&self, commit: &Commit) -> Result<Committed, Fault> {
        commit.check_limits()?;
        for _ in 0..COUNTS_MAX {
            if let Some(committed) = self.try_commit(commit).await? {
                return Ok(committed);
            }
            retention::count_history(self, &self.shared, commit).await?;
        }
        Err(Fault::new(FaultKind::Unavailable, "the history could not be counted"))
    }

    /// Executes a commit; `None` if its history must be counted first.
    async fn try_commit(&self, commit: &Commit) -> Result<Option<Committed>, Fault> {
        self.check_time()?;
        let keys = self.shared.keys.of(&commit.scope);
        let window = CommitWindow::of(commit.decided_at, self.skew());
        let args = commit::args(commit, &window, keys.channel.clone(), self.shared.publish());
        let keys = commit::keys(commit, keys);
        let acked = match self.replica_wait()? {
            Some(wait) => self.shared.endpoint.trace(COMMIT, wait.submit(WaitRequest::Commit(keys, args))).await,
            None => {
                let commands = self.commands()?;
                let reply = self.shared.commit.run(&commands, keys, args);
                let reply = self.shared.endpoint.trace(COMMIT, reply).await;
                reply.map(|reply| Acked { reply, replicated: Ok(()) })
            }
        };
        let Acked { reply, replicated } = acked.map_err(|error| {
            if is_server_reply(&error) {
                self.request_probe();
            }
            self.note_redirect(&error);
            commit_fault(error)
        })?;
        let reply = decode::committed(reply, commit.quota, |now| self.cluster_time(now))?;
        let CommitReply::Decided(committed, published) = reply else { return Ok(None) };
        if !published {
            self.shared.counters.unpublished.add_one();
            tracing::error!(
                server = %self.name,
                "Redis refuses to publish; other nodes do not receive updates (check the ACL)"
            );
            self.request_probe();
        }
        match committed {
            Committed::Done(..) | Committed::Repeated(..) => replicated.map_err(|reason| {
                self.shared.counters.unreplicated.add_one();
                tracing::debug!(server = %self.name, %reason, "a commit was not replicated in time");
                not_replicated(reason)
            })?,
            Committed::Conflict(_) | Committed::Late(_) | Committed::Stale(_) | Committed::HistoryFull(..) => {}
        }
        Ok(Some(committed))
    }

    /// Waits until replicas have a board at `tag`, if configured. Returns whether the board is still at `tag`.
    pub(crate) async fn confirm(&self, scope: &Scope, tag: Tag) -> Result<bool, Fault> {
        let Some(wait) = self.replica_wait()? else { return Ok(true) };
        let reply = wait.submit(WaitRequest::Tag(self.shared.keys.board(scope)));
        let acked = self.shared.endpoint.trace(CONFIRM, reply).await;
        let Acked { reply, replicated } = acked.map_err(|error| self.fault(error))?;
        replicated.map_err(not_replicated)?;
        Ok(decode::tag(reply.as_bytes())? == tag)
    }

    /// Returns the replica wait, if configured. Fails if its connection is down; see [`Self::commands`].
    fn replica_wait(&self) -> Result<Option<&ReplicaWait>, Fault> {
        self.shared.cluster_name.check()?;
        match &self.replica_wait {
            Some(wait) if wait.is_up() => Ok(Some(wait)),
            Some(_) => Err(not_connected()),
            None => Ok(None),
        }
    }

    /// Maps an error to a fault. A redirect triggers a query of the topology.
    pub(crate) fn fault(&self, error: Error) -> Fault {
        self.note_redirect(&error);
        fault(error)
    }

    fn note_redirect(&self, error: &Error) {
        if is_redirect(error) {
            self.shared.moved.notify_one();
        }
    }

    /// Records a reading of the server's clock and returns it as cluster time.
    pub(crate) fn cluster_time(&self, now: Timestamp) -> Timestamp {
        self.clock.observe(now);
        let now = i128::from(now.0) - self.skew();
        Timestamp(u64::try_from(now).unwrap_or_default())
    }

    /// Returns a cluster time as the server's own clock shows it.
    pub(crate) fn server_time(&self, at: Timestamp) -> Timestamp {
        Timestamp(u64::try_from(i128::from(at.0) + self.skew()).unwrap_or_default())
    }

    /// Fails if the store is another cluster's, or cluster time is unknown: no reading of the beat's server has arrived yet, and this server's
    /// clock may be hours off.
    pub(crate) fn check_time(&self) -> Result<(), Fault> {
        self.shared.cluster_name.check()?;
        if self.holds_beat() || self.shared.cluster_offset().is_some() {
            return Ok(());
        }
        Err(Fault::new(FaultKind::Unavailable, "the cluster time is not known yet"))
    }

    fn holds_beat(&self) -> bool {
        self.owned.borrow().contains(beat_shard())
    }

    /// Returns the offset of this server's clock from cluster time, in ms; positive if it is ahead.
    ///
    /// For the server of the beat the offset is exact. For another server it is estimated from the fastest
    /// replies of the last minute: it exceeds the true offset by at most the last step of that clock.
    fn skew(&self) -> i128 {
        if self.holds_beat() {
            return -i128::from(self.shared.absorbed().0);
        }
        self.clock.ahead().zip(self.shared.cluster_offset()).map_or(0, |(server, cluster)| server - cluster)
    }

    /// Returns the shards that the server owns.
    pub(crate) fn shards(&self) -> Shards {
        *self.owned.borrow()
    }

    /// Returns the server's memory; `None` if it is not known.
    pub(crate) fn capacity(&self) -> Option<Capacity> {
        self.details.borrow().capacity
    }

    /// Returns what is known of the server.
    pub(crate) fn status(&self) -> ServerStatus {
        ServerStatus {
            name: self.name.clone(),
            ready: self.ready(),
            shards: self.shards().len(),
            details: self.details.borrow().clone(),
        }
    }

    /// Returns the reason if the server is not usable.
    pub(crate) fn ready(&self) -> Result<(), String> {
        self.readiness.borrow().clone().map_err(|reason| readable(&reason))
    }

    /// Sends a request to the subscription task; waits while its queue is full.
    pub(crate) async fn request(&self, request: SubscriptionRequest) -> Result<(), Fault> {
        self.requests.send(request).await.map_err(|_| not_connected())
    }

    /// Sends a request without waiting; `false` if the queue is full.
    pub(crate) fn try_request(&self, request: SubscriptionRequest) -> bool {
        self.requests.try_send(request).is_ok()
    }

    /// Requests a probe after a rejection. If the queue is full, the next rejection requests it again.
    pub(crate) fn request_probe(&self) {
        self.try_request(SubscriptionRequest::Probe);
    }

    /// Stops the tasks and closes the connections.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        let connections = self.connections.borrow().clone();
        connections.quit().await;
        self.tasks.close();
    }

    /// Stops the tasks and drops the connections at once; see [`Connections::abort`].
    pub(crate) fn abandon(&self) {
        self.stop.cancel();
        self.connections.borrow().abort();
        self.tasks.close();
    }
}

fn connected(client: &Client) -> Result<Client, Fault> {
    if is_up(client) { Ok(client.clone()) } else { Err(not_connected()) }
}

/// Makes a fault for a commit that a failover may still revert; a retry waits for replicas again.
fn not_replicated(reason: String) -> Fault {
    Fault::new(FaultKind::Unknown, reason)
}
