//! Nodes over one store, each behind a link of its own.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::{Dependencies, Engine, Entropy, MemoryStore, Options, Subscription};
use timers::{Millis, Scope};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::journal::{Journal, VirtualClock};
use super::network::{Faults, Link};

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
