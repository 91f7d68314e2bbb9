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

use super::cluster::{Connected, Served};
use super::network::Faults;
use member::Member;

const ORGANIZATIONS: usize = 2;
const MEMBERS: usize = 8;
const TARGETS: i64 = 3;

/// What was acknowledged of an entry.
#[derive(Default)]
struct Acknowledged {
    started: BTreeSet<(Scope, EntryId)>,
    ended: BTreeSet<(Scope, EntryId)>,
}

pub(crate) struct Studio {
    served: Served<Member>,
    acknowledged: Arc<Mutex<Acknowledged>>,
}

impl Studio {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        let scopes = (0..MEMBERS).map(|nth| scope_of(nth % ORGANIZATIONS));
        Self { served: Served::start(seed, faults, scopes), acknowledged: Arc::default() }
    }

    /// Sends commands and injects faults for a while.
    pub(crate) async fn live(&mut self, span: Duration) {
        let acknowledged = Arc::clone(&self.acknowledged);
        let command = |served: &mut Served<Member>| Self::command(served, &acknowledged);
        self.served.live(span, command, || acknowledged.lock().unwrap().clear()).await;
    }

    /// Sends a random command from a random node.
    fn command(served: &mut Served<Member>, acknowledged: &Arc<Mutex<Acknowledged>>) {
        let (engine, tasks) = served.choose_node();
        let rng = &mut served.cluster.rng;
        let scope = scope_of(rng.usize(0..ORGANIZATIONS));
        let last = acknowledged.lock().unwrap().last_started(&scope);
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
        let acknowledged = Arc::clone(acknowledged);
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
        served.spawn(&tasks, execution);
    }

    pub(crate) async fn heal(&mut self) {
        self.served.heal().await;
    }

    /// Each member was told of each event once and in order; returns the number of events, and of views that were
    /// loaded.
    pub(crate) fn each_event_was_told_once(&self) -> (usize, usize) {
        let mut total = (0, 0);
        for member in self.served.clients() {
            member.check();
            let board = self.served.cluster.store.board(&member.scope);
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
            let board = self.served.cluster.store.board(&scope);
            let running: BTreeMap<EntryId, &TimeEntry> =
                board.all::<TimeEntry>().map(|entry| (entry.id, entry)).collect();
            let targets: BTreeSet<Target> = running.values().map(|entry| entry.target).collect();
            assert_eq!(targets.len(), running.len(), "one entry of a target runs");
            let page = self.served.nodes[0].engine.store().history(&scope, &Query::newest(100_000)).await.unwrap();
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
    fn clear(&mut self) {
        *self = Self::default();
    }

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
