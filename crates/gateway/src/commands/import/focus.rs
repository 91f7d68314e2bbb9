//! `tickcast import focus`: people's focus sessions.

mod batches;
mod check;
mod plan;
mod write;

use std::path::PathBuf;

use clap::Args;
use timers::Scope;
use wire::focus::ExportedSession;

use crate::commands::Failure;
use crate::commands::import::documents;
use crate::commands::import::focus::check::SessionsSummary;
use crate::commands::import::focus::plan::SessionPlan;
use crate::commands::import::namespace::UserNamespace;
use crate::commands::import::notes::report_repairs;
use crate::commands::import::people::group;
use crate::commands::import::steps::{self, FileContents};
use crate::commands::interrupts::Interrupts;
use crate::commands::store_session::StoreSession;
use crate::ops::config::Settings;
use crate::systems::System;

/// The options of `tickcast import focus`.
#[derive(Args)]
pub(crate) struct FocusImport {
    /// The collection of sessions, as `mongoexport` writes it, one document a line
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The namespace of the people, if logins of several can name them; empty for none
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// Refuses documents that would be repaired
    #[arg(long)]
    strict: bool,
    /// Checks everything and writes nothing
    #[arg(long)]
    check: bool,
}

/// The sessions of the files.
struct FocusSessions<'s> {
    plan: SessionPlan,
    settings: &'s Settings,
}

/// Imports the files: reads and checks all of them, against the store as well, before it writes anything.
pub(crate) async fn run(import: &FocusImport, settings: &Settings) -> Result<(), Failure> {
    let namespace = UserNamespace::new(settings, System::Focus, import.namespace.as_deref())?;
    let documents = documents::read::<ExportedSession>(&import.files)?;
    let people = group(documents, &namespace, |session| &session.user, Scope::focus)?;
    let plan = SessionPlan::new(people, &settings.rules.focus)?;
    report_repairs(&plan.repairs, import.strict)?;
    steps::run(&mut FocusSessions { plan, settings }, settings, import.check).await
}

impl FileContents for FocusSessions<'_> {
    type Summary = SessionsSummary;

    async fn check(&mut self, session: &StoreSession) -> Result<SessionsSummary, Failure> {
        check::check(session, &self.plan, self.settings).await
    }

    async fn write(&self, session: &StoreSession, interrupts: &mut Interrupts) -> Result<(), Failure> {
        write::write(session, &self.plan, self.settings, interrupts).await
    }

    fn print(summary: &SessionsSummary) {
        summary.print();
    }
}
