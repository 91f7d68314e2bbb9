//! One run: a cluster, clients under load, a fault, and the oracle.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::client::{Load, RunContext};
use crate::clocks::Clocks;
use crate::cluster::Cluster;
use crate::converge::{self, Stored};
use crate::fault::{Fault, FaultContext};
use crate::focus::{self, FocusState};
use crate::oracle::focus_sessions::FocusEvidence;
use crate::oracle::{self, Evidence, SuspendedInvariants};
use crate::population::{FULL, Population, Records, SHORT, Size};
use crate::punch_clock::{self, converge::PersonDays};
use crate::rooms::{self, RoomIds};
use crate::stalls::StallMonitor;
use crate::studio;
use crate::studio::converge::Lists;
use crate::view::View;

/// A run.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) fault: Fault,
    pub(crate) seed: u64,
    pub(crate) short: bool,
    /// The directory of the logs, if there are violations.
    pub(crate) folder: PathBuf,
}

/// The outcome of a run.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) violations: Vec<String>,
    pub(crate) longest_gap: Duration,
    pub(crate) converged_after: Duration,
    /// Number of acknowledged commands.
    pub(crate) commands: usize,
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
        let (load, clients) = self.start(&cluster, &mut random);
        let stalls = StallMonitor::start(&cluster);

        sleep(self.size().before).await; // tidy: allow: a fault is injected under load
        let mut context =
            FaultContext { cluster: &mut cluster, clocks: &clocks, random: &mut random, short: self.short };
        let injected = self.fault.inject(&mut context).await;
        let healed = Instant::now();
        let after = Duration::from_millis(random.u64(self.size().after_ms.clone()));
        sleep(after).await; // tidy: allow: the load continues for a moment after the heal
        load.send_replace(Load::Draining);

        let suspended = self.fault.suspended(self.short);
        let agreed = converge::clients(&cluster, &clients, suspended).await;
        let converged_after = healed.elapsed();
        let mut outcome = Outcome { converged_after, ..Outcome::default() };
        outcome.violations.extend(injected.err().map(|error| format!("the fault was not injected: {error:#}")));
        let mut end = EndState::default();
        match agreed {
            Ok(stored) => {
                outcome.violations.extend(probe(&cluster, &clients.room_ids, &stored).await);
                outcome.violations.extend(end.read(&cluster, &clients, stored).await);
            }
            // There is no stored state to compare commands with.
            Err(unmet) => outcome.violations.extend(unmet),
        }
        load.send_replace(Load::Finished);
        let records = clients.ended().await;
        outcome.violations.extend(end.rest(&cluster, &records.learners, suspended, self.has_late_returns()).await);
        cluster.disturbances.extend(stalls.found());
        let evidence = Evidence {
            records: &records.users,
            rooms: &records.rooms,
            members: &records.members,
            devices: &records.devices,
            lists: &end.lists,
            days: &end.days,
            started_ms: cluster.started_ms,
            stored: &end.users,
            suspended,
            disturbances: &cluster.disturbances,
        };
        outcome.violations.extend(oracle::check(&evidence));
        end.focus.people.clone_from(&records.learners);
        outcome.violations.extend(oracle::focus_sessions::check(&end.focus, suspended, &cluster.disturbances));
        outcome.longest_gap = oracle::longest_gap(&records.users, &cluster.disturbances);
        outcome.commands = records.acknowledged();
        if !outcome.violations.is_empty() {
            self.keep(&outcome, &cluster, records)?;
        }
        Ok(outcome)
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

    fn start(&self, cluster: &Cluster, random: &mut Rng) -> (watch::Sender<Load>, Population) {
        let (load, receiver) = watch::channel(Load::Active);
        let ports: Arc<[u16]> = cluster.nodes.iter().map(|node| node.public).collect();
        let context = RunContext { ports, load: receiver, started_at: cluster.started_at };
        (load, Population::start(self.size(), &context, random))
    }

    fn keep(&self, outcome: &Outcome, cluster: &Cluster, records: Records) -> Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        cluster.keep_logs(&self.folder)?;
        let mut violations = format!("{}\n\n{}\n\n", self.repeat_command(), outcome.violations.join("\n"));
        violations += &format!("disturbances, in time since the start of the run: {:#?}\n", cluster.disturbances);
        std::fs::write(self.folder.join("violations.txt"), violations)?;
        for record in records.into_all() {
            std::fs::write(self.folder.join(format!("client-{}.jsonl", record.client)), record.lines())?;
        }
        Ok(())
    }
}

/// What is stored at the end, as the store and the nodes tell.
#[derive(Default)]
struct EndState {
    /// The sessions of every user.
    users: BTreeMap<String, View>,
    lists: Lists,
    days: BTreeMap<String, PersonDays>,
    focus: FocusEvidence,
}

impl EndState {
    /// Reads what the nodes tell, beside what was read from the store; returns what cannot be read.
    async fn read(&mut self, cluster: &Cluster, clients: &Population, stored: Stored) -> Option<String> {
        self.users = stored.users;
        self.lists = studio::converge::lists(cluster, &clients.members).await;
        match punch_clock::converge::days(cluster, &clients.devices).await {
            Ok(days) => self.days = days,
            Err(error) => return Some(format!("the days of people cannot be read: {error:#}")),
        }
        let people: Vec<String> = clients.learners.iter().map(|person| person.state().person.clone()).collect();
        match focus::converge::shown(cluster, &people).await {
            Ok(shown) => self.focus.live = shown,
            Err(error) => return Some(format!("the focus sessions of people cannot be read: {error:#}")),
        }
        None
    }

    /// Reads the focus sessions when all sockets are gone, and returns the violations.
    async fn rest(
        &mut self,
        cluster: &Cluster,
        people: &[FocusState],
        suspended: SuspendedInvariants,
        has_late_returns: bool,
    ) -> Vec<String> {
        let gone_at = Instant::now();
        match focus::standstill::standstill(cluster, people).await {
            Ok(shown) => self.focus.rest = shown,
            // A lost departure restores its socket.
            Err(_) if suspended.restored_members => return vec![],
            Err(error) => return vec![format!("focus: {error:#}")],
        }
        if !has_late_returns {
            return vec![];
        }
        let found = focus::standstill::late_returns(cluster, &self.focus.rest, gone_at).await;
        found.unwrap_or_else(|error| vec![format!("focus: {error:#}")])
    }
}

/// Connects new clients to every node, and returns the differences from the store. A client that is not served is a
/// violation too.
async fn probe(cluster: &Cluster, rooms: &RoomIds, stored: &Stored) -> Vec<String> {
    let probe = async {
        let mut violations = converge::nodes(cluster, &stored.users).await;
        violations.extend(rooms::converge::nodes(cluster, rooms, &stored.rooms).await);
        violations
    };
    AssertUnwindSafe(probe).catch_unwind().await.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map_or("", String::as_str);
        vec![format!("no agreement: a new client is not served: {message}")]
    })
}
