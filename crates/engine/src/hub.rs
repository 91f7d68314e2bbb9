//! The views of this node: one a scope that somebody here listens to, thrown away with the last listener.

mod audit;
mod entry;
mod feed;
mod reader;
mod recover;
mod view;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use timers::{Beat, Board, Scope};
use tokio::sync::watch;

use crate::background::Background;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::hub::entry::Entry;
use crate::stats::Stats;
use crate::store::{Fault, Store};
use crate::update::Update;

pub use feed::{Feed, Onlooker, Scratch};
pub use reader::{Lack, Progress, Reader, Sight};
pub use view::{FILL_MAX, Frames, Shown, View};

/// Scopes that are shown a beat before others get a turn: a few hundred µs.
const FANNED_AT_ONCE: usize = 32;

/// Why a scope can't be listened to now.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The store does not give the board; try again later.
    #[error(transparent)]
    Store(#[from] Fault),
    /// The stored board can't be read; a retry does not help.
    #[error(transparent)]
    Damaged(#[from] timers::BadItem),
}

/// The views of a node.
pub struct Hub {
    store: Arc<dyn Store>,
    clock: Arc<Clock>,
    entropy: Arc<Entropy>,
    stats: Arc<Stats>,
    entries: Mutex<BTreeMap<Scope, Arc<Entry>>>,
    beat: Arc<AtomicU64>,
    /// Tells those who do something at each beat.
    beaten: watch::Sender<()>,
    background: Background,
}

impl Hub {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        clock: Arc<Clock>,
        entropy: Arc<Entropy>,
        stats: Arc<Stats>,
        background: Background,
    ) -> Self {
        let beaten = watch::Sender::new(());
        Self { store, clock, entropy, stats, entries: Mutex::default(), beat: Arc::default(), beaten, background }
    }

    /// Listens to a scope. Returns when its view is current.
    ///
    /// Costs nothing where somebody listens already; else a subscription and a load, two round trips.
    ///
    /// # Errors
    /// [`JoinError`]; nothing is left behind.
    pub async fn join(self: &Arc<Self>, scope: &Scope) -> Result<Feed, JoinError> {
        let entry = self.enter(scope);
        let feed = Feed::new(Arc::clone(self), entry);
        if !feed.entry().is_current() {
            self.refresh(feed.entry()).await?;
        }
        Ok(feed)
    }

    /// Returns the number of scopes with a view.
    pub fn scopes(&self) -> usize {
        self.lock().len()
    }

    /// Returns the last beat shown.
    pub fn last_beat(&self) -> Beat {
        Beat(self.beat.load(Ordering::Acquire))
    }

    /// Goes through the boards of all views, for counting.
    pub fn for_each_board(&self, mut look: impl FnMut(&Board)) {
        let entries: Vec<Arc<Entry>> = self.lock().values().cloned().collect();
        for entry in entries {
            if let Some(view) = entry.view() {
                look(&view.board);
            }
        }
    }

    /// Returns the view of a scope if it is current.
    pub(crate) fn current(&self, scope: &Scope) -> Option<Arc<View>> {
        let entry = self.lock().get(scope).cloned()?;
        entry.is_current().then(|| entry.view()).flatten()
    }

    /// Takes in what this node has committed itself, before it answers.
    pub(crate) fn committed(&self, after: &Arc<Board>, update: &Update) {
        if let Some(entry) = self.lock().get(&update.scope).cloned() {
            entry.committed(after, update);
        }
    }

    /// Takes in an update that was heard.
    pub(crate) fn heard(self: &Arc<Self>, update: &Update) {
        let Some(entry) = self.lock().get(&update.scope).cloned() else { return };
        match entry.heard(update) {
            entry::Heard::Applied => self.stats.updates_applied.add_one(),
            entry::Heard::Kept | entry::Heard::Skipped => self.stats.updates_skipped.add_one(),
            entry::Heard::Gap => {
                self.stats.gaps.add_one();
                self.doubt(&entry);
            }
        }
    }

    /// Follows the beats that are shown.
    pub(crate) fn beats(&self) -> watch::Receiver<()> {
        self.beaten.subscribe()
    }

    /// Has a beat fanned out. From here on what changes is behind it.
    pub(crate) fn show_beat(&self, beat: Beat) {
        self.beat.store(beat.0, Ordering::Release);
        self.beaten.send_replace(());
    }

    /// Shows each beat to all who have something that ticks, and lets go of views that nobody wants.
    pub(crate) fn fan_out(self: Arc<Self>) -> impl Future<Output = ()> + Send {
        let mut beaten = self.beats();
        async move {
            let mut scratch = Scratch::default();
            while beaten.changed().await.is_ok() {
                let entries: Vec<Arc<Entry>> = self.lock().values().cloned().collect();
                let mut unwanted = false;
                for some in entries.chunks(FANNED_AT_ONCE) {
                    let now = self.clock.elapsed();
                    for entry in some {
                        entry.show_beat(&mut scratch);
                        unwanted |= entry.is_unwanted(now);
                    }
                    tokio::task::yield_now().await;
                }
                if unwanted {
                    self.let_go();
                }
            }
        }
    }

    fn let_go(&self) {
        let now = self.clock.elapsed();
        self.lock().retain(|scope, entry| {
            let unwanted = entry.is_unwanted(now);
            if unwanted {
                self.store.unwatch(scope);
            }
            !unwanted
        });
    }

    /// Forgets an entry that never got a view and that nobody waits for.
    pub(crate) fn forget_blank(&self, entry: &Arc<Entry>) {
        let mut entries = self.lock();
        let held = entries.get(&entry.scope).is_some_and(|held| Arc::ptr_eq(held, entry));
        if held && entry.is_blank_and_unwanted() {
            entries.remove(&entry.scope);
            self.store.unwatch(&entry.scope);
        }
    }

    fn enter(&self, scope: &Scope) -> Arc<Entry> {
        let mut entries = self.lock();
        let entry =
            entries.entry(scope.clone()).or_insert_with(|| Arc::new(Entry::new(scope.clone(), Arc::clone(&self.beat))));
        entry.add_listener();
        Arc::clone(entry)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Scope, Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
