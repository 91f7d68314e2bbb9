//! What happens by itself: deadlines are carried out as ordinary commands, by the leader at its beats, and
//! by a node that has set one too near for the leader's next look.

use std::sync::Arc;
use std::time::Duration;

use timers::{Command, MILLIS_PER_BEAT, Millis, Scope};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::Instrument;

use crate::engine::Engine;
use crate::firing::Begun;
use crate::leases;
use crate::outcome::{ExecuteError, Request};
use crate::store::{Due, FaultKind};
use crate::telemetry::{self, ROOT, Timing};

/// Most deadlines taken from each part of the store at once: a part whose deadlines can't be carried out
/// holds up nobody else's.
const LOOK: usize = 16;

/// After how long a deadline on a board that can't be read is tried again: a person must look at it first.
const DAMAGED_PAUSE: Millis = Millis(60 * 60 * 1000);

/// After how long a lease is looked at again of a node that may have had no time to renew it.
const HASTY_PAUSE: Millis = Millis(2000);

/// A deadline that was not carried out so long after it waits for something.
const OVERDUE_AFTER: Millis = Millis(2 * MILLIS_PER_BEAT);

/// How late the end of a lease is noticed when nothing is amiss.
const NOTICED_WITHIN: Millis = Millis(3000);

/// Times the deadlines that this node has set itself.
pub(crate) async fn carry_out_near(engine: Arc<Engine>, mut near: mpsc::Receiver<Due>) {
    while let Some(due) = near.recv().await {
        begin(&engine, due);
    }
}

/// At each beat at which this node leads, carries out what falls due before the next.
pub(crate) async fn carry_out_due(engine: Arc<Engine>) {
    let mut shown = engine.hub.beats();
    while shown.changed().await.is_ok() {
        if !engine.leads() {
            engine.stats.deadlines_overdue.set(0);
        }
        while engine.leads()
            && let Some(begun) = look(&engine).await
        {
            engine.firing.ended(begun.div_ceil(2)).await;
        }
    }
}

/// Begins what falls due before the next look; returns how many were begun if there may be more at once.
async fn look(engine: &Arc<Engine>) -> Option<usize> {
    let now = engine.clock.now()?;
    match engine.store.due(now + Millis(MILLIS_PER_BEAT), LOOK).await {
        Ok(look) => {
            // The look before found those that fall due until now.
            let overdue = look.due.iter().take_while(|due| due.at + OVERDUE_AFTER < now).count();
            engine.stats.deadlines_overdue.set(overdue as u64);
            let begun = look.due.into_iter().filter(|due| begin(engine, due.clone())).count();
            (look.more && begun > 0).then_some(begun)
        }
        Err(error) => {
            // The store says itself that it is away.
            tracing::debug!(%error, "deadlines can't be read");
            None
        }
    }
}

/// Begins one, unless it is begun already or there is no room.
fn begin(engine: &Arc<Engine>, due: Due) -> bool {
    let Some(begun) = engine.firing.begin(&due.scope) else { return false };
    engine.spawn(carry_out(Arc::clone(engine), due, begun));
    true
}

async fn carry_out(engine: Arc<Engine>, due: Due, _begun: Begun) {
    if let Some(now) = engine.clock.now() {
        sleep(Duration::from_millis(due.at.since(now).0)).await;
    }
    let Ok(_room) = engine.firing.room.acquire().await else { return };
    if is_hasty(&engine, &due) {
        return put_off(&engine, &due, HASTY_PAUSE).await;
    }
    let span = telemetry::begin(
        &*engine.telemetry,
        engine.hub.audience(&due.scope),
        || tracing::info_span!(target: ROOT, "deadline", tickcast.scope.kind = due.scope.kind()),
    );
    fire(&engine, due).instrument(span).await;
}

async fn fire(engine: &Arc<Engine>, due: Due) {
    let request = Request { scope: due.scope.clone(), command: Command::Settle, id: None, by: None };
    match engine.execute(request).await {
        Ok(_) => {
            engine.stats.deadlines_fired.add_one();
            if let Some(now) = engine.clock.now() {
                engine.telemetry.took(Timing::Deadline, Duration::from_millis(now.since(due.at).0));
            }
            if let Scope::Node(node) = due.scope {
                engine.spawn(leases::clear_up(Arc::clone(engine), node));
            }
        }
        Err(error) => {
            engine.stats.deadlines_failed.add_one();
            if is_damage(&error) {
                let kind = due.scope.kind();
                tracing::error!(kind, "a deadline can't be carried out for what is stored; it is put off an hour");
                tracing::debug!(scope = %due.scope, %error, "this one");
                put_off(engine, &due, DAMAGED_PAUSE).await;
            } else {
                tracing::debug!(scope = %due.scope, %error, "a deadline waits for the next look");
            }
        }
    }
}

fn is_damage(error: &ExecuteError) -> bool {
    match error {
        ExecuteError::Damaged(_) | ExecuteError::Refused(_) => true,
        ExecuteError::Unavailable(fault) => fault.kind() == FaultKind::Damaged,
        ExecuteError::Busy | ExecuteError::OutcomeUnknown => false,
    }
}

/// Tells whether a node would be taken for dead that could not renew its lease, or has had no time to: the store
/// was away, or its clock was put forward.
fn is_hasty(engine: &Engine, due: &Due) -> bool {
    let is_late = engine.clock.now().is_some_and(|now| now.since(due.at) > NOTICED_WITHIN);
    matches!(due.scope, Scope::Node(_)) && (is_late || !engine.is_steady())
}

/// Moves the entry out of the way: at the head of its shard it would be tried each second for ever.
async fn put_off(engine: &Engine, due: &Due, by: Millis) {
    let Some(now) = engine.clock.now() else { return };
    if let Err(error) = engine.store.put_off(due, now + by).await {
        tracing::debug!(scope = %due.scope, %error, "it could not be put off");
    }
}
