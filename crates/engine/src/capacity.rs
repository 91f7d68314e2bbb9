//! Warns before the store is full: a full store refuses every change, and cannot be emptied by changes either.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::engine::Engine;

/// How often the store is looked at. One user fills a store no faster than its quota allows.
const INTERVAL: Duration = Duration::from_secs(5);

/// From this part on, an operator should act. The alert has the same bound.
const FILLING_PERCENT: u64 = 80;

/// From this part on, changes are about to be refused.
const NEARLY_FULL_PERCENT: u64 = 95;

/// How far the use must fall below a bound before that is over, so that a use around the bound is logged once.
const HYSTERESIS_PERCENT: u64 = 5;

/// How full the store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum FillLevel {
    Ample,
    Filling,
    NearlyFull,
}

impl FillLevel {
    fn next(self, percent: u64) -> Self {
        let at = |percent| match percent {
            NEARLY_FULL_PERCENT.. => Self::NearlyFull,
            FILLING_PERCENT.. => Self::Filling,
            _ => Self::Ample,
        };
        // It falls to what it would be with a little more, and not above what it was.
        at(percent).max(at(percent + HYSTERESIS_PERCENT).min(self))
    }
}

/// Logs how full the store is, whenever that changes, until cancelled.
pub(crate) async fn watch(engine: Arc<Engine>) {
    let mut fill = FillLevel::Ample;
    loop {
        if let Some(capacity) = engine.store.counters().capacity {
            let (percent, last) = (capacity.percent(), fill);
            fill = fill.next(percent);
            let (used, limit) = (capacity.used, capacity.limit);
            match fill {
                _ if fill == last => {}
                FillLevel::Ample => tracing::info!(percent, used, limit, "the store has space again"),
                FillLevel::Filling => tracing::warn!(percent, used, limit, "the store is filling up"),
                FillLevel::NearlyFull => {
                    tracing::error!(percent, used, limit, "the store is nearly full; it will refuse changes");
                }
            }
        }
        sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_is_told_once_and_is_over_only_well_below_it() {
        let percents = [10, 79, 80, 79, 76, 81, 95, 94, 91, 90, 89, 96, 74, 75, 100];
        let mut fill = FillLevel::Ample;
        let fills: Vec<FillLevel> = percents
            .into_iter()
            .map(|percent| {
                fill = fill.next(percent);
                fill
            })
            .collect();
        let (a, f, n) = (FillLevel::Ample, FillLevel::Filling, FillLevel::NearlyFull);
        assert_eq!(fills, [a, a, f, f, f, f, n, n, n, n, f, n, a, a, n]);
    }
}
