//! `store.replicas_ack`: a commit is acknowledged when the configured number of replicas has it.
//!
//! WAIT covers only the writes of its own connection. Commits, and reads of a board's tag, therefore share one
//! dedicated connection and one pipeline with the WAIT that covers them. One WAIT covers a whole batch.

use std::sync::Arc;
use std::time::Duration;

use engine::store::Shards;
use fred::clients::Client;
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, HashesInterface, KeysInterface};
use fred::types::{ClusterHash, CustomCommand, Value};
use tokio::sync::{mpsc, oneshot, watch};

use crate::redis::connections::Connections;
use crate::redis::driver::is_up;
use crate::redis::script::{ScriptCall, is_noscript};
use crate::redis::shared::Shared;

/// Time allowed to the replicas. Below the timeout of a command, so that the server's reply comes first.
const REPLICA_TIMEOUT: Duration = Duration::from_millis(1000);

/// Most requests in one batch. The scripts of a pipeline run one after the other: some 20 ms of the server.
const BATCH_MAX: usize = 256;

/// Most queued requests; beyond it, senders wait.
const QUEUE_MAX: usize = 4096;

/// A request to the server.
pub(crate) enum WaitRequest {
    /// A commit, as the keys and arguments of `commit.lua`.
    Commit(Vec<String>, Vec<Value>),
    /// A read of a board's tag, by its key.
    Tag(String),
}

/// The server's reply to a request, with the state of its replication.
pub(crate) struct Acked {
    pub(crate) reply: Value,
    /// `Err` with the reason if it is not on enough replicas yet.
    pub(crate) replicated: Result<(), String>,
}

struct PendingRequest {
    request: WaitRequest,
    reply: oneshot::Sender<Result<Acked, Error>>,
}

/// Sends requests to the replica-wait task of one server.
pub(crate) struct ReplicaWait {
    connections: watch::Receiver<Connections>,
    requests: mpsc::Sender<PendingRequest>,
}

impl ReplicaWait {
    /// Makes the sender and its task.
    pub(crate) fn new(keeper: ReplicaWaitTask) -> (Self, impl Future<Output = ()> + Send) {
        let (requests, receiver) = mpsc::channel(QUEUE_MAX);
        (Self { connections: keeper.connections.clone(), requests }, keeper.run(receiver))
    }

    /// Tells whether the connection is up.
    pub(crate) fn is_up(&self) -> bool {
        connected(&self.connections).is_some()
    }

    /// Sends a request and waits until its writes, and all earlier ones, are on enough replicas, or until
    /// [`REPLICA_TIMEOUT`].
    ///
    /// # Errors
    /// The server's or the driver's error about the request.
    pub(crate) async fn submit(&self, request: WaitRequest) -> Result<Acked, Error> {
        let stopped = || Error::new(ErrorKind::Canceled, "the replica-wait task has stopped");
        let (reply, received) = oneshot::channel();
        self.requests.send(PendingRequest { request, reply }).await.map_err(|_| stopped())?;
        received.await.unwrap_or_else(|_| Err(stopped()))
    }
}

/// Batches the requests of one server.
pub(crate) struct ReplicaWaitTask {
    pub(crate) connections: watch::Receiver<Connections>,
    pub(crate) replicas: u32,
    pub(crate) shared: Arc<Shared>,
    pub(crate) owned: watch::Receiver<Shards>,
}

impl ReplicaWaitTask {
    async fn run(self, mut receiver: mpsc::Receiver<PendingRequest>) {
        let mut pending = Vec::new();
        while receiver.recv_many(&mut pending, BATCH_MAX).await > 0 {
            let noscript = self.run_batch(std::mem::take(&mut pending), ScriptCall::Hash).await;
            if !noscript.is_empty() {
                // The server forgets scripts at each restart: none of these requests ran.
                self.run_batch(noscript, ScriptCall::Source).await;
            }
        }
    }

    /// Sends one batch and waits for replicas. Returns the requests for which the server lacked the script.
    async fn run_batch(&self, pending: Vec<PendingRequest>, call: ScriptCall) -> Vec<PendingRequest> {
        let requests = pending.iter().map(|pending| &pending.request);
        let (replies, replicated) = match self.send(requests, call).await {
            Ok(reply) => reply,
            Err(error) => (vec![Err(error); pending.len()], Ok(())),
        };
        let mut noscript = Vec::new();
        for (pending, reply) in pending.into_iter().zip(replies) {
            match reply {
                Err(error) if is_noscript(&error) => noscript.push(pending),
                reply => drop(pending.reply.send(reply.map(|reply| Acked { reply, replicated: replicated.clone() }))),
            }
        }
        noscript
    }

    async fn send(&self, requests: impl Iterator<Item = &WaitRequest>, call: ScriptCall) -> Result<Replies, Error> {
        let canceled = |reason| Error::new(ErrorKind::Canceled, reason);
        let key = self.owned.borrow().iter().next().map(|shard| self.shared.keys.replica_wait(shard));
        let key = key.ok_or_else(|| canceled("the server has no shard any more"))?;
        let client = connected(&self.connections).ok_or_else(|| canceled("there is no connection to Redis"))?;
        let pipeline = client.pipeline();
        for request in requests {
            let _: () = match request {
                WaitRequest::Commit(keys, args) => self.shared.commit.queue(&pipeline, call, keys, args).await?,
                WaitRequest::Tag(board) => pipeline.hget(board, "@tag").await?,
            };
        }
        // WAIT covers the last write of its connection, and the requests may have written nothing.
        let _: () = pipeline.set(key, 1, None, None, false).await?;
        let wait = CustomCommand::new_static("WAIT", ClusterHash::FirstKey, false);
        let args = [u64::from(self.replicas), u64::try_from(REPLICA_TIMEOUT.as_millis()).unwrap_or(u64::MAX)];
        let _: () = pipeline.custom(wait, args.map(|number| number.to_string()).to_vec()).await?;
        let mut replies = pipeline.try_all::<Value>().await;
        let replicated = match (replies.pop(), replies.pop()) {
            (Some(waited), Some(written)) => written.and(waited),
            // A pipeline that failed as a whole has one reply.
            (waited, _) => return Err(waited.and_then(Result::err).unwrap_or_else(|| canceled("no reply"))),
        };
        let replicated = replicated.and_then(|have| have.convert::<u32>()).map_err(|error| error.details().to_owned());
        let replicated = replicated.and_then(|have| match have >= self.replicas {
            true => Ok(()),
            false => Err(format!("{have} of {} replicas have the write", self.replicas)),
        });
        Ok((replies, replicated))
    }
}

/// Returns the connection of the replica wait if it is up.
fn connected(connections: &watch::Receiver<Connections>) -> Option<Client> {
    let connections = connections.borrow();
    connections.replica_wait.as_ref().map(|link| link.client.clone()).filter(is_up)
}

/// The replies to all requests, and the reason if they are not replicated yet.
type Replies = (Vec<Result<Value, Error>>, Result<(), String>);
