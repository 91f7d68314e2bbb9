//! The tables of the original, as PostgreSQL's `COPY … TO … CSV HEADER` writes them.

mod cells;
mod row;
mod table;

pub use cells::Cells;
pub use row::{CopiedEntry, CopiedRow, CopiedType};
pub use table::{CopiedTable, CopyLimits, TableReader};
