//! One run: a cluster, clients under load, a fault, and the oracle.

use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use fastrand::Rng;
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::client::{Client, ClientProfile, Dialect, Load, RunContext};
use crate::clocks::Clocks;
use crate::cluster::{Cluster, NODES};
use crate::converge::{self, Stored};
use crate::fault::{Fault, FaultContext};
use crate::oracle::{self, Evidence};
use crate::record::{Event, Record};
use crate::rooms::{self, Role, RoomClient, RoomIds, RoomProfile};
use crate::stalls::StallMonitor;
use crate::studio::converge::Lists;
use crate::studio::{self, Member, MemberProfile, MemberRecord};

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

/// The amount of load.
struct Size {
    users: usize,
    /// Clients per user.
    devices: usize,
    /// Average time between the commands of a client. The store remembers the last 64 commands of a user: at this
    /// pace, the clients of a user send fewer while one of them waits for an unavailable store.
    pace: Duration,
    /// Duration of the load before the fault.
    before: Duration,
    /// Duration of the load after the fault, ms.
    after_ms: Range<u64>,
    rooms: usize,
    /// Clients per room: a host, a watcher, and others that come and go.
    members: usize,
    /// Average time between the actions of a client of a room.
    room_pace: Duration,
    organizations: usize,
    /// Members per organisation, the last of whom calls nothing.
    colleagues: usize,
    /// Average time between the calls of a member. An organisation keeps its last 64 commands and its last 256 events, and
    /// a member misses fewer while a fault lasts.
    call_pace: Duration,
}

/// The rooms of a run.
struct Rooms {
    ids: RoomIds,
    clients: Vec<RoomClient>,
}

const FULL: Size = Size {
    users: 75,
    devices: 4,
    pace: Duration::from_millis(1500),
    before: Duration::from_millis(4000),
    after_ms: 200..1000,
    rooms: 12,
    members: 7,
    room_pace: Duration::from_millis(1500),
    organizations: 10,
    colleagues: 5,
    call_pace: Duration::from_millis(900),
};
const SHORT: Size = Size {
    users: 20,
    devices: 3,
    pace: Duration::from_millis(600),
    before: Duration::from_millis(900),
    after_ms: 100..500,
    rooms: 4,
    members: 5,
    room_pace: Duration::from_millis(500),
    organizations: 3,
    colleagues: 4,
    call_pace: Duration::from_millis(400),
};

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
        let (load, clients, rooms, members) = self.begin(&cluster, &mut random);
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
        let agreed = converge::clients(&cluster, &clients, &rooms.clients, &members, suspended).await;
        let converged_after = healed.elapsed();
        let mut outcome = Outcome { converged_after, ..Outcome::default() };
        outcome.violations.extend(injected.err().map(|error| format!("the fault was not injected: {error:#}")));
        let mut lists = Lists::new();
        let stored = match agreed {
            Ok(stored) => {
                outcome.violations.extend(probe(&cluster, &rooms.ids, &stored).await);
                lists = studio::converge::lists(&cluster, &members).await;
                Some(stored)
            }
            Err(unmet) => {
                outcome.violations.extend(unmet);
                None
            }
        };
        load.send_replace(Load::Finished);
        let (mut records, mut room_records) = (Vec::new(), Vec::new());
        for client in clients {
            records.push(client.ended().await);
        }
        for client in rooms.clients {
            room_records.push(client.ended().await);
        }
        let mut member_records: Vec<MemberRecord> = Vec::new();
        for member in members {
            member_records.push(member.ended().await);
        }
        cluster.disturbances.extend(stalls.found());
        let evidence = Evidence {
            records: &records,
            rooms: &room_records,
            members: &member_records,
            lists: &lists,
            started_ms: cluster.started_ms,
            stored: &stored.unwrap_or_default().users,
            suspended,
            disturbances: &cluster.disturbances,
        };
        // Without convergence there is no stored state to compare commands with.
        outcome.violations.extend(oracle::check(&evidence));
        outcome.longest_gap = oracle::longest_gap(&records, &cluster.disturbances);
        outcome.commands = records.iter().map(acknowledged).sum::<usize>()
            + member_records.iter().map(|member| member.calls.len()).sum::<usize>();
        if !outcome.violations.is_empty() {
            records.extend(room_records);
            records.extend(member_records.into_iter().map(|member| member.record));
            self.keep(&outcome, &cluster, &records)?;
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

    fn begin(&self, cluster: &Cluster, random: &mut Rng) -> (watch::Sender<Load>, Vec<Client>, Rooms, Vec<Member>) {
        let (load, receiver) = watch::channel(Load::Active);
        let ports: Arc<[u16]> = cluster.nodes.iter().map(|node| node.public).collect();
        let context = RunContext { ports, load: receiver, started_at: cluster.started_at };
        let size = self.size();
        let clients = (0..size.users).flat_map(|user| (0..size.devices).map(move |device| (user, device)));
        let clients = clients.map(|(user, device)| {
            let profile = ClientProfile {
                client: format!("u{user}-{device}"),
                user: format!("u{user}"),
                // The last device sends no commands; for every other user it uses the seed dialect.
                dialect: if device + 1 == size.devices && user % 2 == 0 { Dialect::Seed } else { Dialect::V1 },
                node: (user + device) % NODES,
                pace: (device + 1 < size.devices || user % 4 == 0).then_some(size.pace),
                races: user % 4 == 1,
                seed: random.u64(..),
            };
            Client::start(profile, context.clone())
        });
        let clients = clients.collect();
        let rooms = begin_rooms(size, &context, random);
        (load, clients, rooms, begin_organizations(size, &context, random))
    }

    fn keep(&self, outcome: &Outcome, cluster: &Cluster, records: &[Record]) -> Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        cluster.keep_logs(&self.folder)?;
        let mut violations = format!("{}\n\n{}\n\n", self.repeat_command(), outcome.violations.join("\n"));
        violations += &format!("disturbances, in time since the start of the run: {:#?}\n", cluster.disturbances);
        std::fs::write(self.folder.join("violations.txt"), violations)?;
        for record in records {
            std::fs::write(self.folder.join(format!("client-{}.jsonl", record.client)), record.lines())?;
        }
        Ok(())
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

fn begin_rooms(size: &Size, context: &RunContext, random: &mut Rng) -> Rooms {
    let ids = RoomIds::new(size.rooms);
    let clients = (0..size.rooms).flat_map(|slot| (0..size.members).map(move |nth| (slot, nth)));
    let clients = clients.map(|(slot, nth)| {
        let profile = RoomProfile {
            client: format!("room{slot}-{nth}"),
            slot,
            role: match nth {
                0 => Role::Host,
                1 => Role::Watcher,
                _ => Role::Guest,
            },
            node: random.usize(0..NODES),
            pace: size.room_pace,
            seed: random.u64(..),
        };
        RoomClient::start(profile, context.clone(), ids.clone())
    });
    Rooms { clients: clients.collect(), ids }
}

fn begin_organizations(size: &Size, context: &RunContext, random: &mut Rng) -> Vec<Member> {
    let members =
        (1..=size.organizations).flat_map(|organization| (1..=size.colleagues).map(move |nth| (organization, nth)));
    let members = members.map(|(organization, nth)| {
        let profile = MemberProfile {
            client: format!("organization{organization}-{nth}"),
            organization,
            user: organization * 100 + nth,
            node: random.usize(0..NODES),
            pace: (nth < size.colleagues).then_some(size.call_pace),
            seed: random.u64(..),
        };
        Member::start(profile, context)
    });
    members.collect()
}

fn acknowledged(record: &Record) -> usize {
    record
        .entries
        .iter()
        .filter(|entry| matches!(&entry.event, Event::Received(message) if message["type"] == "ack"))
        .count()
}
