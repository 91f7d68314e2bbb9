//! The views of this node: one a scope that somebody here listens to, thrown away with the last listener.

mod audit;
mod entries;
mod entry;
mod feed;
mod progress;
mod reader;
mod recover;
mod round;
mod sheet;
mod spread;
mod stage;
mod view;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use timers::{Beat, Board, Scope};
use tokio::sync::watch;
use tracing::Instrument;

use crate::background::Background;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::hub::entries::Entries;
use crate::hub::entry::Entry;
use crate::hub::recover::Cause;
use crate::hub::round::Round;
use crate::hub::spread::{Audience, Spread};
use crate::stats::Stats;
use crate::store::{Fault, Store};
use crate::telemetry::{self, ROOT, Telemetry, Timing};
use crate::update::Update;

pub use feed::{Caught, Feed};
pub use progress::{Lack, Progress, Sight};
pub use reader::Reader;
pub use sheet::Sheet;
pub use stage::{Looked, Onlooker, Showing};
pub use view::{FILL_MAX, Frames, Shown, View};

/// Of how many beats one is traced.
const TRACED_EVERY: u64 = 60;

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
    telemetry: Arc<dyn Telemetry>,
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
        telemetry: Arc<dyn Telemetry>,
        background: Background,
    ) -> Self {
        Self {
            store,
            clock,
            entropy,
            stats,
            telemetry,
            entries: Mutex::default(),
            beat: Arc::default(),
            beaten: watch::Sender::new(()),
            background,
        }
    }

    /// Listens to a scope. Returns when its view is current.
    ///
    /// Costs nothing where somebody listens already; else a subscription and a load, two round trips.
    ///
    /// # Errors
    /// [`JoinError`]; nothing is left behind.
    pub async fn join(self: &Arc<Self>, scope: &Scope) -> Result<Feed, JoinError> {
        let (entry, listener) = self.enter(scope);
        let feed = Feed::new(Arc::clone(self), entry, listener);
        if !feed.entry().is_current() {
            self.refresh(feed.entry()).await?;
        }
        Ok(feed)
    }

    /// Returns the number of scopes with a view.
    pub fn scopes(&self) -> usize {
        self.lock().len()
    }

    /// Returns how many scopes have listeners, by kind. Goes through all.
    pub fn listened_to(&self) -> BTreeMap<&'static str, usize> {
        let mut counts: BTreeMap<_, _> = Scope::KINDS.map(|kind| (kind, 0)).into();
        let roster = self.lock().roster();
        for entry in roster.iter().filter(|entry| entry.listeners() > 0) {
            *counts.entry(entry.scope.kind()).or_default() += 1;
        }
        counts
    }

    /// Returns how many listeners a scope has on this node.
    pub fn audience(&self, scope: &Scope) -> usize {
        self.lock().get(scope).map_or(0, |entry| entry.listeners())
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
        entry.committed(after, update, |audience| self.follow(update, audience));
    }

    /// Takes in an update that was heard.
    pub(crate) fn heard(self: &Arc<Self>, update: &Update) {
        let Some(entry) = self.lock().get(&update.scope).cloned() else { return };
        match entry.heard(update, |audience| self.follow(update, audience)) {
            entry::Heard::Applied => {
                self.stats.updates_applied.add_one();
                if let Some((now, decided_at)) = self.clock.now().zip(update.decided_at) {
                    self.telemetry.took(Timing::Update, Duration::from_millis(now.since(decided_at).0));
                }
            }
            entry::Heard::Kept | entry::Heard::Skipped => self.stats.updates_skipped.add_one(),
            entry::Heard::Gap => self.doubt(&entry, Cause::Gap),
        }
    }

    /// Begins to follow a change to those who listen here, if it is traced.
    fn follow(&self, update: &Update, audience: Audience) -> Option<Arc<Spread>> {
        let origin = update.trace.as_ref()?;
        Spread::begin(&*self.telemetry, &self.background, origin, &update.scope, audience)
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
                let (beat, roster) = (self.last_beat(), self.lock().roster());
                let span = self.span_of(beat, roster.len());
                let round = Round::new(roster, beat, Arc::clone(&self.clock), Arc::clone(&self.telemetry));
                let gone = round.go(&self.stats).instrument(span.clone()).await;
                span.record("tickcast.ticks.sent", gone.ticks.sent);
                span.record("tickcast.ticks.behind", gone.ticks.behind);
                if gone.found_unwanted {
                    self.let_go();
                }
            }
        }
    }

    /// Makes a span of a beat once a minute: one tells as much as sixty.
    fn span_of(&self, beat: Beat, scopes: usize) -> tracing::Span {
        if !beat.0.is_multiple_of(TRACED_EVERY) {
            return tracing::Span::none();
        }
        telemetry::begin(&*self.telemetry, usize::MAX, || {
            tracing::info_span!(
                target: ROOT,
                "beat",
                tickcast.beat = beat.0,
                tickcast.scopes = scopes,
                tickcast.ticks.sent = tracing::field::Empty,
                tickcast.ticks.behind = tracing::field::Empty,
            )
        })
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

    fn enter(&self, scope: &Scope) -> (Arc<Entry>, u64) {
        let mut entries = self.lock();
        let entry = match entries.get(scope) {
            Some(entry) => Arc::clone(entry),
            None => {
                let entry = Arc::new(Entry::new(scope.clone(), Arc::clone(&self.beat)));
                entries.change().insert(scope.clone(), Arc::clone(&entry));
                entry
            }
        };
        let listener = entry.add_listener();
        (entry, listener)
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
