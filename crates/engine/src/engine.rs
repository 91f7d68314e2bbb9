//! One node: a store, the views over it, and the tasks that keep both true.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use timers::{Beat, Limits, Millis, NodeId, Tag, Timestamp};
use tokio::sync::{Notify, mpsc, watch};

use crate::background::Background;
use crate::clock::{BootClock, Clock, Monotonic};
use crate::cursor::Cursor;
use crate::entropy::Entropy;
use crate::firing::Firing;
use crate::hub::Hub;
use crate::lane::Lanes;
use crate::presence::{Entering, Presence};
use crate::stats::Stats;
use crate::store::{BeatAnswer, Due, Measured, Shards, Store};
use crate::telemetry::{Telemetry, Timing, Unwatched};

/// How long a node that stops waits for the store to take its resignation.
const VACATE_WITHIN: Duration = Duration::from_millis(500);

/// What a node is told about itself.
#[derive(Clone, Debug)]
pub struct Options {
    /// The node's name; every start of a process has another one.
    pub node: String,
    /// The bounds of the rules.
    pub limits: Limits,
    /// How long displays go on while the store is not heard; then the time is no longer certain.
    pub holdover: Duration,
}

impl Options {
    /// Ten minutes: a day of quartz drift is not near, and a person at a clock has long noticed.
    pub const HOLDOVER: Duration = Duration::from_secs(600);

    /// Names a node; the rest is as people expect it.
    pub fn new(node: &str) -> Self {
        Self { node: node.to_owned(), limits: Limits::default(), holdover: Self::HOLDOVER }
    }
}

/// What a node is given besides its store, and a simulation replaces.
pub struct Seams {
    /// The clock that tells how much time passes.
    pub monotonic: Box<dyn Monotonic>,
    /// Randomness.
    pub entropy: Entropy,
    /// Who watches.
    pub telemetry: Arc<dyn Telemetry>,
}

impl Default for Seams {
    fn default() -> Self {
        Self { monotonic: Box::new(BootClock), entropy: Entropy::from_os(), telemetry: Arc::new(Unwatched) }
    }
}

/// One node.
pub struct Engine {
    pub(crate) node: String,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) entropy: Arc<Entropy>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) lanes: Lanes,
    pub(crate) limits: Limits,
    pub(crate) stats: Arc<Stats>,
    pub(crate) telemetry: Arc<dyn Telemetry>,
    pub(crate) beat_heard: Notify,
    pub(crate) firing: Arc<Firing>,
    pub(crate) presence: Presence,
    cursor: Mutex<Cursor>,
    leader: Mutex<Leader>,
    certain: watch::Sender<bool>,
    resigned: AtomicBool,
    background: Background,
}

/// What the last beat told.
#[derive(Debug, Default)]
struct Leader {
    node: String,
    generation: Option<Tag>,
    absorbed: Millis,
}

impl Engine {
    /// Makes a node, and the near deadlines that it is to time.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        options: Options,
        seams: Seams,
    ) -> (Self, mpsc::Receiver<Due>, mpsc::Receiver<Entering>) {
        let clock = Arc::new(Clock::new(seams.monotonic));
        let entropy = Arc::new(seams.entropy);
        let telemetry = seams.telemetry;
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
        let (firing, near) = Firing::new();
        let (presence, entering) = Presence::new(Arc::clone(&clock));
        let engine = Self {
            node: options.node,
            store,
            clock,
            entropy,
            hub,
            lanes: Lanes::default(),
            limits: options.limits,
            stats,
            telemetry,
            beat_heard: Notify::new(),
            firing,
            presence,
            cursor: Mutex::new(Cursor::new(options.holdover)),
            leader: Mutex::default(),
            certain: watch::Sender::new(true),
            resigned: AtomicBool::new(false),
            background,
        };
        (engine, near, entering)
    }

    /// Returns the views.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Returns where this node has members.
    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    /// Returns the store, for what needs no rules: the history.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Returns the cluster clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Returns what was counted.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Returns the node's name.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Returns the name of the node that led the last beat; empty if none is known.
    pub fn leader(&self) -> String {
        self.lock_leader().node.clone()
    }

    /// Tells whether this node led the last beat that it knows of.
    pub fn leads(&self) -> bool {
        self.lock_leader().node == self.node
    }

    /// Tells whether this node gives the beat now: it led the last one, and that was not long ago.
    pub fn gives_beat(&self) -> bool {
        self.leads() && self.cursor().is_heard(self.clock.elapsed())
    }

    /// Follows whether the time shown is certain: it is not once the store was not heard for the holdover.
    pub fn certainty(&self) -> watch::Receiver<bool> {
        self.certain.subscribe()
    }

    /// Returns the cluster's time, unless it is not known or not certain.
    pub fn certain_time(&self) -> Option<Timestamp> {
        self.clock.now().filter(|_| *self.certain.borrow())
    }

    /// Returns how many deadlines this node is carrying out, or waits for the instant of.
    pub fn deadlines_begun(&self) -> usize {
        self.firing.count()
    }

    /// Hands leadership over. The node goes on for its clients: beats and updates are shown, commands are
    /// executed.
    pub async fn resign(&self) {
        self.resigned.store(true, Ordering::Release);
        self.beat_heard.notify_one();
        let vacated = tokio::time::timeout(VACATE_WITHIN, self.store.vacate(&self.node)).await;
        if !matches!(vacated, Ok(Ok(()))) {
            tracing::warn!("leadership could not be handed over; another node takes it by the missing beat");
        }
    }

    /// Ends the node: what was accepted is safe when this returns.
    pub async fn stop(&self) {
        self.background.stop().await;
        self.store.close().await;
    }

    pub(crate) fn cursor(&self) -> MutexGuard<'_, Cursor> {
        self.cursor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes up a name that no run of a node has had.
    pub(crate) fn new_name(&self) -> NodeId {
        let name = format!("{}.{}", self.node, self.entropy.tag());
        NodeId::new(&name).expect("a node's name is short and printable")
    }

    /// Tells whether the store has been heard for so long that others who live have been heard by it too.
    pub(crate) fn is_steady(&self) -> bool {
        self.cursor().is_steady(self.clock.elapsed())
    }

    pub(crate) fn has_resigned(&self) -> bool {
        self.resigned.load(Ordering::Acquire)
    }

    pub(crate) fn show(&self, beat: Beat, now: Timestamp) {
        let lag = now.since(beat.instant());
        self.stats.beats.add_one();
        self.stats.beat_lag_ms.set(lag.0);
        self.telemetry.took(Timing::Beat, Duration::from_millis(lag.0));
        self.hub.show_beat(beat);
    }

    /// Sets whether the time shown is certain.
    pub(crate) fn set_certain(&self, certain: bool) {
        let changed = self.certain.send_if_modified(|old| std::mem::replace(old, certain) != certain);
        if changed && !certain {
            tracing::error!("the store was not heard for too long; displays stand still");
        }
    }

    pub(crate) fn forget_leader(&self) {
        self.lock_leader().node.clear();
    }

    pub(crate) fn is_vacant(&self) -> bool {
        self.lock_leader().node.is_empty()
    }

    pub(crate) fn set_leader(&self, beat: &BeatAnswer) {
        let told = Leader { node: beat.leader.clone(), generation: Some(beat.generation), absorbed: beat.absorbed };
        let last = std::mem::replace(&mut *self.lock_leader(), told);
        if last.node != beat.leader {
            self.stats.leader_changes.add_one();
        }
        if last.generation.is_some() && beat.absorbed > last.absorbed {
            self.clock.note_step();
            tracing::warn!(ms = beat.absorbed.0, "the store's clock went back; the time shown goes on");
        }
        if last.generation.is_some_and(|generation| generation != beat.generation) {
            tracing::warn!("the store was emptied; all views are compared with it");
            self.hub.lost(Shards::ALL);
            self.compare(Shards::ALL);
        }
    }

    /// Begins to compare the views of these shards with the store.
    pub(crate) fn compare(&self, shards: Shards) {
        let (hub, doubted) = (Arc::clone(&self.hub), self.hub.doubted(shards));
        self.spawn(async move { hub.compare(doubted).await });
    }

    fn lock_leader(&self) -> MutexGuard<'_, Leader> {
        self.leader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.background.spawn(task);
    }
}
