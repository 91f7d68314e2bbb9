//! `tickcast import studio`: task types and time entries.

mod batches;
mod check;
mod namespace;
mod plan;
mod summary;
mod tables;
mod write;

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use crate::commands::Failure;
use crate::commands::import::batches::rows_max;
use crate::commands::import::notes::report_repairs;
use crate::commands::import::steps::{self, FileContents};
use crate::commands::import::studio::namespace::Organizations;
use crate::commands::import::studio::plan::Plan;
use crate::commands::import::studio::summary::Summary;
use crate::commands::import::studio::tables::Tables;
use crate::commands::interrupts::Interrupts;
use crate::commands::store_session::StoreSession;
use crate::ops::config::Settings;

/// The options of `tickcast import studio`.
#[derive(Args)]
#[command(group = ArgGroup::new("files").required(true).multiple(true).args(["task_types", "time_entries"]))]
pub(crate) struct StudioImport {
    /// The table `task_types`, as `COPY … TO … CSV HEADER` writes it
    #[arg(long, value_name = "FILE")]
    task_types: Option<PathBuf>,
    /// The table `time_entries`, as `COPY … TO … CSV HEADER` writes it
    #[arg(long, value_name = "FILE")]
    time_entries: Option<PathBuf>,
    /// The organisation, as its members' login names it; for tables without a column organization_id
    #[arg(long, value_name = "ID")]
    organization: Option<String>,
    /// The namespace of the organisations, if logins of several can name them; empty for none
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// Refuses rows that would be repaired
    #[arg(long)]
    strict: bool,
    /// Checks everything and writes nothing
    #[arg(long)]
    check: bool,
}

/// The rows of the files.
struct StudioRows<'s> {
    plan: Plan,
    settings: &'s Settings,
}

/// Imports the files: reads and checks all of both, against the store as well, before it writes anything.
pub(crate) async fn run(import: &StudioImport, settings: &Settings) -> Result<(), Failure> {
    let organizations = Organizations::new(settings, import.namespace.as_deref(), import.organization.as_deref())?;
    let plan = Plan::new(Tables::read(import, settings)?, &organizations)?;
    report_repairs(plan.repairs(), import.strict)?;
    steps::run(&mut StudioRows { plan, settings }, settings, import.check).await
}

impl FileContents for StudioRows<'_> {
    type Summary = Summary;

    async fn check(&mut self, session: &StoreSession) -> Result<Summary, Failure> {
        check::check(session, &mut self.plan, self.settings).await
    }

    async fn write(&self, session: &StoreSession, interrupts: &mut Interrupts) -> Result<(), Failure> {
        write::write(session, &self.plan, rows_max(&self.settings.store.url), interrupts).await
    }

    fn print(summary: &Summary) {
        summary.print();
    }
}
