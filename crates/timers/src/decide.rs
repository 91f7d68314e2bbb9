//! From a command to a change.

use crate::board::Board;
use crate::change::{Change, DeadlineMove, Decision};
use crate::command::CommandId;
use crate::draft::Draft;
use crate::history::StoredRows;
use crate::systems::{self, Command, Limits, Refusal};
use crate::time::ClusterTime;

/// Decides what a command does to a board at a time.
///
/// Deadlines that have passed are settled first, each dated at its own instant; the time is never taken below that of
/// the board's last change. Items are kept in cluster time; history rows get dates. `stored` must answer for all rows of [`Command::required_rows`]. No change is larger than
/// [`ITEMS_MAX`](crate::ITEMS_MAX), [`REMOVALS_MAX`](crate::REMOVALS_MAX) and [`ROWS_MAX`](crate::ROWS_MAX): if more is
/// due, the decision is [`Decision::Partial`]. [`Command::Settle`] always gives a change, if only of the deadline, so that
/// firing moves the entry.
///
/// # Errors
/// [`Refusal`]: the rules refuse the command, and nothing is changed.
pub fn decide(
    board: &Board,
    stored: &StoredRows,
    command: &Command,
    id: CommandId,
    time: impl Into<ClusterTime>,
    limits: &Limits,
) -> Result<Decision, Refusal> {
    let time = time.into();
    let mut draft = Draft::new(board, time, limits);
    systems::settle(&mut draft);
    if draft.is_partial() {
        return Ok(Decision::Partial(settled(draft)));
    }
    systems::apply(&mut draft, stored, command, id)?;
    if !draft.fits_a_commit() {
        let mut draft = Draft::new(board, time, limits);
        systems::settle(&mut draft);
        return if draft.is_empty() { Err(Refusal::ChangeTooLarge) } else { Ok(Decision::Partial(settled(draft))) };
    }
    if matches!(command, Command::Settle) {
        return Ok(Decision::Change(settled(draft)));
    }
    if draft.is_empty() {
        return Ok(Decision::Nothing);
    }
    let deadline = deadline_move(&draft);
    Ok(Decision::Change(draft.into_change(deadline)))
}

/// Makes a change that moves the deadline in any case.
fn settled(draft: Draft<'_>) -> Change {
    let deadline = draft.next_deadline().map_or(DeadlineMove::Clear, DeadlineMove::Set);
    draft.into_change(deadline)
}

fn deadline_move(draft: &Draft<'_>) -> DeadlineMove {
    match (draft.board.deadline(draft.limits), draft.next_deadline()) {
        (old, new) if old == new => DeadlineMove::Keep,
        (_, None) => DeadlineMove::Clear,
        (_, Some(at)) => DeadlineMove::Set(at),
    }
}
