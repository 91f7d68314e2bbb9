//! `tickcast import`: takes over the data of another server.

mod studio;

use std::process::ExitCode;

use clap::Subcommand;

use crate::commands::Failure;
use crate::ops::config::Settings;
use crate::ops::telemetry::start_command_log;

/// Takes over the data of another server.
#[derive(Subcommand)]
pub(crate) enum ImportCommand {
    /// Imports task types and time entries from the tables of a studio's PostgreSQL database
    Studio(studio::StudioImport),
}

/// Runs an import.
pub(crate) fn run(command: &ImportCommand, settings: &Settings) -> ExitCode {
    let done = start(settings).and_then(|runtime| {
        let done = match command {
            ImportCommand::Studio(import) => runtime.block_on(studio::run(import, settings)),
        };
        // A thread may still wait for the operating system, such as for a name.
        runtime.shutdown_background();
        done
    });
    done.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}

fn start(settings: &Settings) -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::unavailable(format!("the process cannot start: {error}")))?;
    start_command_log(&settings.log).map_err(|error| Failure::configuration(format!("{error:#}")))?;
    Ok(runtime)
}
