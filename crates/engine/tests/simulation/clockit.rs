//! Clockit: clients command stopwatches on several nodes while faults are injected.

pub(crate) mod client;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::{Effect, Request};
use timers::stopwatch::{Start, Stopwatch, StopwatchCommand as Ask};
use timers::{Beat, Board, Command, CommandId, Scope, SessionId, UserId};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::cluster::{Cluster, Node};
use super::network::Faults;
use client::Client;

const NODES: usize = 3;
const SCOPES: usize = 3;
const CLIENTS: usize = 9;
const SESSIONS: u32 = 6;

/// Longest time until all views agree once the network has no faults: a command's budget, a comparison of positions,
/// and a load.
const AGREE_WITHIN: Duration = Duration::from_secs(10);

pub(crate) struct Clockit {
    cluster: Cluster,
    nodes: Vec<Node>,
    /// The clients of each node.
    clients: Vec<Vec<Client>>,
    started: Arc<Mutex<BTreeSet<(Scope, SessionId)>>>,
    commands: JoinSet<()>,
}

impl Clockit {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        let mut cluster = Cluster::new(seed, faults);
        let nodes = (0..NODES).map(|_| cluster.start_node()).collect();
        let clients = (0..NODES).map(|_| Vec::new()).collect();
        let mut clockit = Self { cluster, nodes, clients, started: Arc::default(), commands: JoinSet::new() };
        for nth in 0..CLIENTS {
            clockit.connect_client(nth % NODES, &scope_of(nth % SCOPES));
        }
        clockit
    }

    fn connect_client(&mut self, node: usize, scope: &Scope) {
        let client = Client::connect(&self.nodes[node].engine, scope);
        self.clients[node].push(client);
    }

    /// Sends commands and injects faults for a while.
    pub(crate) async fn live(&mut self, span: Duration) {
        let end = Instant::now() + span;
        let faults = self.cluster.faults;
        let mut saved = (Instant::now(), self.cluster.store.content());
        while Instant::now() < end {
            sleep(Duration::from_millis(self.cluster.rng.u64(1..60))).await; // tidy: allow: virtual time
            self.command();
            let node = self.cluster.rng.usize(0..self.nodes.len());
            if faults.cuts && self.cluster.chance(30) {
                self.nodes[node].link.cut().await;
            } else if faults.cuts && self.cluster.chance(300) {
                self.nodes[node].link.restore().await;
            }
            if faults.clock_steps && self.cluster.chance(10) {
                let back = if self.cluster.rng.bool() { self.cluster.rng.u64(0..8_000_000) } else { 0 };
                self.cluster.store_ms_back.store(back, Relaxed);
            }
            if faults.node_deaths && self.cluster.chance(5) {
                self.replace_node(node).await;
            }
            if faults.rollbacks && saved.0.elapsed() > Duration::from_secs(2) {
                if self.cluster.rng.bool() {
                    self.roll_back(&saved.1).await;
                }
                saved = (Instant::now(), self.cluster.store.content());
            }
        }
    }

    /// Sends a random command from a random node, and records the effect that must last if it is acknowledged.
    fn command(&mut self) {
        let rng = &mut self.cluster.rng;
        let node = &self.nodes[rng.usize(0..self.nodes.len())];
        let (engine, tasks) = (Arc::clone(&node.engine), node.tasks().clone());
        let scope = scope_of(rng.usize(0..SCOPES));
        let session = SessionId::new(&format!("s{}", rng.u32(0..SESSIONS))).unwrap();
        let ask = match rng.u32(0..10) {
            0..=4 => Ask::Start(Start {
                session: Some(session.clone()),
                label: rng.u32(..).to_string(),
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
        let id = rng.bool().then(|| CommandId(rng.u64(..)));
        let started = Arc::clone(&self.started);
        // A store that lost its last seconds has lost the command's id too.
        let repeats = id.is_some() && rng.bool() && !self.cluster.faults.rollbacks;
        let command = async move {
            let request = Request { scope: scope.clone(), command: Command::Stopwatch(ask), id };
            let outcome = engine.execute(request.clone()).await;
            if outcome.is_ok() && is_start {
                started.lock().unwrap().insert((scope, session));
            }
            if let (Ok(first), true) = (outcome, repeats)
                && let (Effect::Change(_), Ok(again)) = (&first.effect, engine.execute(request).await)
            {
                assert!(
                    matches!(again.effect, Effect::Repeated),
                    "a command takes effect once: {first:?}, then {again:?}"
                );
                assert_eq!(again.revision, first.revision);
            }
        };
        self.commands.spawn(async move { tasks.until_death(command).await.unwrap_or_default() });
    }

    /// Kills a node and starts another, to which its clients connect.
    async fn replace_node(&mut self, nth: usize) {
        let new = self.cluster.start_node();
        let dead = std::mem::replace(&mut self.nodes[nth], new);
        let clients = std::mem::take(&mut self.clients[nth]);
        let scopes: Vec<Scope> = clients.iter().map(|client| client.scope.clone()).collect();
        drop(clients);
        dead.kill().await;
        for scope in &scopes {
            self.connect_client(nth, scope);
        }
    }

    /// Fails over to a replica that lacks the last seconds.
    async fn roll_back(&mut self, content: &engine::Content) {
        for node in &self.nodes {
            node.link.cut().await;
        }
        self.cluster.store.restore(content.clone());
        for node in &self.nodes {
            node.link.restore().await;
        }
        self.started.lock().unwrap().clear();
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

    pub(crate) fn clients_equal_the_store(&self) {
        let boards: Vec<Board> = (0..SCOPES).map(|nth| self.stored(&scope_of(nth))).collect();
        for client in self.clients.iter().flatten() {
            let wanted = boards.iter().find(|board| board.scope == client.scope);
            assert_eq!(client.seen.lock().unwrap().board.as_ref(), wanted);
        }
    }

    pub(crate) fn what_was_acknowledged_is_there(&self) {
        let started = self.started.lock().unwrap();
        assert!(!started.is_empty(), "the run acknowledged something");
        for (scope, session) in started.iter() {
            assert!(self.stored(scope).get::<Stopwatch>(session).is_some(), "{scope} lost {session}");
        }
    }

    /// Each client was shown consecutive seconds, none of them twice.
    pub(crate) fn every_second_was_shown_once(&self) {
        let mut shown = 0;
        for client in self.clients.iter().flatten() {
            for pair in client.seen.lock().unwrap().beats.windows(2) {
                if let [Some(before), Some(after)] = pair {
                    assert_eq!(*after, Beat(before.0 + 1), "in {}", client.scope);
                    shown += 1;
                }
            }
        }
        assert!(shown > 20, "the run shows seconds: {shown}");
    }

    fn stored(&self, scope: &Scope) -> Board {
        self.cluster.store.board(scope)
    }
}

fn scope_of(nth: usize) -> Scope {
    Scope::user(&UserId::new(&format!("user-{nth}")).unwrap())
}
