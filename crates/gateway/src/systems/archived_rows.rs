//! Reading rows of the history, as every list of them does.

use std::fmt::Display;

use engine::store::ArchivedRow;

/// Reads a row. A row that cannot be read is logged, and a list leaves it out.
pub(super) fn read_row<T, E: Display>(row: &ArchivedRow, decode: impl Fn(&str) -> Result<T, E>) -> Option<T> {
    let read = std::str::from_utf8(&row.body).map_err(|error| error.to_string());
    match read.and_then(|text| decode(text).map_err(|error| error.to_string())) {
        Ok(value) => Some(value),
        Err(error) => {
            tracing::error!("a row of the history cannot be read and is left out");
            tracing::debug!(row = %row.id, %error, "the row that is left out");
            None
        }
    }
}
