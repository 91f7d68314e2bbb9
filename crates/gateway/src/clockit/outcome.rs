//! From what became of a command to its answer.

use engine::{ExecuteError, Outcome};
use timers::stopwatch::Command;
use timers::{Scope, UserId};
use wire::clockit::{MessageId, ack, error};
use wire::{Code, Fault};

/// Returns the answer to a message; `None` if the client did not ask for one and all went well.
pub(crate) fn answer(
    user: &UserId,
    id: Option<&MessageId>,
    command: &Command,
    outcome: &Result<Outcome, ExecuteError>,
) -> Option<String> {
    match outcome {
        Ok(outcome) => {
            let scope = Scope::User(user.clone());
            let session = command.session(&scope, outcome.id, outcome.revision);
            id.map(|id| ack(id, outcome.revision, session.as_ref()))
        }
        Err(failed) => Some(error(id, &fault(failed, id.is_some()))),
    }
}

/// Says what a failure means to a client; `repeatable` if it gave its message an id.
pub(crate) fn fault(failed: &ExecuteError, repeatable: bool) -> Fault {
    match failed {
        ExecuteError::Refused(refusal) => (*refusal).into(),
        ExecuteError::Busy => Fault { code: Code::Busy, message: failed.to_string(), retry: true },
        ExecuteError::Unavailable(_) => {
            Fault { code: Code::Unavailable, message: "the store is away; nothing was done".to_owned(), retry: true }
        }
        ExecuteError::OutcomeUnknown => {
            Fault { code: Code::OutcomeUnknown, message: failed.to_string(), retry: repeatable }
        }
        ExecuteError::Damaged(_) => {
            Fault { code: Code::Unavailable, message: "the stored sessions can't be read".to_owned(), retry: false }
        }
    }
}
