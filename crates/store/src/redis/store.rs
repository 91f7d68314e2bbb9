//! The port over Redis.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use engine::Store;
use engine::store::{
    ArchivedRow, BeatAnswer, BeatAsk, COMMIT_AGE_MAX, Commit, Committed, Connected, Due, Fault, Loaded, Page, Query,
    SIGNALS_MAX,
};
use fred::interfaces::{ClientLike, EventInterface, HashesInterface, SortedSetsInterface};
use fred::types::{ClusterHash, CustomCommand, Value};
use timers::{DeadlineMove, HistoryId, Position, Scope, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::redis::fault::{commit_fault, fault, is_servers, link_down, nonsense};
use crate::redis::keys::{Keys, SHARDS};
use crate::redis::link::Links;
use crate::redis::probe::{Probe, is_up};
use crate::redis::script::Script;
use crate::redis::signals::{self, Channels};
use crate::redis::subscriptions::{ORDERS_MAX, Order, Subscriptions};
use crate::redis::{Options, answer};

/// A store in Redis.
pub struct RedisStore {
    links: Links,
    keys: Keys,
    commit: Script,
    beat: Script,
    vacate: Script,
    orders: mpsc::Sender<Order>,
    readiness: watch::Receiver<Result<(), String>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl RedisStore {
    /// Begins to connect, and goes on for as long as it takes; until then the store is not ready and its
    /// commands fail at once.
    ///
    /// # Errors
    /// [`Fault`] if the driver refuses its configuration.
    pub fn connect(options: &Options) -> Result<Connected<dyn Store>, Fault> {
        let tasks = TaskTracker::new();
        let keys = Keys::new(&options.prefix);
        let links = Links::connect(options, &tasks).map_err(fault)?;
        let (to_hub, signals) = mpsc::channel(SIGNALS_MAX);
        let (orders, taken) = mpsc::channel(ORDERS_MAX);
        let (probed, probes) = watch::channel(String::new());
        let (ready, readiness) = watch::channel(Err(format!("{} has not answered yet", options.url)));
        let probe = keys.probe(&options.node);
        let channels = Arc::new(Channels { beat: keys.beat(), probe: probe.channel.clone() });
        let stop = CancellationToken::new();
        let subscriptions = Subscriptions {
            subscriber: links.subscriber.clone(),
            commands: links.commands.clone(),
            beats: links.beats.clone(),
            channels: Arc::clone(&channels),
            signals: to_hub.clone(),
            probe: Probe::new(links.commands.clone(), probe, probes),
            readiness: ready,
            wanted: BTreeSet::new(),
        };
        let messages = links.subscriber.message_rx();
        tasks.spawn(stop.clone().run_until_cancelled_owned(subscriptions.run(taken)));
        tasks.spawn(stop.clone().run_until_cancelled_owned(signals::carry(messages, channels, to_hub, probed)));
        let store = Self {
            links,
            keys,
            commit: Script::new(include_str!("commit.lua")),
            beat: Script::new(include_str!("beat.lua")),
            vacate: Script::new(include_str!("vacate.lua")),
            orders,
            readiness,
            tasks,
            stop,
        };
        Ok(Connected { store: Arc::new(store), signals })
    }

    /// Something is refused that was allowed. When the queue is full, the next refusal asks again.
    fn ask_for_probe(&self) {
        self.orders.try_send(Order::Probe).ok();
    }

    /// A command on a link that is down would wait in the driver's queue and happen later.
    fn check_link(&self) -> Result<(), Fault> {
        if is_up(&self.links.commands) { Ok(()) } else { Err(link_down()) }
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn load(&self, scope: &Scope, ask: &[HistoryId]) -> Result<Loaded, Fault> {
        self.check_link()?;
        let keys = self.keys.of(scope);
        let pipeline = self.links.commands.pipeline();
        let _: () = pipeline.hgetall(keys.board).await.map_err(fault)?;
        if !ask.is_empty() {
            let fields: Vec<&str> = ask.iter().map(HistoryId::as_str).collect();
            let _: () = pipeline.hmget(keys.rows, fields).await.map_err(fault)?;
        }
        let time = CustomCommand::new_static("TIME", ClusterHash::FirstKey, false);
        let _: () = pipeline.custom(time, Vec::<Value>::new()).await.map_err(fault)?;
        let mut answers: Vec<Value> = pipeline.all().await.map_err(fault)?;
        let wrong = || nonsense("a load");
        let now = answers.pop().and_then(|time| time.convert().ok()).map(answer::time).ok_or_else(wrong)?;
        let rows: Vec<Value> = if ask.is_empty() {
            Vec::new()
        } else {
            answers.pop().and_then(|rows| rows.convert().ok()).ok_or_else(wrong)?
        };
        let fields: HashMap<String, Bytes> =
            answers.pop().and_then(|fields| fields.convert().ok()).ok_or_else(wrong)?;
        let known = ask.iter().zip(&rows).filter(|(_, row)| !row.is_null()).map(|(id, _)| id.clone());
        answer::board(fields, known, now)
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, Fault> {
        self.check_link()?;
        let keys = self.keys.of(&commit.scope);
        let args = commit_args(commit, keys.channel.clone());
        let keys = vec![keys.board, keys.due, keys.rows, keys.index];
        let answered = match self.commit.run(&self.links.commands, keys, args).await {
            Ok(answered) => answered,
            Err(error) => {
                if is_servers(&error) {
                    self.ask_for_probe();
                }
                return Err(commit_fault(error));
            }
        };
        let (committed, published) = answer::committed(answered)?;
        if !published {
            tracing::error!(scope = %commit.scope, "Redis refuses to publish; other nodes hear of nothing (ACL?)");
            self.ask_for_probe();
        }
        Ok(committed)
    }

    async fn history(&self, scope: &Scope, query: &Query) -> Result<Page, Fault> {
        self.check_link()?;
        let keys = self.keys.of(scope);
        let newest = query.before.as_ref().map_or(f64::INFINITY, |before| score(before.at));
        let wanted = query.limit + 1;
        let mut places: Vec<(String, f64)> = Vec::new();
        let mut offset = 0;
        while places.len() < wanted {
            let window = Some((offset, i64::try_from(wanted).unwrap_or(i64::MAX)));
            let read: Vec<(String, f64)> = self
                .links
                .commands
                .zrevrangebyscore(&keys.index, newest, f64::NEG_INFINITY, true, window)
                .await
                .map_err(fault)?;
            let is_last = read.len() < wanted;
            offset += i64::try_from(read.len()).unwrap_or(i64::MAX);
            places.extend(read.into_iter().filter(|(id, at)| is_before(query, id, *at)));
            if is_last {
                break;
            }
        }
        places.truncate(wanted);
        if places.is_empty() {
            return Ok(Page { rows: Vec::new(), next: None });
        }
        let ids: Vec<&str> = places.iter().map(|(id, _)| id.as_str()).collect();
        let bodies: Vec<Option<Bytes>> = self.links.commands.hmget(keys.rows, ids).await.map_err(fault)?;
        let rows = places.iter().zip(bodies).filter_map(|((id, at), body)| {
            Some(ArchivedRow { id: HistoryId::new(id).ok()?, at: timestamp(*at), body: body? })
        });
        Ok(Page::of(rows.collect(), query.limit))
    }

    async fn watch(&self, scope: &Scope) -> Result<(), Fault> {
        let (ack, acked) = oneshot::channel();
        self.orders.send(Order::Watch(self.keys.channel(scope), ack)).await.map_err(|_| link_down())?;
        acked.await.map_err(|_| link_down())?
    }

    fn unwatch(&self, scope: &Scope) {
        // When the queue is full the subscription stays; its updates find no view and are dropped.
        self.orders.try_send(Order::Unwatch(self.keys.channel(scope))).ok();
    }

    async fn positions(&self, scopes: &[Scope]) -> Result<Vec<Position>, Fault> {
        self.check_link()?;
        if scopes.is_empty() {
            return Ok(Vec::new());
        }
        let pipeline = self.links.commands.pipeline();
        for scope in scopes {
            let _: () = pipeline.hmget(self.keys.board(scope), vec!["@rev", "@tag"]).await.map_err(fault)?;
        }
        let heads: Vec<Vec<Option<Bytes>>> = pipeline.all().await.map_err(fault)?;
        heads.iter().map(|head| answer::position(field(head, 0), field(head, 1))).collect()
    }

    async fn due(&self, until: Timestamp, limit: usize) -> Result<Vec<Due>, Fault> {
        self.check_link()?;
        let pipeline = self.links.commands.pipeline();
        let window = Some((0, i64::try_from(limit).unwrap_or(i64::MAX)));
        for shard in 0..SHARDS {
            let due = self.keys.due(shard);
            let _: () =
                pipeline.zrangebyscore(due, f64::NEG_INFINITY, score(until), true, window).await.map_err(fault)?;
        }
        let shards: Vec<Vec<(String, f64)>> = pipeline.all().await.map_err(fault)?;
        let due = shards.into_iter().flatten().filter_map(|(scope, at)| match scope.parse() {
            Ok(scope) => Some(Due { scope, at: timestamp(at) }),
            Err(error) => {
                tracing::warn!(%scope, %error, "a deadline of an unknown scope is left alone");
                None
            }
        });
        let mut due: Vec<Due> = due.collect();
        due.sort_by(|a, b| (a.at, &a.scope).cmp(&(b.at, &b.scope)));
        due.truncate(limit);
        Ok(due)
    }

    async fn beat(&self, ask: &BeatAsk) -> Result<BeatAnswer, Fault> {
        if !is_up(&self.links.beats) {
            return Err(link_down());
        }
        let args = vec![
            ask.node.clone(),
            ask.takeover_after.0.to_string(),
            ask.generation.to_string(),
            ask.now.unwrap_or_default().to_string(),
        ];
        let args = args.into_iter().map(Value::from).collect();
        let answered = self.beat.run(&self.links.beats, vec![self.keys.beat()], args).await.map_err(fault)?;
        answer::beat(answered)
    }

    async fn vacate(&self, node: &str) -> Result<(), Fault> {
        if !is_up(&self.links.beats) {
            return Err(link_down());
        }
        let args = vec![Value::from(node)];
        self.vacate.run(&self.links.beats, vec![self.keys.beat()], args).await.map_err(fault)?;
        Ok(())
    }

    fn ready(&self) -> Result<(), String> {
        self.readiness.borrow().clone()
    }

    async fn close(&self) {
        self.stop.cancel();
        self.links.quit().await;
        self.tasks.close();
    }
}

/// The arguments of `commit.lua`.
fn commit_args(commit: &Commit, channel: String) -> Vec<Value> {
    let expected = if commit.expected == timers::Tag::NONE { String::new() } else { commit.expected.to_string() };
    let deadline = match commit.deadline {
        DeadlineMove::Keep => String::new(),
        DeadlineMove::Clear => "0".to_owned(),
        DeadlineMove::Set(at) => at.to_string(),
    };
    let text = |text: String| Value::String(text.into());
    let count = |count: usize| text(count.to_string());
    let mut args = vec![
        text(expected),
        Value::Bytes(Bytes::copy_from_slice(&commit.id.0.to_be_bytes())),
        text(commit.decided_at.to_string()),
        text(COMMIT_AGE_MAX.0.to_string()),
        text(commit.tag.to_string()),
        text(commit.at.to_string()),
        text(commit.scope.to_string()),
        text(deadline),
        text(channel),
        Value::Bytes(commit.update.clone()),
        count(commit.put.len()),
    ];
    for (key, bytes) in &commit.put {
        args.push(text(key.to_string()));
        args.push(Value::Bytes(bytes.clone()));
    }
    args.push(count(commit.removed.len()));
    args.extend(commit.removed.iter().map(|key| text(key.to_string())));
    args.push(count(commit.archive.len()));
    for row in &commit.archive {
        args.push(text(row.id.to_string()));
        args.push(text(row.at.to_string()));
        args.push(Value::Bytes(row.body.clone()));
    }
    args
}

fn field(head: &[Option<Bytes>], nth: usize) -> Option<&[u8]> {
    head.get(nth).and_then(Option::as_deref)
}

fn is_before(query: &Query, id: &str, at: f64) -> bool {
    query.before.as_ref().is_none_or(|before| (timestamp(at), id) < (before.at, before.id.as_str()))
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds are exact in a double for another 285,000 years")]
fn score(at: Timestamp) -> f64 {
    at.0 as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "scores are written from u64 milliseconds")]
fn timestamp(score: f64) -> Timestamp {
    Timestamp(score as u64)
}
