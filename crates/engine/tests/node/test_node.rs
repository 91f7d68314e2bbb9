//! A node whose store fails as the test decides.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use engine::store::{
    BeatRequest, BeatStatus, Commit, Committed, Connected, Due, DuePage, Fault, FaultKind, LoadedBoard, Page, Query,
    Shards, Signal,
};
use engine::*;
use timers::stopwatch::{Start, Stopwatch, StopwatchCommand as Ask};
use timers::*;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

pub(crate) const A_MOMENT: Duration = Duration::from_millis(150);

pub(crate) async fn pair() -> (TestClocks, MemoryStore, Arc<Engine>, Arc<FaultyStore>, Arc<Engine>) {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, faults) = node(&store, &clocks, "one");
    let (two, _) = node(&store, &clocks, "two");
    // Just after a beat and an anti-entropy pass, so that the next ones are far off.
    sleep(Duration::from_millis(2_050)).await; // tidy: allow: virtual time
    (clocks, store, one, faults, two)
}

pub(crate) fn ask(ask: Ask) -> Request {
    Request { command: Command::Stopwatch(ask), ..start(None, None) }
}

pub(crate) fn id(name: &str) -> SessionId {
    SessionId::new(name).unwrap()
}

pub(crate) fn names(board: &Board) -> Vec<String> {
    board.all::<Stopwatch>().map(|session| session.id.to_string()).collect()
}

/// Executes a request on node two whose update does not reach node one.
pub(crate) async fn execute_unheard(faults: &FaultyStore, two: &Engine, request: Request) {
    faults.drops_updates.store(true, Relaxed);
    two.execute(request).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    faults.drops_updates.store(false, Relaxed);
}

/// The behaviour of the store at a commit.
#[derive(Clone, Copy)]
pub(crate) enum Plan {
    Pass,
    LoseAnswer,
    LoseRequest,
    Damaged,
    Unavailable,
    /// The answer is delayed.
    Slow,
}

/// An action at a point of the test's choice.
pub(crate) type Hook = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A store that fails as the test decides.
pub(crate) struct FaultyStore {
    pub(crate) node: Arc<MemoryNode>,
    pub(crate) to_hub: mpsc::Sender<Signal>,
    pub(crate) commits: Mutex<VecDeque<Plan>>,
    pub(crate) unavailable: AtomicBool,
    pub(crate) loads_unavailable: AtomicBool,
    pub(crate) drops_signals: Arc<AtomicBool>,
    pub(crate) drops_updates: Arc<AtomicBool>,
    pub(crate) loads_released: watch::Sender<bool>,
    pub(crate) loads: AtomicUsize,
    pub(crate) beats: AtomicUsize,
    pub(crate) rows_requested: AtomicUsize,
    pub(crate) after_load: Mutex<Option<Hook>>,
    pub(crate) overtaken: AtomicBool,
    pub(crate) commits_released: watch::Sender<bool>,
    pub(crate) updates_received: Arc<AtomicUsize>,
    pub(crate) slow_positions: AtomicBool,
    pub(crate) watches_unavailable: AtomicBool,
    /// A failover could still undo what is read.
    pub(crate) unsafe_reads: AtomicBool,
    pub(crate) due_queries: AtomicUsize,
    /// No deadline is returned.
    pub(crate) hides_deadlines: AtomicBool,
    pub(crate) slow_commits: AtomicBool,
    pub(crate) committing: AtomicUsize,
    pub(crate) concurrent_max: AtomicUsize,
    pub(crate) unwritable: Mutex<Option<Scope>>,
}

impl FaultyStore {
    fn check_available(&self) -> Result<(), Fault> {
        if self.unavailable.load(Relaxed) { Err(Fault::new(FaultKind::Unavailable, "away")) } else { Ok(()) }
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn load(&self, scope: &Scope, rows: &RequiredRows) -> Result<LoadedBoard, Fault> {
        self.check_available()?;
        self.loads.fetch_add(1, Relaxed);
        self.rows_requested.fetch_max(rows.existing.len() + rows.bodies.len(), Relaxed);
        if self.loads_unavailable.load(Relaxed) {
            return Err(Fault::new(FaultKind::Unavailable, "no loads"));
        }
        let loaded = self.node.load(scope, rows).await;
        let hook = self.after_load.lock().unwrap().take();
        if let Some(hook) = hook {
            hook().await;
        }
        if self.overtaken.load(Relaxed) {
            let rev = 1000 + self.loads.load(Relaxed) as u64;
            let update = Update {
                scope: scope.clone(),
                prev: Tag(rev << 20),
                position: Position { revision: Revision(rev), tag: Tag(rev << 21) },
                at: Timestamp(1),
                items: UpdateItems::Decided(Default::default()),
                decided_at: None,
                trace: None,
            };
            self.to_hub.send(Signal::Updated(Box::new(update))).await.ok();
            sleep(Duration::from_millis(5)).await; // tidy: allow: virtual time
        }
        let mut open = self.loads_released.subscribe();
        open.wait_for(|open| *open).await.unwrap();
        loaded
    }
    async fn commit(&self, commit: &Commit) -> Result<Committed, Fault> {
        self.check_available()?;
        let plan = self.commits.lock().unwrap().pop_front().unwrap_or(Plan::Pass);
        match plan {
            Plan::Slow => {
                let answer = self.node.commit(commit).await;
                sleep(Duration::from_millis(20)).await; // tidy: allow: virtual time
                answer
            }
            Plan::Pass => {
                if self.unwritable.lock().unwrap().as_ref() == Some(&commit.scope) {
                    return Err(Fault::new(FaultKind::Unavailable, "its shard is unavailable"));
                }
                if self.slow_commits.load(Relaxed) {
                    let at_once = self.committing.fetch_add(1, Relaxed) + 1;
                    self.concurrent_max.fetch_max(at_once, Relaxed);
                    sleep(Duration::from_millis(5)).await; // tidy: allow: virtual time
                    self.committing.fetch_sub(1, Relaxed);
                }
                let answer = self.node.commit(commit).await;
                let mut open = self.commits_released.subscribe();
                open.wait_for(|open| *open).await.unwrap();
                answer
            }
            Plan::LoseAnswer => {
                self.node.commit(commit).await?;
                Err(Fault::new(FaultKind::Unknown, "lost answer"))
            }
            Plan::LoseRequest => Err(Fault::new(FaultKind::Unknown, "lost request")),
            Plan::Damaged => Err(Fault::new(FaultKind::Damaged, "READONLY")),
            Plan::Unavailable => Err(Fault::new(FaultKind::Unavailable, "away")),
        }
    }
    async fn confirm(&self, scope: &Scope, tag: Tag) -> Result<bool, Fault> {
        self.check_available()?;
        if self.unsafe_reads.load(Relaxed) {
            return Err(Fault::new(FaultKind::Unknown, "no replica has it"));
        }
        self.node.confirm(scope, tag).await
    }
    async fn history(&self, scope: &Scope, query: &Query) -> Result<Page, Fault> {
        self.node.history(scope, query).await
    }
    async fn extend(&self, scopes: &[Scope], lifetime: Millis) -> Result<(), Fault> {
        self.check_available()?;
        self.node.extend(scopes, lifetime).await
    }
    async fn watch(&self, scope: &Scope) -> Result<(), Fault> {
        self.check_available()?;
        if self.watches_unavailable.load(Relaxed) {
            return Err(Fault::new(FaultKind::Unavailable, "no subscriptions"));
        }
        self.node.watch(scope).await
    }
    fn unwatch(&self, scope: &Scope) {
        self.node.unwatch(scope);
    }
    async fn positions(&self, scopes: &[Scope]) -> Vec<Option<Position>> {
        if self.check_available().is_err() {
            return vec![None; scopes.len()];
        }
        let told = self.node.positions(scopes).await;
        if self.slow_positions.load(Relaxed) {
            sleep(Duration::from_millis(80)).await; // tidy: allow: virtual time
        }
        told
    }
    async fn due(&self, until: Timestamp, limit: usize) -> Result<DuePage, Fault> {
        self.check_available()?;
        self.due_queries.fetch_add(1, Relaxed);
        if self.hides_deadlines.load(Relaxed) {
            return Ok(DuePage { due: Vec::new(), more: false, unread: Shards::NONE });
        }
        self.node.due(until, limit).await
    }
    async fn touch(&self, scope: &Scope, at: Timestamp) -> Result<(), Fault> {
        self.node.touch(scope, at).await
    }

    async fn postpone(&self, due: &Due, to: Timestamp) -> Result<(), Fault> {
        self.check_available()?;
        self.node.postpone(due, to).await
    }
    async fn beat(&self, request: &BeatRequest) -> Result<BeatStatus, Fault> {
        self.beats.fetch_add(1, Relaxed);
        self.check_available()?;
        self.node.beat(request).await
    }
    async fn vacate(&self, node: &str) -> Result<(), Fault> {
        self.check_available()?;
        self.node.vacate(node).await
    }
    fn ready(&self) -> Result<(), String> {
        Ok(())
    }
    async fn close(&self) {
        self.node.close().await;
    }
}

#[derive(Clone)]
pub(crate) struct TestClocks {
    pub(crate) born: Instant,
    pub(crate) node_ms: Arc<AtomicI64>,
    pub(crate) store_ms: Arc<AtomicI64>,
}
pub(crate) struct NodeClock(pub(crate) TestClocks);
impl Monotonic for NodeClock {
    fn elapsed(&self) -> Duration {
        self.0.born.elapsed() + Duration::from_millis(self.0.node_ms.load(Relaxed) as u64)
    }
}
impl TestClocks {
    pub(crate) fn new() -> Self {
        Self { born: Instant::now(), node_ms: Arc::default(), store_ms: Arc::default() }
    }
    pub(crate) fn store(&self) -> MemoryStore {
        let clocks = self.clone();
        MemoryStore::new(move || {
            Timestamp(
                (1_700_000_000_000 + clocks.born.elapsed().as_millis() as i64 + clocks.store_ms.load(Relaxed)) as u64,
            )
        })
    }
    /// Advances all clocks without firing timers, as for a stopped process.
    pub(crate) fn freeze(&self, ms: i64) {
        self.node_ms.fetch_add(ms, Relaxed);
        self.store_ms.fetch_add(ms, Relaxed);
    }
}

pub(crate) fn node(store: &MemoryStore, clocks: &TestClocks, name: &str) -> (Arc<Engine>, Arc<FaultyStore>) {
    node_with(store, clocks, name, Limits::default())
}

pub(crate) fn node_with(
    store: &MemoryStore,
    clocks: &TestClocks,
    name: &str,
    limits: Limits,
) -> (Arc<Engine>, Arc<FaultyStore>) {
    node_of(store, clocks, Options { limits, ..Options::new(name) })
}

pub(crate) fn node_of(store: &MemoryStore, clocks: &TestClocks, options: Options) -> (Arc<Engine>, Arc<FaultyStore>) {
    let Connected { store: node, mut signals } = store.connect();
    let (to_hub, to_read) = mpsc::channel(8192);
    let faults = Arc::new(FaultyStore {
        node,
        to_hub: to_hub.clone(),
        commits: Mutex::default(),
        unavailable: AtomicBool::new(false),
        loads_unavailable: AtomicBool::new(false),
        drops_signals: Arc::default(),
        drops_updates: Arc::default(),
        loads_released: watch::Sender::new(true),
        loads: AtomicUsize::new(0),
        beats: AtomicUsize::new(0),
        rows_requested: AtomicUsize::new(0),
        after_load: Mutex::default(),
        overtaken: AtomicBool::new(false),
        commits_released: watch::Sender::new(true),
        updates_received: Arc::default(),
        slow_positions: AtomicBool::new(false),
        watches_unavailable: AtomicBool::new(false),
        unsafe_reads: AtomicBool::new(false),
        due_queries: AtomicUsize::new(0),
        hides_deadlines: AtomicBool::new(false),
        slow_commits: AtomicBool::new(false),
        committing: AtomicUsize::new(0),
        concurrent_max: AtomicUsize::new(0),
        unwritable: Mutex::default(),
    });
    let (drops_updates, drops_signals, updates_received) =
        (Arc::clone(&faults.drops_updates), Arc::clone(&faults.drops_signals), Arc::clone(&faults.updates_received));
    tokio::spawn(async move {
        while let Some(signal) = signals.recv().await {
            updates_received.fetch_add(usize::from(matches!(signal, Signal::Updated(_))), Relaxed);
            let is_kept =
                drops_signals.load(Relaxed) || (drops_updates.load(Relaxed) && matches!(signal, Signal::Updated(_)));
            if !is_kept {
                to_hub.send(signal).await.ok();
            }
        }
    });
    let dependencies = Dependencies {
        monotonic: Box::new(NodeClock(clocks.clone())),
        entropy: Entropy::from_seed(options.node.bytes().map(u64::from).sum()),
        ..Dependencies::default()
    };
    let store: Arc<dyn Store> = faults.clone();
    (Engine::start(Connected { store, signals: to_read }, options, dependencies), faults)
}

pub(crate) fn ann() -> Scope {
    Scope::user(&UserId::new("ann").unwrap())
}
pub(crate) fn start(session: Option<&str>, id: Option<u64>) -> Request {
    let start = Start {
        session: session.map(|s| SessionId::new(s).unwrap()),
        label: "x".into(),
        goals: None,
        group_id: None,
        group_name: None,
        comment: None,
    };
    Request { scope: ann(), command: Command::Stopwatch(Ask::Start(start)), id: id.map(CommandId) }
}
