//! Finished sessions as rows: import and export as CSV and JSON, with one set of columns.

mod cell;
mod column;
mod csv;
mod foreign;

mod json;
mod reader;
mod spreadsheet;

use timers::stopwatch::Finished;

pub(crate) use crate::row_fault::{Faults, RowFault};

pub use column::COLUMNS;
pub use csv::{header, to_csv};
pub use json::to_json;
pub use reader::{RowFormat, RowReader};
pub use spreadsheet::{BYTE_ORDER_MARK, to_spreadsheet_csv};

/// Reads a whole file; see [`RowReader`].
///
/// # Errors
/// All faults, up to [`FAULTS_MAX`](crate::FAULTS_MAX); no row may be imported.
pub fn read_rows(format: RowFormat, bytes: &[u8], row_bytes_max: usize) -> Result<Vec<Finished>, Vec<RowFault>> {
    let mut rows = Vec::new();
    let mut reader = RowReader::new(Some(format), row_bytes_max);
    reader.push(bytes, &mut rows);
    reader.finish(&mut rows).map(|()| rows)
}

impl Faults {
    /// Accepts a row whose cells are valid, if they are consistent. After a fault no row of the file is kept.
    pub(crate) fn accept(&mut self, row: Finished, line: u64, rows: &mut Vec<Finished>) {
        if row.ended < row.started {
            self.add(line, "endedIso", "must not be before startedIso");
        } else if self.count() == 0 {
            rows.push(row);
        }
    }
}
