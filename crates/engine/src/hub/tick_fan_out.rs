//! The fan-out of one beat to all scopes of a node.

use std::ops::AddAssign;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use timers::Beat;
use tokio::runtime::Handle;
use tokio::task::{JoinSet, yield_now};

use crate::clock::Clock;
use crate::hub::broadcast::Ticks;
use crate::hub::scope_state::ScopeState;
use crate::stats::Stats;
use crate::telemetry::{Telemetry, Timing};

/// Scopes that a worker takes at once.
const SCOPES_AT_ONCE: usize = 32;

/// Subscribers that get a tick before other tasks get a turn on the processor: a few hundred µs. The subscribers of one
/// scope get it together.
const TICKS_AT_ONCE: u64 = 32;

/// The fan-out of one beat.
pub(crate) struct TickFanOut {
    entries_snapshot: Arc<[Arc<ScopeState>]>,
    /// The index of the first scope that no worker has taken.
    next: AtomicUsize,
    clock: Arc<Clock>,
    began: Duration,
    /// The delay of the beat when its fan-out began.
    late: Duration,
    telemetry: Arc<dyn Telemetry>,
}

/// The result of a fan-out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FanOutStats {
    pub(crate) ticks: Ticks,
    /// There are views without listeners to drop.
    pub(crate) has_unused: bool,
}

impl AddAssign for FanOutStats {
    fn add_assign(&mut self, other: Self) {
        self.ticks.sent += other.ticks.sent;
        self.ticks.deferred += other.ticks.deferred;
        self.has_unused |= other.has_unused;
    }
}

impl TickFanOut {
    pub(crate) fn new(
        entries_snapshot: Arc<[Arc<ScopeState>]>,
        beat: Beat,
        clock: Arc<Clock>,
        telemetry: Arc<dyn Telemetry>,
    ) -> Arc<Self> {
        let late = clock.now().map_or(0, |now| now.since(beat.instant()).0);
        let (began, late) = (clock.elapsed(), Duration::from_millis(late));
        Arc::new(Self { entries_snapshot, next: AtomicUsize::new(0), clock, began, late, telemetry })
    }

    /// Delivers the last beat to all scopes, with one worker per processor.
    ///
    /// # Panics
    /// If a worker panics.
    pub(crate) async fn run(self: Arc<Self>, stats: &Stats) -> FanOutStats {
        let batches = self.entries_snapshot.len().div_ceil(SCOPES_AT_ONCE);
        let workers = Handle::current().metrics().num_workers().min(batches);
        let mut helpers = JoinSet::new();
        for _ in 1..workers {
            let fan_out = Arc::clone(&self);
            helpers.spawn(async move { fan_out.run_worker().await });
        }
        let mut total = self.run_worker().await;
        while let Some(helped) = helpers.join_next().await {
            match helped.map_err(tokio::task::JoinError::try_into_panic) {
                Ok(helped) => total += helped,
                Err(Ok(panic)) => resume_unwind(panic),
                // The runtime is shutting down.
                Err(Err(_)) => {}
            }
        }
        stats.ticks_sent.add(total.ticks.sent);
        stats.ticks_deferred.add(total.ticks.deferred);
        total
    }

    async fn run_worker(&self) -> FanOutStats {
        let mut total = FanOutStats::default();
        loop {
            let begin = self.next.fetch_add(SCOPES_AT_ONCE, Ordering::Relaxed);
            let end = self.entries_snapshot.len().min(begin + SCOPES_AT_ONCE);
            let Some(batch) = self.entries_snapshot.get(begin..end) else { return total };
            let of_batch = self.deliver(batch).await;
            if of_batch.ticks != Ticks::default() {
                self.telemetry.record(Timing::Tick, self.late + self.clock.elapsed().saturating_sub(self.began));
            }
            total += of_batch;
            yield_now().await;
        }
    }

    async fn deliver(&self, batch: &[Arc<ScopeState>]) -> FanOutStats {
        let (mut total, mut delivered) = (FanOutStats::default(), 0);
        for state in batch {
            let ticks = state.publish_beat();
            total += FanOutStats { ticks, has_unused: state.is_unused(self.began) };
            delivered += ticks.sent + ticks.deferred;
            if delivered >= TICKS_AT_ONCE {
                delivered = 0;
                yield_now().await;
            }
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::time::Instant;

    use timers::stopwatch::{Start, StopwatchCommand};
    use timers::{Board, CommandId, Decision, Limits, Position, Revision, Scope, StoredRows, Tag, Timestamp, UserId};

    use super::*;
    use crate::clock::BootClock;
    use crate::hub::broadcast::{Subscriber, TickContext, TickDelivery};
    use crate::telemetry::NoTelemetry;

    /// A subscriber that panics in a helper, while the calling task waits for that.
    #[derive(Default)]
    struct PanicsInHelper(AtomicBool);

    impl Subscriber for PanicsInHelper {
        fn on_tick(&self, _: &mut TickContext) -> TickDelivery {
            // The test itself runs outside any task.
            if tokio::task::try_id().is_some() {
                self.0.store(true, Ordering::Release);
                panic!("injected into a helper");
            }
            let begun = Instant::now();
            while !self.0.load(Ordering::Acquire) {
                assert!(begun.elapsed() < Duration::from_secs(10), "no helper has run");
                std::thread::yield_now();
            }
            TickDelivery::Nothing
        }

        fn notify(&self) {}
    }

    /// A board with a running session.
    fn running(user: &str) -> Board {
        let start = Start {
            session: None,
            label: "x".to_owned(),
            goals: None,
            group_id: None,
            group_name: None,
            comment: None,
        };
        let board = Board::empty(Scope::user(&UserId::new(user).unwrap()));
        let (command, limits) = (StopwatchCommand::Start(start).into(), Limits::default());
        let decision =
            timers::decide(&board, &StoredRows::default(), &command, CommandId(1), Timestamp(1_000), &limits);
        let Ok(Decision::Change(change)) = decision else { panic!("a change: {decision:?}") };
        board.after(&change, Position { revision: Revision(1), tag: Tag(1) })
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[should_panic(expected = "injected into a helper")]
    async fn a_panic_in_a_helper_is_a_panic_of_the_fan_out() {
        let subscriber = Arc::new(PanicsInHelper::default());
        let beat = Arc::default();
        let clock = Arc::new(Clock::new(Box::new(BootClock)));
        let states = (0..2 * SCOPES_AT_ONCE).map(|nth| {
            let board = running(&format!("user-{nth}"));
            let state = ScopeState::new(board.scope.clone(), Arc::clone(&beat), Arc::clone(&clock), Arc::default());
            state.begin_load().install(board);
            state.broadcast.subscribe(Arc::clone(&subscriber) as Arc<dyn Subscriber>);
            Arc::new(state)
        });
        let states = states.collect();
        let fan_out = TickFanOut::new(states, Beat(0), clock, Arc::new(NoTelemetry));
        fan_out.run(&Stats::default()).await;
    }
}
