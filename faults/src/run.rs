//! One run: a cluster, clients under load, a fault, and the oracle.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use tickcast_client::ClientOptions;
use tokio::time::{Instant, sleep};

use crate::balancer::Balancer;
use crate::client::RunContext;
use crate::clocks::Clocks;
use crate::cluster::Cluster;
use crate::fault::{Fault, FaultContext};
use crate::population::{FULL, SHORT, Size};
use crate::stalls::StallMonitor;
use crate::trial::{Outcome, Terms, Trial};

/// A run.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) fault: Fault,
    pub(crate) seed: u64,
    pub(crate) short: bool,
    /// The directory of the logs, if there are violations.
    pub(crate) folder: PathBuf,
}

impl Run {
    /// Executes the run.
    ///
    /// # Errors
    /// A failure of the environment, not of Tickcast.
    pub(crate) async fn execute(self) -> Result<Outcome> {
        let clocks = Clocks::prepare()?;
        let mut random = Rng::with_seed(self.seed);
        let needs = self.fault.needs(&clocks);
        needs.check()?;
        let mut cluster = Cluster::start(&needs).await;
        let nodes: Arc<[SocketAddr]> = cluster.target().nodes.iter().map(|node| node.public).collect();
        let balancer = match self.fault.has_library_clients() {
            true => Some(Balancer::start(Arc::clone(&nodes)).await?),
            false => None,
        };
        let front = balancer.as_ref().map(|balancer| format!("http://{}", balancer.address()));
        let library = front.map(|front| ClientOptions::new(&front)).transpose()?;
        let context = |load| RunContext { library, ..RunContext::of_nodes(nodes, load, cluster.started_at) };
        let trial = Trial::start(self.size(), &mut random, context);
        let target = cluster.target();
        let nodes = target.nodes.iter().map(|node| node.internal).enumerate().collect::<Vec<_>>();
        let stalls = StallMonitor::start(cluster.started_at, target.redis, move || nodes.clone());

        sleep(self.size().before).await; // tidy: allow: a fault is injected under load
        let mut context =
            FaultContext { cluster: &mut cluster, clocks: &clocks, random: &mut random, short: self.short };
        let injected = self.fault.inject(&mut context).await;
        let healed = Instant::now();
        let after = Duration::from_millis(random.u64(self.size().after_ms.clone()));
        sleep(after).await; // tidy: allow: the load continues for a moment after the heal

        let suspended = self.fault.suspended(self.short);
        let terms = Terms { suspended, healed, has_late_returns: self.has_late_returns() };
        let found = || [cluster.disturbances.clone(), stalls.found()].concat();
        let mut verdict = trial.conclude(&cluster.target(), terms, found).await;
        if let Err(error) = injected {
            verdict.outcome.violations.insert(0, format!("the fault was not injected: {error:#}"));
        }
        if verdict.outcome.violations.is_empty() {
            return Ok(verdict.outcome);
        }
        std::fs::create_dir_all(&self.folder)?;
        cluster.keep_logs(&self.folder)?;
        verdict.keep(&self.folder, &self.repeat_command())
    }

    /// Returns the command that repeats the run.
    pub(crate) fn repeat_command(&self) -> String {
        let short = if self.short { " --short" } else { "" };
        format!("cargo xtask faults{short} --only {} --seed {} --repeats 1", self.fault.name(), self.seed)
    }

    fn size(&self) -> &'static Size {
        if self.short { &SHORT } else { &FULL }
    }

    /// Tells whether people return to their focus sessions after half a minute. It takes as long, so that the short form does it
    /// in one run only.
    fn has_late_returns(&self) -> bool {
        !self.short || self.fault == Fault::KillNode
    }
}
