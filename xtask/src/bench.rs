//! `cargo xtask bench`: Tickcast under load beside the baselines, all in one run on one machine.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{npm, process, tools};
use deployment::Deployment;

mod centrifugo;
mod commits;
mod deployment;
mod observers;
mod report;
pub(crate) mod soak;
mod telemetry;

/// The measurements in their order. A baseline runs next to what it is compared with, because a machine's speed drifts.
const MEASUREMENTS: [Measurement; 21] = [
    Measurement { name: "idle", system: tickcast(1), scenario: "idle" },
    Measurement { name: "ticks, bare loop", system: System::Bare, scenario: "ticks" },
    Measurement { name: "ticks", system: tickcast(1), scenario: "ticks" },
    Measurement { name: "compare, Socket.IO", system: System::SocketIo, scenario: "compare" },
    Measurement { name: "compare, Centrifugo", system: System::Centrifugo { users: 5_000 }, scenario: "compare" },
    Measurement { name: "compare, tungstenite and Redis", system: System::Subscribe, scenario: "compare" },
    Measurement { name: "compare, express and ws", system: System::Express, scenario: "compare" },
    Measurement { name: "compare", system: tickcast(1), scenario: "compare" },
    Measurement { name: "mutate", system: tickcast(2), scenario: "mutate" },
    Measurement { name: "commits, pipelining client", system: System::PipeliningClient, scenario: "commits" },
    Measurement { name: "commits", system: tickcast(2), scenario: "commits" },
    Measurement { name: "storm", system: tickcast(2), scenario: "storm" },
    Measurement { name: "slow", system: tickcast(1), scenario: "slow" },
    Measurement { name: "churn", system: tickcast(1), scenario: "churn" },
    Measurement { name: "room-250", system: System::Rooms { nodes: 2 }, scenario: "room-250" },
    Measurement { name: "room-500", system: System::Rooms { nodes: 2 }, scenario: "room-500" },
    Measurement { name: "room", system: System::Rooms { nodes: 2 }, scenario: "room" },
    Measurement { name: "rooms", system: System::Rooms { nodes: 2 }, scenario: "rooms" },
    Measurement { name: "organizations", system: System::Studio { nodes: 2 }, scenario: "organizations" },
    Measurement { name: "days", system: tickcast(2), scenario: "days" },
    Measurement { name: "focus", system: tickcast(2), scenario: "focus" },
];

struct Measurement {
    name: &'static str,
    system: System,
    /// Name of a file in `benches/scenarios`.
    scenario: &'static str,
}

/// Returns nodes with the default telemetry.
const fn tickcast(nodes: usize) -> System {
    System::Tickcast { nodes, telemetry: Telemetry::Default }
}

/// The telemetry of the nodes.
#[derive(Clone, Copy)]
enum Telemetry {
    /// Metrics that no scraper reads.
    Default,
    Off,
    /// Metrics that a scraper reads.
    Scraped,
    /// Metrics that a scraper reads, and traces with this sampling ratio.
    Traced(&'static str),
}

/// A system under load.
#[derive(Clone, Copy)]
enum System {
    /// Clockit on nodes that share a Redis.
    Tickcast { nodes: usize, telemetry: Telemetry },
    /// Rooms on nodes that share a Redis.
    Rooms { nodes: usize },
    /// Studio on nodes that share a Redis.
    Studio { nodes: usize },
    /// A bare loop of writes: the least work of a tick server.
    Bare,
    /// Express with ws, as Clockit was built before.
    Express,
    /// A hand-written server with tokio-tungstenite, Redis hashes and channels.
    Subscribe,
    /// Centrifugo with Redis and a ticker that publishes to a channel for each user; all three are counted.
    Centrifugo { users: usize },
    /// A client that sends the script of a commit to Redis without waiting for each answer.
    PipeliningClient,
    /// Socket.IO with its Redis adapter, the usual way to scale that out.
    SocketIo,
}

impl System {
    /// Returns the protocol of the clients; `None` if loadgen is not the client.
    fn protocol(self) -> Option<&'static str> {
        match self {
            Self::Tickcast { .. } | Self::Bare | Self::Express | Self::Subscribe => Some("clockit"),
            Self::Rooms { .. } => Some("rooms"),
            Self::Studio { .. } => Some("studio"),
            Self::Centrifugo { .. } => Some("centrifugo"),
            Self::SocketIo => Some("socket-io"),
            Self::PipeliningClient => None,
        }
    }
}

/// The programs and folders of the measurements.
struct BenchSetup {
    root: PathBuf,
    /// Folder of the release binaries.
    binaries: PathBuf,
    /// Working folder of all processes, with their logs.
    folder: PathBuf,
    redis: PathBuf,
    node: PathBuf,
    /// `None` where Go is not installed.
    centrifugo: Option<PathBuf>,
}

/// Runs all measurements and writes the results, or runs one scenario and prints its results. The cost of telemetry is
/// a separate run.
pub(crate) fn run(workspace: &Workspace, steps: &mut Steps, only: Option<&str>) -> Result<()> {
    if only == Some(telemetry::NAME) {
        return telemetry::run(&set_up(workspace, steps)?, steps);
    }
    let selected: Vec<&Measurement> =
        MEASUREMENTS.iter().filter(|measurement| only.is_none_or(|only| only == measurement.scenario)).collect();
    ensure!(!selected.is_empty(), "there is no measurement `{}`", only.unwrap_or_default());
    let setup = set_up(workspace, steps)?;
    let mut reports = Vec::new();
    let mut skipped = String::new();
    for measurement in selected {
        if matches!(measurement.system, System::Centrifugo { .. }) && setup.centrifugo.is_none() {
            skipped += &format!("\nNot measured: {}, because Go is not installed.\n", measurement.name);
            continue;
        }
        reports.push(steps.run(measurement.name, || measure(&setup, measurement))?);
    }
    let results = workspace.root.join("benches/results.json");
    let previous = fs::read_to_string(&results).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let page = report::page(&workspace.root, &reports, previous.as_ref())? + &skipped;
    print!("\n{page}");
    if only.is_none() {
        fs::write(results, serde_json::to_string_pretty(&json!(reports))? + "\n")?;
        fs::write(workspace.root.join("benches/RESULTS.md"), page)?;
    }
    Ok(())
}

fn set_up(workspace: &Workspace, steps: &mut Steps) -> Result<BenchSetup> {
    let [redis, node, npm] = steps.run("tools", tools::install_for_bench)?;
    workspace.build(
        steps,
        "release",
        &["gateway", "loadgen", "baseline-bare", "baseline-centrifugo", "baseline-commit", "baseline-subscribe"],
    )?;
    for folder in ["benches/baseline-node", "benches/baseline-socketio"] {
        steps.run(&format!("npm packages of {folder}"), || npm::install_packages(&workspace.root, folder, &npm))?;
    }
    let folder = workspace.target.join("bench");
    fs::create_dir_all(&folder)?;
    let tools = workspace.target.join("tools");
    let centrifugo = steps.run("Centrifugo", || centrifugo::install(&tools))?;
    let (root, binaries) = (workspace.root.clone(), workspace.target.join("release"));
    Ok(BenchSetup { root, binaries, folder, redis, node, centrifugo })
}

/// Starts the servers of a measurement, puts them under load, and returns the report of loadgen.
fn measure(setup: &BenchSetup, measurement: &Measurement) -> Result<Value> {
    let deployment = Deployment::start(setup, measurement.system)?;
    let calls_before = deployment.redis_calls()?;
    let mut report = match measurement.system.protocol() {
        Some(protocol) => run_load(setup, measurement, protocol, &deployment)?,
        None => commits::run(setup, &deployment)?,
    };
    report["name"] = json!(measurement.name);
    report["sentToCollector"] = json!(deployment.exported_bytes());
    report["redisCalls"] = json!(deployment.redis_calls()? - calls_before);
    Ok(report)
}

/// Puts servers under the load of a measurement, and returns the report of loadgen.
fn run_load(setup: &BenchSetup, measurement: &Measurement, protocol: &str, deployment: &Deployment) -> Result<Value> {
    let report = setup.folder.join("report.json");
    fs::write(&report, "")?;
    let mut loadgen = Command::new(setup.binaries.join("loadgen"));
    loadgen
        .arg("run")
        .arg(setup.root.join(format!("benches/scenarios/{}.toml", measurement.scenario)))
        .args(["--target", &deployment.targets(), "--pid", &deployment.pids(), "--speech", protocol, "--json"])
        .arg(&report)
        .args(deployment.redis_arguments());
    let outcome = process::run(loadgen.current_dir(&setup.folder)).with_context(|| deployment.log_tails());
    // Seconds that a baseline misses or repeats are a result, not a failure.
    if matches!(measurement.system, System::Tickcast { .. } | System::Rooms { .. } | System::Studio { .. }) {
        outcome?;
    }
    Ok(serde_json::from_str(&fs::read_to_string(report)?)?)
}
