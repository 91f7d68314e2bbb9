//! `tickcast import`: takes over the data of another server.

mod batches;
mod documents;
mod files;
mod focus;
mod namespace;
mod notes;
mod people;
mod punch_clock;
mod rehearsal;
mod steps;
mod studio;
mod write;

use std::fmt::Display;
use std::process::ExitCode;

use clap::Subcommand;
use engine::store::HistoryQuota;
use timers::ScopeKind;

use crate::commands::{Failure, run_command};
use crate::ops::config::Settings;
use crate::systems;

/// Takes over the data of another server.
#[derive(Subcommand)]
pub(crate) enum ImportCommand {
    /// Imports task types and time entries from the tables of a studio's PostgreSQL database
    Studio(studio::StudioImport),
    /// Imports people's working days from the collections of a punch clock's MongoDB database
    PunchClock(punch_clock::PunchClockImport),
    /// Imports people's focus sessions from the collection of a MongoDB database
    Focus(focus::FocusImport),
}

/// Runs an import.
pub(crate) fn run(command: &ImportCommand, settings: &Settings) -> ExitCode {
    match command {
        ImportCommand::Studio(import) => run_command(settings, studio::run(import, settings)),
        ImportCommand::PunchClock(import) => run_command(settings, punch_clock::run(import, settings)),
        ImportCommand::Focus(import) => run_command(settings, focus::run(import, settings)),
    }
}

/// Returns the bounds of the histories of scopes of a kind.
fn history_quota(settings: &Settings, kind: &ScopeKind) -> HistoryQuota {
    let quotas = systems::history_quotas(&settings.systems);
    let quota = quotas.into_iter().find(|(of, _)| of == kind);
    quota.map_or(settings.limits.history, |(_, quota)| quota)
}

/// Returns the failure of a check that cannot read what is stored.
fn unread(reason: &dyn Display) -> Failure {
    Failure::unavailable(format!("what is stored cannot be read: {reason}; nothing was imported"))
}
