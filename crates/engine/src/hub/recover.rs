//! How a view comes to be true, and comes back to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use timers::{Board, HistoryId, Item, Known, Scope};
use tracing::Instrument;

use crate::hub::entry::Entry;
use crate::hub::{Hub, JoinError};
use crate::store::{Fault, FaultKind, Loaded, RecentId, Shards};
use crate::telemetry::{self, ROOT};

/// Most scopes whose positions are compared in one round trip after a lost link: a thousand `HMGET`s are a
/// millisecond of Redis, so that others find room in between.
const COMPARED_AT_ONCE: usize = 1000;

/// Longest pause before positions are compared, so that a hundred nodes do not ask in the same millisecond.
const COMPARE_JITTER: Duration = Duration::from_millis(50);

/// Longest pause between attempts to load. Short: a listener sees old content meanwhile.
const RELOAD_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Most loads in a row that updates may outrun; the next comparison of positions finds what is left.
const LOADS_MAX: usize = 8;

/// Why a view falls in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// An update did not follow it.
    Gap,
    /// The store has another position.
    Position,
    /// The position could not be read after a lost link.
    Unread,
    /// It is not known what became of a commit.
    Outcome,
}

impl Cause {
    fn name(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Position => "position",
            Self::Unread => "unread",
            Self::Outcome => "outcome",
        }
    }
}

impl Hub {
    /// Makes a view current: watches the scope, loads it, and puts behind it what was heard meanwhile.
    ///
    /// Those who come while a load is under way wait for it and find its result.
    pub(crate) async fn refresh(&self, entry: &Entry) -> Result<(), JoinError> {
        let _alone = entry.gate.lock().await;
        for _ in 0..LOADS_MAX {
            if entry.is_current() {
                return Ok(());
            }
            let loading = entry.begin_load();
            self.store.watch(&entry.scope).await?;
            let (board, ..) = self.load(&entry.scope, &[]).await?;
            loading.install(board);
        }
        if entry.is_current() {
            return Ok(());
        }
        Err(Fault::new(FaultKind::Unavailable, "updates outran the loads").into())
    }

    /// Loads a board, and which of `ask` are in its history.
    pub(crate) async fn load(
        &self,
        scope: &Scope,
        ask: &[HistoryId],
    ) -> Result<(Board, Known, Vec<RecentId>), JoinError> {
        self.stats.loads.add_one();
        let loaded = self.store.load(scope, ask).await.inspect_err(|fault| self.note_fault(fault))?;
        self.clock.observe(loaded.now);
        let board = board_of(scope, &loaded).inspect_err(|_| self.stats.damaged.add_one())?;
        Ok((board, Known(loaded.known), loaded.recent))
    }

    /// Counts what a person has to look at.
    pub(crate) fn note_fault(&self, fault: &Fault) {
        if fault.kind() == FaultKind::Damaged {
            self.stats.damaged.add_one();
        }
    }

    /// Distrusts the view of a scope, if there is one.
    pub(crate) fn distrust(self: &Arc<Self>, scope: &Scope) {
        if let Some(entry) = self.lock().get(scope).cloned() {
            self.doubt(&entry, Cause::Outcome);
        }
    }

    /// Shows the listeners of a scope what is stored now, even if updates can't be heard yet; tells whether
    /// they have seen it.
    pub(crate) async fn show_stored(&self, scope: &Scope) -> Result<bool, JoinError> {
        let Some(entry) = self.lock().get(scope).cloned() else { return Ok(true) };
        let doubts = entry.doubts();
        let (board, ..) = self.load(scope, &[]).await?;
        Ok(entry.glimpse(&Arc::new(board), doubts))
    }

    /// Returns the doubts there are about a scope's view, to be told with what is loaded from here on.
    pub(crate) fn doubts(&self, scope: &Scope) -> u64 {
        self.lock().get(scope).map_or(0, |entry| entry.doubts())
    }

    /// Shows the listeners of a scope a board that was loaded, if they have not seen it and nothing was
    /// doubted since; tells whether they have seen it.
    pub(crate) fn glimpse(&self, board: &Arc<Board>, doubts: u64) -> bool {
        let entry = self.lock().get(&board.scope).cloned();
        entry.is_none_or(|entry| entry.glimpse(board, doubts))
    }

    /// Distrusts a view and loads it until that succeeds or nobody wants it any more.
    pub(crate) fn doubt(self: &Arc<Self>, entry: &Arc<Entry>, cause: Cause) {
        match cause {
            Cause::Gap => &self.stats.gaps,
            Cause::Position => &self.stats.positions_differed,
            Cause::Unread => &self.stats.positions_unread,
            Cause::Outcome => &self.stats.outcomes_doubted,
        }
        .add_one();
        entry.fall_in_doubt();
        if !entry.claim_reload() {
            return;
        }
        let (hub, entry) = (Arc::clone(self), Arc::clone(entry));
        let span = telemetry::begin(&*self.telemetry, entry.listeners(), || {
            let kind = entry.scope.kind();
            tracing::info_span!(target: ROOT, parent: None, "reload", tickcast.scope.kind = kind, tickcast.cause = cause.name())
        });
        self.background.spawn(async move { hub.reload(&entry).await }.instrument(span));
    }

    async fn reload(&self, entry: &Arc<Entry>) {
        let mut pause = Duration::from_millis(20);
        while !entry.end_reload(self.holds(entry)) {
            match self.refresh(entry).await {
                Ok(()) => continue,
                Err(error) => tracing::debug!(scope = %entry.scope, %error, "a view can't be loaded yet"),
            }
            tokio::time::sleep(pause / 2 + self.entropy.up_to(pause / 2)).await;
            pause = (pause * 2).min(RELOAD_PAUSE_MAX);
        }
        // The view may have been let go between a look at it and the subscription for it.
        let entries = self.lock();
        if !entries.contains_key(&entry.scope) {
            self.store.unwatch(&entry.scope);
        }
    }

    /// Distrusts the views of these shards: updates may have been missed.
    pub(crate) fn lost(&self, shards: Shards) {
        self.stats.links_lost.add_one();
        for entry in self.entries_of(shards) {
            entry.fall_in_doubt();
        }
    }

    /// Returns the views of these shards with the doubts there are now: what is compared from here on settles
    /// these, and none that comes later.
    pub(crate) fn doubted(&self, shards: Shards) -> Vec<(Arc<Entry>, u64)> {
        let entries = self.entries_of(shards).into_iter();
        entries.map(|entry| (Arc::clone(&entry), entry.doubts())).collect()
    }

    /// Compares views with the store and loads those that differ, once the link is back.
    pub(crate) async fn compare(self: &Arc<Self>, doubted: Vec<(Arc<Entry>, u64)>) {
        tokio::time::sleep(self.entropy.up_to(COMPARE_JITTER)).await;
        for batch in doubted.chunks(COMPARED_AT_ONCE) {
            let scopes: Vec<Scope> = batch.iter().map(|(entry, _)| entry.scope.clone()).collect();
            let positions = self.store.positions(&scopes).await;
            for ((entry, doubts), position) in batch.iter().zip(positions) {
                let Some(position) = position else {
                    self.doubt(entry, Cause::Unread);
                    continue;
                };
                if !entry.confirm(position.tag, *doubts) {
                    self.doubt(entry, Cause::Position);
                }
            }
        }
    }

    fn entries_of(&self, shards: Shards) -> Vec<Arc<Entry>> {
        self.lock().values().filter(|entry| entry.is_among(shards)).cloned().collect()
    }

    pub(crate) fn holds(&self, entry: &Arc<Entry>) -> bool {
        self.lock().get(&entry.scope).is_some_and(|held| Arc::ptr_eq(held, entry))
    }
}

/// Reads a stored board.
fn board_of(scope: &Scope, loaded: &Loaded) -> Result<Board, timers::BadItem> {
    let mut items = BTreeMap::new();
    for (key, bytes) in &loaded.items {
        items.insert(key.clone(), Arc::new(Item::decode(bytes)?));
    }
    Ok(Board { scope: scope.clone(), position: loaded.position, at: loaded.at, items })
}
