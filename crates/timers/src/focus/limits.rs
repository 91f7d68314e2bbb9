//! The bounds of focus sessions.

use crate::time::Millis;

/// Bounds on a person's focus sessions, set by the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FocusLimits {
    /// How long after the last activity a person counts as idle. An interval keeps the value with which it began.
    pub idle_after: Millis,
    /// The highest score, if there is one.
    pub score_max: Option<u64>,
    /// Most sessions that have not ended.
    pub open_sessions: usize,
    /// Longest subject, and longest content id, in characters.
    pub text_chars: usize,
}

impl Default for FocusLimits {
    /// The threshold of the contract, and no upper clamp. A page leaves a session open whenever its tab is closed, so 500
    /// is a year of them; each takes 1 to 5 KiB. The texts are titles and ids.
    fn default() -> Self {
        Self { idle_after: Millis(15_000), score_max: None, open_sessions: 500, text_chars: 500 }
    }
}
