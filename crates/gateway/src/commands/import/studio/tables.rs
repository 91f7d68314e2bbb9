//! The files of an import.

use std::path::Path;
use std::sync::Arc;

use timers::ScopeKind;
use wire::FAULTS_MAX;
use wire::studio::{CopiedEntry, CopiedRow, CopiedTable, CopiedType, CopyLimits, TableReader};

use crate::commands::Failure;
use crate::commands::import::files::read_file;
use crate::commands::import::history_quota;
use crate::commands::import::notes::Note;
use crate::commands::import::studio::StudioImport;
use crate::ops::config::Settings;

/// The rows of the files, all of which are valid.
pub(super) struct Tables {
    pub(super) types: NamedTable<CopiedType>,
    pub(super) entries: NamedTable<CopiedEntry>,
}

/// The rows of one file.
pub(super) struct NamedTable<R> {
    pub(super) file: Arc<str>,
    pub(super) rows: Vec<R>,
    /// The cells that were repaired.
    pub(super) repairs: Vec<Note>,
}

impl Tables {
    /// Reads the files, and names the columns that are ignored. The failure lists the faults of both.
    pub(super) fn read(import: &StudioImport, settings: &Settings) -> Result<Self, Failure> {
        let rows = history_quota(settings, &ScopeKind::Organization)
            .rows
            .saturating_add(settings.rules.studio.running_entries as u64);
        let limits = CopyLimits { rows, text_chars: settings.rules.studio.text_chars };
        let types = read_table(import.task_types.as_deref(), limits)?;
        let entries = read_table(import.time_entries.as_deref(), limits)?;
        match (types, entries) {
            (Ok(types), Ok(entries)) => Ok(Self { types, entries }),
            (types, entries) => {
                let mut faults = Vec::new();
                for found in [types.err(), entries.err()].into_iter().flatten() {
                    let is_full = found.len() >= FAULTS_MAX;
                    faults.extend(found.iter().map(Note::to_string));
                    faults.extend(is_full.then(|| "further errors of this file are not listed".to_owned()));
                }
                Err(Failure::data(faults, "the files have errors; nothing was imported"))
            }
        }
    }
}

/// Reads a file. The inner error has its faults.
fn read_table<R: CopiedRow>(
    path: Option<&Path>,
    limits: CopyLimits,
) -> Result<Result<NamedTable<R>, Vec<Note>>, Failure> {
    let Some(path) = path else {
        return Ok(Ok(NamedTable { file: "".into(), rows: Vec::new(), repairs: Vec::new() }));
    };
    let file: Arc<str> = path.display().to_string().into();
    let mut reader = TableReader::new(limits);
    read_file(path, |bytes| reader.push(bytes))?;
    let named = |row| Note { file: Arc::clone(&file), row };
    Ok(match reader.finish() {
        Ok(CopiedTable { rows, ignored_columns, repairs }) => {
            if !ignored_columns.is_empty() {
                eprintln!("{file}: columns that Tickcast does not have are ignored: {}", ignored_columns.join(", "));
            }
            Ok(NamedTable { repairs: repairs.into_iter().map(named).collect(), rows, file })
        }
        Err(faults) => Err(faults.into_iter().map(named).collect()),
    })
}
