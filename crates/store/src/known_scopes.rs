//! Selects the entries of a due index whose scopes this version knows.
//!
//! The others belong to a newer version's nodes, or are damaged. They stay in the index, and must not hide the
//! known scopes behind them.

use std::sync::Once;

use timers::Scope;

/// Entries read at once after the first page, which is as long as the caller's limit.
pub(crate) const PAGE_SIZE: usize = 1000;

/// Most pages read in one due query, so that unknown entries do not make it arbitrarily long.
pub(crate) const PAGES_MAX: usize = 8;

/// Selects known scopes. The first skipped entry of a process is logged as a warning.
#[derive(Debug)]
pub(crate) struct KnownScopes {
    logged: Once,
}

impl KnownScopes {
    pub(crate) const fn new() -> Self {
        Self { logged: Once::new() }
    }

    /// Returns the scope of an entry; `None` if the entry is not a scope or its kind is unknown.
    pub(crate) fn parse(&self, entry: &[u8]) -> Option<Scope> {
        let scope = std::str::from_utf8(entry).ok().and_then(|text| text.parse().ok());
        let known = scope.filter(Scope::is_known);
        if known.is_none() {
            self.logged.call_once(|| {
                tracing::warn!("the due index has entries of unknown scopes; this version skips them");
            });
            tracing::debug!(entry = %entry.escape_ascii(), "a due entry of an unknown scope is skipped");
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_of_unknown_kinds_and_texts_that_are_no_scopes_are_skipped() {
        let known_scopes = KnownScopes::new();
        for entry in [&b"planet:1"[..], b"", b"user", b"user:", b"\xff\xfe", b"Planet:1"] {
            assert_eq!(known_scopes.parse(entry), None, "{}", entry.escape_ascii());
        }
        assert_eq!(known_scopes.parse(b"user:ann").map(|scope| scope.to_string()).as_deref(), Some("user:ann"));
    }
}
