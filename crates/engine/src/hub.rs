//! The views of this node: one per scope with a local listener, dropped after its last listener.

mod anti_entropy;
mod broadcast;
mod damage_log;
mod delivery;
mod entries;
mod fan_out_trace;
mod frames;
mod hub_counts;
mod reader;
mod recover;
mod scope_state;
mod subscription;
mod tick_buffer;
mod tick_fan_out;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use timers::{Beat, Board, ItemType, Scope};
use tokio::sync::watch;
use tracing::Instrument;

pub use broadcast::{Subscriber, TickContext, TickDelivery};
pub use delivery::{Backlog, Delivery, DeliveryState};
pub use frames::Frames;
pub use reader::Reader;
pub use subscription::{DeliveryReceipt, Subscription};
pub use tick_buffer::TickBuffer;
pub use view::{FILL_MAX, Snapshot, View};

use crate::background::Background;
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::hub::damage_log::DamageLog;
use crate::hub::entries::Entries;
use crate::hub::fan_out_trace::{Audience, FanOutTrace};
use crate::hub::hub_counts::HubCounts;
use crate::hub::recover::Cause;
pub(crate) use crate::hub::recover::Loaded;
pub(crate) use crate::hub::scope_state::ViewMark;
use crate::hub::scope_state::{ApplyResult, ScopeState};
use crate::hub::tick_fan_out::TickFanOut;
use crate::stats::Stats;
use crate::store::{Fault, FaultKind, Store};
use crate::telemetry::{self, ROOT, Telemetry, Timing};
use crate::update::Update;

/// One of this many beats is traced.
const TRACED_EVERY: u64 = 60;

/// Why a scope cannot be joined now.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The store does not return the board. A later retry may help.
    #[error(transparent)]
    Store(#[from] Fault),
    /// The stored board cannot be read. A retry does not help.
    #[error(transparent)]
    Damaged(#[from] timers::BadItem),
}

impl JoinError {
    /// Tells whether the stored data is damaged. A retry does not help until an operator has acted.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Store(fault) => fault.kind() == FaultKind::Damaged,
            Self::Damaged(_) => true,
        }
    }
}

/// The views of a node.
pub struct Hub {
    store: Arc<dyn Store>,
    clock: Arc<Clock>,
    entropy: Arc<Entropy>,
    stats: Arc<Stats>,
    telemetry: Arc<dyn Telemetry>,
    entries: Mutex<Entries>,
    counts: Arc<HubCounts>,
    beat: Arc<AtomicU64>,
    /// Notifies the tasks that run at each beat.
    beats: watch::Sender<()>,
    background: Background,
    damage_log: DamageLog,
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
            counts: Arc::default(),
            beat: Arc::default(),
            beats: watch::Sender::new(()),
            background,
            damage_log: DamageLog::default(),
        }
    }

    /// Joins a scope as a listener. Returns when the scope's view is current.
    ///
    /// Costs nothing if the scope has a current view; else a subscription and a load, two round trips.
    ///
    /// # Errors
    /// [`JoinError`]; nothing is left behind.
    pub async fn join(self: &Arc<Self>, scope: &Scope) -> Result<Subscription, JoinError> {
        let (state, listener) = self.add_listener(scope);
        let subscription = Subscription::new(Arc::clone(self), state, listener);
        if !subscription.state().is_current() {
            self.refresh(subscription.state()).await?;
        }
        Ok(subscription)
    }

    /// Returns the number of scopes with a view.
    pub fn scopes(&self) -> usize {
        self.lock().len()
    }

    /// Returns the number of scopes with listeners, by the scope's kind.
    pub fn listened_to(&self) -> BTreeMap<&'static str, usize> {
        self.counts.listened_to()
    }

    /// Returns the number of items of a type in all scopes with listeners.
    pub fn item_count<T: ItemType>(&self) -> usize {
        self.counts.items::<T>()
    }

    /// Returns the scopes of guests that have listeners on this node.
    pub(crate) fn guests(&self) -> Vec<Scope> {
        let entries = self.lock().entries_snapshot();
        let guests = entries.iter().filter(|state| state.scope.is_guest() && state.listeners() > 0);
        guests.map(|state| state.scope.clone()).collect()
    }

    /// Returns the number of listeners of a scope on this node.
    pub fn audience(&self, scope: &Scope) -> usize {
        self.lock().get(scope).map_or(0, |state| state.listeners())
    }

    /// Returns the last beat shown.
    pub fn last_beat(&self) -> Beat {
        Beat(self.beat.load(Ordering::Acquire))
    }

    /// Returns the view of a scope if it is current.
    pub(crate) fn current(&self, scope: &Scope) -> Option<Arc<View>> {
        let state = self.lock().get(scope).cloned()?;
        state.is_current().then(|| state.view()).flatten()
    }

    /// Applies a commit of this node, which was decided after `mark`, before it is answered; returns whether listeners
    /// have seen it.
    pub(crate) fn apply_commit(&self, after: &Arc<Board>, update: &Update, mark: ViewMark) -> bool {
        let Some(state) = self.lock().get(&update.scope).cloned() else { return true };
        state.apply_commit(after, update, mark, |audience| self.begin_trace(update, audience))
    }

    /// Applies an update that the store signalled.
    pub(crate) fn apply_update(self: &Arc<Self>, update: &Update) {
        let Some(state) = self.lock().get(&update.scope).cloned() else { return };
        match state.apply_update(update, |audience| self.begin_trace(update, audience)) {
            ApplyResult::Applied => {
                self.stats.updates_applied.add_one();
                if let Some((now, decided_at)) = self.clock.now().zip(update.decided_at) {
                    self.telemetry.record(Timing::Update, Duration::from_millis(now.since(decided_at).0));
                }
            }
            ApplyResult::Pending | ApplyResult::Skipped => self.stats.updates_skipped.add_one(),
            ApplyResult::Gap => self.invalidate_and_reload(&state, Cause::Gap),
        }
    }

    /// Begins the fan-out trace of a change, if the change is traced.
    fn begin_trace(&self, update: &Update, audience: Audience) -> Option<Arc<FanOutTrace>> {
        let origin = update.trace.as_ref()?;
        FanOutTrace::begin(&*self.telemetry, &self.background, origin, &update.scope, audience)
    }

    /// Returns a receiver that changes at each beat.
    pub(crate) fn beats(&self) -> watch::Receiver<()> {
        self.beats.subscribe()
    }

    /// Shows all views again, after cluster time and the date have moved apart or together.
    pub(crate) fn redate(&self) {
        let states: Vec<Arc<ScopeState>> = self.lock().values().cloned().collect();
        states.iter().for_each(|state| state.redate());
    }

    /// Begins the fan-out of a beat. Later changes are ordered after this beat.
    pub(crate) fn publish_beat(&self, beat: Beat) {
        self.beat.store(beat.0, Ordering::Release);
        self.beats.send_replace(());
    }

    /// Delivers each beat to all scopes in which something ticks, and drops unused views.
    pub(crate) fn fan_out(self: Arc<Self>) -> impl Future<Output = ()> + Send {
        let mut beats = self.beats();
        async move {
            while beats.changed().await.is_ok() {
                let (beat, entries_snapshot) = (self.last_beat(), self.lock().entries_snapshot());
                let span = self.span_of(beat, entries_snapshot.len());
                let (clock, telemetry) = (Arc::clone(&self.clock), Arc::clone(&self.telemetry));
                let fan_out = TickFanOut::new(entries_snapshot, beat, clock, telemetry);
                let result = fan_out.run(&self.stats).instrument(span.clone()).await;
                span.record("tickcast.ticks.sent", result.ticks.sent);
                span.record("tickcast.ticks.behind", result.ticks.deferred);
                if result.has_unused {
                    self.drop_unused_views();
                }
            }
        }
    }

    /// Begins a span for one beat a minute; sixty spans would tell no more.
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

    fn drop_unused_views(&self) {
        let now = self.clock.elapsed();
        self.lock().change().retain(|scope, state| {
            let is_unused = state.is_unused(now);
            if is_unused {
                self.store.unwatch(scope);
            }
            !is_unused
        });
    }

    /// Removes an entry that never got a view and has no listeners.
    pub(crate) fn remove_if_blank(&self, state: &Arc<ScopeState>) {
        let mut entries = self.lock();
        let is_held = entries.get(&state.scope).is_some_and(|held| Arc::ptr_eq(held, state));
        if is_held && state.is_blank_and_unused() {
            entries.change().remove(&state.scope);
            self.store.unwatch(&state.scope);
        }
    }

    fn add_listener(&self, scope: &Scope) -> (Arc<ScopeState>, u64) {
        let mut entries = self.lock();
        let state = match entries.get(scope) {
            Some(state) => Arc::clone(state),
            None => {
                let state = Arc::new(self.new_state(scope));
                entries.change().insert(scope.clone(), Arc::clone(&state));
                state
            }
        };
        let listener = state.add_listener();
        (state, listener)
    }

    fn new_state(&self, scope: &Scope) -> ScopeState {
        let (beat, clock, counts) = (Arc::clone(&self.beat), Arc::clone(&self.clock), Arc::clone(&self.counts));
        ScopeState::new(scope.clone(), beat, clock, counts)
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock()
    }
}
