//! Finished sessions as rows: import and export as CSV and JSON, with one set of columns.

mod cell;
mod column;
mod csv;
mod foreign;

mod json;
mod reader;
mod splitter;
mod spreadsheet;

use timers::stopwatch::Finished;

pub use column::COLUMNS;
pub use csv::{header, to_csv};
pub use json::to_json;
pub use reader::{RowFormat, RowReader};
pub use spreadsheet::{BYTE_ORDER_MARK, to_spreadsheet_csv};

/// Most faults that are listed; further ones are usually of the same kind.
pub const FAULTS_MAX: usize = 100;

/// An error in one cell.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RowFault {
    /// The line, counted from 1; in JSON the number of the element. 0 if the error concerns the whole body.
    pub line: u64,
    /// The name of the column; empty if the error concerns the whole row.
    pub column: String,
    /// The error.
    pub message: String,
}

/// Reads a whole file; see [`RowReader`].
///
/// # Errors
/// All faults, up to [`FAULTS_MAX`]; no row may be imported.
pub fn read_rows(format: RowFormat, bytes: &[u8], row_bytes_max: usize) -> Result<Vec<Finished>, Vec<RowFault>> {
    let mut rows = Vec::new();
    let mut reader = RowReader::new(Some(format), row_bytes_max);
    reader.push(bytes, &mut rows);
    reader.finish(&mut rows).map(|()| rows)
}

/// The faults of a file, up to [`FAULTS_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<RowFault>);

impl Faults {
    pub(crate) fn add(&mut self, line: u64, column: &str, message: impl Into<String>) {
        if !self.is_full() {
            self.0.push(RowFault { line, column: column.to_owned(), message: message.into() });
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= FAULTS_MAX
    }

    /// Accepts a row whose cells are valid, if they are consistent. After a fault no row of the file is kept.
    pub(crate) fn accept(&mut self, row: Finished, line: u64, rows: &mut Vec<Finished>) {
        if row.ended < row.started {
            self.add(line, "endedIso", "must not be before startedIso");
        } else if self.0.is_empty() {
            rows.push(row);
        }
    }
}
