//! A scope as the commands of an import would leave it.

use engine::store::{HistoryQuota, HistorySize};
use timers::{Board, Change, HistoryId, Position, Refusal};

/// A scope as the commands so far would leave it. Its instants are dates.
pub(super) struct RehearsedScope {
    pub(super) board: Board,
    /// The rows that are new.
    new_rows: HistorySize,
}

impl RehearsedScope {
    pub(super) fn new(board: Board) -> Self {
        Self { board, new_rows: HistorySize::default() }
    }

    /// Applies a change; `is_known` tells which of its rows exist already.
    pub(super) fn apply(&mut self, change: &Change, is_known: impl Fn(&HistoryId) -> bool) {
        for row in change.archive.iter().filter(|row| !is_known(&row.id)) {
            let terms: usize = row.terms.iter().map(|term| term.as_str().len()).sum();
            self.new_rows.put(row.id.as_str(), row.body.as_str().len() + terms, None);
        }
        let revision = self.board.position.revision.next();
        self.board = self.board.after(change, Position { revision, ..self.board.position });
    }

    /// Returns the refusal of new rows that alone exceed the bounds of a history.
    pub(super) fn exceeded(&self, quota: HistoryQuota) -> Option<Refusal> {
        quota.exceeded(HistorySize::default(), self.new_rows).map(Refusal::HistoryFull)
    }
}
