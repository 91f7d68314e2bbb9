//! What an import says about the rows of its files.

use std::fmt;
use std::sync::Arc;

use wire::RowFault;

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
