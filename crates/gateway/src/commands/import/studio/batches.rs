//! The commands of an import.

use timers::studio::{EntryId, Import, StudioCommand, TaskType, TimeEntry};
use wire::studio::{CopiedEntry, CopiedType};

use crate::commands::import::batches::split;
use crate::commands::import::studio::plan::OrganizationRows;

/// Returns the batches of the types. The first one reserves the ids of all entries, so that members who start entries
/// meanwhile get others.
pub(super) fn types(rows: &OrganizationRows, rows_max: usize) -> impl Iterator<Item = Import> {
    let next_entry = rows.entries.last().map(|row| EntryId(row.entry.id.0 + 1)).unwrap_or_default();
    let bytes = |row: &CopiedType| row.task_type.description.as_ref().map_or(0, String::len);
    split(&rows.types, rows_max, |_| true, bytes).map(move |rows| {
        let types: Vec<TaskType> = rows.iter().map(|row| row.task_type.clone()).collect();
        Import { types, entries: Vec::new(), next_entry }
    })
}

/// Returns the batches of the entries. Each reserves the ids of the following ones.
pub(super) fn entries(rows: &OrganizationRows, rows_max: usize) -> impl Iterator<Item = Import> {
    let next_entry = rows.entries.last().map(|row| EntryId(row.entry.id.0 + 1)).unwrap_or_default();
    let bytes = |row: &CopiedEntry| row.entry.notes.as_ref().map_or(0, String::len);
    split(&rows.entries, rows_max, |row| row.entry.end.is_none(), bytes).map(move |rows| {
        let entries: Vec<TimeEntry> = rows.iter().map(|row| row.entry.clone()).collect();
        Import { types: Vec::new(), entries, next_entry }
    })
}

/// Makes the command of a batch.
pub(super) fn command(batch: Import) -> timers::Command {
    StudioCommand::Import(batch).into()
}
