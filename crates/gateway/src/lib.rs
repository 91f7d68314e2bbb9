//! `tickcast`: keeps running timers on the server and shows the same second on every device.

mod commands;
mod error_chain;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod http;
mod node;
mod ops;
mod session;
mod systems;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands::backup::{self, BackupCommand};
use crate::commands::client::{self, ClientCommand};
use crate::commands::healthcheck::{self, HealthcheckCommand};
use crate::commands::import::{self, ImportCommand};
use crate::commands::restore::{self, RestoreCommand};
use crate::commands::smoke_test::{self, SmokeTestCommand};
use crate::commands::{completed, run_command};
use crate::ops::config::{self, ConfigError, EXIT_CONFIG, Loaded, Setting, Sources};
use crate::ops::serve::{self, Served};
use crate::ops::telemetry::Telemetry;

/// Keeps running timers on the server and shows the same second on every device.
#[derive(Parser)]
#[command(name = "tickcast", version)]
struct Arguments {
    /// The configuration file; by default `tickcast.toml` or `/etc/tickcast/tickcast.toml`, if it exists
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one key, over file and environment; can be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a node (the default)
    Serve,
    /// Checks or shows the configuration
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Asks a running node whether it is alive or ready; for probes of containers
    Healthcheck(HealthcheckCommand),
    /// Writes all timers and histories of the store into a file
    Backup(BackupCommand),
    /// Writes a backup into a store
    Restore(RestoreCommand),
    /// Imports the data of another server
    Import {
        #[command(subcommand)]
        command: ImportCommand,
    },
    /// Connects to a node or to the whole service as a client, starts a timer and sees two ticks
    SmokeTest(SmokeTestCommand),
    #[command(flatten)]
    Client(ClientCommand),
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Reports all errors of the configuration
    Check,
    /// Shows all settings and where each comes from; secrets are redacted
    Show,
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let command = arguments.command.unwrap_or(Command::Serve);
    if let Command::Healthcheck(command) = &command
        && !command.needs_configuration()
    {
        return completed(healthcheck::run(command, None));
    }
    if let Command::SmokeTest(command) = &command {
        return completed(smoke_test::run(command));
    }
    if let Command::Client(command) = &command {
        return completed(client::run(command));
    }
    let sources = Sources { file: arguments.config, flags: arguments.set };
    let loaded = match config::load(&sources) {
        Ok(loaded) => loaded,
        Err(errors) => return refuse(&errors),
    };
    match command {
        Command::Serve => run(loaded),
        Command::Config { command: ConfigCommand::Check } => {
            warn(&loaded.warnings);
            println!("the configuration is valid");
            ExitCode::SUCCESS
        }
        Command::Config { command: ConfigCommand::Show } => {
            warn(&loaded.warnings);
            show(&loaded.in_force)
        }
        // The node itself reports the warnings.
        Command::Healthcheck(command) => completed(healthcheck::run(&command, Some(loaded.settings.internal_listen))),
        Command::Backup(command) => {
            warn(&loaded.warnings);
            run_command(&loaded.settings, backup::run(&command, &loaded.settings))
        }
        Command::Restore(command) => {
            warn(&loaded.warnings);
            run_command(&loaded.settings, restore::run(&command, &loaded.settings))
        }
        Command::Import { command } => {
            warn(&loaded.warnings);
            import::run(&command, &loaded.settings)
        }
        Command::SmokeTest(command) => completed(smoke_test::run(&command)),
        Command::Client(command) => completed(client::run(&command)),
    }
}

fn warn(warnings: &[String]) {
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
}

fn refuse(errors: &[ConfigError]) -> ExitCode {
    eprintln!("the configuration has {} error(s):", errors.len());
    for error in errors {
        eprintln!("  {error}");
    }
    ExitCode::from(EXIT_CONFIG)
}

fn show(settings: &[Setting]) -> ExitCode {
    print!("{}", config::show(settings));
    ExitCode::SUCCESS
}

fn run(Loaded { settings, warnings, .. }: Loaded) -> ExitCode {
    let running = || -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let telemetry = {
            let _on_runtime = runtime.enter();
            Telemetry::start(&settings)?
        };
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        let served = runtime.block_on(serve::serve(settings, &telemetry));
        // The runtime's threads continue meanwhile and export the last telemetry, unless the end is to be immediate.
        if matches!(&served, Ok(Served { at_once: false, .. })) {
            telemetry.stop();
        }
        // A thread may still wait for the operating system, such as for a name.
        runtime.shutdown_background();
        served.map(drop)
    };
    match running() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tickcast: {error:#}");
            ExitCode::FAILURE
        }
    }
}
