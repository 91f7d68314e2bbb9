//! The text of an error with its causes.

/// Returns the text of an error and of its sources: an HTTP client's error alone does not name the cause.
pub(crate) fn error_chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}
