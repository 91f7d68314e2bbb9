//! `loadgen`: simulates many clients of Tickcast or of a compatible server, and measures what they receive.

mod client;
mod client_pool;
mod coordinator;
mod message;
mod observations;
mod redis_calls;
mod report;
mod scenario;
mod usage;
mod user;
mod work_order;
mod worker;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::coordinator::Run;
use crate::message::Protocol;
use crate::scenario::Scenario;

/// Simulates many clients of Tickcast and measures what they receive.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a scenario against running servers
    Run {
        /// The TOML file of the scenario
        scenario: PathBuf,
        /// The public addresses of the servers
        #[arg(long, required = true, value_delimiter = ',', value_name = "ADDRESS")]
        target: Vec<SocketAddr>,
        /// The process ids of the servers, for memory and processor time
        #[arg(long, value_delimiter = ',')]
        pid: Vec<u32>,
        /// The address of the Redis of the servers, whose calls are counted
        #[arg(long, value_name = "ADDRESS")]
        redis: Option<SocketAddr>,
        /// The protocol of the servers
        #[arg(long = "speech", value_enum, default_value = "clockit")]
        protocol: Protocol,
        /// The file for the report, as JSON
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Holds part of the connections of a run; reads orders from standard input
    #[command(hide = true)]
    Worker,
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Worker => worker::run(),
        Command::Run { scenario, target, pid, redis, protocol, json } => {
            let scenario = Scenario::read(&scenario)?;
            let report = coordinator::run(&Run { scenario, targets: target, pids: pid, protocol, redis })?;
            print!("{report}");
            if let Some(file) = json {
                let text = serde_json::to_string_pretty(&report)?;
                std::fs::write(&file, text).with_context(|| file.display().to_string())?;
            }
            report.verdict()
        }
    }
}
