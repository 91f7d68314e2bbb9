//! Reading a board outside of a command.

use std::sync::Arc;

use timers::{Board, Millis, RequiredRows, Scope, StoredRows, Timestamp};

use crate::engine::Engine;
use crate::hub::{JoinError, Loaded, View};

impl Engine {
    /// Reads a board as it is stored, with its instants as dates, and rows of its history. One round trip.
    ///
    /// # Errors
    /// [`JoinError`]; a retry is safe.
    pub async fn read(&self, scope: &Scope, rows: &RequiredRows) -> Result<(Board, StoredRows), JoinError> {
        let (board, rows, _) = self.read_with_touch(scope, rows).await?;
        Ok((board, rows))
    }

    /// As [`Engine::read`]; returns also when the scope was last in use, if that was ever recorded.
    ///
    /// # Errors
    /// [`JoinError`]; a retry is safe.
    pub async fn read_with_touch(
        &self,
        scope: &Scope,
        rows: &RequiredRows,
    ) -> Result<(Board, StoredRows, Option<Timestamp>), JoinError> {
        let Loaded { board, rows, touched_at, .. } = self.hub.load(scope, rows).await?;
        let ahead = self.clock.ahead_of_date();
        let board = if ahead == Millis(0) { board } else { board.moved_back(ahead) };
        Ok((board, rows, touched_at))
    }

    /// Returns the current view of a scope that has listeners on this node.
    pub fn view(&self, scope: &Scope) -> Option<Arc<View>> {
        self.hub.current(scope)
    }
}
