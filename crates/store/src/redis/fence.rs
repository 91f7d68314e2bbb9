//! `store.replicas_ack`: a commit is answered when so many replicas have it.
//!
//! WAIT tells of the writes of its own connection only. So what must be safe goes over the fence's
//! connection, in one pipeline with the WAIT that tells: commits, and readings of where a board stands.
//! One WAIT serves all who came.

use std::sync::Arc;
use std::time::Duration;

use engine::store::Shards;
use fred::clients::Client;
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, HashesInterface, KeysInterface};
use fred::types::{ClusterHash, CustomCommand, Value};
use tokio::sync::{mpsc, oneshot, watch};

use crate::redis::link::is_up;
use crate::redis::script::{Call, is_unknown};
use crate::redis::shared::Shared;

/// How long replicas may take. Below the timeout of a command, so that the server's answer comes first.
const WITHIN: Duration = Duration::from_millis(1000);

/// Most asks in one round. Scripts of a pipeline run one after the other: some 20 ms of the server.
const ROUND_MAX: usize = 256;

/// Most that wait at the fence; behind it they wait with their senders.
const WAITING_MAX: usize = 4096;

/// What is asked of the server.
pub(crate) enum Ask {
    /// A commit, by the keys and arguments of `commit.lua`.
    Commit(Vec<String>, Vec<Value>),
    /// The tag of a board, by its key.
    Tag(String),
}

/// What the server answered to an ask.
pub(crate) struct Told {
    pub(crate) answer: Value,
    /// Why it isn't safe yet, if it isn't.
    pub(crate) safe: Result<(), String>,
}

struct Waiting {
    ask: Ask,
    told: oneshot::Sender<Result<Told, Error>>,
}

/// The fence of one server.
pub(crate) struct Fence {
    client: Client,
    asks: mpsc::Sender<Waiting>,
}

impl Fence {
    /// Makes a fence and the task that keeps it.
    pub(crate) fn new(keeper: Keeper) -> (Self, impl Future<Output = ()> + Send) {
        let (asks, asked) = mpsc::channel(WAITING_MAX);
        (Self { client: keeper.client.clone(), asks }, keeper.run(asked))
    }

    /// Tells whether it has its connection.
    pub(crate) fn is_up(&self) -> bool {
        is_up(&self.client)
    }

    /// Asks, and waits until what was written by it or before it is on enough replicas, or they took too long.
    ///
    /// # Errors
    /// The server's or the driver's, about what was asked.
    pub(crate) async fn pass(&self, ask: Ask) -> Result<Told, Error> {
        let gone = || Error::new(ErrorKind::Canceled, "the fence is gone");
        let (told, tells) = oneshot::channel();
        self.asks.send(Waiting { ask, told }).await.map_err(|_| gone())?;
        tells.await.unwrap_or_else(|_| Err(gone()))
    }
}

/// Keeps a fence.
pub(crate) struct Keeper {
    pub(crate) client: Client,
    pub(crate) replicas: u32,
    pub(crate) shared: Arc<Shared>,
    pub(crate) owned: watch::Receiver<Shards>,
}

impl Keeper {
    async fn run(self, mut asked: mpsc::Receiver<Waiting>) {
        let mut waiting = Vec::new();
        while asked.recv_many(&mut waiting, ROUND_MAX).await > 0 {
            let unknown = self.round(std::mem::take(&mut waiting), Call::Hash).await;
            if !unknown.is_empty() {
                // The server has forgotten the script, as after each restart: it ran for none of these.
                self.round(unknown, Call::Source).await;
            }
        }
    }

    /// Asks for all and waits for replicas; returns those for whom the server lacked the script.
    async fn round(&self, waiting: Vec<Waiting>, call: Call) -> Vec<Waiting> {
        let asks = waiting.iter().map(|waiting| &waiting.ask);
        let (answers, safe) = match self.ask(asks, call).await {
            Ok(told) => told,
            Err(error) => (vec![Err(error); waiting.len()], Ok(())),
        };
        let mut unknown = Vec::new();
        for (waiting, answer) in waiting.into_iter().zip(answers) {
            match answer {
                Err(error) if is_unknown(&error) => unknown.push(waiting),
                answer => drop(waiting.told.send(answer.map(|answer| Told { answer, safe: safe.clone() }))),
            }
        }
        unknown
    }

    async fn ask(&self, asks: impl Iterator<Item = &Ask>, call: Call) -> Result<Answers, Error> {
        let away = |why| Error::new(ErrorKind::Canceled, why);
        let key = self.owned.borrow().iter().next().map(|shard| self.shared.keys.fence(shard));
        let key = key.ok_or_else(|| away("the server has no shard any more"))?;
        if !is_up(&self.client) {
            return Err(away("there is no connection to Redis"));
        }
        let pipeline = self.client.pipeline();
        for ask in asks {
            let _: () = match ask {
                Ask::Commit(keys, args) => self.shared.commit.queue(&pipeline, call, keys, args).await?,
                Ask::Tag(board) => pipeline.hget(board, "@tag").await?,
            };
        }
        // WAIT is for the last write of its connection, and what was asked may have written nothing.
        let _: () = pipeline.set(key, 1, None, None, false).await?;
        let wait = CustomCommand::new_static("WAIT", ClusterHash::FirstKey, false);
        let args = [u64::from(self.replicas), u64::try_from(WITHIN.as_millis()).unwrap_or(u64::MAX)];
        let _: () = pipeline.custom(wait, args.map(|number| number.to_string()).to_vec()).await?;
        let mut answers = pipeline.try_all::<Value>().await;
        let safe = match (answers.pop(), answers.pop()) {
            (Some(waited), Some(written)) => written.and(waited),
            // A pipeline that failed as a whole has one answer.
            (waited, _) => return Err(waited.and_then(Result::err).unwrap_or_else(|| away("no answer"))),
        };
        let safe = safe.and_then(|have| have.convert::<u32>()).map_err(|error| error.details().to_owned());
        let safe = safe.and_then(|have| match have >= self.replicas {
            true => Ok(()),
            false => Err(format!("{have} of {} replicas have it so far", self.replicas)),
        });
        Ok((answers, safe))
    }
}

/// The answers to all asks, and why they aren't safe yet if they aren't.
type Answers = (Vec<Result<Value, Error>>, Result<(), String>);
