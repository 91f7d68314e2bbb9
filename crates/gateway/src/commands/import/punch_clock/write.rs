//! The writes of an import, one person after the other.

use timers::punch_clock::{PunchClockCommand, PunchClockRefusal};
use timers::{Refusal, RequiredRows};
use wire::punch_clock::ExportedDay;

use crate::commands::Failure;
use crate::commands::import::people::PersonDocuments;
use crate::commands::import::punch_clock::check::reason;
use crate::commands::import::punch_clock::parts;
use crate::commands::import::write::{Amount, write_all};
use crate::commands::interrupts::Interrupts;
use crate::commands::store_session::{RequestError, StoreSession};

/// Most times that a person's commands are made: their zone or day can change meanwhile.
const ATTEMPTS_MAX: usize = 4;

/// Writes all people.
pub(super) async fn write(
    session: &StoreSession,
    people: &[PersonDocuments<ExportedDay>],
    new_zone: &str,
    interrupts: &mut Interrupts,
) -> Result<(), Failure> {
    let amount = Amount { total: people.len() as u64, unit: "people" };
    let write = async |person: &PersonDocuments<ExportedDay>| {
        let written = write_person(session, person, new_zone).await;
        written.map_err(|why| format!("{}: {why}", person.scope))
    };
    write_all(people.iter().map(|person| (1, person)), amount, interrupts, write).await
}

async fn write_person(
    session: &StoreSession,
    person: &PersonDocuments<ExportedDay>,
    new_zone: &str,
) -> Result<(), String> {
    let mut why = String::new();
    for _ in 0..ATTEMPTS_MAX {
        let read = session.read(&person.scope, &RequiredRows::default()).await;
        let (board, _) = read.map_err(|error| error.to_string())?;
        let now = session.date().ok_or("no time is known")?;
        match write_parts(session, person, parts::commands(person, &board, new_zone, now)).await {
            Ok(()) => return Ok(()),
            Err(RequestError::Refused(
                refusal @ Refusal::PunchClock(PunchClockRefusal::ZoneChanged | PunchClockRefusal::DayChanged),
            )) => why = refusal.to_string(),
            // The person has changed something since the check.
            Err(RequestError::Refused(refusal)) => return Err(reason(refusal)),
            Err(failed @ RequestError::Failed(_)) => return Err(failed.to_string()),
        }
    }
    Err(why)
}

async fn write_parts(
    session: &StoreSession,
    person: &PersonDocuments<ExportedDay>,
    parts: Vec<PunchClockCommand>,
) -> Result<(), RequestError> {
    for part in parts {
        session.execute(&person.scope, &part.into()).await?;
    }
    Ok(())
}
