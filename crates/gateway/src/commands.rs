//! The commands besides `serve`: short-lived processes that work on the store of the configuration, or use a node.

pub(crate) mod backup;
mod backup_file;
pub(crate) mod client;
mod failure;
pub(crate) mod healthcheck;
pub(crate) mod import;
mod interrupts;
mod progress;
pub(crate) mod restore;
pub(crate) mod smoke_test;
mod store_connection;
mod store_session;
mod token_file;

use std::process::ExitCode;

use crate::ops::config::Settings;
use crate::ops::telemetry::start_command_log;

pub(crate) use failure::Failure;

/// Runs a command to its end, and reports its failure.
pub(crate) fn run_command(settings: &Settings, command: impl Future<Output = Result<(), Failure>>) -> ExitCode {
    let done = start(settings).and_then(|runtime| {
        let done = runtime.block_on(command);
        // A thread may still wait for the operating system, such as for a name.
        runtime.shutdown_background();
        done
    });
    completed(done)
}

/// Reports the failure of a command, and returns the exit code of the process.
pub(crate) fn completed(done: Result<(), Failure>) -> ExitCode {
    done.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}

fn start(settings: &Settings) -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::unavailable(format!("the process cannot start: {error}")))?;
    start_command_log(&settings.log).map_err(|error| Failure::configuration(format!("{error:#}")))?;
    Ok(runtime)
}
