//! The views of this node: one a scope that somebody here listens to, thrown away with the last listener.

mod audit;
mod entries;
mod entry;
mod feed;
mod reader;
mod recover;
mod round;
mod sheet;
mod stage;
mod view;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use timers::{Beat, Board, Scope};
use tokio::sync::watch;

use crate::background::Background;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::hub::entries::Entries;
use crate::hub::entry::Entry;
use crate::hub::round::go_round;
use crate::stats::Stats;
use crate::store::{Fault, Store};
use crate::update::Update;

pub use feed::Feed;
pub use reader::{Lack, Progress, Reader, Sight};
pub use sheet::Sheet;
pub use stage::{Onlooker, Showing};
pub use view::{FILL_MAX, Frames, Shown, View};

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
    entries: Mutex<Entries>,
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
        let roster = self.lock().roster();
        for entry in &*roster {
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
        let Some(entry) = self.lock().get(&update.scope).cloned() else { return };
        entry.committed(after, update);
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
            while beaten.changed().await.is_ok() {
                let roster = self.lock().roster();
                if go_round(roster, self.clock.elapsed()).await {
                    self.let_go();
                }
            }
        }
    }

    /// Lets go of views that nobody wants.
    fn let_go(&self) {
        let now = self.clock.elapsed();
        self.lock().change().retain(|scope, entry| {
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
            entries.change().remove(&entry.scope);
            self.store.unwatch(&entry.scope);
        }
    }

    fn enter(&self, scope: &Scope) -> Arc<Entry> {
        let mut entries = self.lock();
        let entry = match entries.get(scope) {
            Some(entry) => Arc::clone(entry),
            None => {
                let entry = Arc::new(Entry::new(scope.clone(), Arc::clone(&self.beat)));
                entries.change().insert(scope.clone(), Arc::clone(&entry));
                entry
            }
        };
        entry.add_listener();
        entry
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
