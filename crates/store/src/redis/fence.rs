//! `store.replicas_ack`: a commit is answered when so many replicas have it.
//!
//! WAIT tells of the writes of its own connection only, so the fence writes first: what was committed
//! before that write is on every replica that has the write. One write and one WAIT serve all who came.

use std::time::Duration;

use engine::store::{Fault, FaultKind, Shards};
use fred::clients::Client;
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::{ClusterHash, CustomCommand, Value};
use tokio::sync::{mpsc, oneshot, watch};

use crate::redis::fault::link_down;
use crate::redis::keys::Keys;
use crate::redis::link::is_up;

/// How long replicas may take. Below the timeout of a command, so that the server's answer comes first.
const WITHIN: Duration = Duration::from_millis(1000);

/// Most commits that wait at the fence; behind it they wait with their senders.
const WAITING_MAX: usize = 4096;

type Passed = oneshot::Sender<Result<(), String>>;

/// The fence of one server.
pub(crate) struct Fence(mpsc::Sender<Passed>);

impl Fence {
    /// Makes a fence and the task that keeps it.
    pub(crate) fn new(
        client: Client,
        replicas: u32,
        keys: Keys,
        owned: watch::Receiver<Shards>,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (asks, asked) = mpsc::channel(WAITING_MAX);
        (Self(asks), keep(client, replicas, keys, owned, asked))
    }

    /// Waits until what was committed before is on enough replicas.
    ///
    /// # Errors
    /// [`FaultKind::Unknown`]: a failover may still take the commit back; sending it again asks again.
    pub(crate) async fn pass(&self) -> Result<(), Fault> {
        let (passed, passes) = oneshot::channel();
        self.0.send(passed).await.map_err(|_| link_down())?;
        let told = passes.await.unwrap_or_else(|_| Err("the fence is gone".to_owned()));
        told.map_err(|why| Fault::new(FaultKind::Unknown, why))
    }
}

async fn keep(
    client: Client,
    replicas: u32,
    keys: Keys,
    owned: watch::Receiver<Shards>,
    mut asked: mpsc::Receiver<Passed>,
) {
    let mut waiting = Vec::new();
    while asked.recv_many(&mut waiting, WAITING_MAX).await > 0 {
        let key = owned.borrow().iter().next().map(|shard| keys.fence(shard));
        let told = match key {
            Some(key) if is_up(&client) => wait(&client, replicas, &key).await,
            Some(_) | None => Err("there is no connection to Redis".to_owned()),
        };
        for passed in waiting.drain(..) {
            passed.send(told.clone()).ok();
        }
    }
}

async fn wait(client: &Client, replicas: u32, key: &str) -> Result<(), String> {
    let told = |error: fred::error::Error| error.details().to_owned();
    // One pipeline: were the connection made anew in between, WAIT would know of no write and say yes.
    let pipeline = client.pipeline();
    let _: () = pipeline.set(key, 1, None, None, false).await.map_err(told)?;
    let wait = CustomCommand::new_static("WAIT", ClusterHash::FirstKey, false);
    let args = [u64::from(replicas), u64::try_from(WITHIN.as_millis()).unwrap_or(u64::MAX)];
    let args: Vec<Value> = args.iter().map(|number| Value::from(number.to_string())).collect();
    let _: () = pipeline.custom(wait, args).await.map_err(told)?;
    let (_, have): (Value, u32) = pipeline.all().await.map_err(told)?;
    if have >= replicas { Ok(()) } else { Err(format!("{have} of {replicas} replicas have it so far")) }
}
