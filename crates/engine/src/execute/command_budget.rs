//! The time that a command has in this node, and the error that it gets when the time is over.

use std::time::Duration;

use crate::engine::Engine;
use crate::execute::{COMMAND_TIMEOUT, retry};
use crate::outcome::ExecuteError;
use crate::store::{Fault, FaultKind};
use crate::trace::TraceParent;

/// The time that a command has, and what went wrong so far.
pub(super) struct CommandBudget {
    /// When the node accepted the command.
    pub(super) begun: Duration,
    /// The span of the request, if it is recorded.
    pub(super) origin: Option<TraceParent>,
    /// Whether the command waits for an unavailable store. A deadline does not: the next query finds it again.
    pub(super) waits_for_store: bool,
    /// The command was found done, and the store could not confirm that this is safe.
    pub(super) is_unconfirmed: bool,
    /// The last fault of the store.
    pub(super) fault: Option<Fault>,
}

impl Engine {
    /// Counts a fault of the store after which the command is tried again, and keeps it.
    pub(super) fn note_retry(&self, budget: &mut CommandBudget, fault: Fault) {
        self.stats.store_retries.add_one();
        retry(match fault.kind() {
            FaultKind::Unavailable => "unavailable",
            FaultKind::Failing => "failing",
            FaultKind::Unknown => "silent",
            FaultKind::Damaged => "damaged",
        });
        budget.fault = Some(fault);
    }

    /// Returns the error of a command whose time is over: a store that could not be used, or too many rivals.
    pub(super) fn expiry_error(&self, budget: &mut CommandBudget) -> ExecuteError {
        if budget.is_unconfirmed {
            self.stats.unknown_outcomes.add_one();
            return ExecuteError::OutcomeUnknown;
        }
        let unavailable = |why| Fault::new(FaultKind::Unavailable, why);
        let fault = budget.fault.take().or_else(|| self.store.ready().err().map(unavailable));
        fault.map_or(ExecuteError::Busy, ExecuteError::Unavailable)
    }

    /// Tells whether a fault of the store ends the command.
    pub(super) fn stops_retrying(&self, budget: &CommandBudget) -> bool {
        !budget.waits_for_store || self.is_expired(budget)
    }

    pub(super) fn is_expired(&self, budget: &CommandBudget) -> bool {
        self.clock.elapsed().saturating_sub(budget.begun) > COMMAND_TIMEOUT
    }
}
