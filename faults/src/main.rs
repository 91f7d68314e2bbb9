//! `faults`: injects failures of nodes, Redis and links under load, and checks the clients' records.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails when it cannot continue"))]

mod arguments;
mod backends;
mod balancer;
mod client;
mod clocks;
mod cluster;
mod converge;
mod fault;
mod focus;
mod kubernetes;
mod library;
mod oracle;
mod population;
mod punch_clock;
mod reconnect;
mod record;
mod report;
mod rooms;
mod run;
mod stalls;
mod stored_state;
mod studio;
mod target;
mod trial;
mod view;
mod workload;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use arguments::Arguments;
use fault::Fault;
use report::{Row, table};
use run::Run;
use trial::Outcome;

/// Most violations of a run that are printed; the directory of the run has all.
const PRINTED_MAX: usize = 10;

fn main() -> Result<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "kubernetes") {
        return kubernetes::main(words.into_iter().skip(1));
    }
    let arguments = Arguments::parse(words)?;
    if arguments.faults.contains(&Fault::PacketLoss) && !harness::is_in_own_network() {
        let status = harness::command_in_own_network().args(std::env::args_os().skip(1)).status();
        let status = status.context("`unshare` makes a network in which packets are lost")?;
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let rows: Vec<Row> =
        arguments.faults.iter().map(|&fault| runtime.block_on(repeat(&arguments, fault))).collect::<Result<_>>()?;
    println!("\n{}", table(&rows));
    let violations: usize = rows.iter().map(|row| row.violations).sum();
    Ok(if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a fault once per seed.
async fn repeat(arguments: &Arguments, fault: Fault) -> Result<Row> {
    let mut row = Row {
        fault: fault.name(),
        repeats: arguments.repeats,
        violations: 0,
        commands: 0,
        longest_gap: Default::default(),
        converged_after: Default::default(),
    };
    for seed in arguments.seed..arguments.seed + arguments.repeats {
        let folder = arguments.logs.join(format!("{}-{seed}", fault.name()));
        remove_folder(&folder)?;
        let run = Run { fault, seed, short: arguments.short, folder };
        let outcome = execute(&run).await;
        print(&run, &outcome);
        row.violations += outcome.violations.len();
        row.commands += outcome.commands;
        row.longest_gap = row.longest_gap.max(outcome.longest_gap);
        row.converged_after = row.converged_after.max(outcome.converged_after);
    }
    Ok(row)
}

/// Executes one run. A run that can't continue, because a part does not start or has exited, is a violation too.
async fn execute(run: &Run) -> Outcome {
    match tokio::spawn(run.clone().execute()).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Outcome { violations: vec![format!("{error:#}")], ..Outcome::default() },
        Err(panic) => {
            Outcome { violations: vec![format!("the run could not continue: {panic}")], ..Outcome::default() }
        }
    }
}

fn remove_folder(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context(folder.display().to_string()),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn print(run: &Run, outcome: &Outcome) {
    println!(
        "{:<25} seed {:>4}: {} violations, {} commands, longest gap {:.2} s, converged after {:.2} s",
        run.fault.name(),
        run.seed,
        outcome.violations.len(),
        outcome.commands,
        outcome.longest_gap.as_secs_f64(),
        outcome.converged_after.as_secs_f64()
    );
    if let Some(displays) = &outcome.displays {
        let (seconds, excused) = (displays.seconds, displays.excused);
        println!(
            "    library clients displayed {seconds} seconds; a stall of the machine excuses {excused} missing ones"
        );
    }
    for violation in outcome.violations.iter().take(PRINTED_MAX) {
        println!("    {}", violation.chars().take(600).collect::<String>());
    }
    if !outcome.violations.is_empty() {
        println!("    {}\n    repeat with: {}", run.folder.display(), run.repeat_command());
    }
}
