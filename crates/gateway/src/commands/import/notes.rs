//! What an import says about the rows of its files.

use std::fmt;
use std::sync::Arc;

use wire::RowFault;

use crate::commands::Failure;

/// What an import says about a row: a fault, a conflict or a repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) file: Arc<str>,
    pub(super) row: RowFault,
}

impl Note {
    pub(super) fn new(file: &Arc<str>, line: u64, column: &str, message: impl Into<String>) -> Self {
        let row = RowFault { line, column: column.to_owned(), message: message.into() };
        Self { file: Arc::clone(file), row }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RowFault { line, column, message } = &self.row;
        let colon = if column.is_empty() { "" } else { ": " };
        write!(f, "{}:{line}{colon}{column}: {message}", self.file)
    }
}

/// Reports the repairs of cells, or refuses them.
pub(super) fn report_repairs(repairs: &[Note], is_strict: bool) -> Result<(), Failure> {
    if is_strict && !repairs.is_empty() {
        let summary = format!("{} cells would be repaired (--strict); nothing was imported", repairs.len());
        return Err(Failure::data(repairs.iter().map(Note::to_string).collect(), summary));
    }
    repairs.iter().for_each(|repair| eprintln!("repaired: {repair}"));
    Ok(())
}
