//! One run: a cluster, clients under load, a fault, and the judgement.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::client::{Client, Dialect, Load, Surroundings, Who};
use crate::clocks::Clocks;
use crate::cluster::{Cluster, NODES};
use crate::converge;
use crate::fault::{Fault, Scene};
use crate::oracle::{self, Evidence};
use crate::record::{Record, What};
use crate::stalls::Watch;

/// What is run.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) fault: Fault,
    pub(crate) seed: u64,
    pub(crate) short: bool,
    /// Where its logs are kept if there are violations.
    pub(crate) folder: PathBuf,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) violations: Vec<String>,
    pub(crate) longest_gap: Duration,
    pub(crate) converged_after: Duration,
    /// How many commands were acknowledged.
    pub(crate) commands: usize,
}

/// How much load there is.
struct Size {
    users: usize,
    /// Clients of each user.
    devices: usize,
    /// How long a client thinks, on average. The store remembers the last 64 commands of a user: a pace at which
    /// a user's clients do not send as many while one of them waits for a store that is away.
    pace: Duration,
    /// How long there is load before the fault.
    before: Duration,
    /// How long there is load after it, ms.
    after_ms: Range<u64>,
}

const FULL: Size = Size {
    users: 75,
    devices: 4,
    pace: Duration::from_millis(1500),
    before: Duration::from_millis(4000),
    after_ms: 200..1000,
};
const SHORT: Size = Size {
    users: 20,
    devices: 3,
    pace: Duration::from_millis(600),
    before: Duration::from_millis(900),
    after_ms: 100..500,
};

impl Run {
    /// Runs it.
    ///
    /// # Errors
    /// The surroundings failed, not Tickcast.
    pub(crate) async fn carry_out(self) -> Result<Outcome> {
        let clocks = Clocks::prepare()?;
        let mut random = Rng::with_seed(self.seed);
        let needs = self.fault.needs(&clocks);
        needs.check()?;
        let mut cluster = Cluster::start(&needs).await;
        let (load, clients) = self.begin(&cluster, &mut random);
        let stalls = Watch::start(&cluster);

        sleep(self.size().before).await; // tidy: allow: a fault strikes amid the load
        let mut scene = Scene { cluster: &mut cluster, clocks: &clocks, random: &mut random, short: self.short };
        let struck = self.fault.strike(&mut scene).await;
        let healed = Instant::now();
        let after = Duration::from_millis(random.u64(self.size().after_ms.clone()));
        sleep(after).await; // tidy: allow: the load goes on for a moment after the heal
        load.send_replace(Load::Off);

        let agreed = converge::clients(&cluster, &clients).await;
        let converged_after = healed.elapsed();
        let mut outcome = Outcome { converged_after, ..Outcome::default() };
        outcome.violations.extend(struck.err().map(|error| format!("the fault did not happen: {error:#}")));
        let truth = match agreed {
            Ok(truth) => {
                outcome.violations.extend(converge::nodes(&cluster, &truth).await);
                Some(truth)
            }
            Err(lacks) => {
                outcome.violations.extend(lacks);
                None
            }
        };
        load.send_replace(Load::Over);
        let mut records = Vec::new();
        for client in clients {
            records.push(client.ended().await);
        }
        cluster.troubles.extend(stalls.seen());
        let evidence = Evidence {
            records: &records,
            truth: &truth.unwrap_or_else(BTreeMap::new),
            laws: self.fault.laws(self.short),
            troubles: &cluster.troubles,
        };
        // Without agreement there is no truth that commands could be compared with.
        outcome.violations.extend(oracle::judge(&evidence));
        outcome.longest_gap = oracle::longest_gap(&records, &cluster.troubles);
        outcome.commands = records.iter().map(acknowledged).sum();
        if !outcome.violations.is_empty() {
            self.keep(&outcome, &cluster, &records)?;
        }
        Ok(outcome)
    }

    /// Says how to repeat it.
    pub(crate) fn again(&self) -> String {
        let short = if self.short { " --short" } else { "" };
        format!("cargo xtask faults{short} --only {} --seed {} --repeats 1", self.fault.name(), self.seed)
    }

    fn size(&self) -> &'static Size {
        if self.short { &SHORT } else { &FULL }
    }

    fn begin(&self, cluster: &Cluster, random: &mut Rng) -> (watch::Sender<Load>, Vec<Client>) {
        let (load, seen) = watch::channel(Load::On);
        let ports: Arc<[u16]> = cluster.nodes.iter().map(|node| node.public).collect();
        let surroundings = Surroundings { ports, load: seen, begun: cluster.begun };
        let size = self.size();
        let clients = (0..size.users).flat_map(|user| (0..size.devices).map(move |device| (user, device)));
        let clients = clients.map(|(user, device)| {
            let who = Who {
                client: format!("u{user}-{device}"),
                user: format!("u{user}"),
                // The last device only watches, on every other user in the old dialect.
                dialect: if device + 1 == size.devices && user % 2 == 0 { Dialect::Seed } else { Dialect::V1 },
                node: (user + device) % NODES,
                pace: (device + 1 < size.devices || user % 4 == 0).then_some(size.pace),
                races: user % 4 == 1,
                seed: random.u64(..),
            };
            Client::start(who, surroundings.clone())
        });
        (load, clients.collect())
    }

    fn keep(&self, outcome: &Outcome, cluster: &Cluster, records: &[Record]) -> Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        cluster.keep_logs(&self.folder)?;
        let mut violations = format!("{}\n\n{}\n\n", self.again(), outcome.violations.join("\n"));
        violations += &format!("troubles, by the time since the run began: {:#?}\n", cluster.troubles);
        std::fs::write(self.folder.join("violations.txt"), violations)?;
        for record in records {
            std::fs::write(self.folder.join(format!("client-{}.jsonl", record.client)), record.lines())?;
        }
        Ok(())
    }
}

fn acknowledged(record: &Record) -> usize {
    record
        .entries
        .iter()
        .filter(|entry| matches!(&entry.what, What::Heard(message) if message["type"] == "ack"))
        .count()
}
