//! The theme of the page, and its last changes.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The theme of a new person.
pub const THEME_DEFAULT: &str = "minimal";

/// Changes that are kept. A tab that knows only an older one counts as one that knows the oldest.
const CHANGES_KEPT: usize = 16;

/// The theme, with its last changes in order: the instant, a date, and the theme from then on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Themes(Vec<(Timestamp, String)>);

impl Themes {
    pub(crate) fn new(at: Timestamp) -> Self {
        Self::with(THEME_DEFAULT, at)
    }

    /// Begins with a theme.
    pub(crate) fn with(theme: &str, at: Timestamp) -> Self {
        Self(vec![(at, theme.to_owned())])
    }

    /// Returns the theme.
    pub fn current(&self) -> &str {
        self.0.last().map_or(THEME_DEFAULT, |(_, theme)| theme)
    }

    /// Returns the theme that was in force at an instant.
    fn at(&self, instant: Timestamp) -> &str {
        let after = self.0.partition_point(|(since, _)| *since <= instant);
        self.0.get(after.saturating_sub(1)).map_or(THEME_DEFAULT, |(_, theme)| theme)
    }

    /// Takes the theme of a client that knows the state of `seen_at`. It counts only if it differs from the theme that the
    /// client knows: otherwise the client repeats what it was given.
    pub(crate) fn choose(&mut self, theme: &str, seen_at: Option<Timestamp>, now: Timestamp) {
        let known = seen_at.map_or_else(|| self.current(), |instant| self.at(instant));
        if theme == known || theme == self.current() {
            return;
        }
        if self.0.len() >= CHANGES_KEPT {
            self.0.remove(0);
        }
        self.0.push((now, theme.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tab_that_repeats_an_old_theme_changes_nothing() {
        let mut themes = Themes::new(Timestamp(0));
        themes.choose("dark", Some(Timestamp(5)), Timestamp(10));
        assert_eq!(themes.current(), "dark");
        themes.choose("minimal", Some(Timestamp(9)), Timestamp(20));
        assert_eq!(themes.current(), "dark", "the tab has not seen the change");
        themes.choose("minimal", Some(Timestamp(10)), Timestamp(30));
        assert_eq!(themes.current(), "minimal", "the person went back");
        themes.choose("aurora", None, Timestamp(40));
        themes.choose("aurora", Some(Timestamp(0)), Timestamp(50));
        assert_eq!(themes.0.len(), 4);
        for nth in 0..100 {
            themes.choose(if nth % 2 == 0 { "dark" } else { "minimal" }, None, Timestamp(60 + nth));
        }
        assert_eq!(themes.0.len(), CHANGES_KEPT);
        themes.choose("aurora", Some(Timestamp(1)), Timestamp(500));
        assert_eq!(themes.current(), "aurora");
    }
}
