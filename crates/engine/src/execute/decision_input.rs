//! The board that a command is decided on: from a view, or loaded.

use std::sync::Arc;

use timers::{Board, Command, StoredRows};
use tokio::time::sleep;

use crate::engine::Engine;
use crate::execute::STORE_PAUSE;
use crate::execute::command_budget::CommandBudget;
use crate::hub::{JoinError, Loaded, ViewMark};
use crate::outcome::{ExecuteError, Request};
use crate::store::RecentId;

/// A board to decide on.
pub(super) struct DecisionInput {
    pub(super) board: Arc<Board>,
    pub(super) rows: StoredRows,
    /// Whether the board was loaded for this command. Only then a no-op or a refusal counts.
    pub(super) is_loaded: bool,
    pub(super) recent: Vec<RecentId>,
    /// The view's moment before the board was read.
    pub(super) mark: ViewMark,
}

impl Engine {
    /// Returns the board of the view, if there is a current view and it is enough for the command.
    pub(super) fn input_from_view(&self, request: &Request) -> Option<DecisionInput> {
        if matches!(request.command, Command::Settle) || !request.command.required_rows().is_empty() {
            return None;
        }
        let mark = self.hub.mark(&request.scope);
        let view = self.hub.current(&request.scope)?;
        Some(DecisionInput {
            board: Arc::clone(&view.board),
            rows: StoredRows::default(),
            is_loaded: false,
            recent: Vec::new(),
            mark,
        })
    }

    /// Loads the board. Waits for an unavailable store as long as the command has time.
    pub(super) async fn load_input(
        &self,
        request: &Request,
        budget: &mut CommandBudget,
    ) -> Result<DecisionInput, ExecuteError> {
        let required = request.command.required_rows();
        loop {
            let mark = self.hub.mark(&request.scope);
            match self.hub.load(&request.scope, &required).await {
                Ok(Loaded { board, rows, recent, .. }) => {
                    return Ok(DecisionInput { board: Arc::new(board), rows, is_loaded: true, recent, mark });
                }
                Err(JoinError::Damaged(error)) => return Err(error.into()),
                Err(JoinError::Store(fault)) => {
                    if !fault.allows_retry() || self.stops_retrying(budget) {
                        return Err(ExecuteError::Unavailable(fault));
                    }
                    self.note_retry(budget, fault);
                }
            }
            sleep(STORE_PAUSE).await;
        }
    }
}
