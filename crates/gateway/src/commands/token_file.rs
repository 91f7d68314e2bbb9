//! Files with the token of a user.

use std::fs;
use std::path::Path;

use crate::commands::Failure;

/// Reads a token; white space around it does not count.
pub(super) fn read_token(file: &Path) -> Result<String, Failure> {
    let unread = |reason: &dyn std::fmt::Display| Failure::no_input(format!("{}: {reason}", file.display()));
    let token = fs::read_to_string(file).map_err(|error| unread(&error))?;
    match token.trim() {
        "" => Err(unread(&"the file has no token")),
        token => Ok(token.to_owned()),
    }
}
