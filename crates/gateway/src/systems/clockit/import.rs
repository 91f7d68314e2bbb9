//! An import of finished sessions: finds those that are stored already, and stores the others at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::store::{Fault, FaultKind, HistoryCursor, Query};
use engine::{Effect, ExecuteError, Request};
use timers::stopwatch::{Finished, StopwatchCommand};
use timers::{HistoryId, ROWS_MAX, RequiredRows, Row, Scope, Timestamp};

use crate::node::{Node, Panicked};
use crate::session::fault::fault;

/// Fewest rows of the history that are read to find a stopped session: the rows of one instant are few.
const PAGE_MIN: usize = 16;

/// Most rows of the history that are read at once, where the file has most of them.
const PAGE_MAX: usize = 500;

/// Rows to import. Those that are found in the history are only counted, so a file may have any number of them.
pub(super) struct Import<'n> {
    node: &'n Arc<Node>,
    scope: Scope,
    given: usize,
    rows: Vec<Row>,
    is_too_large: bool,
}

/// The outcome of an import.
pub(super) struct Imported {
    pub(super) stored: usize,
    pub(super) repeated: usize,
}

/// Why nothing was stored.
pub(super) enum ImportError {
    /// More rows are new than one commit takes.
    TooManyRows,
    Refused(String),
    /// The store is unavailable. A row that is sent twice is stored once, so a retry is always safe.
    Unavailable(String),
    /// The user's stored data is damaged.
    Damaged(String),
    Panicked,
}

impl<'n> Import<'n> {
    pub(super) fn new(node: &'n Arc<Node>, scope: Scope) -> Self {
        Self { node, scope, given: 0, rows: Vec::new(), is_too_large: false }
    }

    /// Tells whether there are more new rows than can be stored at once.
    pub(super) fn is_too_large(&self) -> bool {
        self.is_too_large
    }

    /// Forgets the rows of an import that has failed.
    pub(super) fn clear(&mut self) {
        self.rows = Vec::new();
    }

    /// Adds rows that are not known to be in the history.
    pub(super) async fn add(&mut self, mut rows: Vec<Finished>) -> Result<(), ImportError> {
        self.given += rows.len();
        self.remove_stopped_sessions(&mut rows).await?;
        self.rows.extend(rows.iter().map(Finished::row));
        if self.rows.len() > ROWS_MAX {
            self.remove_existing().await?;
            self.is_too_large |= self.rows.len() > ROWS_MAX;
        }
        Ok(())
    }

    /// Stores the rows that are new.
    pub(super) async fn store(self) -> Result<Imported, ImportError> {
        let Self { node, scope, given, rows, is_too_large } = self;
        if is_too_large {
            return Err(ImportError::TooManyRows);
        }
        if rows.is_empty() {
            return Ok(Imported { stored: 0, repeated: given });
        }
        let request = Request { scope, command: StopwatchCommand::Ingest(rows).into(), id: None };
        let stored = match node.execute_detached(request).await {
            Ok(Ok(outcome)) => match outcome.effect {
                Effect::Change(change) => change.archive.len(),
                Effect::Nothing | Effect::Repeated => 0,
            },
            Ok(Err(failed @ ExecuteError::Refused(_))) => return Err(ImportError::Refused(failed.to_string())),
            Ok(Err(failed)) if failed.is_damage() => return Err(ImportError::Damaged(fault(&failed, true).message)),
            Ok(Err(failed)) => return Err(ImportError::Unavailable(fault(&failed, true).message)),
            Err(Panicked) => return Err(ImportError::Panicked),
        };
        Ok(Imported { stored, repeated: given - stored })
    }

    /// Removes rows that the file repeats, and those that were imported before.
    async fn remove_existing(&mut self) -> Result<(), ImportError> {
        let mut seen = BTreeSet::new();
        let ids: Vec<HistoryId> = self.rows.iter().map(|row| row.id.clone()).collect();
        let required = RequiredRows { existing: ids.clone(), bodies: Vec::new() };
        let loaded = self.node.engine.store().load(&self.scope, &required).await;
        let existing = loaded.map_err(|fault| self.read_failed(&fault))?.existing;
        let mut ids = ids.into_iter();
        self.rows.retain(|_| ids.next().is_some_and(|id| !existing.contains(&id) && seen.insert(id)));
        Ok(())
    }

    /// Removes rows that were exported for sessions that were stopped here. The history has those under the session's
    /// id, so they are found by their instant. An exported session has a label, which no editor writes.
    async fn remove_stopped_sessions(&self, rows: &mut Vec<Finished>) -> Result<(), ImportError> {
        let instants = rows.iter().filter(|row| row.label.is_some()).map(|row| row.ended).collect();
        let stopped = self.stopped_sessions(instants).await.map_err(|fault| self.read_failed(&fault))?;
        if !stopped.is_empty() {
            rows.retain(|row| !stopped.contains(&row.content_id()));
        }
        Ok(())
    }

    fn read_failed(&self, fault: &Fault) -> ImportError {
        if fault.kind() == FaultKind::Damaged {
            self.node.engine.hub().report_if_damaged(&self.scope, fault);
            return ImportError::Damaged("the stored data is damaged and cannot be used".to_owned());
        }
        tracing::warn!(%fault, "the history cannot be read");
        ImportError::Unavailable("the store is unavailable; try again".to_owned())
    }

    /// Returns the contents of the sessions that were stopped at these instants.
    async fn stopped_sessions(&self, mut instants: BTreeSet<Timestamp>) -> Result<BTreeSet<HistoryId>, Fault> {
        let mut found = BTreeSet::new();
        let mut limit = PAGE_MIN;
        let mut next: Option<HistoryCursor> = None;
        while let Some(newest) = instants.last().copied() {
            let before = next.take().filter(|next| next.at == newest).unwrap_or_else(|| just_after(newest));
            let query = Query { before: Some(before), ..Query::newest(limit) };
            let page = self.node.engine.store().history(&self.scope, &query).await?;
            let rows = page.rows.iter().filter(|row| instants.contains(&row.at));
            let rows = rows.filter_map(|row| Finished::decode(std::str::from_utf8(&row.body).ok()?).ok());
            found.extend(rows.filter(|row| row.session.is_some()).map(|row| row.content_id()));
            next = page.next;
            let Some(rest) = &next else { break };
            // The rows of the last instant may go on.
            let before = instants.len();
            instants.retain(|instant| *instant <= rest.at);
            limit = (2 * (before - instants.len())).clamp(PAGE_MIN, PAGE_MAX);
        }
        Ok(found)
    }
}

/// Returns the position before all rows of an instant: the ids of rows begin with letters.
fn just_after(instant: Timestamp) -> HistoryCursor {
    HistoryCursor { at: Timestamp(instant.0 + 1), id: HistoryId::new("!").expect("a short printable text") }
}
