//! The writes of an import: the types of all organisations, then their entries.

use timers::Scope;
use timers::studio::Import;

use crate::commands::Failure;
use crate::commands::import::studio::batches;
use crate::commands::import::studio::check::reason;
use crate::commands::import::studio::plan::Plan;
use crate::commands::interrupts::Interrupts;
use crate::commands::progress::Progress;
use crate::commands::store_session::{RequestError, StoreSession};

/// Writes all batches.
pub(super) async fn write(
    session: &StoreSession,
    plan: &Plan,
    rows_max: usize,
    interrupts: &mut Interrupts,
) -> Result<(), Failure> {
    let total = plan.organizations.iter().map(|rows| (rows.types.len() + rows.entries.len()) as u64).sum();
    let mut progress = Progress::new("writing rows", total);
    let all = plan.organizations.iter();
    let types = all.clone().flat_map(|rows| batches::types(rows, rows_max).map(|batch| (&rows.scope, batch)));
    let entries = all.flat_map(|rows| batches::entries(rows, rows_max).map(|batch| (&rows.scope, batch)));
    let mut done = 0;
    for (scope, batch) in types.chain(entries) {
        let rows = (batch.types.len() + batch.entries.len()) as u64;
        let why = tokio::select! {
            written = write_batch(session, scope, batch) => written.err(),
            () = interrupts.next() => Some("a signal".to_owned()),
        };
        if let Some(why) = why {
            drop(progress);
            return Err(Failure::interrupted(format!(
                "interrupted after {done} of {total} rows: {why}\nthe rows so far are stored; the same command, once more, \
                 imports the rest"
            )));
        }
        done += rows;
        progress.show(done);
    }
    Ok(())
}

async fn write_batch(session: &StoreSession, scope: &Scope, batch: Import) -> Result<(), String> {
    match session.execute(scope, &batches::command(batch)).await {
        Ok(_) => Ok(()),
        // A member has changed something since the check.
        Err(RequestError::Refused(refusal)) => Err(reason(refusal)),
        Err(failed @ RequestError::Failed(_)) => Err(failed.to_string()),
    }
}
