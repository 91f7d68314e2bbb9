//! The store port over Redis.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use engine::Store;
use engine::store::{
    BeatRequest, BeatStatus, Capacity, Commit, Committed, Connected, Due, DuePage, Fault, FaultKind, LoadedBoard,
    NodeReports, Page, Query, SIGNALS_MAX, ServerStatus, Shard, Shards, StoreCounters, Transfer,
};
use fred::error::Error;
use fred::interfaces::HashesInterface;
use fred::types::Value;
use futures_util::future::join_all;
use timers::{Millis, Position, RequiredRows, Scope, Tag, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::redis::address::Target;
use crate::redis::cluster::Cluster;
use crate::redis::coverage::Coverage;
use crate::redis::export::Source;
use crate::redis::failover::Failover;
use crate::redis::fault::not_connected;
use crate::redis::keys::{Keys, ScopeKeys, beat_shard};
use crate::redis::routes::Routes;
use crate::redis::sentinel::Sentinels;
use crate::redis::server::Server;
use crate::redis::shared::Shared;
use crate::redis::span::Endpoint;
use crate::redis::subscription_task::SubscriptionRequest;
use crate::redis::{Options, decode, due, history, load, positions, retention};

/// Most beats that may be missing on their channel before a probe is requested: the last one may be in transit.
const MISSED_BEATS_MAX: u64 = 1;

/// Timeout of a subscription, including those queued before it.
const WATCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Timeout of a due query per server, so that a slow server does not delay the others.
const DUE_TIMEOUT: Duration = Duration::from_millis(500);

/// Time after the start during which readiness requires every primary of a cluster. A dead primary must not
/// keep the node from serving the other shards for longer.
const STARTUP_GRACE: Duration = Duration::from_secs(5);

/// A store in Redis.
pub struct RedisStore {
    shared: Arc<Shared>,
    routes: watch::Receiver<Arc<Routes>>,
    stop: CancellationToken,
    started_at: Instant,
    was_complete: AtomicBool,
}

impl RedisStore {
    /// Starts to connect and retries without a time limit. Until a connection is up, the store is not ready and
    /// its operations fail at once.
    ///
    /// # Errors
    /// [`Fault`] if the driver rejects its configuration, or the certificates can't be read.
    pub fn connect(options: &Options) -> Result<Connected<dyn Store>, Fault> {
        let (to_hub, signals) = mpsc::channel(SIGNALS_MAX);
        let stop = CancellationToken::new();
        let (to_routes, routes) = watch::channel(Arc::new(Routes::empty()));
        let refused = |error: Error| Fault::new(FaultKind::Damaged, error);
        let target = options.url.target(options.ca_file.as_deref());
        let target = target.map_err(|reason| Fault::new(FaultKind::Damaged, reason))?;
        let (sharded, config) = match &target {
            Target::One(config) => (false, config),
            Target::Cluster(_, config) => (true, config),
        };
        let keys = Keys::new(&options.prefix, config.database.unwrap_or_default());
        let shared = Shared::new(
            keys,
            options.node.clone(),
            options.cluster_name.clone(),
            sharded,
            Endpoint::of(config),
            to_hub,
        );
        let shared = Arc::new(shared);
        match target {
            Target::One(config) if let Some(sentinels) = Sentinels::of(&config) => {
                let failover = Failover {
                    shared: Arc::clone(&shared),
                    sentinels,
                    name: options.url.to_string(),
                    config,
                    replicas_ack: options.replicas_ack,
                    routes: to_routes,
                };
                tokio::spawn(stop.clone().run_until_cancelled_owned(failover.run()));
            }
            Target::One(config) => {
                let name = options.url.to_string();
                let server = Server::connect(&shared, name, &config, options.replicas_ack, Shards::ALL);
                let server = server.map_err(refused)?;
                to_routes.send_replace(Arc::new(Routes::new([(&server, Shards::ALL)])));
            }
            Target::Cluster(seeds, config) => {
                let cluster = Cluster {
                    shared: Arc::clone(&shared),
                    seeds,
                    config,
                    replicas_ack: options.replicas_ack,
                    routes: to_routes,
                    servers: BTreeMap::new(),
                    coverage: Coverage::default(),
                };
                tokio::spawn(stop.clone().run_until_cancelled_owned(cluster.run()));
            }
        }
        Ok(Connected {
            store: Arc::new(Self {
                shared,
                routes,
                stop,
                started_at: Instant::now(),
                was_complete: AtomicBool::new(false),
            }),
            signals,
        })
    }

    fn routes(&self) -> Arc<Routes> {
        Arc::clone(&self.routes.borrow())
    }

    fn server(&self, scope: &Scope) -> Result<Arc<Server>, Fault> {
        self.routes().server(Shard::of(scope))
    }

    /// Returns the server and the keys of a scope.
    pub(crate) fn place(&self, scope: &Scope) -> Result<(Arc<Server>, ScopeKeys), Fault> {
        Ok((self.server(scope)?, self.shared.keys.of(scope)))
    }

    /// Returns the server of the beat.
    pub(crate) fn beat_server(&self) -> Result<Arc<Server>, Fault> {
        self.routes().server(beat_shard())
    }

    /// Returns the state that all connections share.
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Returns the access of an export.
    pub(crate) fn source(&self) -> Source {
        Source { shared: Arc::clone(&self.shared), routes: self.routes.clone() }
    }

    /// Requests a probe if the last beat did not arrive on its channel. Beats take the same path as updates.
    fn check_beat_received(&self, beat: &BeatStatus, server: &Server) {
        if beat.beat.0 > self.shared.last_received_beat() + MISSED_BEATS_MAX {
            server.request_probe();
        }
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn load(&self, scope: &Scope, rows: &RequiredRows) -> Result<LoadedBoard, Fault> {
        load::load(&*self.server(scope)?, &self.shared, scope, rows).await
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, Fault> {
        self.server(&commit.scope)?.commit(commit).await
    }

    async fn confirm(&self, scope: &Scope, tag: Tag) -> Result<bool, Fault> {
        self.server(scope)?.confirm(scope, tag).await
    }

    async fn history(&self, scope: &Scope, query: &Query) -> Result<Page, Fault> {
        history::read(&*self.server(scope)?, &self.shared, scope, query).await
    }

    async fn extend(&self, scopes: &[Scope], lifetime: Millis) -> Result<(), Fault> {
        let shards: Vec<Shard> = scopes.iter().map(Shard::of).collect();
        let groups = self.routes().group_by_server(&shards);
        let extensions = groups.iter().map(|(server, indices)| {
            retention::extend(server, &self.shared, indices.iter().map(|index| &scopes[*index]), lifetime)
        });
        let extended = join_all(extensions).await;
        let reached: usize = groups.iter().map(|(_, indices)| indices.len()).sum();
        if reached < scopes.len() {
            return Err(not_connected());
        }
        extended.into_iter().collect()
    }

    async fn touch(&self, scope: &Scope, at: Timestamp) -> Result<(), Fault> {
        let server = self.server(scope)?;
        let touched: Result<(), Error> =
            server.commands()?.hset(self.shared.keys.board(scope), ("@touched", at.to_string())).await;
        touched.map_err(|error| server.fault(error))
    }

    async fn watch(&self, scope: &Scope) -> Result<(), Fault> {
        let (shard, channel) = (Shard::of(scope), self.shared.keys.channel(scope));
        self.shared.desired.insert(shard, channel.clone());
        let server = self.routes().server(shard)?;
        server.ready().map_err(|_| not_connected())?;
        let (ack, acked) = oneshot::channel();
        let acked = timeout(WATCH_TIMEOUT, async {
            server.request(SubscriptionRequest::Watch(shard, channel, ack)).await?;
            acked.await.map_err(|_| not_connected())?
        });
        let span = tracing::info_span!("watch", otel.kind = "internal", messaging.system = "redis");
        acked.instrument(span).await.map_err(|_| not_connected())?
    }

    fn unwatch(&self, scope: &Scope) {
        let (shard, channel) = (Shard::of(scope), self.shared.keys.channel(scope));
        self.shared.desired.remove(shard, &channel);
        if let Ok(server) = self.routes().server(shard) {
            // If the queue is full the subscription stays; its updates find no view and are dropped.
            server.try_request(SubscriptionRequest::Unwatch(shard, channel));
        }
    }

    async fn positions(&self, scopes: &[Scope]) -> Vec<Option<Position>> {
        let shards: Vec<Shard> = scopes.iter().map(Shard::of).collect();
        let groups = self.routes().group_by_server(&shards);
        let reads = groups.iter().map(|(server, indices)| async move {
            let boards = indices.iter().map(|index| self.shared.keys.board(&scopes[*index]));
            positions::read(server, &self.shared, boards).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "positions can't be read");
                vec![None; indices.len()]
            })
        });
        let replies = join_all(reads).await;
        let mut positions = vec![None; scopes.len()];
        for ((_, indices), replies) in groups.iter().zip(replies) {
            for (index, position) in indices.iter().zip(replies) {
                positions[*index] = position;
            }
        }
        positions
    }

    async fn due(&self, until: Timestamp, limit: usize) -> Result<DuePage, Fault> {
        let servers = self.routes().servers();
        let read_server = |server| timeout(DUE_TIMEOUT, due::read(server, &self.shared, until, limit));
        let pages = join_all(servers.iter().map(|server| read_server(server))).await;
        let mut all = DuePage { due: Vec::new(), more: false, unread: Shards::NONE };
        let mut failed = None;
        let mut read_count = 0;
        let mut read = Shards::NONE;
        for (server, page) in servers.iter().zip(pages) {
            match page {
                Ok(Ok(page)) => {
                    read_count += 1;
                    read = read.iter().chain(server.shards().without(page.unread).iter()).collect();
                    all.due.extend(page.due);
                    all.more |= page.more;
                }
                Ok(Err(fault)) => failed = Some(fault),
                Err(_) => {
                    failed = Some(Fault::new(FaultKind::Unavailable, "Redis did not reply to a due query in time"));
                }
            }
        }
        if read_count == 0 {
            return Err(failed.unwrap_or_else(not_connected));
        }
        all.unread = Shard::all().collect::<Shards>().without(read);
        all.due.sort_by(|a, b| (a.at, &a.scope).cmp(&(b.at, &b.scope)));
        Ok(all)
    }

    async fn postpone(&self, due: &Due, to: Timestamp) -> Result<(), Fault> {
        let server = self.server(&due.scope)?;
        let keys = vec![self.shared.keys.due(Shard::of(&due.scope))];
        let args = [due.scope.to_string(), due.at.to_string(), to.to_string()];
        let args = args.into_iter().map(Value::from).collect();
        let moved = self.shared.postpone.run(&server.commands()?, keys, args).await;
        moved.map(drop).map_err(|error| server.fault(error))
    }

    async fn beat(&self, request: &BeatRequest) -> Result<BeatStatus, Fault> {
        let server = self.beat_server()?;
        let args = vec![
            request.node.clone(),
            request.takeover_after.0.to_string(),
            request.generation.to_string(),
            request.now.unwrap_or_default().to_string(),
            self.shared.publish().to_owned(),
            self.shared.keys.beat_channel(),
        ];
        let args = args.into_iter().map(Value::from).collect();
        let reply = self.shared.beat.run(&server.beats()?, vec![self.shared.keys.beat()], args).await;
        let beat = decode::beat(reply.map_err(|error| server.fault(error))?)?;
        self.shared.observe_beat(&beat);
        self.check_beat_received(&beat, &server);
        Ok(beat)
    }

    async fn vacate(&self, node: &str) -> Result<(), Fault> {
        let server = self.beat_server()?;
        let channel = self.shared.keys.beat_channel();
        let args = vec![Value::from(node), Value::from(self.shared.publish()), Value::from(channel)];
        let vacated = self.shared.vacate.run(&server.beats()?, vec![self.shared.keys.beat()], args).await;
        vacated.map(drop).map_err(|error| server.fault(error))
    }

    fn ready(&self) -> Result<(), String> {
        if let Some(reason) = self.shared.cluster_name.refusal() {
            return Err(reason);
        }
        let starting = !self.was_complete.load(Ordering::Relaxed) && self.started_at.elapsed() < STARTUP_GRACE;
        let ready = self.routes().ready(starting);
        if starting && ready.is_ok() {
            self.was_complete.store(true, Ordering::Relaxed);
        }
        ready
    }

    fn counters(&self) -> StoreCounters {
        let counters = &self.shared.counters;
        StoreCounters {
            watched: self.shared.desired.count() as u64,
            established: counters.established.get(),
            lost: counters.lost.get(),
            unpublished: counters.unpublished.get(),
            unreplicated: counters.unreplicated.get(),
            dropped: counters.dropped.get(),
            shards: Some(self.routes().usable_shards() as u64),
            damaged: counters.damaged.get(),
            damaged_shards: self.shared.damaged_shards.count() as u64,
            capacity: self.routes().servers().iter().filter_map(|server| server.capacity()).reduce(Capacity::fuller),
        }
    }

    fn servers(&self) -> Vec<ServerStatus> {
        self.routes().servers().iter().map(|server| server.status()).collect()
    }

    fn node_reports(&self) -> Option<&dyn NodeReports> {
        Some(self)
    }

    fn transfer(&self) -> Option<&dyn Transfer> {
        Some(self)
    }

    async fn close(&self) {
        self.stop.cancel();
        join_all(self.routes().servers().iter().map(|server| server.close())).await;
    }
}
