//! A request to a node, and its outcome.

use std::sync::Arc;

use timers::{Change, Command, CommandId, Refusal, Revision, Scope};

use crate::store::{Fault, FaultKind};

/// One request to a scope.
#[derive(Clone, Debug)]
pub struct Request {
    /// The scope of the board.
    pub scope: Scope,
    /// The command.
    pub command: Command,
    /// The command's id if the client gave one; else the node generates one.
    pub id: Option<CommandId>,
}

/// The outcome of a command.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The revision that the command made, or at which there was nothing to do.
    pub revision: Revision,
    /// The command's id.
    pub id: CommandId,
    /// The effect on the board.
    pub effect: Effect,
}

/// The effect of a command on the board.
#[derive(Clone, Debug)]
pub enum Effect {
    /// A change was committed.
    Change(Arc<Change>),
    /// No effect: the board already was as the command asks.
    Nothing,
    /// No further effect: a command of the same id was executed before.
    Repeated,
}

/// Why a command has no outcome.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The rules refuse the command. A retry does not help.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many commands wait for this scope, or the command lost [`ATTEMPTS_MAX`](crate::ATTEMPTS_MAX) races or
    /// did not end within [`COMMAND_TIMEOUT`](crate::COMMAND_TIMEOUT). A retry may help.
    #[error("too many commands for these timers at once; try again")]
    Busy,
    /// The store is unavailable and nothing was done. A retry may help.
    #[error(transparent)]
    Unavailable(Fault),
    /// The store did not answer in time; the command may have been executed. A retry with the same id is safe.
    #[error("the store did not answer; whether the command was executed is unknown")]
    OutcomeUnknown,
    /// The stored board cannot be read. A retry does not help.
    #[error(transparent)]
    Damaged(#[from] timers::BadItem),
}

/// Returns the outcome's name in metrics and traces.
pub fn name_of(executed: &Result<Outcome, ExecuteError>) -> &'static str {
    match executed {
        Ok(Outcome { effect: Effect::Change(_), .. }) => "changed",
        Ok(Outcome { effect: Effect::Nothing, .. }) => "nothing",
        Ok(Outcome { effect: Effect::Repeated, .. }) => "repeated",
        Err(ExecuteError::Refused(_)) => "refused",
        Err(ExecuteError::Busy) => "busy",
        Err(error) if error.is_damage() => "damaged",
        Err(ExecuteError::Unavailable(_)) => "unavailable",
        Err(ExecuteError::OutcomeUnknown) => "unknown",
        Err(ExecuteError::Damaged(_)) => "damaged",
    }
}

impl ExecuteError {
    /// Tells whether the stored data is damaged. A retry does not help until an operator has acted.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) => true,
            Self::Unavailable(fault) => fault.kind() == FaultKind::Damaged,
            Self::Refused(_) | Self::Busy | Self::OutcomeUnknown => false,
        }
    }

    /// Tells whether the service fails, and not the client's request.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Refused(_) => false,
            Self::Busy | Self::Unavailable(_) | Self::OutcomeUnknown | Self::Damaged(_) => true,
        }
    }
}
