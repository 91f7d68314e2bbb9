//! The files of an import.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use engine::store::HistoryQuota;
use timers::ScopeKind;
use wire::studio::{CopiedEntry, CopiedRow, CopiedTable, CopiedType, CopyLimits, FAULTS_MAX, TableReader};

use crate::commands::Failure;
use crate::commands::import::studio::StudioImport;
use crate::commands::import::studio::notes::Note;
use crate::commands::progress::Progress;
use crate::ops::config::Settings;
use crate::systems;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 64 * 1024;

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
        let rows = quota(settings).rows.saturating_add(settings.rules.studio.running_entries as u64);
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

/// Returns the bounds of an organisation's history.
pub(super) fn quota(settings: &Settings) -> HistoryQuota {
    let quotas = systems::history_quotas(&settings.systems);
    let quota = quotas.into_iter().find(|(kind, _)| *kind == ScopeKind::Organization);
    quota.map_or(settings.limits.history, |(_, quota)| quota)
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
    push_file(path, &mut reader).map_err(|error| Failure::no_input(format!("{file} cannot be read: {error}")))?;
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

fn push_file<R: CopiedRow>(path: &Path, reader: &mut TableReader<R>) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut progress = Progress::new("reading bytes", file.metadata()?.len());
    let (mut chunk, mut done) = (vec![0; CHUNK_BYTES], 0);
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 || !reader.push(&chunk[..count]) {
            return Ok(());
        }
        done += count as u64;
        progress.show(done);
    }
}
