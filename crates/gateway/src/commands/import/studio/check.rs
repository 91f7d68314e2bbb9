//! The check of an import against the store: every batch is decided as its commit will be, and nothing is written.

use std::collections::BTreeMap;

use engine::store::HistoryQuota;
use timers::studio::{Category, EntryId, Import, StudioRefusal, TaskType, TaskTypeId, TimeEntry};
use timers::{
    Board, Change, Command, CommandId, Decision, HistoryBound, Item, Limits, Refusal, RequiredRows, ScopeKind,
    StoredRows, Timestamp, decide,
};
use wire::FAULTS_MAX;

use crate::commands::Failure;
use crate::commands::import::batches::rows_max;
use crate::commands::import::notes::Note;
use crate::commands::import::rehearsal::RehearsedScope;
use crate::commands::import::studio::batches;
use crate::commands::import::studio::plan::{OrganizationRows, Plan};
use crate::commands::import::studio::summary::{Count, OrganizationSummary, Summary};
use crate::commands::import::{history_quota, unread};
use crate::commands::progress::Progress;
use crate::commands::store_session::StoreSession;
use crate::ops::config::Settings;

/// What an import would make of one organisation.
struct Rehearsal<'p> {
    plan: &'p Plan,
    rows: &'p OrganizationRows,
    limits: &'p Limits,
    date: Timestamp,
    scope: RehearsedScope,
    types: Count,
    entries: Count,
    faults: Vec<String>,
}

/// A row that the rules refuse; of an entry, with the column that the refusal is about.
enum RefusedRow {
    Type(TaskTypeId),
    Entry(EntryId, &'static str),
    /// The refusal concerns the rows together.
    Unknown,
}

/// Checks all rows, and sets whether entries are billed where their file does not say.
pub(super) async fn check(session: &StoreSession, plan: &mut Plan, settings: &Settings) -> Result<Summary, Failure> {
    let (quota, rows_max) = (history_quota(settings, &ScopeKind::Organization), rows_max(&settings.store.url));
    let total = plan.organizations.iter().map(|rows| rows.entries.len() as u64).sum();
    let mut progress = Progress::new("checking time entries", total);
    let (mut faults, mut organizations, mut done) = (Vec::new(), Vec::new(), 0);
    for index in 0..plan.organizations.len() {
        let scope = plan.organizations[index].scope.clone();
        let (board, _) = session.read(&scope, &RequiredRows::default()).await.map_err(|error| unread(&error))?;
        set_billable(&mut plan.organizations[index], &board);
        let Some(date) = session.date() else {
            return Err(unread(&"no time is known"));
        };
        let mut rehearsal = Rehearsal {
            plan,
            rows: &plan.organizations[index],
            limits: &settings.rules,
            date,
            scope: RehearsedScope::new(board),
            types: Count::default(),
            entries: Count::default(),
            faults: Vec::new(),
        };
        for batch in batches::types(rehearsal.rows, rows_max) {
            rehearsal.decide(batch, &StoredRows::default());
        }
        for batch in batches::entries(rehearsal.rows, rows_max) {
            done += batch.entries.len() as u64;
            let command = batches::command(batch.clone());
            let (_, stored) = session.read(&scope, &command.required_rows()).await.map_err(|error| unread(&error))?;
            rehearsal.decide(batch, &stored);
            progress.show(done);
        }
        faults.extend(rehearsal.finish(quota));
        let (types, entries) = (rehearsal.types, rehearsal.entries);
        organizations.push(OrganizationSummary { scope, types, entries });
    }
    drop(progress);
    if faults.is_empty() {
        return Ok(Summary { organizations, repairs: plan.repairs().len() });
    }
    faults.truncate(FAULTS_MAX);
    Err(Failure::data(faults, "the files do not fit what is stored; nothing was imported"))
}

/// Sets whether entries are billed: as their file says, or as their type is.
fn set_billable(rows: &mut OrganizationRows, board: &Board) {
    let stored = board.all::<TaskType>();
    let types = stored.chain(rows.types.iter().map(|row| &row.task_type));
    let categories: BTreeMap<TaskTypeId, Category> = types.map(|known| (known.id, known.category)).collect();
    for row in &mut rows.entries {
        let of_type = || categories.get(&row.entry.task_type) == Some(&Category::Billable);
        row.entry.billable = row.billable.unwrap_or_else(of_type);
    }
}

impl Rehearsal<'_> {
    /// Decides a batch. Rows that are refused are left out and reported, and the rest is decided again.
    fn decide(&mut self, mut batch: Import, stored: &StoredRows) {
        (self.types.read, self.entries.read) =
            (self.types.read + batch.types.len(), self.entries.read + batch.entries.len());
        while self.faults.len() < FAULTS_MAX {
            let command: Command = batches::command(batch.clone());
            match decide(&self.scope.board, stored, &command, CommandId(0), self.date, self.limits) {
                Ok(Decision::Nothing) => return,
                Ok(Decision::Change(change)) => return self.apply(&change),
                // Something of another system is due.
                Ok(Decision::Partial(change)) => self.apply(&change),
                Err(refusal) => {
                    let (note, is_of_row) = self.describe(refusal, &mut batch);
                    self.faults.push(note);
                    if !is_of_row {
                        return;
                    }
                }
            }
        }
    }

    fn apply(&mut self, change: &Change) {
        // The rules write no row that was imported before.
        let written = |is_kind: fn(&Item) -> bool| change.put.values().filter(|item| is_kind(item)).count();
        self.types.new += written(|item| item.get::<TaskType>().is_some());
        self.entries.new += written(|item| item.get::<TimeEntry>().is_some()) + change.archive.len();
        self.scope.apply(change, |_| false);
    }

    /// Describes a refusal, and takes the row that is refused from the batch if it is known.
    fn describe(&self, refusal: Refusal, batch: &mut Import) -> (String, bool) {
        let reason = reason(refusal);
        let note = match refused_row(refusal) {
            RefusedRow::Type(id) => {
                batch.types.retain(|row| row.id != id);
                let row = self.rows.types.iter().find(|row| row.task_type.id == id);
                row.map(|row| Note::new(&self.plan.types_file, row.line, "id", &reason))
            }
            RefusedRow::Entry(id, column) => {
                batch.entries.retain(|row| row.id != id);
                let row = self.rows.entries.iter().find(|row| row.entry.id == id);
                row.map(|row| Note::new(&self.plan.entries_file, row.line, column, &reason))
            }
            RefusedRow::Unknown => None,
        };
        let is_of_row = note.is_some();
        (note.map_or_else(|| format!("{}: {reason}", self.rows.scope), |note| note.to_string()), is_of_row)
    }

    /// Returns the faults, and whether the history would be too large.
    fn finish(&mut self, quota: HistoryQuota) -> Vec<String> {
        let exceeded = self.scope.exceeded(quota);
        let exceeded = exceeded.map(|refusal| format!("{}: {}", self.rows.scope, reason(refusal)));
        self.faults.drain(..).chain(exceeded).collect()
    }
}

/// Says why the rules refuse rows, with the setting if there is one.
pub(super) fn reason(refusal: Refusal) -> String {
    if let Refusal::Studio(StudioRefusal::TooManyRunning(most)) = refusal {
        return format!("more than {most} time entries run (studio.running_entries)");
    }
    let settings = [
        (matches!(refusal, Refusal::HistoryFull(HistoryBound::Rows(_))), "studio.history_rows"),
        (matches!(refusal, Refusal::HistoryFull(HistoryBound::Bytes(_))), "studio.history_bytes"),
        (matches!(refusal, Refusal::Studio(StudioRefusal::TooManyTaskTypes(_))), "studio.task_types"),
        (matches!(refusal, Refusal::Studio(StudioRefusal::BoardTooLarge(_))), "studio.board_bytes"),
    ];
    match settings.iter().find(|(is_bound, _)| *is_bound) {
        Some((_, setting)) => format!("{refusal} ({setting})"),
        None => refusal.to_string(),
    }
}

/// Returns the row that the rules refuse.
fn refused_row(refusal: Refusal) -> RefusedRow {
    let Refusal::Studio(refusal) = refusal else { return RefusedRow::Unknown };
    match refusal {
        StudioRefusal::TaskTypeTaken(id) => RefusedRow::Type(id),
        StudioRefusal::EntryTaken(id) => RefusedRow::Entry(id, "id"),
        StudioRefusal::EntryWithoutType(id) => RefusedRow::Entry(id, "task_type_id"),
        StudioRefusal::EntryInFuture(id) => RefusedRow::Entry(id, "start_time"),
        StudioRefusal::TargetRuns(id) => RefusedRow::Entry(id, "end_time"),
        StudioRefusal::UnknownTaskType
        | StudioRefusal::UnknownEntry
        | StudioRefusal::InactiveTaskType
        | StudioRefusal::AlreadyRunning
        | StudioRefusal::NotRunning
        | StudioRefusal::EndBeforeStart
        | StudioRefusal::StartInFuture
        | StudioRefusal::TooManyRunning(_)
        | StudioRefusal::TooManyTaskTypes(_)
        | StudioRefusal::TextTooLong(_)
        | StudioRefusal::BoardTooLarge(_)
        | StudioRefusal::OutOfIds => RefusedRow::Unknown,
    }
}
