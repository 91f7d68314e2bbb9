//! The port over Redis.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use engine::Store;
use engine::store::{
    ArchivedRow, BeatAnswer, BeatAsk, Commit, Committed, Connected, Due, DueLook, Fault, FaultKind, Loaded, Page,
    Query, SIGNALS_MAX, Shard, Shards, Tally,
};
use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::{ClientLike, HashesInterface, SortedSetsInterface};
use fred::types::{ClusterHash, CustomCommand, Value};
use futures_util::future::join_all;
use timers::{HistoryId, Position, Scope, Tag, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::redis::address::Target;
use crate::redis::cluster::Cluster;
use crate::redis::fault::{link_down, nonsense};
use crate::redis::keys::{Keys, ScopeKeys, shard_of_beat};
use crate::redis::routes::Routes;
use crate::redis::score::{score, timestamp};
use crate::redis::server::Server;
use crate::redis::shared::Shared;
use crate::redis::span::{Asked, Place};
use crate::redis::subscriptions::Order;
use crate::redis::{Options, answer, due};

/// How many beats may be missing on their channel before the path is looked at: the last may be on its way.
const UNHEARD_MAX: u64 = 1;

/// How long a subscription may take, with those in front of it.
const WATCHED_WITHIN: Duration = Duration::from_secs(5);

/// How long a look at deadlines waits for a server: the others' are not to wait for it.
const LOOK_WITHIN: Duration = Duration::from_millis(500);

/// How long a node that starts waits for every primary of a cluster. One that is dead then must not keep it
/// from serving the others.
const ALL_WITHIN: Duration = Duration::from_secs(5);

const LOAD: Asked = Asked { name: "PIPELINE", operation: "PIPELINE", script: None, batch: Some(2) };

const LOAD_WITH_ROWS: Asked = Asked { batch: Some(3), ..LOAD };

/// A store in Redis.
pub struct RedisStore {
    shared: Arc<Shared>,
    routes: watch::Receiver<Arc<Routes>>,
    stop: CancellationToken,
    began: Instant,
    was_whole: AtomicBool,
}

impl RedisStore {
    /// Begins to connect, and goes on for as long as it takes; until then the store is not ready and its
    /// commands fail at once.
    ///
    /// # Errors
    /// [`Fault`] if the driver refuses its configuration, or the certificates can't be read.
    pub fn connect(options: &Options) -> Result<Connected<dyn Store>, Fault> {
        let (to_hub, signals) = mpsc::channel(SIGNALS_MAX);
        let stop = CancellationToken::new();
        let (to_routes, routes) = watch::channel(Arc::new(Routes::none()));
        let refused = |error: Error| Fault::new(FaultKind::Damaged, error);
        let target = options.url.target(options.ca_file.as_deref());
        let target = target.map_err(|why| Fault::new(FaultKind::Damaged, why))?;
        let (sharded, place) = match &target {
            Target::One(config) => (false, Place::of(config)),
            Target::Cluster(_, config) => (true, Place::of(config)),
        };
        let shared = Shared::new(Keys::new(&options.prefix), options.node.clone(), sharded, place, to_hub);
        let shared = Arc::new(shared);
        match target {
            Target::One(config) => {
                let name = options.url.to_string();
                let server = Server::connect(&shared, name, &config, options.replicas_ack, Shards::ALL);
                let server = server.map_err(refused)?;
                to_routes.send_replace(Arc::new(Routes::to([(&server, Shards::ALL)])));
            }
            Target::Cluster(seeds, config) => {
                let cluster = Cluster {
                    shared: Arc::clone(&shared),
                    seeds,
                    config,
                    replicas_ack: options.replicas_ack,
                    routes: to_routes,
                    servers: BTreeMap::new(),
                };
                tokio::spawn(stop.clone().run_until_cancelled_owned(cluster.run()));
            }
        }
        Ok(Connected {
            store: Arc::new(Self { shared, routes, stop, began: Instant::now(), was_whole: AtomicBool::new(false) }),
            signals,
        })
    }

    fn routes(&self) -> Arc<Routes> {
        Arc::clone(&self.routes.borrow())
    }

    fn server(&self, scope: &Scope) -> Result<Arc<Server>, Fault> {
        self.routes().server(Shard::of(scope))
    }

    /// The beat is the probe of the path that updates take, too: what the store says was beaten must have
    /// been heard.
    fn compare_with_heard(&self, beat: &BeatAnswer, server: &Server) {
        if beat.beat.0 > self.shared.last_heard() + UNHEARD_MAX {
            server.ask_for_probe();
        }
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn load(&self, scope: &Scope, ask: &[HistoryId]) -> Result<Loaded, Fault> {
        let server = self.server(scope)?;
        server.check_time()?;
        let fault = |error| server.fault(error);
        let asked = if ask.is_empty() { LOAD } else { LOAD_WITH_ROWS };
        let read = read_board(server.commands()?, self.shared.keys.of(scope), ask);
        let mut answers = self.shared.place.trace(asked, read).await.map_err(fault)?;
        let wrong = || nonsense("a load");
        let now = answers.pop().and_then(|time| time.convert().ok()).map(answer::time).ok_or_else(wrong)?;
        let now = server.cluster_time(now);
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
        self.server(&commit.scope)?.commit(commit).await
    }

    async fn confirm(&self, scope: &Scope, tag: Tag) -> Result<bool, Fault> {
        self.server(scope)?.confirm(scope, tag).await
    }

    async fn history(&self, scope: &Scope, query: &Query) -> Result<Page, Fault> {
        let server = self.server(scope)?;
        let fault = |error| server.fault(error);
        let commands = server.commands()?;
        let keys = self.shared.keys.of(scope);
        let newest = query.before.as_ref().map_or(f64::INFINITY, |before| score(before.at));
        let wanted = query.limit + 1;
        let mut places: Vec<(String, f64)> = Vec::new();
        let mut offset = 0;
        while places.len() < wanted {
            let window = Some((offset, i64::try_from(wanted).unwrap_or(i64::MAX)));
            let read = commands.zrevrangebyscore(&keys.index, newest, f64::NEG_INFINITY, true, window);
            let read: Vec<(String, f64)> = read.await.map_err(fault)?;
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
        let bodies: Vec<Option<Bytes>> = commands.hmget(keys.rows, ids).await.map_err(fault)?;
        let rows = places.iter().zip(bodies).filter_map(|((id, at), body)| {
            Some(ArchivedRow { id: HistoryId::new(id).ok()?, at: timestamp(*at), body: body? })
        });
        Ok(Page::of(rows.collect(), query.limit))
    }

    async fn watch(&self, scope: &Scope) -> Result<(), Fault> {
        let (shard, channel) = (Shard::of(scope), self.shared.keys.channel(scope));
        self.shared.wanted.insert(shard, channel.clone());
        let server = self.routes().server(shard)?;
        server.ready().map_err(|_| link_down())?;
        let (ack, acked) = oneshot::channel();
        let acked = timeout(WATCHED_WITHIN, async {
            server.order(Order::Watch(shard, channel, ack)).await?;
            acked.await.map_err(|_| link_down())?
        });
        let span = tracing::info_span!("watch", otel.kind = "internal", messaging.system = "redis");
        acked.instrument(span).await.map_err(|_| link_down())?
    }

    fn unwatch(&self, scope: &Scope) {
        let (shard, channel) = (Shard::of(scope), self.shared.keys.channel(scope));
        self.shared.wanted.remove(shard, &channel);
        if let Ok(server) = self.routes().server(shard) {
            // When the queue is full the subscription stays; its updates find no view and are dropped.
            server.try_order(Order::Unwatch(shard, channel));
        }
    }

    async fn positions(&self, scopes: &[Scope]) -> Vec<Option<Position>> {
        let shards: Vec<Shard> = scopes.iter().map(Shard::of).collect();
        let split = self.routes().split(&shards);
        let asked = split.iter().map(|(server, places)| async move {
            let boards = places.iter().map(|place| self.shared.keys.board(&scopes[*place]));
            positions(server, boards).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "positions can't be read");
                vec![None; places.len()]
            })
        });
        let told = join_all(asked).await;
        let mut positions = vec![None; scopes.len()];
        for ((_, places), told) in split.iter().zip(told) {
            for (place, position) in places.iter().zip(told) {
                positions[*place] = position;
            }
        }
        positions
    }

    async fn due(&self, until: Timestamp, limit: usize) -> Result<DueLook, Fault> {
        let servers = self.routes().servers();
        let look = |server| timeout(LOOK_WITHIN, due::look(server, &self.shared.keys, until, limit));
        let looks = join_all(servers.iter().map(|server| look(server))).await;
        let mut all = DueLook { due: Vec::new(), more: false };
        let mut failed = None;
        let mut read = 0;
        for look in looks {
            match look {
                Ok(Ok(look)) => {
                    read += 1;
                    all.due.extend(look.due);
                    all.more |= look.more;
                }
                Ok(Err(fault)) => failed = Some(fault),
                Err(_) => failed = Some(Fault::new(FaultKind::Unavailable, "Redis takes too long")),
            }
        }
        if read == 0 {
            return Err(failed.unwrap_or_else(link_down));
        }
        all.due.sort_by(|a, b| (a.at, &a.scope).cmp(&(b.at, &b.scope)));
        Ok(all)
    }

    async fn put_off(&self, due: &Due, to: Timestamp) -> Result<(), Fault> {
        let server = self.server(&due.scope)?;
        let keys = vec![self.shared.keys.due(Shard::of(&due.scope))];
        let args = [due.scope.to_string(), due.at.to_string(), to.to_string()];
        let args = args.into_iter().map(Value::from).collect();
        let moved = self.shared.put_off.run(server.commands()?, keys, args).await;
        moved.map(drop).map_err(|error| server.fault(error))
    }

    async fn beat(&self, ask: &BeatAsk) -> Result<BeatAnswer, Fault> {
        let server = self.routes().server(shard_of_beat())?;
        let args = vec![
            ask.node.clone(),
            ask.takeover_after.0.to_string(),
            ask.generation.to_string(),
            ask.now.unwrap_or_default().to_string(),
            self.shared.publish().to_owned(),
        ];
        let args = args.into_iter().map(Value::from).collect();
        let answered = self.shared.beat.run(server.beats()?, vec![self.shared.keys.beat()], args).await;
        let beat = answer::beat(answered.map_err(|error| server.fault(error))?)?;
        self.shared.learn(&beat);
        self.compare_with_heard(&beat, &server);
        Ok(beat)
    }

    async fn vacate(&self, node: &str) -> Result<(), Fault> {
        let server = self.routes().server(shard_of_beat())?;
        let args = vec![Value::from(node), Value::from(self.shared.publish())];
        let vacated = self.shared.vacate.run(server.beats()?, vec![self.shared.keys.beat()], args).await;
        vacated.map(drop).map_err(|error| server.fault(error))
    }

    fn ready(&self) -> Result<(), String> {
        let starts = !self.was_whole.load(Ordering::Relaxed) && self.began.elapsed() < ALL_WITHIN;
        let ready = self.routes().ready(starts);
        if starts && ready.is_ok() {
            self.was_whole.store(true, Ordering::Relaxed);
        }
        ready
    }

    fn tally(&self) -> Tally {
        let counts = &self.shared.counts;
        Tally {
            watched: self.shared.wanted.count() as u64,
            established: counts.established.get(),
            lost: counts.lost.get(),
            unpublished: counts.unpublished.get(),
            unsafe_yet: counts.unsafe_yet.get(),
            dropped: counts.dropped.get(),
            shards: Some(self.routes().usable() as u64),
        }
    }

    async fn close(&self) {
        self.stop.cancel();
        join_all(self.routes().servers().iter().map(|server| server.close())).await;
    }
}

/// Reads a board, rows if some are asked about, and the server's time.
async fn read_board(commands: &Client, keys: ScopeKeys, ask: &[HistoryId]) -> Result<Vec<Value>, Error> {
    let pipeline = commands.pipeline();
    let _: () = pipeline.hgetall(keys.board).await?;
    if !ask.is_empty() {
        let fields: Vec<&str> = ask.iter().map(HistoryId::as_str).collect();
        let _: () = pipeline.hmget(keys.rows, fields).await?;
    }
    let time = CustomCommand::new_static("TIME", ClusterHash::FirstKey, false);
    let _: () = pipeline.custom(time, Vec::<Value>::new()).await?;
    pipeline.all().await
}

async fn positions(server: &Server, boards: impl Iterator<Item = String>) -> Result<Vec<Option<Position>>, Fault> {
    let fault = |error| server.fault(error);
    let pipeline = server.commands()?.pipeline();
    for board in boards {
        let _: () = pipeline.hmget(board, vec!["@rev", "@tag"]).await.map_err(fault)?;
    }
    let heads: Vec<Vec<Option<Bytes>>> = pipeline.all().await.map_err(fault)?;
    let position = |head: &Vec<Option<Bytes>>| answer::position(field(head, 0), field(head, 1)).map(Some);
    heads.iter().map(position).collect()
}

fn field(head: &[Option<Bytes>], nth: usize) -> Option<&[u8]> {
    head.get(nth).and_then(Option::as_deref)
}

fn is_before(query: &Query, id: &str, at: f64) -> bool {
    query.before.as_ref().is_none_or(|before| (timestamp(at), id) < (before.at, before.id.as_str()))
}
