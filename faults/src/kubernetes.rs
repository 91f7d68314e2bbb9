//! `faults kubernetes`: scenarios on a real cluster, judged by what clients saw.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use arguments::KubernetesArguments;
use report::{ScenarioRow, table};
use run::{ScenarioOutcome, ScenarioRun};

mod arguments;
mod connections;
mod dialer;
mod pace;
mod pods;
mod release;
mod report;
mod run;
mod scenario;
mod scenarios;
mod stage;
mod tools;

/// Most violations of a run that are printed; the directory of the run has all.
const PRINTED_MAX: usize = 10;

/// Runs the scenarios of a command line, without its first word.
///
/// # Errors
/// The command line is wrong, or the folder is not that of a running cluster.
pub(crate) fn main(words: impl IntoIterator<Item = String>) -> Result<ExitCode> {
    let arguments = KubernetesArguments::parse(words)?;
    tools::ClusterTools::find(&arguments.cluster, "default")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut rows: Vec<ScenarioRow> = Vec::new();
    for &scenario in &arguments.scenarios {
        for seed in arguments.seed..arguments.seed + arguments.repeats {
            let run = ScenarioRun::new(&arguments, scenario, seed);
            remove_folder(&run.folder)?;
            let outcome = runtime.block_on(execute(&run));
            print(&run, &outcome);
            match rows.iter_mut().find(|row| row.scenario == scenario.name()) {
                Some(row) => row.add(&outcome),
                None => rows.push(ScenarioRow::new(scenario.name(), &outcome)),
            }
        }
    }
    println!("\n{}", table(&rows));
    let violations: usize = rows.iter().map(|row| row.violations).sum();
    Ok(if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Executes one run. A run that can't continue is a violation too.
async fn execute(run: &ScenarioRun) -> ScenarioOutcome {
    let ended = tokio::spawn(run.clone().execute()).await;
    let why = match ended {
        Ok(Ok(outcome)) => return outcome,
        Ok(Err(error)) => format!("{error:#}"),
        Err(panic) => format!("the run could not continue: {panic}"),
    };
    let mut outcome = ScenarioOutcome::default();
    outcome.outcome.violations.push(why);
    outcome
}

fn remove_folder(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn print(run: &ScenarioRun, outcome: &ScenarioOutcome) {
    let violations = &outcome.outcome.violations;
    let (name, seed) = (run.scenario.name(), run.seed);
    println!("{name} seed {seed}: {} violations, {} commands", violations.len(), outcome.outcome.commands);
    for note in outcome.notes() {
        println!("    {note}");
    }
    for violation in violations.iter().take(PRINTED_MAX) {
        println!("    violation: {}", violation.chars().take(600).collect::<String>());
    }
    if !violations.is_empty() {
        println!("    {}\n    repeat with: {}", run.folder.display(), run.repeat_command());
    }
}
