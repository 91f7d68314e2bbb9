//! One node: a store, the views over it, and the tasks that keep them up to date.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use timers::{Beat, Limits, MILLIS_PER_BEAT, Millis, NodeId, Tag, Timestamp};
use tokio::sync::{Notify, mpsc, watch};

use crate::background::{Background, TaskFailure};
use crate::beat_schedule::BeatSchedule;
use crate::clock::{BootClock, Clock, Monotonic};
use crate::deadline_runner::DeadlineRunner;
use crate::entropy::Entropy;
use crate::hub::Hub;
use crate::lease_state::LeaseStates;
use crate::presence::{EntryRequest, Presence};
use crate::retention::Retention;
use crate::scope_queue::ScopeQueues;
use crate::stats::Stats;
use crate::store::{BeatStatus, Due, Measured, Shards, Store};
use crate::telemetry::{NoTelemetry, Telemetry, Timing};

/// How long a node that resigns waits for the store's answer.
const VACATE_TIMEOUT: Duration = Duration::from_millis(500);

/// The options of a node.
#[derive(Clone, Debug)]
pub struct Options {
    /// The node's name. Each start of a process has another one.
    pub node: String,
    /// The bounds of the rules.
    pub limits: Limits,
    /// How long displays continue without the store; after that the time is no longer valid.
    pub holdover: Duration,
    /// How much of a scope is kept, and for how long.
    pub retention: Retention,
}

impl Options {
    /// Ten minutes: the drift of a quartz is far below a second by then, and a person at a clock has long noticed.
    pub const HOLDOVER: Duration = Duration::from_secs(600);

    /// Makes the options of a node with the default limits and holdover.
    pub fn new(node: &str) -> Self {
        Self {
            node: node.to_owned(),
            limits: Limits::default(),
            holdover: Self::HOLDOVER,
            retention: Retention::default(),
        }
    }
}

/// The dependencies of a node besides its store. A simulation replaces them.
pub struct Dependencies {
    /// The monotonic clock.
    pub monotonic: Box<dyn Monotonic>,
    /// The source of randomness.
    pub entropy: Entropy,
    /// The receiver of measurements and trace links.
    pub telemetry: Arc<dyn Telemetry>,
}

impl Default for Dependencies {
    fn default() -> Self {
        Self { monotonic: Box::new(BootClock), entropy: Entropy::from_os(), telemetry: Arc::new(NoTelemetry) }
    }
}

/// One node.
pub struct Engine {
    pub(crate) node: String,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) entropy: Arc<Entropy>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) queues: ScopeQueues,
    pub(crate) limits: Limits,
    pub(crate) retention: Retention,
    pub(crate) stats: Arc<Stats>,
    pub(crate) telemetry: Arc<dyn Telemetry>,
    pub(crate) beat_heard: Notify,
    pub(crate) deadline_runner: Arc<DeadlineRunner>,
    pub(crate) presence: Presence,
    pub(crate) lease_states: LeaseStates,
    schedule: Mutex<BeatSchedule>,
    leader: Mutex<Leader>,
    is_time_valid: watch::Sender<bool>,
    resigned: AtomicBool,
    background: Background,
}

/// The leader of the last beat.
#[derive(Debug, Default)]
struct Leader {
    node: String,
    /// The first of its beats that this node received, in cluster time.
    since: Option<Timestamp>,
    generation: Option<Tag>,
    absorbed: Millis,
}

/// The term of a leader, as this node received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leadership {
    /// The name of the leader; empty if none is known.
    pub leader: String,
    /// The date of its first beat that this node received.
    pub since: Option<Timestamp>,
    /// The random number that changes when the store is emptied.
    pub generation: Option<Tag>,
}

impl Engine {
    /// Makes a node, with the receivers of its near deadlines and of its entry requests.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        options: Options,
        dependencies: Dependencies,
    ) -> (Self, mpsc::Receiver<Due>, mpsc::Receiver<EntryRequest>) {
        let clock = Arc::new(Clock::new(dependencies.monotonic));
        let entropy = Arc::new(dependencies.entropy);
        let telemetry = dependencies.telemetry;
        let store: Arc<dyn Store> = Arc::new(Measured::new(store, Arc::clone(&telemetry)));
        let stats = Arc::new(Stats::default());
        let background = Background::default();
        let hub = Arc::new(Hub::new(
            Arc::clone(&store),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            Arc::clone(&stats),
            Arc::clone(&telemetry),
            background.clone(),
        ));
        let (deadline_runner, near_deadlines) = DeadlineRunner::new();
        let (presence, entry_requests) = Presence::new(Arc::clone(&clock));
        let engine = Self {
            node: options.node,
            store,
            clock,
            entropy,
            hub,
            queues: ScopeQueues::default(),
            limits: options.limits,
            retention: options.retention,
            stats,
            telemetry,
            beat_heard: Notify::new(),
            deadline_runner,
            presence,
            lease_states: LeaseStates::default(),
            schedule: Mutex::new(BeatSchedule::new(options.holdover)),
            leader: Mutex::default(),
            is_time_valid: watch::Sender::new(true),
            resigned: AtomicBool::new(false),
            background,
        };
        (engine, near_deadlines, entry_requests)
    }

    /// Returns the views.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Returns the scopes in which this node has members.
    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    /// Returns the store, for requests that need no rules: the history.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Returns the cluster clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Returns the counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Returns the node's name.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Waits for the first failure of one of the node's long-lived tasks. Never resolves if there is none.
    pub fn failed(&self) -> impl Future<Output = TaskFailure> + Send + use<> {
        self.background.failed()
    }

    /// Returns the name of the node that led the last beat; empty if none is known.
    pub fn leader(&self) -> String {
        self.lock_leader().node.clone()
    }

    /// Returns the term of the leader.
    pub fn leadership(&self) -> Leadership {
        let ahead = self.clock.ahead_of_date();
        let Leader { node, since, generation, .. } = &*self.lock_leader();
        Leadership { leader: node.clone(), since: since.map(|since| since - ahead), generation: *generation }
    }

    /// Tells whether this node led the last beat that it knows of.
    pub fn is_leader(&self) -> bool {
        self.lock_leader().node == self.node
    }

    /// Tells whether this node led the last beat, and beats are still being received.
    pub fn is_active_leader(&self) -> bool {
        self.is_leader() && self.schedule().is_heard(self.clock.elapsed())
    }

    /// Returns a receiver that tells whether the time shown is valid. It is not once the store has been silent for the
    /// holdover.
    pub fn time_validity(&self) -> watch::Receiver<bool> {
        self.is_time_valid.subscribe()
    }

    /// Returns the date; `None` if it is unknown or not valid.
    pub fn valid_date(&self) -> Option<Timestamp> {
        self.clock.date().filter(|_| *self.is_time_valid.borrow())
    }

    /// Returns the number of deadlines that this node carries out, or whose instant it waits for.
    pub fn deadlines_in_flight(&self) -> usize {
        self.deadline_runner.count()
    }

    /// Hands over leadership. The node continues to serve its clients: it shows beats and updates, and executes
    /// commands.
    pub async fn resign(&self) {
        self.resigned.store(true, Ordering::Release);
        self.beat_heard.notify_one();
        let vacated = tokio::time::timeout(VACATE_TIMEOUT, self.store.vacate(&self.node)).await;
        if !matches!(vacated, Ok(Ok(()))) {
            tracing::warn!("leadership was not handed over; another node takes over at the missing beat");
        }
    }

    /// Stops the node. When this returns, everything that was acknowledged is safe.
    pub async fn stop(&self) {
        self.background.stop().await;
        self.store.close().await;
    }

    pub(crate) fn schedule(&self) -> MutexGuard<'_, BeatSchedule> {
        self.schedule.lock()
    }

    /// Makes a name that no run of a node has had.
    pub(crate) fn new_name(&self) -> NodeId {
        let name = format!("{}.{}", self.node, self.entropy.tag());
        NodeId::new(&name).expect("a node's name is short and printable")
    }

    /// Tells whether the store has answered for so long that other live nodes have reached it as well.
    pub(crate) fn is_steady(&self) -> bool {
        self.schedule().is_steady(self.clock.elapsed())
    }

    pub(crate) fn has_resigned(&self) -> bool {
        self.resigned.load(Ordering::Acquire)
    }

    pub(crate) fn publish_beat(&self, beat: Beat, now: Timestamp) {
        let lag = now.since(beat.instant());
        self.stats.beats.add_one();
        self.stats.beat_lag_ms.set(lag.0);
        self.telemetry.record(Timing::Beat, Duration::from_millis(lag.0));
        self.hub.publish_beat(beat);
    }

    pub(crate) fn set_time_valid(&self, is_valid: bool) {
        let changed = self.is_time_valid.send_if_modified(|old| std::mem::replace(old, is_valid) != is_valid);
        if changed && !is_valid {
            tracing::error!("the store has been silent for longer than the holdover; displays stop");
        }
    }

    pub(crate) fn forget_leader(&self) {
        self.lock_leader().node.clear();
    }

    pub(crate) fn is_vacant(&self) -> bool {
        self.lock_leader().node.is_empty()
    }

    /// Applies what a beat tells of its leader, and of the clock of the store.
    pub(crate) fn set_leader(&self, beat: &BeatStatus) {
        let current = Leader {
            node: beat.leader.clone(),
            since: Some(beat.beat.instant()),
            generation: Some(beat.generation),
            absorbed: beat.absorbed,
        };
        let last = self.replace_leader(current);
        if last.node != beat.leader {
            self.stats.leader_changes.add_one();
        }
        if last.generation.is_some() && beat.absorbed > last.absorbed {
            self.clock.count_step();
            let ms = beat.absorbed.0 - last.absorbed.0;
            tracing::warn!(ms, "the store's clock was set back; running timers continue");
        }
        self.set_absorbed(beat);
        if last.generation.is_some_and(|generation| generation != beat.generation) {
            tracing::warn!("the store was emptied; all views are compared with it");
            self.hub.invalidate_shards(Shards::ALL);
            self.compare(Shards::ALL);
        }
    }

    /// Replaces the leader, and returns the last one. The term of a leader that stays goes on.
    fn replace_leader(&self, mut current: Leader) -> Leader {
        let mut leader = self.lock_leader();
        if leader.node == current.node {
            current.since = leader.since;
        }
        std::mem::replace(&mut *leader, current)
    }

    /// Applies how far the clock of the store is behind, unless the beat is older than one that was shown. Shows all views
    /// again if their dates have changed.
    fn set_absorbed(&self, beat: &BeatStatus) {
        let is_latest = self.clock.now().is_some_and(|now| self.schedule().is_latest(beat.beat, now));
        if !is_latest {
            return;
        }
        let before = self.clock.ahead_of_date();
        self.clock.set_absorbed(beat.absorbed);
        let ahead = self.clock.ahead_of_date();
        if ahead != before {
            tracing::warn!(
                seconds = ahead.0 / MILLIS_PER_BEAT,
                "dates are behind cluster time by this much now, since they follow the store's clock"
            );
            self.hub.redate();
        }
    }

    /// Starts a comparison of the views of these shards with the store.
    pub(crate) fn compare(&self, shards: Shards) {
        let (hub, views) = (Arc::clone(&self.hub), self.hub.views_to_compare(shards));
        self.spawn(async move { hub.compare(views).await });
    }

    fn lock_leader(&self) -> MutexGuard<'_, Leader> {
        self.leader.lock()
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.background.spawn(task);
    }

    pub(crate) fn spawn_supervised(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.background.spawn_supervised(name, task);
    }
}
