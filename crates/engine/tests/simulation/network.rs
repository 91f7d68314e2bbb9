//! A node's link to the store, with injected faults.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use engine::store::{
    BeatRequest, BeatStatus, Commit, Committed, Connected, Due, DuePage, Fault, FaultKind, LoadedBoard, Page, Query,
    SIGNALS_MAX, Shards, Signal,
};
use engine::{MemoryNode, MemoryStore, Store};
use timers::{Millis, Position, RequiredRows, Scope, Tag, Timestamp};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::journal::Journal;

/// The kinds of faults that a run injects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    /// Requests and answers are lost.
    pub(crate) losses: bool,
    /// Signals are lost, repeated or reordered, and the node is not told.
    pub(crate) bad_signals: bool,
    /// Links break, and the node is told.
    pub(crate) cuts: bool,
    /// The store loses its last seconds, and the nodes are told that their links broke.
    pub(crate) rollbacks: bool,
    /// The clock of the store is set back, and forward again.
    pub(crate) clock_steps: bool,
    /// Nodes die, and others start.
    pub(crate) node_deaths: bool,
}

impl Faults {
    pub(crate) fn none() -> Self {
        Self {
            losses: false,
            bad_signals: false,
            cuts: false,
            rollbacks: false,
            clock_steps: false,
            node_deaths: false,
        }
    }

    pub(crate) fn all() -> Self {
        Self { losses: true, bad_signals: true, cuts: true, rollbacks: false, clock_steps: false, node_deaths: true }
    }
}

/// One node's link.
pub(crate) struct Link {
    node: Arc<MemoryNode>,
    journal: Arc<Journal>,
    faults: Faults,
    rng: Mutex<fastrand::Rng>,
    healed: AtomicBool,
    cut: AtomicBool,
    dead: AtomicBool,
    to_hub: mpsc::Sender<Signal>,
}

impl Link {
    /// Connects a node.
    pub(crate) fn connect(
        store: &MemoryStore,
        journal: &Arc<Journal>,
        faults: Faults,
        seed: u64,
    ) -> (Arc<Self>, Connected<dyn Store>) {
        let Connected { store: node, signals } = store.connect();
        let (to_hub, to_read) = mpsc::channel(SIGNALS_MAX);
        let link = Arc::new(Self {
            node,
            journal: Arc::clone(journal),
            faults,
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            healed: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            dead: AtomicBool::new(false),
            to_hub,
        });
        tokio::spawn(Arc::clone(&link).carry(signals));
        let store: Arc<dyn Store> = link.clone();
        (link, Connected { store, signals: to_read })
    }

    /// Ends all faults. A link that is cut is restored.
    pub(crate) async fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
        self.restore().await;
    }

    /// Breaks the link. The node is told, as a driver tells of a broken connection.
    pub(crate) async fn cut(&self) {
        self.journal.fault();
        self.cut.store(true, Ordering::Relaxed);
        self.to_hub.send(Signal::Lost(Shards::ALL)).await.ok();
    }

    /// Restores the link.
    pub(crate) async fn restore(&self) {
        if self.cut.swap(false, Ordering::Relaxed) {
            self.journal.fault();
            self.to_hub.send(Signal::Restored(Shards::ALL)).await.ok();
        }
    }

    /// Severs the link for good, as the death of the node does: no request reaches the store, and none is answered.
    pub(crate) async fn kill(&self) {
        self.journal.fault();
        self.dead.store(true, Ordering::Relaxed);
        self.node.close().await;
    }

    /// Decides whether a fault is injected, and records it.
    fn chance(&self, percent: u32) -> bool {
        let happens = !self.healed.load(Ordering::Relaxed) && self.rng.lock().unwrap().u32(0..100) < percent;
        if happens {
            self.journal.fault();
        }
        happens
    }

    async fn travel(&self) {
        let micros = self.rng.lock().unwrap().u64(100..8_000);
        sleep(Duration::from_micros(micros)).await; // tidy: allow: virtual time
        if self.dead.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }

    /// Carries a request to the store.
    async fn send(&self) -> Result<(), Fault> {
        if self.cut.load(Ordering::Relaxed) {
            return Err(Fault::new(FaultKind::Unavailable, "the link is cut"));
        }
        self.travel().await;
        if self.faults.losses && self.chance(3) {
            sleep(Duration::from_millis(300)).await; // tidy: allow: virtual time
            return Err(Fault::new(FaultKind::Unknown, "the request was lost"));
        }
        Ok(())
    }

    /// Carries an answer back.
    async fn receive<T>(&self, answer: Result<T, Fault>) -> Result<T, Fault> {
        self.travel().await;
        if self.cut.load(Ordering::Relaxed) || (self.faults.losses && self.chance(3)) {
            sleep(Duration::from_millis(300)).await; // tidy: allow: virtual time
            return Err(Fault::new(FaultKind::Unknown, "the answer was lost"));
        }
        answer
    }

    async fn carry(self: Arc<Self>, mut signals: mpsc::Receiver<Signal>) {
        let mut held: Option<Signal> = None;
        while let Some(signal) = signals.recv().await {
            if self.cut.load(Ordering::Relaxed) {
                continue;
            }
            self.travel().await;
            if self.faults.bad_signals && self.chance(4) {
                continue;
            }
            if self.faults.bad_signals && held.is_none() && self.chance(5) {
                held = Some(signal);
                continue;
            }
            if self.faults.bad_signals && self.chance(5) {
                self.to_hub.send(signal.clone()).await.ok();
            }
            self.to_hub.send(signal).await.ok();
            if let Some(overtaken) = held.take() {
                self.to_hub.send(overtaken).await.ok();
            }
        }
    }
}

#[async_trait]
impl Store for Link {
    async fn load(&self, scope: &Scope, ask: &RequiredRows) -> Result<LoadedBoard, Fault> {
        self.send().await?;
        self.receive(self.node.load(scope, ask).await).await
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, Fault> {
        self.send().await?;
        let committed = self.node.commit(commit).await;
        if matches!(committed, Ok(Committed::Done(..))) {
            self.journal.committed(&commit.scope);
        }
        self.receive(committed).await
    }

    async fn confirm(&self, scope: &Scope, tag: Tag) -> Result<bool, Fault> {
        self.send().await?;
        self.receive(self.node.confirm(scope, tag).await).await
    }

    async fn history(&self, scope: &Scope, query: &Query) -> Result<Page, Fault> {
        self.send().await?;
        self.receive(self.node.history(scope, query).await).await
    }

    async fn extend(&self, scopes: &[Scope], lifetime: Millis) -> Result<(), Fault> {
        self.send().await?;
        self.receive(self.node.extend(scopes, lifetime).await).await
    }

    async fn watch(&self, scope: &Scope) -> Result<(), Fault> {
        self.send().await?;
        self.receive(self.node.watch(scope).await).await
    }

    fn unwatch(&self, scope: &Scope) {
        self.node.unwatch(scope);
    }

    async fn positions(&self, scopes: &[Scope]) -> Vec<Option<Position>> {
        let told = match self.send().await {
            Ok(()) => self.receive(Ok(self.node.positions(scopes).await)).await,
            Err(fault) => Err(fault),
        };
        told.unwrap_or_else(|_| vec![None; scopes.len()])
    }

    async fn due(&self, until: Timestamp, limit: usize) -> Result<DuePage, Fault> {
        self.send().await?;
        self.receive(self.node.due(until, limit).await).await
    }

    async fn touch(&self, scope: &Scope, at: Timestamp) -> Result<(), Fault> {
        self.receive(self.node.touch(scope, at).await).await
    }

    async fn postpone(&self, due: &Due, to: Timestamp) -> Result<(), Fault> {
        self.send().await?;
        self.receive(self.node.postpone(due, to).await).await
    }

    async fn beat(&self, ask: &BeatRequest) -> Result<BeatStatus, Fault> {
        self.send().await?;
        self.receive(self.node.beat(ask).await).await
    }

    async fn vacate(&self, node: &str) -> Result<(), Fault> {
        self.node.vacate(node).await
    }

    fn ready(&self) -> Result<(), String> {
        self.node.ready()
    }

    async fn close(&self) {
        self.node.close().await;
    }
}
