//! Nodes, clients, and what happens to them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::{Engine, Entropy, Made, MemoryStore, Monotonic, Options, Request, Seams, Store};
use timers::stopwatch::{Command as Ask, Start};
use timers::{Beat, Board, Command, CommandId, Scope, SessionId, Timestamp, UserId};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::client::Client;
use super::network::{Faults, Link};

const NODES: usize = 3;
const SCOPES: usize = 3;
const CLIENTS: usize = 9;
const SESSIONS: u32 = 6;

/// Longest time for all to agree once the network is whole: a command's life, a comparison of positions,
/// and a load.
const AGREE_WITHIN: Duration = Duration::from_secs(10);

struct VirtualClock(Instant);

impl Monotonic for VirtualClock {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

struct Node {
    engine: Arc<Engine>,
    link: Arc<Link>,
    clients: Vec<Client>,
}

pub(crate) struct World {
    store: MemoryStore,
    faults: Faults,
    rng: fastrand::Rng,
    born: Instant,
    nodes: Vec<Node>,
    started: Arc<Mutex<BTreeSet<(Scope, SessionId)>>>,
    names: u64,
    commands: JoinSet<()>,
}

impl World {
    pub(crate) async fn new(seed: u64, faults: Faults) -> Self {
        let born = Instant::now();
        let millis = move || u64::try_from(born.elapsed().as_millis()).unwrap();
        let store = MemoryStore::new(move || Timestamp(1_700_000_000_000 + millis()));
        let rng = fastrand::Rng::with_seed(seed);
        let mut world = Self {
            store,
            faults,
            rng,
            born,
            nodes: Vec::new(),
            started: Arc::default(),
            names: 0,
            commands: JoinSet::new(),
        };
        for _ in 0..NODES {
            let node = world.start_node();
            world.nodes.push(node);
        }
        for nth in 0..CLIENTS {
            world.connect_client(nth % NODES, nth % SCOPES);
        }
        world
    }

    fn start_node(&mut self) -> Node {
        self.names += 1;
        let (link, connected) = Link::connect(&self.store, self.faults, self.rng.u64(..));
        let seams = Seams {
            monotonic: Box::new(VirtualClock(self.born)),
            entropy: Entropy::from_seed(self.rng.u64(..)),
            ..Seams::default()
        };
        let options = Options::new(&format!("node-{}", self.names));
        Node { engine: Engine::start(connected, options, seams), link, clients: Vec::new() }
    }

    fn connect_client(&mut self, node: usize, scope: usize) {
        let client = Client::connect(&self.nodes[node].engine, &scope_of(scope));
        self.nodes[node].clients.push(client);
    }

    /// Lets clients command and things go wrong for a while.
    pub(crate) async fn live(&mut self, span: Duration) {
        let end = Instant::now() + span;
        let mut saved = (Instant::now(), self.store.content());
        while Instant::now() < end {
            sleep(Duration::from_millis(self.rng.u64(1..60))).await; // tidy: allow: virtual time
            self.command();
            let node = self.rng.usize(0..self.nodes.len());
            if self.faults.cuts && self.rng.u32(0..100) < 3 {
                self.nodes[node].link.cut().await;
            } else if self.faults.cuts && self.rng.u32(0..100) < 30 {
                self.nodes[node].link.restore().await;
            }
            if self.faults.node_deaths && self.rng.u32(0..1000) < 5 {
                self.replace_node(node).await;
            }
            if self.faults.rollbacks && saved.0.elapsed() > Duration::from_secs(2) {
                if self.rng.bool() {
                    self.roll_back(&saved.1).await;
                }
                saved = (Instant::now(), self.store.content());
            }
        }
    }

    /// Sends a command from somewhere to somewhere, and notes what must be there if it is acknowledged.
    fn command(&mut self) {
        let engine = Arc::clone(&self.nodes[self.rng.usize(0..self.nodes.len())].engine);
        let scope = scope_of(self.rng.usize(0..SCOPES));
        let session = SessionId::new(&format!("s{}", self.rng.u32(0..SESSIONS))).unwrap();
        let ask = match self.rng.u32(0..10) {
            0..=4 => Ask::Start(Start {
                session: Some(session.clone()),
                label: self.rng.u32(..).to_string(),
                goals: None,
                group_id: None,
                group_name: None,
                comment: None,
            }),
            5 => Ask::Stop(session.clone()),
            6 => Ask::Pause(session.clone()),
            _ => Ask::Resume(session.clone()),
        };
        let is_start = matches!(ask, Ask::Start(_));
        let id = self.rng.bool().then(|| CommandId(self.rng.u64(..)));
        let started = Arc::clone(&self.started);
        // A store that lost its last seconds has forgotten the command too.
        let repeats = id.is_some() && self.rng.bool() && !self.faults.rollbacks;
        self.commands.spawn(async move {
            let request = Request { scope: scope.clone(), command: Command::Stopwatch(ask), id, by: None };
            let outcome = engine.execute(request.clone()).await;
            if outcome.is_ok() && is_start {
                started.lock().unwrap().insert((scope, session));
            }
            if let (Ok(first), true) = (outcome, repeats)
                && let (Made::Change(_), Ok(again)) = (&first.made, engine.execute(request).await)
            {
                assert!(matches!(again.made, Made::Repeated), "once only: {first:?}, then {again:?}");
                assert_eq!(again.revision, first.revision);
            }
        });
    }

    /// Kills a node and starts another; its clients connect again.
    async fn replace_node(&mut self, nth: usize) {
        let fresh = self.start_node();
        let dead = std::mem::replace(&mut self.nodes[nth], fresh);
        let scopes: Vec<Scope> = dead.clients.iter().map(|client| client.scope.clone()).collect();
        drop(dead.clients);
        dead.link.close().await;
        dead.engine.stop().await;
        for scope in scopes {
            let client = Client::connect(&self.nodes[nth].engine, &scope);
            self.nodes[nth].clients.push(client);
        }
    }

    /// Fails over to a replica that lacks the last seconds.
    async fn roll_back(&mut self, content: &engine::Content) {
        for node in &self.nodes {
            node.link.cut().await;
        }
        self.store.restore(content.clone());
        for node in &self.nodes {
            node.link.restore().await;
        }
        self.started.lock().unwrap().clear();
    }

    /// Makes the network whole and waits until all agree or should have.
    pub(crate) async fn heal(&mut self) {
        for node in &self.nodes {
            node.link.heal().await;
        }
        sleep(AGREE_WITHIN).await; // tidy: allow: virtual time
        while let Some(ended) = self.commands.join_next().await {
            ended.expect("a command keeps its promises");
        }
    }

    pub(crate) fn clients_equal_the_store(&self) {
        let boards: Vec<Board> = (0..SCOPES).map(|nth| self.stored(&scope_of(nth))).collect();
        for client in self.nodes.iter().flat_map(|node| &node.clients) {
            let wanted = boards.iter().find(|board| board.scope == client.scope);
            assert_eq!(client.seen.lock().unwrap().board.as_ref(), wanted);
        }
    }

    pub(crate) fn what_was_acknowledged_is_there(&self) {
        let started = self.started.lock().unwrap();
        assert!(!started.is_empty(), "the story has a point");
        for (scope, session) in started.iter() {
            assert!(self.stored(scope).stopwatch(session).is_some(), "{scope} lost {session}");
        }
    }

    /// Where a client was shown a second, it was shown the next one too, and none twice.
    pub(crate) fn every_second_was_shown_once(&self) {
        let mut shown = 0;
        for client in self.nodes.iter().flat_map(|node| &node.clients) {
            for pair in client.seen.lock().unwrap().beats.windows(2) {
                if let [Some(before), Some(after)] = pair {
                    assert_eq!(*after, Beat(before.0 + 1), "in {}", client.scope);
                    shown += 1;
                }
            }
        }
        assert!(shown > 20, "the story has a point: {shown}");
    }

    fn stored(&self, scope: &Scope) -> Board {
        self.store.board(scope)
    }
}

fn scope_of(nth: usize) -> Scope {
    Scope::User(UserId::new(&format!("user-{nth}")).unwrap())
}
