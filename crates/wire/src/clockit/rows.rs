//! Finished sessions as rows: import and export as CSV and JSON, with one set of columns.

mod cell;
mod column;
mod csv;
mod iso;
mod json;

pub use column::COLUMNS;
pub use csv::{from_csv, header, to_csv};
pub use json::{from_json, to_json};

/// Most faults that are listed; further ones are usually of the same kind.
pub const FAULTS_MAX: usize = 100;

/// Largest row in bytes; enough for a goals column with as many goals as a session may have.
pub const ROW_BYTES_MAX: usize = 64 * 1024;

/// An error in one cell.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RowFault {
    /// The line, counted from 1; in JSON the number of the element.
    pub line: u64,
    /// The name of the column; empty if the error concerns the whole row.
    pub column: String,
    /// The error.
    pub message: String,
}
