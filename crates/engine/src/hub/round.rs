//! One beat on its way to all scopes of a node.

use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use timers::Beat;
use tokio::runtime::Handle;
use tokio::task::{JoinSet, yield_now};

use crate::clock::Clock;
use crate::hub::entry::Entry;
use crate::hub::stage::Ticks;
use crate::stats::Stats;
use crate::telemetry::{Telemetry, Timing};

/// Scopes that a processor takes from the roster at once.
const TAKEN_AT_ONCE: usize = 32;

/// Onlookers that are shown a beat before others get a turn on the processor: a few hundred µs. Those of one scope
/// are shown it together.
const SHOWN_AT_ONCE: u64 = 32;

/// One beat on its way.
pub(crate) struct Round {
    roster: Arc<[Arc<Entry>]>,
    /// Where the next ones begin that nobody has taken yet.
    next: AtomicUsize,
    clock: Arc<Clock>,
    began: Duration,
    /// How late it was when it began.
    late: Duration,
    telemetry: Arc<dyn Telemetry>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gone {
    pub(crate) ticks: Ticks,
    /// There are views that nobody wants.
    pub(crate) found_unwanted: bool,
}

impl AddAssign for Gone {
    fn add_assign(&mut self, other: Self) {
        self.ticks.sent += other.ticks.sent;
        self.ticks.behind += other.ticks.behind;
        self.found_unwanted |= other.found_unwanted;
    }
}

impl Round {
    pub(crate) fn new(
        roster: Arc<[Arc<Entry>]>,
        beat: Beat,
        clock: Arc<Clock>,
        telemetry: Arc<dyn Telemetry>,
    ) -> Arc<Self> {
        let late = clock.now().map_or(0, |now| now.since(beat.instant()).0);
        let (began, late) = (clock.elapsed(), Duration::from_millis(late));
        Arc::new(Self { roster, next: AtomicUsize::new(0), clock, began, late, telemetry })
    }

    /// Shows the last beat to everybody on the roster, on as many processors as there are.
    pub(crate) async fn go(self: Arc<Self>, stats: &Stats) -> Gone {
        let batches = self.roster.len().div_ceil(TAKEN_AT_ONCE);
        let hands = Handle::current().metrics().num_workers().min(batches);
        let mut helpers = JoinSet::new();
        for _ in 1..hands {
            let round = Arc::clone(&self);
            helpers.spawn(async move { round.lend_a_hand().await });
        }
        let mut gone = self.lend_a_hand().await;
        while let Some(helped) = helpers.join_next().await {
            match helped {
                Ok(helped) => gone += helped,
                Err(error) if error.is_panic() => tracing::error!(%error, "some were not shown a beat"),
                Err(_) => {}
            }
        }
        stats.ticks_sent.add(gone.ticks.sent);
        stats.ticks_behind.add(gone.ticks.behind);
        gone
    }

    async fn lend_a_hand(&self) -> Gone {
        let mut gone = Gone::default();
        loop {
            let begin = self.next.fetch_add(TAKEN_AT_ONCE, Ordering::Relaxed);
            let end = self.roster.len().min(begin + TAKEN_AT_ONCE);
            let Some(batch) = self.roster.get(begin..end) else { return gone };
            let of_batch = self.show(batch).await;
            if of_batch.ticks != Ticks::default() {
                self.telemetry.took(Timing::Tick, self.late + self.clock.elapsed().saturating_sub(self.began));
            }
            gone += of_batch;
            yield_now().await;
        }
    }

    async fn show(&self, batch: &[Arc<Entry>]) -> Gone {
        let (mut gone, mut shown) = (Gone::default(), 0);
        for entry in batch {
            let ticks = entry.show_beat();
            gone += Gone { ticks, found_unwanted: entry.is_unwanted(self.began) };
            shown += ticks.sent + ticks.behind;
            if shown >= SHOWN_AT_ONCE {
                shown = 0;
                yield_now().await;
            }
        }
        gone
    }
}
