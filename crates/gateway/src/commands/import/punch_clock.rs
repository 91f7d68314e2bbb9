//! `tickcast import punch-clock`: people's working days.

mod check;
mod parts;
mod people;
mod write;

use std::path::PathBuf;

use clap::Args;
use timers::{Scope, Timestamp};
use wire::punch_clock::ExportedDay;

use crate::commands::Failure;
use crate::commands::import::documents;
use crate::commands::import::namespace::UserNamespace;
use crate::commands::import::people::{PersonDocuments, group};
use crate::commands::import::punch_clock::check::PeopleSummary;
use crate::commands::import::steps::{self, FileContents};
use crate::commands::interrupts::Interrupts;
use crate::commands::store_session::StoreSession;
use crate::ops::config::Settings;
use crate::systems::System;

/// The options of `tickcast import punch-clock`.
#[derive(Args)]
pub(crate) struct PunchClockImport {
    /// The collections `usersessions` and `dailylogs`, as `mongoexport` writes them, one document a line
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The time zone of people who are new to Tickcast, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    zone: String,
    /// The namespace of the people, if logins of several can name them; empty for none
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// Checks everything and writes nothing
    #[arg(long)]
    check: bool,
}

/// The documents of the files.
struct PunchClockDocuments<'i> {
    people: Vec<PersonDocuments<ExportedDay>>,
    new_zone: &'i str,
    settings: &'i Settings,
}

/// Imports the files: reads and checks all of them, against the store as well, before it writes anything.
pub(crate) async fn run(import: &PunchClockImport, settings: &Settings) -> Result<(), Failure> {
    let namespace = UserNamespace::new(settings, System::PunchClock, import.namespace.as_deref())?;
    let new_zone = &import.zone;
    if wire::zone(new_zone, Timestamp::default(), Timestamp::default()).is_none() {
        return Err(Failure::usage(format!("--zone: there is no time zone {new_zone:?}")));
    }
    let documents = documents::read::<ExportedDay>(&import.files)?;
    let people = group(documents, &namespace, |day| &day.user, Scope::work_day)?;
    steps::run(&mut PunchClockDocuments { people, new_zone, settings }, settings, import.check).await
}

impl FileContents for PunchClockDocuments<'_> {
    type Summary = PeopleSummary;

    async fn check(&mut self, session: &StoreSession) -> Result<PeopleSummary, Failure> {
        check::check(session, &self.people, self.new_zone, self.settings).await
    }

    async fn write(&self, session: &StoreSession, interrupts: &mut Interrupts) -> Result<(), Failure> {
        write::write(session, &self.people, self.new_zone, interrupts).await
    }

    fn print(summary: &PeopleSummary) {
        summary.print();
    }
}
