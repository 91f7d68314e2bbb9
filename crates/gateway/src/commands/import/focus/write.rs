//! The writes of an import, one person after the other.

use timers::{Command, Scope};

use crate::commands::Failure;
use crate::commands::import::batches::rows_max;
use crate::commands::import::focus::batches;
use crate::commands::import::focus::check::reason;
use crate::commands::import::focus::plan::SessionPlan;
use crate::commands::import::write::{Amount, write_all};
use crate::commands::interrupts::Interrupts;
use crate::commands::store_session::{RequestError, StoreSession};
use crate::ops::config::Settings;

/// Writes all sessions.
pub(super) async fn write(
    session: &StoreSession,
    plan: &SessionPlan,
    settings: &Settings,
    interrupts: &mut Interrupts,
) -> Result<(), Failure> {
    let rows_max = rows_max(&settings.store.url);
    let total = plan.people.iter().map(|person| person.sessions.len() as u64).sum();
    let parts = plan.people.iter().flat_map(|person| {
        let batches = batches::of_person(person, rows_max);
        batches.map(|batch| (batch.sessions.len() as u64, (&person.scope, batch.command)))
    });
    let write = async |(scope, command): (&Scope, Command)| {
        let written = write_batch(session, scope, &command).await;
        written.map_err(|why| format!("{scope}: {why}"))
    };
    write_all(parts, Amount { total, unit: "sessions" }, interrupts, write).await
}

async fn write_batch(session: &StoreSession, scope: &Scope, command: &Command) -> Result<(), String> {
    match session.execute(scope, command).await {
        Ok(_) => Ok(()),
        // The person has changed something since the check.
        Err(RequestError::Refused(refusal)) => Err(reason(refusal)),
        Err(failed @ RequestError::Failed(_)) => Err(failed.to_string()),
    }
}
