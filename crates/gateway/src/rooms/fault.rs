//! What a failure means to a member.

use engine::ExecuteError;
use timers::Refusal;
use wire::rooms::{Code, Fault};

/// Says what a failure means.
pub(super) fn fault(failed: &ExecuteError) -> Fault {
    match failed {
        ExecuteError::Refused(Refusal::Room(refusal)) => (*refusal).into(),
        ExecuteError::Unavailable(_) => Fault::new(Code::Unavailable, "the store is away; nothing was done"),
        ExecuteError::Damaged(_) => Fault::new(Code::Unavailable, "the stored room can't be read"),
        ExecuteError::Refused(_) | ExecuteError::Busy | ExecuteError::OutcomeUnknown => {
            Fault::new(Code::Unavailable, failed.to_string())
        }
    }
}

/// The client is in no room, or in another.
pub(super) fn not_joined() -> Fault {
    Fault::new(Code::NotJoined, "join this room first")
}

/// Somebody else goes on with this membership.
pub(super) fn taken_over() -> Fault {
    Fault::new(Code::NotJoined, "another connection has taken this membership over")
}

/// The room has ended.
pub(super) fn ended() -> Fault {
    timers::room::Refusal::UnknownRoom.into()
}
