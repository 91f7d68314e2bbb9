//! `loadgen`: many clients of a Tickcast, or of something that speaks like one, and what they see of it.

mod client;
mod conductor;
mod crowd;
mod host;
mod message;
mod order;
mod report;
mod scenario;
mod seen;
mod user;
mod worker;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::conductor::Run;
use crate::message::Speech;
use crate::scenario::Scenario;

/// Many clients of a Tickcast, and what they see of it.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a scenario against servers that are up
    Run {
        /// The scenario, a TOML file
        scenario: PathBuf,
        /// The servers' public addresses, one after the other
        #[arg(long, required = true, value_delimiter = ',', value_name = "ADDRESS")]
        target: Vec<SocketAddr>,
        /// The servers' processes, whose memory and processor time are measured
        #[arg(long, value_delimiter = ',')]
        pid: Vec<u32>,
        /// What the servers speak
        #[arg(long, value_enum, default_value = "clockit")]
        speech: Speech,
        /// Where the report goes, as JSON
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Holds some of the connections of a run, by orders on the standard input
    #[command(hide = true)]
    Worker,
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Worker => worker::run(),
        Command::Run { scenario, target, pid, speech, json } => {
            let scenario = Scenario::read(&scenario)?;
            let report = conductor::run(&Run { scenario, targets: target, pids: pid, speech })?;
            print!("{report}");
            if let Some(file) = json {
                let text = serde_json::to_string_pretty(&report)?;
                std::fs::write(&file, text).with_context(|| file.display().to_string())?;
            }
            report.verdict()
        }
    }
}
