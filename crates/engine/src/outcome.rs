//! What is asked of a node, and what becomes of it.

use std::sync::Arc;

use timers::{Change, Command, CommandId, Refusal, Revision, Scope, UserId};

use crate::store::Fault;

/// One request to a scope.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whose board.
    pub scope: Scope,
    /// What is asked.
    pub command: Command,
    /// The command's id, if the client gave one; else the node makes one.
    pub id: Option<CommandId>,
    /// Who asks; `None` for what happens by itself.
    pub by: Option<UserId>,
}

/// What became of a command.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The revision that the command made, or the one at which it was found to be obeyed already.
    pub revision: Revision,
    /// The id that the command went by.
    pub id: CommandId,
    /// What was done.
    pub made: Made,
}

/// What was done.
#[derive(Clone, Debug)]
pub enum Made {
    /// A change was committed.
    Change(Arc<Change>),
    /// Nothing: it was so already.
    Nothing,
    /// Nothing: a command of the same id was carried out before.
    Repeated,
}

/// Why a command has no outcome.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The rules say no. A retry does not help.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many commands wait for this scope, or it lost [`ATTEMPTS`](crate::ATTEMPTS) races or
    /// [`COMMAND_LIFE`](crate::COMMAND_LIFE) to others. A retry may help.
    #[error("too much is going on with these timers; try again")]
    Busy,
    /// The store is away and nothing was done. A retry may help.
    #[error(transparent)]
    Unavailable(Fault),
    /// The store did not answer in time; it may have been done. A retry with the same id is safe.
    #[error("the store did not answer; whether this was done is unknown")]
    OutcomeUnknown,
    /// The stored board can't be read. A retry does not help.
    #[error(transparent)]
    Damaged(#[from] timers::BadItem),
}

/// Returns what it is called where outcomes are counted.
pub fn name_of(executed: &Result<Outcome, ExecuteError>) -> &'static str {
    match executed {
        Ok(Outcome { made: Made::Change(_), .. }) => "changed",
        Ok(Outcome { made: Made::Nothing, .. }) => "nothing",
        Ok(Outcome { made: Made::Repeated, .. }) => "repeated",
        Err(ExecuteError::Refused(_)) => "refused",
        Err(ExecuteError::Busy) => "busy",
        Err(ExecuteError::Unavailable(_)) => "unavailable",
        Err(ExecuteError::OutcomeUnknown) => "unknown",
        Err(ExecuteError::Damaged(_)) => "damaged",
    }
}

impl ExecuteError {
    /// Tells whether it is the service's, and not the client's.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Refused(_) => false,
            Self::Busy | Self::Unavailable(_) | Self::OutcomeUnknown | Self::Damaged(_) => true,
        }
    }
}
