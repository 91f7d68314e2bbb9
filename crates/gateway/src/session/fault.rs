//! The fault that a client receives for a failed command.

use access::Denied;
use engine::ExecuteError;
use wire::{Code, Fault};

/// Returns the fault of a command that failed; `is_repeatable` tells whether the client gave it an id, so that a
/// repetition is recognised.
pub(crate) fn fault(failed: &ExecuteError, is_repeatable: bool) -> Fault {
    match failed {
        _ if failed.is_damage() => Fault::damaged(),
        ExecuteError::Refused(refusal) => (*refusal).into(),
        ExecuteError::Busy => Fault::of_service(Code::Busy, failed.to_string()),
        ExecuteError::Unavailable(_) => {
            Fault::of_service(Code::Unavailable, "the store is unavailable; nothing was done")
        }
        ExecuteError::OutcomeUnknown => {
            Fault { code: Code::OutcomeUnknown, message: failed.to_string(), retry: is_repeatable }
        }
        ExecuteError::Damaged(_) => Fault::damaged(),
    }
}

/// Returns the fault of a token that was not accepted.
pub(crate) fn denied_fault(denied: &Denied) -> Fault {
    match denied {
        Denied::Missing | Denied::Rejected(_) | Denied::Expired(_) | Denied::OriginRequired => {
            Fault::of_client(Code::Unauthorized, "the token was rejected")
        }
        Denied::Unavailable(_) => Fault::of_service(Code::Unavailable, "the token cannot be verified now"),
    }
}
