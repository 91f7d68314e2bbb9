//! Reading a board outside of a command.

use std::sync::Arc;

use timers::{Board, RequiredRows, Scope, StoredRows};

use crate::engine::Engine;
use crate::hub::{JoinError, View};

impl Engine {
    /// Reads a board as it is stored, with its instants as dates, and rows of its history. One round trip.
    ///
    /// # Errors
    /// [`JoinError`]; a retry is safe.
    pub async fn read(&self, scope: &Scope, rows: &RequiredRows) -> Result<(Board, StoredRows), JoinError> {
        let (board, rows, _) = self.hub.load(scope, rows).await?;
        let ahead = self.clock.ahead_of_date();
        let board = if ahead == timers::Millis(0) { board } else { board.moved_back(ahead) };
        Ok((board, rows))
    }

    /// Returns the current view of a scope that has listeners on this node.
    pub fn view(&self, scope: &Scope) -> Option<Arc<View>> {
        self.hub.current(scope)
    }
}
