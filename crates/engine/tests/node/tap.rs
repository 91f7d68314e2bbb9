//! A node whose link to the store makes only the moves that the test decides.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use engine::store::{
    BeatAnswer, BeatAsk, Commit, Committed, Connected, Due, DueLook, Fault, FaultKind, Loaded, Page, Query, Signal,
};
use engine::*;
use timers::stopwatch::{Command as Ask, Start};
use timers::*;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

pub(crate) const A_MOMENT: Duration = Duration::from_millis(150);

pub(crate) async fn pair() -> (Hands, MemoryStore, Arc<Engine>, Arc<Tap>, Arc<Engine>) {
    let hands = Hands::new();
    let store = hands.store();
    let (one, tap) = node(&store, &hands, "one");
    let (two, _) = node(&store, &hands, "two");
    // Just after a beat and an audit: the next ones are far off.
    sleep(Duration::from_millis(2_050)).await; // tidy: allow: virtual time
    (hands, store, one, tap, two)
}

pub(crate) fn ask(ask: Ask) -> Request {
    Request { command: Command::Stopwatch(ask), ..start(None, None) }
}

pub(crate) fn id(name: &str) -> SessionId {
    SessionId::new(name).unwrap()
}

pub(crate) fn names(board: &Board) -> Vec<String> {
    board.stopwatches().map(|session| session.id.to_string()).collect()
}

/// Has node two commit what node one does not hear.
pub(crate) async fn unheard(tap: &Tap, two: &Engine, request: Request) {
    tap.deaf.store(true, Relaxed);
    two.execute(request).await.unwrap();
    sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    tap.deaf.store(false, Relaxed);
}

/// What becomes of a commit.
#[derive(Clone, Copy)]
pub(crate) enum Plan {
    Pass,
    LoseAnswer,
    LoseRequest,
    Damaged,
    Unavailable,
    /// The answer takes its time.
    Slow,
}

/// Something that happens at a point of a test's choice.
pub(crate) type Hook = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A link whose every move the test decides.
pub(crate) struct Tap {
    pub(crate) node: Arc<MemoryNode>,
    pub(crate) to_hub: mpsc::Sender<Signal>,
    pub(crate) commits: Mutex<VecDeque<Plan>>,
    pub(crate) away: AtomicBool,
    pub(crate) loads_away: AtomicBool,
    pub(crate) silent: Arc<AtomicBool>,
    pub(crate) deaf: Arc<AtomicBool>,
    pub(crate) gate: watch::Sender<bool>,
    pub(crate) loads: AtomicUsize,
    pub(crate) beats: AtomicUsize,
    pub(crate) asked: AtomicUsize,
    pub(crate) after_load: Mutex<Option<Hook>>,
    pub(crate) outrun: AtomicBool,
    pub(crate) answers: watch::Sender<bool>,
    pub(crate) heard: Arc<AtomicUsize>,
    pub(crate) slow_positions: AtomicBool,
    pub(crate) watches_away: AtomicBool,
    /// What is read could still be taken back.
    pub(crate) unsafe_reads: AtomicBool,
    pub(crate) looks: AtomicUsize,
    /// Nothing is due, it thinks.
    pub(crate) blind: AtomicBool,
    pub(crate) slow_commits: AtomicBool,
    pub(crate) committing: AtomicUsize,
    pub(crate) at_once: AtomicUsize,
    pub(crate) stuck: Mutex<Option<Scope>>,
}

impl Tap {
    fn away(&self) -> Result<(), Fault> {
        if self.away.load(Relaxed) { Err(Fault::new(FaultKind::Unavailable, "away")) } else { Ok(()) }
    }
}

#[async_trait]
impl Store for Tap {
    async fn load(&self, scope: &Scope, ask: &[HistoryId]) -> Result<Loaded, Fault> {
        self.away()?;
        self.loads.fetch_add(1, Relaxed);
        self.asked.fetch_max(ask.len(), Relaxed);
        if self.loads_away.load(Relaxed) {
            return Err(Fault::new(FaultKind::Unavailable, "no loads"));
        }
        let loaded = self.node.load(scope, ask).await;
        let hook = self.after_load.lock().unwrap().take();
        if let Some(hook) = hook {
            hook().await;
        }
        if self.outrun.load(Relaxed) {
            let rev = 1000 + self.loads.load(Relaxed) as u64;
            let update = Update {
                scope: scope.clone(),
                prev: Tag(rev << 20),
                position: Position { revision: Revision(rev), tag: Tag(rev << 21) },
                at: Timestamp(1),
                items: Some(Default::default()),
                event: None,
                by: None,
                decided_at: None,
                trace: None,
            };
            self.to_hub.send(Signal::Updated(Box::new(update))).await.ok();
            sleep(Duration::from_millis(5)).await; // tidy: allow: virtual time
        }
        let mut open = self.gate.subscribe();
        open.wait_for(|open| *open).await.unwrap();
        loaded
    }
    async fn commit(&self, commit: &Commit) -> Result<Committed, Fault> {
        self.away()?;
        let plan = self.commits.lock().unwrap().pop_front().unwrap_or(Plan::Pass);
        match plan {
            Plan::Slow => {
                let answer = self.node.commit(commit).await;
                sleep(Duration::from_millis(20)).await; // tidy: allow: virtual time
                answer
            }
            Plan::Pass => {
                if self.stuck.lock().unwrap().as_ref() == Some(&commit.scope) {
                    return Err(Fault::new(FaultKind::Unavailable, "its shard is away"));
                }
                if self.slow_commits.load(Relaxed) {
                    let at_once = self.committing.fetch_add(1, Relaxed) + 1;
                    self.at_once.fetch_max(at_once, Relaxed);
                    sleep(Duration::from_millis(5)).await; // tidy: allow: virtual time
                    self.committing.fetch_sub(1, Relaxed);
                }
                let answer = self.node.commit(commit).await;
                let mut open = self.answers.subscribe();
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
        self.away()?;
        if self.unsafe_reads.load(Relaxed) {
            return Err(Fault::new(FaultKind::Unknown, "no replica has it"));
        }
        self.node.confirm(scope, tag).await
    }
    async fn history(&self, scope: &Scope, query: &Query) -> Result<Page, Fault> {
        self.node.history(scope, query).await
    }
    async fn watch(&self, scope: &Scope) -> Result<(), Fault> {
        self.away()?;
        if self.watches_away.load(Relaxed) {
            return Err(Fault::new(FaultKind::Unavailable, "no subscriptions"));
        }
        self.node.watch(scope).await
    }
    fn unwatch(&self, scope: &Scope) {
        self.node.unwatch(scope);
    }
    async fn positions(&self, scopes: &[Scope]) -> Vec<Option<Position>> {
        if self.away().is_err() {
            return vec![None; scopes.len()];
        }
        let told = self.node.positions(scopes).await;
        if self.slow_positions.load(Relaxed) {
            sleep(Duration::from_millis(80)).await; // tidy: allow: virtual time
        }
        told
    }
    async fn due(&self, until: Timestamp, limit: usize) -> Result<DueLook, Fault> {
        self.away()?;
        self.looks.fetch_add(1, Relaxed);
        if self.blind.load(Relaxed) {
            return Ok(DueLook { due: Vec::new(), more: false });
        }
        self.node.due(until, limit).await
    }
    async fn put_off(&self, due: &Due, to: Timestamp) -> Result<(), Fault> {
        self.away()?;
        self.node.put_off(due, to).await
    }
    async fn beat(&self, ask: &BeatAsk) -> Result<BeatAnswer, Fault> {
        self.beats.fetch_add(1, Relaxed);
        self.away()?;
        self.node.beat(ask).await
    }
    async fn vacate(&self, node: &str) -> Result<(), Fault> {
        self.away()?;
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
pub(crate) struct Hands {
    pub(crate) born: Instant,
    pub(crate) node_ms: Arc<AtomicI64>,
    pub(crate) store_ms: Arc<AtomicI64>,
}
pub(crate) struct NodeClock(Hands);
impl Monotonic for NodeClock {
    fn elapsed(&self) -> Duration {
        self.0.born.elapsed() + Duration::from_millis(self.0.node_ms.load(Relaxed) as u64)
    }
}
impl Hands {
    pub(crate) fn new() -> Self {
        Self { born: Instant::now(), node_ms: Arc::default(), store_ms: Arc::default() }
    }
    pub(crate) fn store(&self) -> MemoryStore {
        let hands = self.clone();
        MemoryStore::new(move || {
            Timestamp(
                (1_700_000_000_000 + hands.born.elapsed().as_millis() as i64 + hands.store_ms.load(Relaxed)) as u64,
            )
        })
    }
    /// Time passes for everybody, without timers noticing (a stopped process).
    pub(crate) fn freeze(&self, ms: i64) {
        self.node_ms.fetch_add(ms, Relaxed);
        self.store_ms.fetch_add(ms, Relaxed);
    }
}

pub(crate) fn node(store: &MemoryStore, hands: &Hands, name: &str) -> (Arc<Engine>, Arc<Tap>) {
    node_with(store, hands, name, Limits::default())
}

pub(crate) fn node_with(store: &MemoryStore, hands: &Hands, name: &str, limits: Limits) -> (Arc<Engine>, Arc<Tap>) {
    let Connected { store: node, mut signals } = store.connect();
    let (to_hub, to_read) = mpsc::channel(8192);
    let tap = Arc::new(Tap {
        node,
        to_hub: to_hub.clone(),
        commits: Mutex::default(),
        away: AtomicBool::new(false),
        loads_away: AtomicBool::new(false),
        silent: Arc::default(),
        deaf: Arc::default(),
        gate: watch::Sender::new(true),
        loads: AtomicUsize::new(0),
        beats: AtomicUsize::new(0),
        asked: AtomicUsize::new(0),
        after_load: Mutex::default(),
        outrun: AtomicBool::new(false),
        answers: watch::Sender::new(true),
        heard: Arc::default(),
        slow_positions: AtomicBool::new(false),
        watches_away: AtomicBool::new(false),
        unsafe_reads: AtomicBool::new(false),
        looks: AtomicUsize::new(0),
        blind: AtomicBool::new(false),
        slow_commits: AtomicBool::new(false),
        committing: AtomicUsize::new(0),
        at_once: AtomicUsize::new(0),
        stuck: Mutex::default(),
    });
    let (deaf, silent, heard) = (Arc::clone(&tap.deaf), Arc::clone(&tap.silent), Arc::clone(&tap.heard));
    tokio::spawn(async move {
        while let Some(signal) = signals.recv().await {
            heard.fetch_add(usize::from(matches!(signal, Signal::Updated(_))), Relaxed);
            let is_kept = silent.load(Relaxed) || (deaf.load(Relaxed) && matches!(signal, Signal::Updated(_)));
            if !is_kept {
                to_hub.send(signal).await.ok();
            }
        }
    });
    let seams = Seams {
        monotonic: Box::new(NodeClock(hands.clone())),
        entropy: Entropy::from_seed(name.bytes().map(u64::from).sum()),
        ..Seams::default()
    };
    let store: Arc<dyn Store> = tap.clone();
    let options = Options { limits, ..Options::new(name) };
    (Engine::start(Connected { store, signals: to_read }, options, seams), tap)
}

pub(crate) fn ann() -> Scope {
    Scope::User(UserId::new("ann").unwrap())
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
    Request { scope: ann(), command: Command::Stopwatch(Ask::Start(start)), id: id.map(CommandId), by: None }
}
