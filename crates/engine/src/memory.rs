//! A store in memory, shared by any number of nodes of one process: for tests, and as the reference for the real
//! adapters.

mod transfer;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use timers::{Board, DeadlineMove, HistoryId, Item, ItemKey, Millis, Position, RequiredRows, Scope, Tag, Timestamp};

use crate::store::{
    ArchivedRow, BeatRequest, BeatStatus, Commit, Committed, Connected, Due, DuePage, Fault, Head, HistorySize,
    LoadedBoard, LocalReports, NodeReport, NodeReports, Page, Query, Shards, Signal, SignalSender, Store, Transfer,
    lead, resign,
};
use crate::store_clock::{StoreTime, absorb, known_time};
use crate::update::Update;

/// A store in memory that any number of nodes share.
#[derive(Clone)]
pub struct MemoryStore {
    core: Arc<Mutex<Core>>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

#[derive(Default)]
struct Core {
    content: Content,
    nodes: BTreeMap<u64, SignalSender>,
    next_node: u64,
    /// The time that was told at the last beat.
    time: StoreTime,
    reports: LocalReports,
}

/// The whole content of a store.
#[derive(Clone, Default)]
pub struct Content {
    boards: BTreeMap<Scope, StoredBoard>,
    due: BTreeMap<Scope, Timestamp>,
    /// When scopes end.
    ends: BTreeSet<(Timestamp, Scope)>,
    beat: Option<BeatStatus>,
    /// The backup whose restore has not ended.
    unfinished_restore: Option<u64>,
}

#[derive(Clone, Default)]
struct StoredBoard {
    head: Head,
    items: BTreeMap<ItemKey, Bytes>,
    history: BTreeMap<HistoryId, ArchivedRow>,
    history_size: HistorySize,
    ends_at: Option<Timestamp>,
    touched_at: Option<Timestamp>,
}

impl MemoryStore {
    /// Makes an empty store with a clock.
    pub fn new(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { core: Arc::default(), clock: Arc::new(clock) }
    }

    /// Connects another node.
    pub fn connect(&self) -> Connected<MemoryNode> {
        let (sender, signals) = SignalSender::new();
        let mut core = self.lock();
        let id = core.next_node;
        core.next_node += 1;
        core.nodes.insert(id, sender);
        Connected { store: Arc::new(MemoryNode { shared: self.clone(), id }), signals }
    }

    /// Returns a copy of the whole content.
    pub fn content(&self) -> Content {
        self.lock().content.clone()
    }

    /// Restores an earlier content, as a failover to a lagging replica does. Sends no signal.
    pub fn restore(&self, content: Content) {
        self.lock().content = content;
    }

    /// Returns a stored board, for tests to compare with.
    ///
    /// # Panics
    /// If an item cannot be read.
    pub fn board(&self, scope: &Scope) -> Board {
        let stored = self.lock().content.boards.get(scope).cloned().unwrap_or_default();
        let items = stored.items.iter().map(|(key, bytes)| {
            let item = Item::decode(bytes).expect("only items are stored");
            (key.clone(), Arc::new(item))
        });
        Board { scope: scope.clone(), position: stored.head.position, at: stored.head.at, items: items.collect() }
    }

    /// Returns the number of deadlines.
    pub fn due_count(&self) -> usize {
        self.lock().content.due.len()
    }

    /// Makes a board unreadable, for tests.
    pub fn damage(&self, scope: &Scope) {
        if let Some(board) = self.lock().content.boards.get_mut(scope) {
            board.items.values_mut().for_each(|item| *item = Bytes::from_static(b"no item"));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        self.lock_now().0
    }

    /// Locks the store, deletes what has ended, and reads the store's time.
    fn lock_now(&self) -> (MutexGuard<'_, Core>, Timestamp) {
        let mut core = self.core.lock();
        let now = (self.clock)() + core.time.absorbed;
        core.content.expire(now);
        (core, now)
    }
}

impl Content {
    /// Deletes what has ended.
    fn expire(&mut self, now: Timestamp) {
        while self.ends.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, scope)) = self.ends.pop_first() else { return };
            self.boards.remove(&scope);
            self.due.remove(&scope);
        }
    }

    fn end_at(&mut self, scope: &Scope, at: Option<Timestamp>) {
        let Some(board) = self.boards.get_mut(scope) else { return };
        let before = std::mem::replace(&mut board.ends_at, at);
        if let Some(before) = before {
            self.ends.remove(&(before, scope.clone()));
        }
        self.ends.extend(at.map(|at| (at, scope.clone())));
    }
}

impl StoredBoard {
    /// Returns the history's size after a commit.
    fn size_after(&self, commit: &Commit) -> HistorySize {
        let stored = |id: &str| Ok::<_, Infallible>(self.history.get(id).map(ArchivedRow::value_len));
        let Ok(size) = self.history_size.after(commit, stored);
        size
    }
}

impl Core {
    /// Tells the time at a beat, which absorbs steps of the clock; `told` is the time that the node tells.
    fn tell_time(&mut self, own: Timestamp, told: Option<Timestamp>) -> StoreTime {
        let StoreTime { now: last, absorbed } = self.time;
        let known = known_time(last, told, own + absorbed);
        let absorbed =
            absorb(Duration::from_millis(absorbed.0), Duration::from_millis(known.0), Duration::from_millis(own.0));
        let absorbed = Millis(u64::try_from(absorbed.as_millis()).unwrap_or(u64::MAX));
        let now = own + absorbed;
        self.time = StoreTime { now: now.max(last), absorbed };
        StoreTime { now, absorbed }
    }

    fn publish(&mut self, scope: Option<&Scope>, signal: &Signal) {
        for node in self.nodes.values_mut().filter(|node| scope.is_none_or(|scope| node.is_watching(scope))) {
            node.send(signal.clone());
        }
    }
}

/// One node's connection to a [`MemoryStore`].
pub struct MemoryNode {
    shared: MemoryStore,
    id: u64,
}

#[async_trait]
impl Store for MemoryNode {
    async fn load(&self, scope: &Scope, rows: &RequiredRows) -> Result<LoadedBoard, Fault> {
        let (core, now) = self.shared.lock_now();
        let empty = StoredBoard::default();
        let board = core.content.boards.get(scope).unwrap_or(&empty);
        Ok(LoadedBoard {
            position: board.head.position,
            at: board.head.at,
            recent: board.head.recent.iter().copied().collect(),
            items: board.items.clone().into_iter().collect(),
            existing: rows.existing.iter().filter(|id| board.history.contains_key(*id)).cloned().collect(),
            rows: rows.bodies.iter().filter_map(|id| board.history.get(id).cloned()).collect(),
            touched_at: board.touched_at,
            now,
        })
    }

    async fn touch(&self, scope: &Scope, at: Timestamp) -> Result<(), Fault> {
        self.shared.lock().content.boards.entry(scope.clone()).or_default().touched_at = Some(at);
        Ok(())
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, Fault> {
        commit.check_limits()?;
        let (mut core, now) = self.shared.lock_now();
        let board = core.content.boards.entry(commit.scope.clone()).or_default();
        let size = board.size_after(commit);
        let committed = board.head.take(commit, (board.history_size, size), now);
        if !matches!(committed, Committed::Done(..)) {
            return Ok(committed);
        }
        board.history_size = size;
        let ends_at = commit.expiry.moved(board.ends_at, now);
        for key in &commit.removed {
            board.items.remove(key);
        }
        board.items.extend(commit.put.iter().cloned());
        for id in &commit.archive_removed {
            board.history.remove(id);
        }
        board.history.extend(commit.archive.iter().map(|row| (row.id.clone(), row.clone())));
        match commit.deadline {
            DeadlineMove::Keep => {}
            DeadlineMove::Clear => drop(core.content.due.remove(&commit.scope)),
            DeadlineMove::Set(at) => drop(core.content.due.insert(commit.scope.clone(), at)),
        }
        core.content.end_at(&commit.scope, ends_at);
        let update = Update::decode(commit.update.clone()).expect("the engine wrote it");
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
        let mut rows: Vec<&ArchivedRow> = board.history.values().filter(|row| query.wants(row)).collect();
        rows.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
        let rows = rows.into_iter().take(query.limit.saturating_add(1)).cloned();
        Ok(Page::of(rows.collect(), query.limit))
    }

    async fn extend(&self, scopes: &[Scope], lifetime: Millis) -> Result<(), Fault> {
        let (mut core, now) = self.shared.lock_now();
        let until = now + lifetime;
        for scope in scopes {
            let ends_at = core.content.boards.get(scope).and_then(|board| board.ends_at);
            if ends_at.is_some_and(|at| at < until) {
                core.content.end_at(scope, Some(until));
            }
        }
        Ok(())
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

    async fn due(&self, until: Timestamp, limit: usize) -> Result<DuePage, Fault> {
        let core = self.shared.lock();
        let due = core.content.due.iter().filter(|(scope, at)| **at <= until && scope.is_known());
        let mut due: Vec<Due> = due.map(|(scope, at)| Due { scope: scope.clone(), at: *at }).collect();
        due.sort_by(|a, b| (a.at, &a.scope).cmp(&(b.at, &b.scope)));
        let more = due.len() > limit;
        due.truncate(limit);
        Ok(DuePage { due, more, unread: Shards::NONE })
    }

    async fn postpone(&self, due: &Due, to: Timestamp) -> Result<(), Fault> {
        if let Some(at) = self.shared.lock().content.due.get_mut(&due.scope).filter(|at| **at == due.at) {
            *at = to;
        }
        Ok(())
    }

    async fn beat(&self, request: &BeatRequest) -> Result<BeatStatus, Fault> {
        let mut core = self.shared.lock();
        let time = core.tell_time((self.shared.clock)(), request.now);
        let (beat, is_new) = lead(&mut core.content.beat, request, time);
        if is_new {
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

    fn node_reports(&self) -> Option<&dyn NodeReports> {
        Some(self)
    }

    fn transfer(&self) -> Option<&dyn Transfer> {
        Some(self)
    }

    async fn close(&self) {
        self.shared.lock().nodes.remove(&self.id);
    }
}

#[async_trait]
impl NodeReports for MemoryNode {
    async fn put(&self, node: &str, text: &str, kept: Millis) -> Result<(), Fault> {
        let (mut core, now) = self.shared.lock_now();
        core.reports.put(node, text, kept, now);
        Ok(())
    }

    async fn remove(&self, node: &str) -> Result<(), Fault> {
        self.shared.lock().reports.remove(node);
        Ok(())
    }

    async fn all(&self) -> Result<Vec<NodeReport>, Fault> {
        let (core, now) = self.shared.lock_now();
        Ok(core.reports.all(now))
    }
}

#[cfg(test)]
mod tests {
    use timers::CommandId;

    use super::*;
    use crate::store::Expiry;

    #[tokio::test]
    async fn the_deadline_of_an_unknown_kind_stays_in_the_index() {
        let store = MemoryStore::new(|| Timestamp(1_700_000_000_000));
        let planet: Scope = "planet:1".parse().unwrap();
        let (at, tag) = (Timestamp(1_700_000_000_000), Tag(1));
        let update = format!(r#"{{"v":1,"scope":"{planet}","prev":"{}","rev":1,"tag":"{tag}","at":1}}"#, Tag::NONE);
        let commit = Commit {
            scope: planet,
            expected: Tag::NONE,
            id: CommandId(1),
            decided_at: at,
            at,
            tag,
            put: Vec::new(),
            removed: Vec::new(),
            archive: Vec::new(),
            archive_removed: Vec::new(),
            deadline: DeadlineMove::Set(at - Millis(1)),
            expiry: Expiry::Keep,
            quota: None,
            update: update.into(),
        };
        let node = store.connect().store;
        assert!(matches!(node.commit(&commit).await, Ok(Committed::Done(..))));
        assert_eq!(node.due(at, 10).await.unwrap().due, []);
        assert_eq!(store.due_count(), 1);
    }
}
