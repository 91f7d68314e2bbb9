//! `tickcast import`: takes over the data of another server.

mod studio;

use std::process::ExitCode;

use clap::Subcommand;

use crate::commands::run_command;
use crate::ops::config::Settings;

/// Takes over the data of another server.
#[derive(Subcommand)]
pub(crate) enum ImportCommand {
    /// Imports task types and time entries from the tables of a studio's PostgreSQL database
    Studio(studio::StudioImport),
}

/// Runs an import.
pub(crate) fn run(command: &ImportCommand, settings: &Settings) -> ExitCode {
    match command {
        ImportCommand::Studio(import) => run_command(settings, studio::run(import, settings)),
    }
}
