//! Nodes over one store, each behind a link of its own, with clients that stay connected while faults are injected.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::{Content, Dependencies, Engine, Entropy, MemoryStore, Options, Subscription};
use timers::{Millis, Scope};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::journal::{Journal, VirtualClock};
use super::network::{Faults, Link};

/// Nodes of a system.
pub(crate) const NODES: usize = 3;

/// Longest time until all views agree once the network has no faults: a command's budget, a comparison of positions,
/// and a load.
const AGREE_WITHIN: Duration = Duration::from_secs(10);

/// Subscribes to a scope; waits until the node can.
pub(crate) async fn join(engine: &Engine, scope: &Scope) -> Subscription {
    loop {
        match engine.hub().join(scope).await {
            Ok(subscription) => return subscription,
            Err(_) => sleep(Duration::from_millis(50)).await, // tidy: allow: virtual time
        }
    }
}

/// One node, with the tasks of its clients.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) engine: Arc<Engine>,
    pub(crate) link: Arc<Link>,
    tasks: NodeTasks,
}

/// Runs the tasks of a node's clients until the node dies.
#[derive(Clone)]
pub(crate) struct NodeTasks {
    is_dead: CancellationToken,
    all: Arc<Mutex<JoinSet<Option<()>>>>,
}

impl NodeTasks {
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.all.lock().unwrap().spawn(self.until_death(task));
    }

    /// Runs a future; drops it when the node dies.
    pub(crate) fn until_death<F: Future>(&self, future: F) -> impl Future<Output = Option<F::Output>> + use<F> {
        self.is_dead.clone().run_until_cancelled_owned(future)
    }
}

impl Node {
    pub(crate) fn tasks(&self) -> &NodeTasks {
        &self.tasks
    }

    /// Ends the node as a killed process ends: its requests in progress may or may not have reached the store, it gives
    /// up neither its lease nor its leadership, and its clients lose their connections.
    pub(crate) async fn kill(self) {
        self.link.kill().await;
        self.tasks.is_dead.cancel();
        // Only ends the tasks of the node, since its link is severed.
        self.engine.stop().await;
    }
}

/// The store, and what starts nodes on it.
pub(crate) struct Cluster {
    pub(crate) store: MemoryStore,
    /// How far the clock of the store is back.
    pub(crate) store_ms_back: Arc<AtomicU64>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) clock: VirtualClock,
    pub(crate) faults: Faults,
    pub(crate) rng: fastrand::Rng,
    started: u64,
    tasks: Arc<Mutex<JoinSet<Option<()>>>>,
}

impl Cluster {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        let clock = VirtualClock::start();
        let store_ms_back = Arc::new(AtomicU64::new(0));
        let back = Arc::clone(&store_ms_back);
        let store = MemoryStore::new(move || clock.now() - Millis(back.load(Ordering::Relaxed)));
        let journal = Journal::new(store.clone(), clock);
        let rng = fastrand::Rng::with_seed(seed);
        Self { store, store_ms_back, journal, clock, faults, rng, started: 0, tasks: Arc::default() }
    }

    pub(crate) fn start_node(&mut self) -> Node {
        self.started += 1;
        let (link, connected) = Link::connect(&self.store, &self.journal, self.faults, self.rng.u64(..));
        let dependencies = Dependencies {
            monotonic: Box::new(self.clock),
            entropy: Entropy::from_seed(self.rng.u64(..)),
            ..Dependencies::default()
        };
        let name = format!("node-{}", self.started);
        let engine = Engine::start(connected, Options::new(&name), dependencies);
        let tasks = NodeTasks { is_dead: CancellationToken::new(), all: Arc::clone(&self.tasks) };
        Node { name, engine, link, tasks }
    }

    /// Panics if a task of a client has panicked.
    pub(crate) fn check_tasks(&self) {
        while let Some(ended) = self.tasks.lock().unwrap().try_join_next() {
            ended.expect("a task of a client panicked");
        }
    }

    /// Tells whether an event happens that is this likely, in thousandths.
    pub(crate) fn chance(&mut self, thousandths: u32) -> bool {
        self.rng.u32(0..1000) < thousandths
    }
}

/// A client of a node.
pub(crate) trait Connected {
    fn connect(engine: &Arc<Engine>, scope: &Scope) -> Self;
    fn scope(&self) -> &Scope;

    /// Panics if the client was told something wrong.
    fn check(&self) {}
}

/// The nodes of a system, their clients, and the commands under way.
pub(crate) struct Served<C> {
    pub(crate) cluster: Cluster,
    pub(crate) nodes: Vec<Node>,
    /// The clients of each node.
    clients: Vec<Vec<C>>,
    commands: JoinSet<()>,
}

impl<C: Connected> Served<C> {
    /// Starts the nodes and connects a client to each scope, in turn to each node.
    pub(crate) fn start(seed: u64, faults: Faults, scopes: impl Iterator<Item = Scope>) -> Self {
        let mut cluster = Cluster::new(seed, faults);
        let nodes: Vec<Node> = (0..NODES).map(|_| cluster.start_node()).collect();
        let mut clients: Vec<Vec<C>> = (0..NODES).map(|_| Vec::new()).collect();
        for (nth, scope) in scopes.enumerate() {
            clients[nth % NODES].push(C::connect(&nodes[nth % NODES].engine, &scope));
        }
        Self { cluster, nodes, clients, commands: JoinSet::new() }
    }

    /// Sends commands and injects faults for a while; tells when the store has lost its last seconds.
    pub(crate) async fn live(&mut self, span: Duration, command: impl Fn(&mut Self), rolled_back: impl Fn()) {
        let end = Instant::now() + span;
        let faults = self.cluster.faults;
        let mut saved = (Instant::now(), self.cluster.store.content());
        while Instant::now() < end {
            sleep(Duration::from_millis(self.cluster.rng.u64(1..60))).await; // tidy: allow: virtual time
            command(self);
            let node = self.cluster.rng.usize(0..self.nodes.len());
            if faults.cuts && self.cluster.chance(30) {
                self.nodes[node].link.cut().await;
            } else if faults.cuts && self.cluster.chance(300) {
                self.nodes[node].link.restore().await;
            }
            if faults.clock_steps && self.cluster.chance(10) {
                let back = if self.cluster.rng.bool() { self.cluster.rng.u64(0..8_000_000) } else { 0 };
                self.cluster.store_ms_back.store(back, Ordering::Relaxed);
            }
            if faults.node_deaths && self.cluster.chance(5) {
                self.replace_node(node).await;
            }
            if faults.rollbacks && saved.0.elapsed() > Duration::from_secs(2) {
                if self.cluster.rng.bool() {
                    self.roll_back(&saved.1).await;
                    rolled_back();
                }
                saved = (Instant::now(), self.cluster.store.content());
            }
        }
    }

    /// Chooses a node; returns its engine and what runs the tasks of its clients.
    pub(crate) fn choose_node(&mut self) -> (Arc<Engine>, NodeTasks) {
        let node = &self.nodes[self.cluster.rng.usize(0..self.nodes.len())];
        (Arc::clone(&node.engine), node.tasks().clone())
    }

    /// Carries out a command in a task, which ends when its node dies.
    pub(crate) fn spawn(&mut self, tasks: &NodeTasks, command: impl Future<Output = ()> + Send + 'static) {
        let command = tasks.until_death(command);
        self.commands.spawn(async move { command.await.unwrap_or_default() });
    }

    /// Kills a node and starts another, to which its clients connect.
    async fn replace_node(&mut self, nth: usize) {
        let new = self.cluster.start_node();
        let dead = std::mem::replace(&mut self.nodes[nth], new);
        let clients = std::mem::take(&mut self.clients[nth]);
        let scopes: Vec<Scope> = clients.iter().map(|client| client.scope().clone()).collect();
        clients.iter().for_each(C::check);
        drop(clients);
        dead.kill().await;
        for scope in &scopes {
            self.clients[nth].push(C::connect(&self.nodes[nth].engine, scope));
        }
    }

    /// Fails over to a replica that lacks the last seconds.
    async fn roll_back(&mut self, content: &Content) {
        for node in &self.nodes {
            node.link.cut().await;
        }
        self.cluster.store.restore(content.clone());
        for node in &self.nodes {
            node.link.restore().await;
        }
    }

    /// Ends all faults and waits until the views must agree.
    pub(crate) async fn heal(&mut self) {
        for node in &self.nodes {
            node.link.heal().await;
        }
        sleep(AGREE_WITHIN).await; // tidy: allow: virtual time
        while let Some(ended) = self.commands.join_next().await {
            ended.expect("a command panicked");
        }
    }

    pub(crate) fn clients(&self) -> impl Iterator<Item = &C> {
        self.clients.iter().flatten()
    }
}
