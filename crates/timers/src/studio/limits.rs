//! The bounds of organisations.

/// Bounds on an organisation's timers, set by the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudioLimits {
    /// Most entries that run at once.
    pub running_entries: usize,
    /// Most task types.
    pub task_types: usize,
    /// Longest notes and description, in characters.
    pub text_chars: usize,
    /// Most bytes of all running entries and task types: a board is loaded and kept as a whole.
    pub board_bytes: usize,
}

impl Default for StudioLimits {
    /// A thousand people at work at once, and the texts of a page. Four megabytes load within a tenth of a second.
    fn default() -> Self {
        Self { running_entries: 1000, task_types: 500, text_chars: 10_000, board_bytes: 4 * 1024 * 1024 }
    }
}
