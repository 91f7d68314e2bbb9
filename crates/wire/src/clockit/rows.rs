//! Finished sessions as rows: CSV and JSON in, CSV and JSON out, one set of columns.

mod cell;
mod column;
mod csv;
mod iso;
mod json;

pub use column::COLUMNS;
pub use csv::{from_csv, header, to_csv};
pub use json::{from_json, to_json};

/// Most faults that are listed; a file that is wrong throughout is wrong in the same way.
pub const FAULTS_MAX: usize = 100;

/// Largest row in bytes. A goals column with all the goals of a session is the largest sensible one.
pub const ROW_BYTES_MAX: usize = 64 * 1024;

/// What is wrong with one cell.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RowFault {
    /// The line it stands on, 1 being the first; of JSON, the number of the element.
    pub line: u64,
    /// The column's name; empty when the whole row is wrong.
    pub column: String,
    /// What is wrong.
    pub message: String,
}
