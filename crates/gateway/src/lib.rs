//! `tickcast`: keeps running timers on the server and shows the same second on every device.

mod addresses;
mod auth;
mod bucket;
mod cause;
mod certainty;
mod clockit;
mod config;
#[cfg(feature = "conformance")]
mod conformance;
mod connections;
mod drain;
mod exile;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod http;
mod keys;
mod metrics;
mod node;
mod origin;
mod rooms;
mod serve;
mod socketio;
mod stream;
mod telemetry;
mod under_way;
mod watch;
mod ws;

#[cfg(feature = "conformance")]
pub use conformance::echo;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{EXIT_CONFIG, Mistake, Setting, Settings, Sources};
use crate::serve::Served;
use crate::telemetry::Telemetry;

/// Keeps running timers on the server and shows the same second on every device.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// The configuration file; without it `tickcast.toml` is read if it is there
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one key over file and environment; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a node (the default)
    Serve,
    /// Looks at the configuration
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Says what is wrong, if anything
    Check,
    /// Shows all settings and where each comes from, secrets left out
    Show,
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let sources = Sources { file: arguments.config, flags: arguments.set };
    let (settings, shown) = match config::load(&sources) {
        Ok(loaded) => loaded,
        Err(mistakes) => return refuse(&mistakes),
    };
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => run(settings),
        Command::Config { command: ConfigCommand::Check } => {
            println!("the configuration is right");
            ExitCode::SUCCESS
        }
        Command::Config { command: ConfigCommand::Show } => show(&shown),
    }
}

fn refuse(mistakes: &[Mistake]) -> ExitCode {
    eprintln!("the configuration has {} mistake(s):", mistakes.len());
    for mistake in mistakes {
        eprintln!("  {mistake}");
    }
    ExitCode::from(EXIT_CONFIG)
}

fn show(settings: &[Setting]) -> ExitCode {
    print!("{}", config::show(settings));
    ExitCode::SUCCESS
}

fn run(settings: Settings) -> ExitCode {
    let running = || -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let telemetry = {
            let _on_runtime = runtime.enter();
            Telemetry::start(&settings)?
        };
        let served = runtime.block_on(serve::serve(settings, &telemetry));
        // The runtime's threads go on meanwhile: they send the last of it. Whoever wants an end at once gets one.
        if matches!(&served, Ok(Served { at_once: false, .. })) {
            telemetry.stop();
        }
        // Something may wait for the operating system still, such as for a name.
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
