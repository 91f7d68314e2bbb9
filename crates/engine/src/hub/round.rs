//! One beat on its way to all scopes of a node.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::{JoinSet, yield_now};

use crate::hub::entry::Entry;

/// Scopes that a processor takes from the roster at once.
const TAKEN_AT_ONCE: usize = 32;

/// Onlookers that are shown a beat before others get a turn on the processor: a few hundred µs. Those of one scope
/// are shown it together.
const SHOWN_AT_ONCE: usize = 32;

/// One beat on its way.
struct Round {
    roster: Arc<[Arc<Entry>]>,
    now: Duration,
    /// Where the next ones begin that nobody has taken yet.
    next: AtomicUsize,
    found_unwanted: AtomicBool,
}

/// Shows the last beat to everybody on the roster, on as many processors as there are; tells whether there are
/// views that nobody wants.
pub(crate) async fn go_round(roster: Arc<[Arc<Entry>]>, now: Duration) -> bool {
    let batches = roster.len().div_ceil(TAKEN_AT_ONCE);
    let hands = Handle::current().metrics().num_workers().min(batches);
    let round = Arc::new(Round { roster, now, next: AtomicUsize::new(0), found_unwanted: AtomicBool::new(false) });
    let mut helpers = JoinSet::new();
    for _ in 1..hands {
        let round = Arc::clone(&round);
        helpers.spawn(async move { round.go().await });
    }
    round.go().await;
    while let Some(helped) = helpers.join_next().await {
        if let Err(error) = helped
            && error.is_panic()
        {
            tracing::error!(%error, "some were not shown a beat");
        }
    }
    round.found_unwanted.load(Ordering::Relaxed)
}

impl Round {
    async fn go(&self) {
        loop {
            let begin = self.next.fetch_add(TAKEN_AT_ONCE, Ordering::Relaxed);
            let end = self.roster.len().min(begin + TAKEN_AT_ONCE);
            let Some(batch) = self.roster.get(begin..end) else { return };
            let mut shown = 0;
            for entry in batch {
                shown += entry.show_beat();
                if shown >= SHOWN_AT_ONCE {
                    shown = 0;
                    yield_now().await;
                }
                if entry.is_unwanted(self.now) {
                    self.found_unwanted.store(true, Ordering::Relaxed);
                }
            }
            yield_now().await;
        }
    }
}
