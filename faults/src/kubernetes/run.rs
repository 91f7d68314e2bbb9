//! One run: a release in a namespace of its own, clients under load, a scenario, and the oracle.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::arguments::KubernetesArguments;
use super::connections::Connections;
use super::dialer::{Dialer, Tally};
use super::pace::Pace;
use super::pods::PodWatch;
use super::release::{self, JWT_SECRET, RELEASE, ROLLOUT_TIMEOUT, Release, secret, service_address};
use super::scenario::Scenario;
use super::scenarios::secrets::FIRST_KEY;
use super::stage::{Stage, node_address};
use super::tools::ClusterTools;
use crate::backends::{Backends, UNKNOWN_NODE};
use crate::client::RunContext;
use crate::cluster::{Disturbance, DisturbanceKind};
use crate::oracle::SuspendedInvariants;
use crate::population::{KUBERNETES, KUBERNETES_SHORT, Size};
use crate::stalls::StallMonitor;
use crate::trial::{Outcome, Terms, Trial, Verdict};

/// Time without a message after which a client takes its connection for lost: the nodes ping every 5 s.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(10);

/// Time after which a failed dial is not due to a node that was told to end: the Service has changed long before.
const LATE_DIAL_MAX: Duration = Duration::from_secs(5);

/// The lines of each pod's log that are kept.
const LOG_LINES: &str = "--tail=2000";

/// A run.
#[derive(Clone, Debug)]
pub(crate) struct ScenarioRun {
    pub(crate) scenario: Scenario,
    pub(crate) seed: u64,
    short: bool,
    cluster: PathBuf,
    chart: PathBuf,
    keeps: bool,
    /// The directory of the logs, if there are violations.
    pub(crate) folder: PathBuf,
}

/// The outcome of a run.
#[derive(Default)]
pub(crate) struct ScenarioOutcome {
    pub(crate) outcome: Outcome,
    pub(crate) connections: Connections,
    pub(crate) paces: Vec<Pace>,
    pub(crate) tally: Tally,
    measured: Vec<String>,
}

impl ScenarioRun {
    pub(crate) fn new(arguments: &KubernetesArguments, scenario: Scenario, seed: u64) -> Self {
        Self {
            scenario,
            seed,
            short: arguments.short,
            cluster: arguments.cluster.clone(),
            chart: arguments.chart.clone(),
            keeps: arguments.keeps,
            folder: arguments.logs.join(format!("{}-{seed}", scenario.name())),
        }
    }

    /// Returns the command that repeats the run.
    pub(crate) fn repeat_command(&self) -> String {
        let short = if self.short { " --short" } else { "" };
        let (cluster, scenario, seed) = (self.cluster.display(), self.scenario.name(), self.seed);
        format!("faults kubernetes --cluster {cluster}{short} --only {scenario} --seed {seed}")
    }

    /// Executes the run.
    ///
    /// # Errors
    /// A failure of the environment, not of Tickcast.
    pub(crate) async fn execute(self) -> Result<ScenarioOutcome> {
        let namespace = format!("faults-{}-{}", self.scenario.name(), self.seed);
        let tools = ClusterTools::find(&self.cluster, &namespace)?;
        remove_namespace(&tools, true).await?;
        let executed = self.execute_in(&tools).await;
        remove_namespace(&tools, false).await?;
        executed
    }

    async fn execute_in(&self, tools: &ClusterTools) -> Result<ScenarioOutcome> {
        let mut stage = self.set(tools).await.context("the release is not installed")?;
        let _tracker = stage.backends.track(stage.service).await?;
        let dialer = Dialer::start(stage.service, stage.started_at);
        let stalls = watch_stalls(&stage);
        let context = |load| RunContext {
            nodes: [stage.service].into(),
            load,
            started_at: stage.started_at,
            library: None,
            backends: Some(stage.backends.clone()),
            silence_timeout: SILENCE_TIMEOUT,
        };
        let mut random = Rng::with_seed(self.seed);
        let trial = Trial::start(self.size(), &mut random, context);
        sleep(self.size().before).await; // tidy: allow: a scenario takes place under load
        let carried_out = self.scenario.carry_out(&mut stage).await;
        let healed = Instant::now();
        sleep(Duration::from_millis(random.u64(self.size().after_ms.clone()))).await; // tidy: allow: the load continues
        let tally = dialer.tally();
        drop(dialer);
        stage.notes.extend(late_dials(&stage, &tally));
        let terms = Terms { suspended: SuspendedInvariants::default(), healed, has_late_returns: false };
        let disturbances =
            || with_unknown_nodes([stage.disturbances.lock().clone(), stalls.found(), terminations(&stage)].concat());
        let mut verdict = trial.conclude(&stage.target(), terms, disturbances).await;
        let violations = &mut verdict.outcome.violations;
        violations.splice(0..0, stage.violations.drain(..));
        if let Err(error) = carried_out {
            violations.insert(0, format!("the scenario did not take place: {error:#}"));
        }
        let connections = Connections::of(verdict.records.all());
        let paces: Vec<Pace> =
            connections.drains.values().filter_map(|drain| Pace::of(drain, self.drain_grace())).collect();
        let bursts = paces.iter().filter(|pace| pace.is_burst());
        violations.extend(bursts.map(|pace| format!("clients return in a burst: {}", pace.describe())));
        let unreported = stage.backends.unreported();
        if unreported > 0 {
            stage.notes.push(format!("the node of {unreported} connections is not known"));
        }
        if self.keeps || !violations.is_empty() {
            keep_logs(&stage, &self.folder).await?;
        }
        let outcome = self.keep(verdict)?;
        Ok(ScenarioOutcome { outcome, connections, paces, tally, measured: stage.notes })
    }

    /// Installs Redis and the release, and waits until its nodes serve clients.
    async fn set(&self, tools: &ClusterTools) -> Result<Stage> {
        tools.kubectl(&["create", "namespace", &tools.namespace]).await?;
        tools.apply(&release::redis(tools, "redis", &[])).await?;
        tools.apply(&[secret(JWT_SECRET, &json!({ "secret": FIRST_KEY }))]).await?;
        tools.kubectl(&["rollout", "status", "statefulset/redis", "--timeout=60s"]).await?;
        let values = release::values("redis-url", self.drain_grace());
        let release = Release::new(tools, RELEASE, self.chart.clone(), values);
        release.apply().await?;
        let started_at = Instant::now();
        let (service, redis) = (release.service().await?, tools.get(&["service", "redis"]).await?);
        let pods = PodWatch::start(tools, &release.selector(), started_at)?;
        let stage = Stage {
            tools: tools.clone(),
            release,
            pods,
            backends: Backends::default(),
            redis: service_address(&redis)?,
            service,
            started_at,
            random: Rng::with_seed(self.seed ^ 0x5eed),
            short: self.short,
            disturbances: Arc::new(Mutex::new(Vec::new())),
            notes: vec![],
            violations: vec![],
        };
        let pods = stage.settled(3, ROLLOUT_TIMEOUT).await?;
        ensure!(pods.iter().all(|pod| pod.restarts == 0), "a node was restarted before the run: {pods:?}");
        Ok(stage)
    }

    fn keep(&self, verdict: Verdict) -> Result<Outcome> {
        if !self.keeps && verdict.outcome.violations.is_empty() {
            return Ok(verdict.outcome);
        }
        verdict.keep(&self.folder, &self.repeat_command())
    }

    fn size(&self) -> &'static Size {
        if self.short { &KUBERNETES_SHORT } else { &KUBERNETES }
    }

    /// Returns the time in which a node closes its connections: the default in the full form.
    fn drain_grace(&self) -> Duration {
        Duration::from_secs(if self.short { 10 } else { 25 })
    }
}

impl ScenarioOutcome {
    /// Returns what was measured, one line each.
    pub(crate) fn notes(&self) -> Vec<String> {
        let Self { outcome, connections, paces, tally, measured } = self;
        let away = [0.5, 0.99, 1.0].map(|share| format!("{:.2} s", connections.away_at(share).as_secs_f64()));
        let mut notes = measured.clone();
        notes.push(format!(
            "longest gap {:.2} s, converged after {:.2} s; {} clients came back, away p50 {}, p99 {}, max {}",
            outcome.longest_gap.as_secs_f64(),
            outcome.converged_after.as_secs_f64(),
            connections.away.len(),
            away[0],
            away[1],
            away[2]
        ));
        notes.push(format!("ends {:?}; failed dials of clients {:?}", connections.ends, connections.failed_dials));
        let broken = connections.broken.iter().take(3);
        notes.extend(broken.map(|(reason, count)| format!("{count} without a close code: {reason}")));
        notes.extend(paces.iter().map(|pace| format!("drain: {}", pace.describe())));
        notes.push(format!("{} dials of the Service, failures {:?}", tally.dials, tally.failures));
        notes
            .extend(tally.first.iter().take(3).map(|(at, failure)| format!("at {:.1} s: {failure}", at.as_secs_f64())));
        notes
    }
}

/// Returns when nodes were told to end, as disturbances: their clients are sent away.
fn terminations(stage: &Stage) -> Vec<Disturbance> {
    let now = stage.started_at.elapsed();
    let terminations = stage.pods.terminations().into_iter();
    let down = terminations.map(|it| Disturbance {
        node: stage.backends.number(it.address),
        kind: DisturbanceKind::Down,
        from: it.from,
        until: it.until.unwrap_or(now),
    });
    down.collect()
}

/// Adds that the nodes of connections of which the kernel reported none may have been any that was disturbed.
fn with_unknown_nodes(disturbances: Vec<Disturbance>) -> Vec<Disturbance> {
    let unknown = disturbances.iter().map(|disturbance| Disturbance { node: UNKNOWN_NODE, ..*disturbance });
    disturbances.iter().copied().chain(unknown).collect()
}

/// Describes the dials that failed because the Service still led to a node that was told to end.
fn late_dials(stage: &Stage, tally: &Tally) -> Option<String> {
    let terminations = stage.pods.terminations();
    let since_told = |at: Duration| terminations.iter().filter_map(|it| at.checked_sub(it.from)).min();
    let late: Vec<Duration> =
        tally.first.iter().filter_map(|(at, _)| since_told(*at)).filter(|late| *late < LATE_DIAL_MAX).collect();
    let last = late.iter().max()?;
    let (count, told) = (late.len(), terminations.len());
    Some(format!("{count} dials failed up to {:.2} s after one of {told} nodes was told to end", last.as_secs_f64()))
}

/// Watches Redis and the nodes for stalls, also those nodes that come later.
fn watch_stalls(stage: &Stage) -> StallMonitor {
    let (addresses, backends) = (stage.pods.addresses(), stage.backends.clone());
    let numbered = move |address| (backends.number(address), node_address(address).internal);
    StallMonitor::start(stage.started_at, stage.redis, move || addresses().into_iter().map(&numbered).collect())
}

/// Removes the namespace of a run with everything in it, without the drains of nodes.
async fn remove_namespace(tools: &ClusterTools, waits: bool) -> Result<()> {
    tools.kubectl(&["delete", "pods", "--all", "--force", "--grace-period=0", "--wait=false"]).await?;
    let wait = format!("--wait={waits}");
    tools.kubectl(&["delete", "namespace", &tools.namespace, "--ignore-not-found", &wait]).await?;
    match std::fs::remove_dir_all(release::data_folder(&tools.namespace)) {
        Err(error) if waits && error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Saves the logs of all pods, and what the cluster has recorded about them.
async fn keep_logs(stage: &Stage, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let events = stage.tools.kubectl(&["get", "events", "--sort-by=.lastTimestamp"]).await;
    std::fs::write(folder.join("events.txt"), events.unwrap_or_else(|error| format!("{error:#}")))?;
    let pods = stage.tools.get(&["pods"]).await?;
    for name in pods["items"].as_array().into_iter().flatten().filter_map(|pod| pod["metadata"]["name"].as_str()) {
        let log = stage.tools.kubectl(&["logs", name, "--all-containers", LOG_LINES]).await;
        std::fs::write(folder.join(format!("{name}.log")), log.unwrap_or_else(|error| format!("{error:#}")))?;
    }
    Ok(())
}
