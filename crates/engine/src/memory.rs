//! A store in memory, shared by any number of nodes of one process: for tests, and the yardstick that
//! the real adapters are held to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use timers::{Board, DeadlineMove, HistoryId, Item, ItemKey, Millis, Position, Scope, Timestamp};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::store::{
    ArchivedRow, BeatAnswer, BeatAsk, Commit, Committed, Connected, Cursor, Due, Fault, Head, Loaded, Page, Query,
    SIGNALS_MAX, Signal, Store,
};
use crate::update::Update;

/// What the nodes share.
#[derive(Clone)]
pub struct MemoryStore {
    core: Arc<Mutex<Core>>,
    time: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

#[derive(Default)]
struct Core {
    content: Content,
    nodes: BTreeMap<u64, Node>,
    next_node: u64,
}

/// All that is stored.
#[derive(Clone, Default)]
pub struct Content {
    boards: BTreeMap<Scope, StoredBoard>,
    due: BTreeMap<Scope, Timestamp>,
    beat: Option<BeatAnswer>,
}

#[derive(Clone, Default)]
struct StoredBoard {
    head: Head,
    items: BTreeMap<ItemKey, Bytes>,
    history: BTreeMap<HistoryId, (Timestamp, Bytes)>,
}

struct Node {
    watched: BTreeSet<Scope>,
    signals: mpsc::Sender<Signal>,
    lagging: bool,
}

impl MemoryStore {
    /// Makes an empty store whose time is told by `time`.
    pub fn new(time: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { core: Arc::default(), time: Arc::new(time) }
    }

    /// Connects another node.
    pub fn connect(&self) -> Connected<MemoryNode> {
        let (sender, signals) = mpsc::channel(SIGNALS_MAX);
        let mut core = self.lock();
        let id = core.next_node;
        core.next_node += 1;
        core.nodes.insert(id, Node { watched: BTreeSet::new(), signals: sender, lagging: false });
        Connected { store: Arc::new(MemoryNode { shared: self.clone(), id }), signals }
    }

    /// Returns a copy of all that is stored.
    pub fn content(&self) -> Content {
        self.lock().content.clone()
    }

    /// Puts back what was stored before, as a failover to a lagging replica does; tells nobody.
    pub fn restore(&self, content: Content) {
        self.lock().content = content;
    }

    /// Returns a board as it is stored, for an oracle.
    ///
    /// # Panics
    /// If an item can't be read.
    pub fn board(&self, scope: &Scope) -> Board {
        let stored = self.lock().content.boards.get(scope).cloned().unwrap_or_default();
        let items = stored.items.iter().map(|(key, bytes)| {
            let item = Item::decode(bytes).expect("only items are stored");
            (key.clone(), Arc::new(item))
        });
        Board { scope: scope.clone(), position: stored.head.position, at: stored.head.at, items: items.collect() }
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    fn publish(&mut self, scope: Option<&Scope>, signal: &Signal) {
        for node in self.nodes.values_mut().filter(|node| scope.is_none_or(|scope| node.watched.contains(scope))) {
            node.send(signal);
        }
    }
}

impl Node {
    /// Hands a signal over. A node that does not keep up misses some and is told so once it reads on.
    fn send(&mut self, signal: &Signal) {
        if self.lagging {
            match (self.signals.try_send(Signal::Lost), self.signals.try_send(Signal::Restored)) {
                (Ok(()), Ok(())) => self.lagging = false,
                _ => return,
            }
        }
        if let Err(TrySendError::Full(_)) = self.signals.try_send(signal.clone()) {
            self.lagging = true;
        }
    }
}

/// One node's link to a [`MemoryStore`].
pub struct MemoryNode {
    shared: MemoryStore,
    id: u64,
}

#[async_trait]
impl Store for MemoryNode {
    async fn load(&self, scope: &Scope, ask: &[HistoryId]) -> Result<Loaded, Fault> {
        let now = (self.shared.time)();
        let board = self.shared.lock().content.boards.get(scope).cloned().unwrap_or_default();
        Ok(Loaded {
            position: board.head.position,
            at: board.head.at,
            items: board.items.into_iter().collect(),
            known: ask.iter().filter(|id| board.history.contains_key(*id)).cloned().collect(),
            now,
        })
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, Fault> {
        let now = (self.shared.time)();
        let mut core = self.shared.lock();
        let board = core.content.boards.entry(commit.scope.clone()).or_default();
        let committed = board.head.take(commit, now);
        if !matches!(committed, Committed::Done(..)) {
            return Ok(committed);
        }
        for key in &commit.removed {
            board.items.remove(key);
        }
        board.items.extend(commit.put.iter().cloned());
        board.history.extend(commit.archive.iter().map(|row| (row.id.clone(), (row.at, row.body.clone()))));
        match commit.deadline {
            DeadlineMove::Keep => {}
            DeadlineMove::Clear => drop(core.content.due.remove(&commit.scope)),
            DeadlineMove::Set(at) => drop(core.content.due.insert(commit.scope.clone(), at)),
        }
        let update = Update::decode(&commit.update).expect("the engine wrote it");
        core.publish(Some(&commit.scope), &Signal::Updated(Box::new(update)));
        Ok(committed)
    }

    async fn history(&self, scope: &Scope, query: &Query) -> Result<Page, Fault> {
        let core = self.shared.lock();
        let Some(board) = core.content.boards.get(scope) else {
            return Ok(Page { rows: Vec::new(), next: None });
        };
        let mut places: Vec<Cursor> =
            board.history.iter().map(|(id, (at, _))| Cursor { at: *at, id: id.clone() }).collect();
        places.retain(|place| query.before.as_ref().is_none_or(|before| place < before));
        places.sort_by(|a, b| b.cmp(a));
        let rows = places.into_iter().take(query.limit + 1).map(|place| {
            let (at, body) = &board.history[&place.id];
            ArchivedRow { id: place.id, at: *at, body: body.clone() }
        });
        Ok(Page::of(rows.collect(), query.limit))
    }

    async fn watch(&self, scope: &Scope) -> Result<(), Fault> {
        if let Some(node) = self.shared.lock().nodes.get_mut(&self.id) {
            node.watched.insert(scope.clone());
        }
        Ok(())
    }

    fn unwatch(&self, scope: &Scope) {
        if let Some(node) = self.shared.lock().nodes.get_mut(&self.id) {
            node.watched.remove(scope);
        }
    }

    async fn positions(&self, scopes: &[Scope]) -> Result<Vec<Position>, Fault> {
        let core = self.shared.lock();
        let position = |scope| core.content.boards.get(scope).map_or(Position::NONE, |board| board.head.position);
        Ok(scopes.iter().map(position).collect())
    }

    async fn due(&self, until: Timestamp, limit: usize) -> Result<Vec<Due>, Fault> {
        let core = self.shared.lock();
        let due = core.content.due.iter().filter(|(_, at)| **at <= until);
        let mut due: Vec<Due> = due.map(|(scope, at)| Due { scope: scope.clone(), at: *at }).collect();
        due.sort_by(|a, b| (a.at, &a.scope).cmp(&(b.at, &b.scope)));
        due.truncate(limit);
        Ok(due)
    }

    async fn beat(&self, ask: &BeatAsk) -> Result<BeatAnswer, Fault> {
        let now = (self.shared.time)();
        let mut core = self.shared.lock();
        if let Some(last) = &core.content.beat
            && let Some(refused) = refuse_beat(last, ask, now)
        {
            return Ok(refused);
        }
        let generation = core.content.beat.as_ref().map_or(ask.generation, |last| last.generation);
        let beat = BeatAnswer { beat: now.beat(), now, leader: ask.node.clone(), generation };
        core.content.beat = Some(beat.clone());
        core.publish(None, &Signal::Beat(beat.clone()));
        Ok(beat)
    }

    async fn vacate(&self, node: &str) -> Result<(), Fault> {
        let mut core = self.shared.lock();
        if let Some(beat) = core.content.beat.as_mut().filter(|beat| beat.leader == node) {
            beat.leader.clear();
            core.publish(None, &Signal::Vacant);
        }
        Ok(())
    }

    fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    async fn close(&self) {
        self.shared.lock().nodes.remove(&self.id);
    }
}

/// Says why a node may not beat: the second is beaten already, or the leader is not late enough.
fn refuse_beat(last: &BeatAnswer, ask: &BeatAsk, now: Timestamp) -> Option<BeatAnswer> {
    let late: Millis = now.since(last.beat.next().instant());
    let led_by_another = !last.leader.is_empty() && last.leader != ask.node;
    let refused = now.beat() <= last.beat || (led_by_another && late < ask.takeover_after);
    refused.then(|| BeatAnswer { now, ..last.clone() })
}
