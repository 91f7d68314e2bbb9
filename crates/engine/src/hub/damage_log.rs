//! The log lines about boards whose stored data is damaged.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use parking_lot::Mutex;
use timers::Scope;
use tokio::time::Instant;

use crate::store::Shard;

/// Interval at which a board is logged again. Its clients and its deadline try it repeatedly.
const REPEAT_INTERVAL: Duration = Duration::from_secs(600);

/// Most boards that are logged within [`REPEAT_INTERVAL`]: more are no longer single boards, and the metric counts them.
const BOARDS_MAX: usize = 100;

/// When damaged boards were last logged.
#[derive(Default)]
pub(crate) struct DamageLog(Mutex<BTreeMap<Scope, Instant>>);

impl DamageLog {
    /// Logs that the stored data of a scope can't be used; returns whether a line was due.
    ///
    /// The scope and the error may be personal data, which belongs to level `debug`.
    pub(crate) fn report(&self, scope: &Scope, error: &dyn Display) -> bool {
        tracing::debug!(%scope, %error, "the board that can't be used");
        if !self.is_due(scope) {
            return false;
        }
        let (kind, shard) = (scope.kind().label(), Shard::of(scope).index());
        tracing::error!(
            kind,
            shard,
            "the stored data of a board is damaged and can't be used; level debug logs its scope and the error"
        );
        true
    }

    fn is_due(&self, scope: &Scope) -> bool {
        let mut logged = self.0.lock();
        logged.retain(|_, at| at.elapsed() < REPEAT_INTERVAL);
        if logged.len() >= BOARDS_MAX || logged.contains_key(scope) {
            return false;
        }
        logged.insert(scope.clone(), Instant::now());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_damaged_board_is_logged_at_intervals_and_no_more_than_a_hundred() {
        let log = DamageLog::default();
        let report = |nth: usize| log.report(&format!("user:{nth}").parse().unwrap(), &"WRONGTYPE");
        assert!(report(0) && !report(0) && report(1));
        assert_eq!((2..1000).filter(|nth| report(*nth)).count(), 98);
        tokio::time::advance(REPEAT_INTERVAL).await;
        assert!(report(0) && report(999) && !report(0));
    }
}
