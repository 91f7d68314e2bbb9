//! The rows of an import by organisation, repaired.

use std::collections::BTreeMap;
use std::sync::Arc;

use timers::Scope;
use timers::studio::{EntryRepair, TimeEntry, repair_entries};
use wire::FAULTS_MAX;
use wire::studio::{CopiedEntry, CopiedType};

use crate::commands::Failure;
use crate::commands::import::notes::Note;
use crate::commands::import::studio::namespace::Organizations;
use crate::commands::import::studio::tables::Tables;

/// The rows of an import.
pub(super) struct Plan {
    pub(super) types_file: Arc<str>,
    pub(super) entries_file: Arc<str>,
    pub(super) organizations: Vec<OrganizationRows>,
    repairs: Vec<Note>,
}

/// The rows of one organisation, in the order of their ids.
pub(super) struct OrganizationRows {
    pub(super) scope: Scope,
    pub(super) types: Vec<CopiedType>,
    pub(super) entries: Vec<CopiedEntry>,
}

/// The organisations that were found so far, by their ids as logins name them, and what is wrong with rows.
struct Grouping<'o> {
    organizations: &'o Organizations<'o>,
    by_id: BTreeMap<String, OrganizationRows>,
    faults: Vec<Note>,
}

impl Plan {
    /// Groups the rows by organisation, finds ids that occur twice, and repairs the entries.
    pub(super) fn new(tables: Tables, organizations: &Organizations<'_>) -> Result<Self, Failure> {
        let Tables { types, entries } = tables;
        organizations.check_given(&types.file, types.rows.iter().all(|row| row.organization.is_some()))?;
        organizations.check_given(&entries.file, entries.rows.iter().all(|row| row.organization.is_some()))?;
        let mut grouping = Grouping { organizations, by_id: BTreeMap::new(), faults: Vec::new() };
        for row in types.rows {
            let organization = row.organization.clone();
            if let Some(rows) = grouping.rows(organization.as_deref(), &types.file, row.line) {
                rows.types.push(row);
            }
        }
        for row in entries.rows {
            let organization = row.organization.clone();
            if let Some(rows) = grouping.rows(organization.as_deref(), &entries.file, row.line) {
                rows.entries.push(row);
            }
        }
        let Grouping { by_id, mut faults, .. } = grouping;
        let mut organizations: Vec<OrganizationRows> = by_id.into_values().collect();
        let (mut repairs, mut of_entries) = (types.repairs, entries.repairs);
        for rows in &mut organizations {
            rows.types.sort_by_key(|row| (row.task_type.id, row.line));
            rows.entries.sort_by_key(|row| (row.entry.id, row.line));
            let ids = rows.types.iter().map(|row| (row.line, row.task_type.id.0));
            faults.extend(repeated_ids(&types.file, ids));
            let ids = rows.entries.iter().map(|row| (row.line, row.entry.id.0));
            faults.extend(repeated_ids(&entries.file, ids));
            of_entries.extend(repair(&entries.file, &mut rows.entries));
        }
        if !faults.is_empty() {
            let faults = faults.iter().take(FAULTS_MAX).map(Note::to_string).collect();
            return Err(Failure::data(faults, "the files have errors; nothing was imported"));
        }
        of_entries.sort_by_key(|note| note.row.line);
        repairs.append(&mut of_entries);
        Ok(Self { types_file: types.file, entries_file: entries.file, organizations, repairs })
    }

    /// Returns the repairs, in the order of the files.
    pub(super) fn repairs(&self) -> &[Note] {
        &self.repairs
    }
}

impl Grouping<'_> {
    /// Returns the rows of the organisation of a row.
    fn rows(&mut self, organization: Option<&str>, file: &Arc<str>, line: u64) -> Option<&mut OrganizationRows> {
        let id = self.organizations.of_row(organization);
        let id = id.inspect_err(|message| self.faults.push(Note::new(file, line, "organization_id", message))).ok()?;
        if !self.by_id.contains_key(id) {
            let scope = self.organizations.scope(id);
            let scope = scope
                .inspect_err(|message| self.faults.push(Note::new(file, line, "organization_id", message)))
                .ok()?;
            self.by_id.insert(id.to_owned(), OrganizationRows { scope, types: Vec::new(), entries: Vec::new() });
        }
        self.by_id.get_mut(id)
    }
}

/// Finds ids that occur twice; `ids` are lines and ids in the order of the ids.
fn repeated_ids(file: &Arc<str>, ids: impl Iterator<Item = (u64, u64)>) -> Vec<Note> {
    let mut faults = Vec::new();
    let mut last: Option<(u64, u64)> = None;
    for (line, id) in ids {
        if let Some((first, _)) = last.filter(|(_, last)| *last == id) {
            faults.push(Note::new(file, line, "id", format!("is {id}, which line {first} has too")));
        }
        last = Some((line, id));
    }
    faults
}

/// Repairs the entries of an organisation, and finds durations that do not follow from start and end.
fn repair(file: &Arc<str>, rows: &mut [CopiedEntry]) -> Vec<Note> {
    // Repaired entries have another duration for that reason.
    let durations: Vec<Note> = rows.iter().filter_map(|row| other_duration(file, row)).collect();
    let mut entries: Vec<&mut TimeEntry> = rows.iter_mut().map(|row| &mut row.entry).collect();
    let repairs = repair_entries(&mut entries);
    let repairs = repairs.into_iter().map(|(index, repair)| {
        let message = match repair {
            EntryRepair::EndBeforeStart => "is before start_time, and becomes the start".to_owned(),
            EntryRepair::RunsBeside(next) => format!(
                "is NULL, although time entry {} of the same session, project or track began later and runs: it \
                 becomes the start of that entry",
                next.0
            ),
        };
        Note::new(file, rows[index].line, "end_time", message)
    });
    repairs.chain(durations).collect()
}

fn other_duration(file: &Arc<str>, row: &CopiedEntry) -> Option<Note> {
    let stored = row.minutes?;
    let message = match row.entry.end {
        Some(end) if end < row.entry.start => return None,
        Some(_) if row.entry.minutes().and_then(|minutes| i64::try_from(minutes).ok()) == Some(stored) => return None,
        Some(_) => {
            let minutes = row.entry.minutes().unwrap_or_default();
            format!("is {stored}, and becomes {minutes}: the minutes between start_time and end_time")
        }
        None => format!("is {stored}, and is left out: the entry runs"),
    };
    Some(Note::new(file, row.line, "duration_minutes", message))
}
