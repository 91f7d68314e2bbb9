//! The mark at the start of a text file.

/// Returns the content of a file without the mark. Databases write none; some programs add one when they save a file.
pub(crate) fn strip(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}
