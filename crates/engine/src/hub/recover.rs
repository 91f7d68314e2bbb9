//! Loading views, and validating them after signals may have been missed.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use timers::{Board, HistoryId, Item, RawJson, RequiredRows, Row, Scope, StoredRows, Timestamp};
use tracing::Instrument;

use crate::hub::scope_state::{ScopeState, ViewMark};
use crate::hub::{Hub, JoinError};
use crate::store::{ArchivedRow, Fault, FaultKind, LoadedBoard, RecentId, Shards};
use crate::telemetry::{self, ROOT};

/// Most scopes whose positions are compared in one round trip after a lost link. A thousand `HMGET`s take a millisecond
/// of Redis, so other clients are served in between.
const POSITIONS_AT_ONCE: usize = 1000;

/// Longest pause before positions are compared, so that a hundred nodes do not ask in the same millisecond.
const COMPARE_JITTER: Duration = Duration::from_millis(50);

/// Longest pause between attempts to load. It is short, because a listener sees old content meanwhile.
const RELOAD_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Most consecutive loads that updates may overtake; the next comparison of positions finds what is left.
const LOADS_MAX: usize = 8;

/// Why a view is invalidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// An update did not follow the view.
    Gap,
    /// The store has another position.
    Position,
    /// The position could not be read after a lost link.
    Unread,
    /// The outcome of a commit is unknown.
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

/// A board that was read, with the rows that a command must know.
pub(crate) struct Loaded {
    pub(crate) board: Board,
    pub(crate) rows: StoredRows,
    /// The command ids that the board remembers.
    pub(crate) recent: Vec<RecentId>,
    /// When the scope was last in use, if that was ever recorded.
    pub(crate) touched_at: Option<Timestamp>,
}

impl Hub {
    /// Makes a view current: watches the scope, loads it, and applies the updates that came meanwhile.
    ///
    /// Concurrent callers wait for the load in progress and share its result.
    pub(crate) async fn refresh(&self, state: &ScopeState) -> Result<(), JoinError> {
        let _one_load = state.load_lock.lock().await;
        for _ in 0..LOADS_MAX {
            if state.is_current() {
                return Ok(());
            }
            let loading = state.begin_load();
            self.store.watch(&state.scope).await?;
            let Loaded { board, .. } = self.load(&state.scope, &RequiredRows::default()).await?;
            loading.install(board);
        }
        if state.is_current() {
            return Ok(());
        }
        Err(Fault::new(FaultKind::Unavailable, "updates overtook the loads").into())
    }

    /// Loads a board, with the rows of its history that a command must know.
    pub(crate) async fn load(&self, scope: &Scope, rows: &RequiredRows) -> Result<Loaded, JoinError> {
        self.stats.loads.add_one();
        let loaded = self.store.load(scope, rows).await.inspect_err(|fault| self.report_if_damaged(scope, fault))?;
        self.clock.refine(loaded.now);
        let board = decode_board(scope, &loaded).inspect_err(|error| self.report_damage(scope, error))?;
        let rows = loaded.rows.into_iter().map(decode_row).collect::<Result<_, Fault>>();
        let rows = rows.inspect_err(|fault| self.report_damage(scope, fault))?;
        let (rows, recent) = (StoredRows { existing: loaded.existing, rows }, loaded.recent);
        Ok(Loaded { board, rows, recent, touched_at: loaded.touched_at })
    }

    /// Counts and logs a fault about a scope if an operator must repair it. The log is limited.
    pub fn report_if_damaged(&self, scope: &Scope, fault: &Fault) {
        if fault.kind() == FaultKind::Damaged {
            self.report_damage(scope, fault);
        }
    }

    fn report_damage(&self, scope: &Scope, error: &dyn Display) {
        self.stats.damaged.add_one();
        self.damage_log.report(scope, error);
    }

    /// Invalidates the view of a scope, if there is one, since the outcome of a commit is unknown.
    pub(crate) fn invalidate(self: &Arc<Self>, scope: &Scope) {
        if let Some(state) = self.lock().get(scope).cloned() {
            self.invalidate_and_reload(&state, Cause::Outcome);
        }
    }

    /// Shows the listeners of a scope what is stored now, even if updates cannot be received yet; returns whether they
    /// have seen it.
    pub(crate) async fn show_stored(&self, scope: &Scope) -> Result<bool, JoinError> {
        let Some(state) = self.lock().get(scope).cloned() else { return Ok(true) };
        let mark = state.mark();
        let Loaded { board, .. } = self.load(scope, &RequiredRows::default()).await?;
        Ok(state.offer_snapshot(&Arc::new(board), mark))
    }

    /// Returns the present moment in the life of a scope's view, for a command that is decided after this call.
    pub(crate) fn mark(&self, scope: &Scope) -> ViewMark {
        self.lock().get(scope).map_or_else(ViewMark::default, |state| state.mark())
    }

    /// Shows the listeners of a scope a board that was loaded after `mark`, if they have not seen it and the view was not
    /// invalidated since; returns whether they have seen it.
    pub(crate) fn offer_snapshot(&self, board: &Arc<Board>, mark: ViewMark) -> bool {
        let state = self.lock().get(&board.scope).cloned();
        state.is_none_or(|state| state.offer_snapshot(board, mark))
    }

    /// Invalidates a view, and starts a task that loads it until that succeeds or the view is dropped.
    pub(crate) fn invalidate_and_reload(self: &Arc<Self>, state: &Arc<ScopeState>, cause: Cause) {
        match cause {
            Cause::Gap => &self.stats.gaps,
            Cause::Position => &self.stats.positions_differed,
            Cause::Unread => &self.stats.positions_unread,
            Cause::Outcome => &self.stats.unknown_outcome_reloads,
        }
        .add_one();
        state.invalidate();
        if !state.claim_reload() {
            return;
        }
        let (hub, state) = (Arc::clone(self), Arc::clone(state));
        let span = telemetry::begin(&*self.telemetry, state.listeners(), || {
            let kind = state.scope.kind().label();
            tracing::info_span!(target: ROOT, parent: None, "reload", tickcast.scope.kind = kind, tickcast.cause = cause.name())
        });
        self.background.spawn(async move { hub.reload(&state).await }.instrument(span));
    }

    async fn reload(&self, state: &Arc<ScopeState>) {
        let mut pause = Duration::from_millis(20);
        while !state.end_reload(self.holds(state)) {
            match self.refresh(state).await {
                Ok(()) => continue,
                Err(error) => tracing::debug!(scope = %state.scope, %error, "loading a view failed; will retry"),
            }
            tokio::time::sleep(pause / 2 + self.entropy.up_to(pause / 2)).await;
            pause = (pause * 2).min(RELOAD_PAUSE_MAX);
        }
        // The view may have been dropped after the last check and before the scope was watched.
        let entries = self.lock();
        if !entries.contains_key(&state.scope) {
            self.store.unwatch(&state.scope);
        }
    }

    /// Invalidates the views of these shards: updates may have been missed.
    pub(crate) fn invalidate_shards(&self, shards: Shards) {
        self.stats.links_lost.add_one();
        for state in self.states_in(shards) {
            state.invalidate();
        }
    }

    /// Returns the views of these shards with the numbers of their invalidations so far. A comparison that begins after
    /// this call validates these, and no later ones.
    pub(crate) fn views_to_compare(&self, shards: Shards) -> Vec<(Arc<ScopeState>, u64)> {
        let states = self.states_in(shards).into_iter();
        states.map(|state| (Arc::clone(&state), state.invalidations())).collect()
    }

    /// Compares views with the store once the link is back, and loads those that differ.
    pub(crate) async fn compare(self: &Arc<Self>, views: Vec<(Arc<ScopeState>, u64)>) {
        tokio::time::sleep(self.entropy.up_to(COMPARE_JITTER)).await;
        for batch in views.chunks(POSITIONS_AT_ONCE) {
            let scopes: Vec<Scope> = batch.iter().map(|(state, _)| state.scope.clone()).collect();
            let positions = self.store.positions(&scopes).await;
            for ((state, invalidations), position) in batch.iter().zip(positions) {
                let Some(position) = position else {
                    self.invalidate_and_reload(state, Cause::Unread);
                    continue;
                };
                if !state.validate(position.tag, *invalidations) {
                    self.invalidate_and_reload(state, Cause::Position);
                }
            }
        }
    }

    fn states_in(&self, shards: Shards) -> Vec<Arc<ScopeState>> {
        self.lock().values().filter(|state| state.is_in(shards)).cloned().collect()
    }

    pub(crate) fn holds(&self, state: &Arc<ScopeState>) -> bool {
        self.lock().get(&state.scope).is_some_and(|held| Arc::ptr_eq(held, state))
    }
}

fn decode_board(scope: &Scope, loaded: &LoadedBoard) -> Result<Board, timers::BadItem> {
    let mut items = BTreeMap::new();
    for (key, bytes) in &loaded.items {
        items.insert(key.clone(), Arc::new(Item::decode(bytes)?));
    }
    Ok(Board { scope: scope.clone(), position: loaded.position, at: loaded.at, items })
}

fn decode_row(row: ArchivedRow) -> Result<(HistoryId, Row), Fault> {
    let ArchivedRow { id, at, body, terms } = row;
    let damaged = || Fault::new(FaultKind::Damaged, format!("the history row {id} is not JSON"));
    let body = std::str::from_utf8(&body).ok().and_then(|text| RawJson::new(text).ok()).ok_or_else(damaged)?;
    Ok((id.clone(), Row { id, at, body, terms }))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use timers::{IndexTerm, Timestamp};

    use super::*;

    #[test]
    fn a_stored_row_is_decoded_whole_and_one_that_is_not_json_is_damage() {
        let terms = vec![IndexTerm::new("session:1").unwrap()];
        let id = HistoryId::new("entry:1").unwrap();
        let stored = |body| ArchivedRow {
            id: id.clone(),
            at: Timestamp(7),
            body: Bytes::from_static(body),
            terms: terms.clone(),
        };
        let row = Row { id: id.clone(), at: Timestamp(7), body: RawJson::new("{ }").unwrap(), terms: terms.clone() };
        assert_eq!(decode_row(stored(b"{ }")).unwrap(), (id.clone(), row));
        for bad in [b"{".as_slice(), b"", b"\xff", b"{}{}"] {
            assert_eq!(decode_row(stored(bad)).unwrap_err().kind(), FaultKind::Damaged);
        }
    }
}
