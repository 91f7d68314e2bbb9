//! A store in memory, shared by any number of nodes of one process: for tests, and the yardstick that
//! the real adapters are held to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use timers::{Board, DeadlineMove, HistoryId, Item, ItemKey, Position, Scope, Tag, Timestamp};

use crate::store::{
    ArchivedRow, BeatAnswer, BeatAsk, Commit, Committed, Connected, Cursor, Due, DueLook, Fault, Head, Loaded, Outlet,
    Page, Query, Signal, Store, lead, resign,
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
    nodes: BTreeMap<u64, Outlet>,
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

impl MemoryStore {
    /// Makes an empty store whose time is told by `time`.
    pub fn new(time: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { core: Arc::default(), time: Arc::new(time) }
    }

    /// Connects another node.
    pub fn connect(&self) -> Connected<MemoryNode> {
        let (outlet, signals) = Outlet::new();
        let mut core = self.lock();
        let id = core.next_node;
        core.next_node += 1;
        core.nodes.insert(id, outlet);
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

    /// Returns how many deadlines are set.
    pub fn due_count(&self) -> usize {
        self.lock().content.due.len()
    }

    /// Makes a board unreadable, for tests of what a node does then.
    pub fn damage(&self, scope: &Scope) {
        if let Some(board) = self.lock().content.boards.get_mut(scope) {
            board.items.values_mut().for_each(|item| *item = Bytes::from_static(b"no item"));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    fn publish(&mut self, scope: Option<&Scope>, signal: &Signal) {
        for node in self.nodes.values_mut().filter(|node| scope.is_none_or(|scope| node.wants(scope))) {
            node.send(signal.clone());
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
            recent: board.head.recent.into_iter().collect(),
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
        if commit.fades {
            core.content.boards.remove(&commit.scope);
        }
        let update = Update::decode(&commit.update).expect("the engine wrote it");
        core.publish(Some(&commit.scope), &Signal::Updated(Box::new(update)));
        Ok(committed)
    }

    async fn confirm(&self, scope: &Scope, tag: Tag) -> Result<bool, Fault> {
        let core = self.shared.lock();
        Ok(core.content.boards.get(scope).map_or(Tag::NONE, |board| board.head.position.tag) == tag)
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
            node.watch(scope);
        }
        Ok(())
    }

    fn unwatch(&self, scope: &Scope) {
        if let Some(node) = self.shared.lock().nodes.get_mut(&self.id) {
            node.unwatch(scope);
        }
    }

    async fn positions(&self, scopes: &[Scope]) -> Vec<Option<Position>> {
        let core = self.shared.lock();
        let position = |scope| core.content.boards.get(scope).map_or(Position::NONE, |board| board.head.position);
        scopes.iter().map(position).map(Some).collect()
    }

    async fn due(&self, until: Timestamp, limit: usize) -> Result<DueLook, Fault> {
        let core = self.shared.lock();
        let due = core.content.due.iter().filter(|(_, at)| **at <= until);
        let mut due: Vec<Due> = due.map(|(scope, at)| Due { scope: scope.clone(), at: *at }).collect();
        due.sort_by(|a, b| (a.at, &a.scope).cmp(&(b.at, &b.scope)));
        let more = due.len() > limit;
        due.truncate(limit);
        Ok(DueLook { due, more })
    }

    async fn put_off(&self, due: &Due, to: Timestamp) -> Result<(), Fault> {
        if let Some(at) = self.shared.lock().content.due.get_mut(&due.scope).filter(|at| **at == due.at) {
            *at = to;
        }
        Ok(())
    }

    async fn beat(&self, ask: &BeatAsk) -> Result<BeatAnswer, Fault> {
        let now = (self.shared.time)();
        let mut core = self.shared.lock();
        let (beat, beaten) = lead(&mut core.content.beat, ask, now);
        if beaten {
            core.publish(None, &Signal::Beat(beat.clone()));
        }
        Ok(beat)
    }

    async fn vacate(&self, node: &str) -> Result<(), Fault> {
        let mut core = self.shared.lock();
        if resign(&mut core.content.beat, node) {
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
