//! Carrying out deadlines, as ordinary commands: by the leader at each beat, and by a node that has set a deadline too
//! near for the leader's next query.

use std::sync::Arc;
use std::time::Duration;

use timers::{Command, MILLIS_PER_BEAT, Millis, Timestamp};
use tokio::sync::mpsc;
use tracing::Instrument;

use crate::deadline_runner::InFlight;
use crate::engine::Engine;
use crate::leases;
use crate::outcome::{ExecuteError, Request};
use crate::store::{Due, SHARDS};
use crate::telemetry::{self, ROOT, Timing};

/// Most deadlines taken from each part of the store at once. A part whose deadlines cannot be carried out delays no
/// other part.
const DUE_LIMIT: usize = 16;

/// Retry delay for a deadline on a board that cannot be read: an operator must act first.
const DAMAGED_PAUSE: Millis = Millis(60 * 60 * 1000);

/// Retry delay for the end of a lease that its node may not have been able to renew.
const PREMATURE_PAUSE: Millis = Millis(2000);

/// A deadline that is this late counts as overdue: something delays it.
const OVERDUE_AFTER: Millis = Millis(2 * MILLIS_PER_BEAT);

/// The longest delay with which the end of a lease is noticed when nothing is wrong.
const NOTICE_DELAY_MAX: Millis = Millis(3000);

/// Carries out the near deadlines that this node has set itself.
pub(crate) async fn run_near(engine: Arc<Engine>, mut near: mpsc::Receiver<Due>) {
    while let Some(due) = near.recv().await {
        begin(&engine, due);
    }
}

/// While this node leads, carries out at each beat the deadlines until the next one.
pub(crate) async fn run_due(engine: Arc<Engine>) {
    let mut beats = engine.hub.beats();
    while beats.changed().await.is_ok() {
        if !engine.is_leader() {
            engine.stats.deadlines_overdue.set(0);
        }
        while engine.is_leader() {
            let mark = engine.deadline_runner.mark();
            let Some(begun) = begin_due(&engine).await else { break };
            engine.deadline_runner.wait_until_ended(mark, begun.div_ceil(2)).await;
        }
    }
}

/// Begins the deadlines until the next query. Returns the number of those begun if there may be more.
async fn begin_due(engine: &Arc<Engine>) -> Option<usize> {
    let now = engine.clock.now()?;
    match engine.store.due(now + Millis(MILLIS_PER_BEAT), DUE_LIMIT).await {
        Ok(page) => {
            // The previous query found the deadlines until now. Of a shard that can't be read, nothing is known.
            let overdue = page.due.iter().take_while(|due| due.at + OVERDUE_AFTER < now).count();
            engine.stats.deadlines_overdue.set((overdue + page.unread.len()) as u64);
            let begun = page.due.into_iter().filter(|due| begin(engine, due.clone())).count();
            (page.more && begun > 0).then_some(begun)
        }
        Err(error) => {
            // The store logs by itself that it is unavailable.
            tracing::debug!(%error, "deadlines cannot be read");
            engine.stats.deadlines_overdue.set(SHARDS as u64);
            None
        }
    }
}

/// Begins a deadline; `false` if it is in flight, or too many are.
fn begin(engine: &Arc<Engine>, due: Due) -> bool {
    let Some(in_flight) = engine.deadline_runner.begin(&due.scope, due.at) else { return false };
    engine.spawn(run(Arc::clone(engine), in_flight));
    true
}

/// Carries out a deadline in flight, and those of the scope that follow it.
async fn run(engine: Arc<Engine>, in_flight: InFlight) {
    let remaining =
        |at: Timestamp| engine.clock.now().map_or(Duration::ZERO, |now| Duration::from_millis(at.since(now).0));
    let mut current = Some(in_flight);
    while let Some(in_flight) = current {
        carry_out(&engine, in_flight.reached(remaining).await).await;
        current = in_flight.next();
    }
}

async fn carry_out(engine: &Arc<Engine>, due: Due) {
    let Ok(_permit) = engine.deadline_runner.permits.acquire().await else { return };
    if is_premature(engine, &due) {
        return postpone(engine, &due, PREMATURE_PAUSE).await;
    }
    let span = telemetry::begin(
        &*engine.telemetry,
        engine.hub.audience(&due.scope),
        || tracing::info_span!(target: ROOT, "deadline", tickcast.scope.kind = due.scope.kind().label()),
    );
    settle(engine, due).instrument(span).await;
}

async fn settle(engine: &Arc<Engine>, due: Due) {
    let request = Request { scope: due.scope.clone(), command: Command::Settle, id: None };
    match engine.execute(request).await {
        Ok(_) => {
            engine.stats.deadlines_fired.add_one();
            if let Some(now) = engine.clock.now() {
                engine.telemetry.record(Timing::Deadline, Duration::from_millis(now.since(due.at).0));
            }
            if let Some(node) = due.scope.as_node() {
                engine.spawn(leases::clear_up(Arc::clone(engine), node));
            }
        }
        Err(error) => {
            engine.stats.deadlines_failed.add_one();
            if is_permanent(&error) {
                let kind = due.scope.kind().label();
                tracing::error!(kind, "a deadline cannot be carried out on the stored board; retry in an hour");
                tracing::debug!(scope = %due.scope, %error, "the deadline that cannot be carried out");
                postpone(engine, &due, DAMAGED_PAUSE).await;
            } else {
                tracing::debug!(scope = %due.scope, %error, "a deadline is left to the next query");
            }
        }
    }
}

fn is_permanent(error: &ExecuteError) -> bool {
    error.is_damage() || matches!(error, ExecuteError::Refused(_))
}

/// Tells whether the end of a lease must not be carried out yet, since its node may not have been able to renew it: the
/// store was unavailable, or its clock was set forward.
fn is_premature(engine: &Engine, due: &Due) -> bool {
    let is_late = engine.clock.now().is_some_and(|now| now.since(due.at) > NOTICE_DELAY_MAX);
    due.scope.as_node().is_some() && (is_late || !engine.is_steady())
}

/// Postpones a deadline. At the head of its shard it would be tried each second forever.
async fn postpone(engine: &Engine, due: &Due, by: Millis) {
    let Some(now) = engine.clock.now() else { return };
    if let Err(error) = engine.store.postpone(due, now + by).await {
        tracing::debug!(scope = %due.scope, %error, "a deadline cannot be postponed");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use timers::{Scope, Timestamp, UserId};
    use tokio::time::timeout;

    use crate::deadline_runner::DeadlineRunner;

    #[tokio::test(start_paused = true)]
    async fn deadlines_that_end_before_the_leader_waits_are_counted() {
        let (runner, _near) = DeadlineRunner::new();
        let scope = |nth: usize| Scope::user(&UserId::new(&nth.to_string()).unwrap());
        drop(runner.begin(&scope(0), Timestamp(0)));
        let mark = runner.mark();
        let mut begun: Vec<_> = (0..4).map(|nth| runner.begin(&scope(nth), Timestamp(0)).unwrap()).collect();
        begun.pop();
        let wait = || timeout(Duration::from_secs(60), runner.wait_until_ended(mark, 2));
        assert!(wait().await.is_err(), "one has ended");
        begun.pop();
        assert!(wait().await.is_ok(), "two have ended, before the wait");
    }
}
