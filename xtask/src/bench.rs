//! `cargo xtask bench`: nodes under load beside the baselines, all in one run on one machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::steps::Steps;
use crate::tools::{self, Baselines};
use crate::{cargo, node, process};
use running::Running;

mod collector;
mod results;
mod running;
mod telemetry;

/// What is measured, in this order: baselines beside what is compared with them, since machines drift.
const MEASUREMENTS: [Measurement; 12] = [
    Measurement { name: "idle", system: tickcast(1), scenario: "idle" },
    Measurement { name: "ticks, bare loop", system: System::Bare, scenario: "ticks" },
    Measurement { name: "ticks", system: tickcast(1), scenario: "ticks" },
    Measurement { name: "compare, Socket.IO", system: System::SocketIo, scenario: "compare" },
    Measurement { name: "compare, express and ws", system: System::Express, scenario: "compare" },
    Measurement { name: "compare", system: tickcast(1), scenario: "compare" },
    Measurement { name: "mutate", system: tickcast(2), scenario: "mutate" },
    Measurement { name: "storm", system: tickcast(2), scenario: "storm" },
    Measurement { name: "slow", system: tickcast(1), scenario: "slow" },
    Measurement { name: "churn", system: tickcast(1), scenario: "churn" },
    Measurement { name: "room", system: System::Rooms { nodes: 2 }, scenario: "room" },
    Measurement { name: "rooms", system: System::Rooms { nodes: 2 }, scenario: "rooms" },
];

struct Measurement {
    name: &'static str,
    system: System,
    /// A file of `benches/scenarios`.
    scenario: &'static str,
}

/// Nodes that tell of themselves as usual.
const fn tickcast(nodes: usize) -> System {
    System::Tickcast { nodes, telemetry: Telemetry::Usual }
}

/// What nodes tell of themselves.
#[derive(Clone, Copy)]
enum Telemetry {
    /// Figures, that nobody fetches.
    Usual,
    /// Nothing.
    Off,
    /// Figures, that are fetched.
    Fetched,
    /// Figures that are fetched, and this share of what happens is traced.
    Traced(&'static str),
}

#[derive(Clone, Copy)]
enum System {
    /// Nodes over one Redis, by Clockit.
    Tickcast { nodes: usize, telemetry: Telemetry },
    /// The same, by Rooms.
    Rooms { nodes: usize },
    /// The least that a server of ticks can do.
    Bare,
    /// What Clockit had before.
    Express,
    /// The usual way to make that scale.
    SocketIo,
}

/// What the systems are made of.
struct Parts {
    root: PathBuf,
    /// Where the binaries are.
    binaries: PathBuf,
    /// Where they run and log.
    folder: PathBuf,
    tools: Baselines,
}

/// Measures all, or what is so called, and writes it down if it was all. What telemetry costs is measured by itself.
pub(crate) fn run(root: &Path, steps: &mut Steps, only: Option<&str>) -> Result<()> {
    if only == Some(telemetry::NAME) {
        return telemetry::run(&provide(root, steps)?, steps);
    }
    let wanted: Vec<&Measurement> =
        MEASUREMENTS.iter().filter(|measurement| only.is_none_or(|only| only == measurement.scenario)).collect();
    ensure!(!wanted.is_empty(), "there is no measurement `{}`", only.unwrap_or_default());
    let parts = provide(root, steps)?;
    let mut measured = Vec::new();
    for measurement in wanted {
        measured.push(steps.run(measurement.name, || measure(&parts, measurement))?);
    }
    let recorded = root.join("benches/results.json");
    let last = fs::read_to_string(&recorded).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let page = results::page(root, &measured, last.as_ref())?;
    print!("\n{page}");
    if only.is_none() {
        fs::write(recorded, serde_json::to_string_pretty(&json!(measured))? + "\n")?;
        fs::write(root.join("benches/RESULTS.md"), page)?;
    }
    Ok(())
}

/// Installs and builds what is measured.
fn provide(root: &Path, steps: &mut Steps) -> Result<Parts> {
    let tools = steps.run("tools", tools::provide_for_benches)?;
    // One after the other, as together they would be built with the union of their features.
    for package in ["gateway", "loadgen", "baseline-bare"] {
        let build = ["build", "--release", "-p", package];
        steps.run(&format!("cargo {}", build.join(" ")), || process::run(cargo::command(root).args(build)))?;
    }
    for folder in ["benches/baseline-node", "benches/baseline-socketio"] {
        steps.run(&format!("npm packages of {folder}"), || node::install_packages(root, folder, &tools.npm))?;
    }
    let target = cargo::target_directory(root)?;
    let folder = target.join("bench");
    fs::create_dir_all(&folder)?;
    Ok(Parts { root: root.to_owned(), binaries: target.join("release"), folder, tools })
}

/// Starts the servers of a measurement, lets loadgen measure them, and returns its report.
fn measure(parts: &Parts, measurement: &Measurement) -> Result<Value> {
    let running = Running::start(parts, measurement.system)?;
    let before = running.redis_calls()?;
    let report = parts.folder.join("report.json");
    fs::write(&report, "")?;
    let speech = match measurement.system {
        System::Tickcast { .. } | System::Bare | System::Express => "clockit",
        System::Rooms { .. } => "rooms",
        System::SocketIo => "socket-io",
    };
    let mut loadgen = Command::new(parts.binaries.join("loadgen"));
    loadgen
        .arg("run")
        .arg(parts.root.join(format!("benches/scenarios/{}.toml", measurement.scenario)))
        .args(["--target", &running.targets(), "--pid", &running.pids(), "--speech", speech, "--json"])
        .arg(&report);
    let judged = process::run(loadgen.current_dir(&parts.folder)).with_context(|| running.tails());
    // What a baseline misses or doubles is a figure, not a failure.
    if matches!(measurement.system, System::Tickcast { .. } | System::Rooms { .. }) {
        judged?;
    }
    let mut report: Value = serde_json::from_str(&fs::read_to_string(report)?)?;
    report["name"] = json!(measurement.name);
    report["sentToCollector"] = json!(running.sent_to_collector());
    report["redisCalls"] = json!(running.redis_calls()? - before);
    Ok(report)
}
