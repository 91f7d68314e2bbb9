//! Studio: members of organisations start, stop and correct entries on several nodes while faults are injected.

mod member;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::store::Query;
use engine::{Effect, Request};
use timers::studio::{
    Adjustment, EntryId, NewEntry, StudioCommand, StudioCounters, Target, TargetKind, TaskTypeId, TimeEntry,
};
use timers::{Change, Command, CommandId, Item, OrganizationId, Scope};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::cluster::{Cluster, Node};
use super::network::Faults;
use member::Member;

const NODES: usize = 3;
const ORGANIZATIONS: usize = 2;
const MEMBERS: usize = 8;
const TARGETS: i64 = 3;

/// Longest time until all views agree once the network has no faults.
const AGREE_WITHIN: Duration = Duration::from_secs(10);

/// What was acknowledged of an entry.
#[derive(Default)]
struct Acknowledged {
    started: BTreeSet<(Scope, EntryId)>,
    ended: BTreeSet<(Scope, EntryId)>,
}

pub(crate) struct Studio {
    cluster: Cluster,
    nodes: Vec<Node>,
    /// The members of each node.
    members: Vec<Vec<Member>>,
    acknowledged: Arc<Mutex<Acknowledged>>,
    commands: JoinSet<()>,
}

impl Studio {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        let mut cluster = Cluster::new(seed, faults);
        let nodes: Vec<Node> = (0..NODES).map(|_| cluster.start_node()).collect();
        let mut members: Vec<Vec<Member>> = (0..NODES).map(|_| Vec::new()).collect();
        for nth in 0..MEMBERS {
            members[nth % NODES].push(Member::connect(&nodes[nth % NODES].engine, &scope_of(nth % ORGANIZATIONS)));
        }
        Self { cluster, nodes, members, acknowledged: Arc::default(), commands: JoinSet::new() }
    }

    /// Sends commands and injects faults for a while.
    pub(crate) async fn live(&mut self, span: Duration) {
        let end = Instant::now() + span;
        let faults = self.cluster.faults;
        while Instant::now() < end {
            sleep(Duration::from_millis(self.cluster.rng.u64(1..60))).await; // tidy: allow: virtual time
            self.command();
            let node = self.cluster.rng.usize(0..self.nodes.len());
            if faults.cuts && self.cluster.chance(30) {
                self.nodes[node].link.cut().await;
            } else if faults.cuts && self.cluster.chance(300) {
                self.nodes[node].link.restore().await;
            }
            if faults.node_deaths && self.cluster.chance(5) {
                self.replace_node(node).await;
            }
        }
    }

    /// Sends a random command from a random node.
    fn command(&mut self) {
        let rng = &mut self.cluster.rng;
        let node = &self.nodes[rng.usize(0..self.nodes.len())];
        let (engine, tasks) = (Arc::clone(&node.engine), node.tasks().clone());
        let scope = scope_of(rng.usize(0..ORGANIZATIONS));
        let last = self.acknowledged.lock().unwrap().last_started(&scope);
        let (entry, user) = (EntryId(rng.u64(last.saturating_sub(5).max(1)..=last + 1)), rng.u32(1..9).to_string());
        let command = match rng.u32(0..10) {
            0..=4 => StudioCommand::Start(NewEntry {
                task_type: TaskTypeId(rng.u64(1..7)),
                target: Target { kind: TargetKind::Session, id: rng.i64(1..=TARGETS) },
                notes: None,
                user,
            }),
            5..=7 => StudioCommand::Stop(entry, user),
            _ => {
                let notes = Some(rng.u32(..).to_string());
                StudioCommand::Adjust(Adjustment { entry, start: None, end: None, notes, user })
            }
        };
        let id = rng.bool().then(|| CommandId(rng.u64(..)));
        let repeats = id.is_some() && rng.bool();
        let acknowledged = Arc::clone(&self.acknowledged);
        let execution = async move {
            let request = Request { scope: scope.clone(), command: Command::Studio(command.clone()), id };
            let outcome = engine.execute(request.clone()).await;
            if let Ok(Effect::Change(change)) = outcome.as_ref().map(|outcome| &outcome.effect) {
                acknowledged.lock().unwrap().record(&scope, &command, change);
                if repeats && let Ok(again) = engine.execute(request).await {
                    assert!(matches!(again.effect, Effect::Repeated), "{command:?} takes effect once");
                }
            }
        };
        self.commands.spawn(async move { tasks.until_death(execution).await.unwrap_or_default() });
    }

    /// Kills a node and starts another, to which its members connect.
    async fn replace_node(&mut self, nth: usize) {
        let new = self.cluster.start_node();
        let dead = std::mem::replace(&mut self.nodes[nth], new);
        let members = std::mem::take(&mut self.members[nth]);
        let scopes: Vec<Scope> = members.iter().map(|member| member.scope.clone()).collect();
        members.iter().for_each(Member::check);
        drop(members);
        dead.kill().await;
        for scope in &scopes {
            self.members[nth].push(Member::connect(&self.nodes[nth].engine, scope));
        }
    }

    /// Ends all faults and waits until the views must agree.
    pub(crate) async fn heal(&mut self) {
        for node in &self.nodes {
            node.link.heal().await;
        }
        sleep(AGREE_WITHIN).await; // tidy: allow: virtual time
        while let Some(ended) = self.commands.join_next().await {
            ended.expect("a command panicked");
        }
    }

    /// Each member was told of each event once and in order; returns the number of events, and of views that were
    /// loaded.
    pub(crate) fn each_event_was_told_once(&self) -> (usize, usize) {
        let mut total = (0, 0);
        for member in self.members.iter().flatten() {
            member.check();
            let board = self.cluster.store.board(&member.scope);
            let last = board.get::<StudioCounters>(&()).map_or(0, |counters| counters.next_event - 1);
            let told = member.told.lock().unwrap();
            assert_eq!(told.events.last().copied().unwrap_or(told.before), last, "{} is told all", member.scope);
            total = (total.0 + told.events.len(), total.1 + told.resyncs);
        }
        total
    }

    /// What was acknowledged is stored, each entry once, and one of each target runs.
    pub(crate) async fn entries_are_those_that_were_acknowledged(&self) {
        for nth in 0..ORGANIZATIONS {
            let scope = scope_of(nth);
            let board = self.cluster.store.board(&scope);
            let running: BTreeMap<EntryId, &TimeEntry> =
                board.all::<TimeEntry>().map(|entry| (entry.id, entry)).collect();
            let targets: BTreeSet<Target> = running.values().map(|entry| entry.target).collect();
            assert_eq!(targets.len(), running.len(), "one entry of a target runs");
            let page = self.nodes[0].engine.store().history(&scope, &Query::newest(100_000)).await.unwrap();
            let read = |body: &[u8]| TimeEntry::decode(std::str::from_utf8(body).unwrap()).unwrap();
            let finished: BTreeMap<EntryId, TimeEntry> =
                page.rows.iter().map(|row| read(&row.body)).map(|entry| (entry.id, entry)).collect();
            assert_eq!(finished.len(), page.rows.len());
            assert!(running.keys().all(|id| !finished.contains_key(id)), "an entry is on the board or in the history");
            let next = board.get::<StudioCounters>(&()).map_or(1, |counters| counters.next_entry.0);
            assert_eq!(running.len() + finished.len(), usize::try_from(next - 1).unwrap(), "no id is left out");
            let acknowledged = self.acknowledged.lock().unwrap();
            for (_, id) in acknowledged.started.iter().filter(|(of, _)| *of == scope) {
                assert!(running.contains_key(id) || finished.contains_key(id), "{scope} lost {id:?}");
            }
            for (_, id) in acknowledged.ended.iter().filter(|(of, _)| *of == scope) {
                assert!(finished.contains_key(id), "{scope} started {id:?} again");
            }
        }
        assert!(!self.acknowledged.lock().unwrap().ended.is_empty(), "the run acknowledged something");
    }
}

impl Acknowledged {
    /// Returns the number of the last entry that was started; 0 if there is none.
    fn last_started(&self, scope: &Scope) -> u64 {
        self.started.iter().filter(|(of, _)| of == scope).map(|(_, entry)| entry.0).max().unwrap_or(0)
    }

    fn record(&mut self, scope: &Scope, command: &StudioCommand, change: &Change) {
        match command {
            StudioCommand::Start(_) => {
                let started = change.put.values().find_map(|item| Item::get::<TimeEntry>(item));
                self.started.extend(started.map(|entry| (scope.clone(), entry.id)));
            }
            StudioCommand::Stop(entry, _) => {
                self.ended.insert((scope.clone(), *entry));
            }
            StudioCommand::Open
            | StudioCommand::CreateTaskType(_)
            | StudioCommand::UpdateTaskType(..)
            | StudioCommand::Adjust(_)
            | StudioCommand::Import(_) => {}
        }
    }
}

fn scope_of(nth: usize) -> Scope {
    Scope::organization(&OrganizationId::new(&nth.to_string()).unwrap())
}
