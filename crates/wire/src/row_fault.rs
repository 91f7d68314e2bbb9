//! Errors in the cells of tables.

/// Most faults that are listed; further ones are usually of the same kind.
pub const FAULTS_MAX: usize = 100;

/// An error in one cell.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RowFault {
    /// The line, counted from 1; in JSON the number of the element. 0 if the error concerns the whole body.
    pub line: u64,
    /// The name of the column; empty if the error concerns the whole row.
    pub column: String,
    /// The error.
    pub message: String,
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

    pub(crate) fn into_vec(self) -> Vec<RowFault> {
        self.0
    }
}
