//! From a command to a change.

use crate::board::Board;
use crate::change::{Change, DeadlineMove, Decision};
use crate::command::{Command, CommandId};
use crate::draft::Draft;
use crate::event::Event;
use crate::history::Known;
use crate::limits::Limits;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::{disconnect, node, room, stopwatch};

/// Says what a command does to a board at `now`.
///
/// Deadlines that have passed are settled first, each dated at its own instant; `now` is never taken
/// below the board's last change. `known` must answer for all rows of [`Command::asks_about`].
/// [`Command::Settle`] always gives a change, if only of the deadline, so that firing moves the entry.
///
/// # Errors
/// [`Refusal`]: the rules say no, and nothing is changed.
pub fn decide(
    board: &Board,
    known: &Known,
    command: &Command,
    id: CommandId,
    now: Timestamp,
    limits: &Limits,
) -> Result<Decision, Refusal> {
    let mut draft = Draft::new(board, now.max(board.at), limits);
    stopwatch::settle(&mut draft);
    room::settle(&mut draft);
    disconnect::settle(&mut draft);
    let event = match command {
        Command::Stopwatch(command) => {
            let event = stopwatch::apply(&mut draft, known, command, id)?;
            draft.check_weight()?;
            event
        }
        Command::Room(command) => room::apply(&mut draft, command)?,
        Command::Node(command) => node::apply(&mut draft, command)?,
        Command::Disconnect(command) => disconnect::apply(&mut draft, command)?,
        Command::Settle => {
            node::settle(&mut draft);
            return Ok(Decision::Change(settled(draft)));
        }
    };
    if draft.is_empty() {
        return Ok(Decision::Nothing);
    }
    let deadline = deadline_move(&draft);
    Ok(Decision::Change(draft.into_change(event, deadline)))
}

fn settled(draft: Draft<'_>) -> Change {
    let deadline = draft.next_deadline().map_or(DeadlineMove::Clear, DeadlineMove::Set);
    draft.into_change(Event::Settled, deadline)
}

fn deadline_move(draft: &Draft<'_>) -> DeadlineMove {
    match (draft.board.deadline(draft.limits), draft.next_deadline()) {
        (old, new) if old == new => DeadlineMove::Keep,
        (_, None) => DeadlineMove::Clear,
        (_, Some(at)) => DeadlineMove::Set(at),
    }
}
