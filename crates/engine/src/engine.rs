//! One node: a store, the views over it, and the tasks that keep both true.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use timers::{Limits, Tag};
use tokio::sync::{Notify, watch};

use crate::background::Background;
use crate::clock::{BootClock, Clock, Monotonic};
use crate::cursor::Cursor;
use crate::entropy::Entropy;
use crate::hub::Hub;
use crate::lane::Lanes;
use crate::stats::Stats;
use crate::store::{BeatAnswer, Store};

/// How long a node that stops waits for the store to take its resignation.
const VACATE_WITHIN: Duration = Duration::from_millis(500);

/// What a node is told about itself.
#[derive(Clone, Debug)]
pub struct Options {
    /// The node's name; every start of a process has another one.
    pub node: String,
    /// The bounds of the rules.
    pub limits: Limits,
}

/// What a simulation replaces.
pub struct Seams {
    /// The clock that tells how much time passes.
    pub monotonic: Box<dyn Monotonic>,
    /// Randomness.
    pub entropy: Entropy,
}

impl Default for Seams {
    fn default() -> Self {
        Self { monotonic: Box::new(BootClock), entropy: Entropy::from_os() }
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
    pub(crate) beat_heard: Notify,
    cursor: Mutex<Cursor>,
    leader: watch::Sender<Leader>,
    resigned: AtomicBool,
    background: Background,
}

/// Who led the last beat.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leader {
    pub(crate) node: String,
    generation: Option<Tag>,
}

impl Engine {
    pub(crate) fn new(store: Arc<dyn Store>, options: Options, seams: Seams) -> Self {
        let clock = Arc::new(Clock::new(seams.monotonic));
        let entropy = Arc::new(seams.entropy);
        let stats = Arc::new(Stats::default());
        let background = Background::default();
        let hub = Arc::new(Hub::new(
            Arc::clone(&store),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            Arc::clone(&stats),
            background.clone(),
        ));
        Self {
            node: options.node,
            store,
            clock,
            entropy,
            hub,
            lanes: Lanes::default(),
            limits: options.limits,
            stats,
            beat_heard: Notify::new(),
            cursor: Mutex::default(),
            leader: watch::Sender::new(Leader::default()),
            resigned: AtomicBool::new(false),
            background,
        }
    }

    /// Returns the views.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
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
        self.leader.borrow().node.clone()
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

    pub(crate) fn has_resigned(&self) -> bool {
        self.resigned.load(Ordering::Acquire)
    }

    pub(crate) fn leaders(&self) -> watch::Receiver<Leader> {
        self.leader.subscribe()
    }

    pub(crate) fn forget_leader(&self) {
        self.leader.send_modify(|leader| leader.node.clear());
    }

    pub(crate) fn is_vacant(&self) -> bool {
        self.leader.borrow().node.is_empty()
    }

    pub(crate) fn set_leader(&self, beat: &BeatAnswer) {
        let emptied = {
            let last = self.leader.borrow();
            last.generation.is_some_and(|generation| generation != beat.generation)
        };
        self.leader.send_replace(Leader { node: beat.leader.clone(), generation: Some(beat.generation) });
        if emptied {
            tracing::warn!("the store was emptied; all views are compared with it");
            self.hub.lost();
            let hub = Arc::clone(&self.hub);
            self.spawn(async move { hub.restored().await });
        }
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.background.spawn(task);
    }
}
