//! Clients under load, and the judgement of what they have seen.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use fastrand::Rng;
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::client::{Load, RunContext};
use crate::cluster::Disturbance;
use crate::converge::{self, Stored};
use crate::focus::{self, FocusState};
use crate::oracle::displays::{self, DisplayFindings};
use crate::oracle::focus_sessions::FocusEvidence;
use crate::oracle::{self, Evidence, SuspendedInvariants};
use crate::population::{Population, Records, Size};
use crate::punch_clock::{self, converge::PersonDays};
use crate::rooms::{self, RoomIds};
use crate::studio;
use crate::studio::converge::Lists;
use crate::target::Target;
use crate::view::View;

/// Clients under load.
pub(crate) struct Trial {
    load: watch::Sender<Load>,
    pub(crate) clients: Population,
    /// The start of the run, in ms since 1970.
    started_ms: u64,
}

/// How the records of a run are judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) suspended: SuspendedInvariants,
    /// When the fault was healed.
    pub(crate) healed: Instant,
    /// Whether people return to their focus sessions after half a minute.
    pub(crate) has_late_returns: bool,
}

/// The outcome of a run.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) violations: Vec<String>,
    pub(crate) longest_gap: Duration,
    pub(crate) converged_after: Duration,
    /// Number of acknowledged commands.
    pub(crate) commands: usize,
    /// What library clients displayed, if there were any.
    pub(crate) displays: Option<DisplayFindings>,
}

/// What the clients have seen, and the judgement of it.
pub(crate) struct Verdict {
    pub(crate) outcome: Outcome,
    pub(crate) records: Records,
    pub(crate) disturbances: Vec<Disturbance>,
}

impl Trial {
    /// Starts clients; the context is made with a receiver of the load.
    pub(crate) fn start(
        size: &Size,
        random: &mut Rng,
        context: impl FnOnce(watch::Receiver<Load>) -> RunContext,
    ) -> Self {
        let (load, receiver) = watch::channel(Load::Active);
        let context = context(receiver);
        let started_at = context.started_at;
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let started_ms = now_ms.saturating_sub(started_at.elapsed().as_millis() as u64);
        Self { load, clients: Population::start(size, &context, random), started_ms }
    }

    /// Ends the load, waits for convergence, and judges the records. The disturbances are read last.
    pub(crate) async fn conclude(
        self,
        target: &Target,
        terms: Terms,
        disturbances: impl FnOnce() -> Vec<Disturbance>,
    ) -> Verdict {
        self.load.send_replace(Load::Draining);
        let agreed = converge::clients(target, &self.clients, terms.suspended).await;
        let mut outcome = Outcome { converged_after: terms.healed.elapsed(), ..Outcome::default() };
        let mut end = EndState::default();
        match agreed {
            Ok(stored) => {
                outcome.violations.extend(probe(target, &self.clients.room_ids, &stored).await);
                outcome.violations.extend(end.read(target, &self.clients, stored).await);
            }
            // There is no stored state to compare commands with.
            Err(unmet) => outcome.violations.extend(unmet),
        }
        self.load.send_replace(Load::Finished);
        let records = self.clients.ended().await;
        outcome.violations.extend(end.rest(target, &records.learners, terms).await);
        let disturbances = disturbances();
        let evidence = Evidence {
            records: &records.users,
            library: &records.library,
            rooms: &records.rooms,
            members: &records.members,
            devices: &records.devices,
            lists: &end.lists,
            days: &end.days,
            started_ms: self.started_ms,
            stored: &end.users,
            suspended: terms.suspended,
            disturbances: &disturbances,
        };
        outcome.violations.extend(oracle::check(&evidence));
        end.focus.people.clone_from(&records.learners);
        outcome.violations.extend(oracle::focus_sessions::check(&end.focus, terms.suspended, &disturbances));
        if !records.library.is_empty() {
            let displayed = records.library.iter().chain(&records.library_rooms);
            let displays = displays::check(displayed, self.started_ms, &disturbances);
            outcome.violations.extend(displays.violations.iter().cloned());
            outcome.displays = Some(displays);
        }
        outcome.longest_gap = oracle::longest_gap(&records.users, &disturbances);
        outcome.commands = records.acknowledged();
        Verdict { outcome, records, disturbances }
    }
}

impl Verdict {
    /// Writes the violations, the command that repeats the run, and the records of all clients into a folder.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn keep(self, folder: &Path, repeat_command: &str) -> Result<Outcome> {
        std::fs::create_dir_all(folder)?;
        let mut violations = format!("{repeat_command}\n\n{}\n\n", self.outcome.violations.join("\n"));
        violations += &format!("disturbances, in time since the start of the run: {:#?}\n", self.disturbances);
        std::fs::write(folder.join("violations.txt"), violations)?;
        for record in self.records.into_all() {
            std::fs::write(folder.join(format!("client-{}.jsonl", record.client)), record.lines())?;
        }
        Ok(self.outcome)
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
    async fn read(&mut self, target: &Target, clients: &Population, stored: Stored) -> Option<String> {
        self.users = stored.users;
        self.lists = studio::converge::lists(target, &clients.members).await;
        match punch_clock::converge::days(target, &clients.devices).await {
            Ok(days) => self.days = days,
            Err(error) => return Some(format!("the days of people cannot be read: {error:#}")),
        }
        let people: Vec<String> = clients.learners.iter().map(|person| person.state().person.clone()).collect();
        match focus::converge::shown(target, &people).await {
            Ok(shown) => self.focus.live = shown,
            Err(error) => return Some(format!("the focus sessions of people cannot be read: {error:#}")),
        }
        None
    }

    /// Reads the focus sessions when all sockets are gone, and returns the violations.
    async fn rest(&mut self, target: &Target, people: &[FocusState], terms: Terms) -> Vec<String> {
        let gone_at = Instant::now();
        match focus::standstill::standstill(target, people).await {
            Ok(shown) => self.focus.rest = shown,
            // A lost departure restores its socket.
            Err(_) if terms.suspended.restored_members => return vec![],
            Err(error) => return vec![format!("focus: {error:#}")],
        }
        if !terms.has_late_returns {
            return vec![];
        }
        let found = focus::standstill::late_returns(target, &self.focus.rest, gone_at).await;
        found.unwrap_or_else(|error| vec![format!("focus: {error:#}")])
    }
}

/// Connects new clients to every node, and returns the differences from the store. A client that is not served is a
/// violation too.
async fn probe(target: &Target, rooms: &RoomIds, stored: &Stored) -> Vec<String> {
    let probe = async {
        let mut violations = converge::nodes(target, &stored.users).await;
        violations.extend(rooms::converge::nodes(target, rooms, &stored.rooms).await);
        violations
    };
    AssertUnwindSafe(probe).catch_unwind().await.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map_or("", String::as_str);
        vec![format!("no agreement: a new client is not served: {message}")]
    })
}
