//! The writes of an import: the types of all organisations, then their entries.

use timers::Scope;
use timers::studio::Import;

use crate::commands::Failure;
use crate::commands::import::studio::batches;
use crate::commands::import::studio::check::reason;
use crate::commands::import::studio::plan::Plan;
use crate::commands::import::write::{Amount, write_all};
use crate::commands::interrupts::Interrupts;
use crate::commands::store_session::{RequestError, StoreSession};

/// Writes all batches.
pub(super) async fn write(
    session: &StoreSession,
    plan: &Plan,
    rows_max: usize,
    interrupts: &mut Interrupts,
) -> Result<(), Failure> {
    let total = plan.organizations.iter().map(|rows| (rows.types.len() + rows.entries.len()) as u64).sum();
    let all = plan.organizations.iter();
    let types = all.clone().flat_map(|rows| batches::types(rows, rows_max).map(|batch| (&rows.scope, batch)));
    let entries = all.flat_map(|rows| batches::entries(rows, rows_max).map(|batch| (&rows.scope, batch)));
    let batches = types.chain(entries).map(|part| ((part.1.types.len() + part.1.entries.len()) as u64, part));
    let write = async |(scope, batch)| write_batch(session, scope, batch).await;
    write_all(batches, Amount { total, unit: "rows" }, interrupts, write).await
}

async fn write_batch(session: &StoreSession, scope: &Scope, batch: Import) -> Result<(), String> {
    match session.execute(scope, &batches::command(batch)).await {
        Ok(_) => Ok(()),
        // A member has changed something since the check.
        Err(RequestError::Refused(refusal)) => Err(reason(refusal)),
        Err(failed @ RequestError::Failed(_)) => Err(failed.to_string()),
    }
}
