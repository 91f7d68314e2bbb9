//! What happens by itself: deadlines are carried out as ordinary commands, by the leader at its beats, and
//! by a node that has set one too near for the leader's next look.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use timers::{Command, MILLIS_PER_BEAT, Millis, Scope, Timestamp};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::sleep;

use crate::engine::Engine;
use crate::execute::{ExecuteError, Request};
use crate::store::{Due, FaultKind};

/// Most deadlines taken from each part of the store at once: a part whose deadlines can't be carried out
/// holds up nobody else's.
const LOOK: usize = 16;

/// Most deadlines begun and not ended, those included that wait for their instant: a look at 256 parts.
const BEGUN_MAX: usize = 4096;

/// Most deadlines carried out side by side, so that people's commands find room on the same link.
const SIDE_BY_SIDE: usize = 64;

/// Most near deadlines that wait for the task that times them; the leader's next look finds the rest.
const NEAR_MAX: usize = 1024;

/// A deadline nearer than this may come before the leader's next look.
const NEAR: Millis = Millis(2 * MILLIS_PER_BEAT);

/// After how long a deadline on a board that can't be read is tried again: a person must look at it first.
const DAMAGED_PAUSE: Millis = Millis(60 * 60 * 1000);

/// What is being carried out on this node.
pub(crate) struct Deadlines {
    begun: Mutex<BTreeSet<Scope>>,
    room: Semaphore,
    ended: Notify,
    near: mpsc::Sender<Due>,
}

struct Begun(Arc<Engine>, Scope);

impl Deadlines {
    /// Makes it, with the near deadlines that [`carry_out_near`] takes.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Due>) {
        let (near, taken) = mpsc::channel(NEAR_MAX);
        let deadlines =
            Self { begun: Mutex::default(), room: Semaphore::new(SIDE_BY_SIDE), ended: Notify::new(), near };
        (deadlines, taken)
    }

    /// Takes note of a deadline that this node has committed.
    pub(crate) fn set(&self, scope: &Scope, at: Timestamp, now: Timestamp) {
        if at.since(now) < NEAR {
            self.near.try_send(Due { scope: scope.clone(), at }).ok();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Scope>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.deadlines.lock().remove(&self.1);
        self.0.deadlines.ended.notify_one();
    }
}

/// Times the deadlines that this node has set itself.
pub(crate) async fn carry_out_near(engine: Arc<Engine>, mut near: mpsc::Receiver<Due>) {
    while let Some(due) = near.recv().await {
        begin(&engine, due);
    }
}

/// At each beat at which this node leads, carries out what falls due before the next.
pub(crate) async fn carry_out_due(engine: Arc<Engine>) {
    let mut shown = engine.shown_beats();
    while shown.changed().await.is_ok() {
        while engine.leads() && look(&engine).await {
            half_ended(&engine).await;
        }
    }
}

/// Begins what falls due before the next look; `true` if there is more to come at once.
async fn look(engine: &Arc<Engine>) -> bool {
    let Some(now) = engine.clock.now() else { return false };
    match engine.store.due(now + Millis(MILLIS_PER_BEAT), LOOK).await {
        Ok(look) => {
            let begun = look.due.into_iter().filter(|due| begin(engine, due.clone())).count();
            look.more && begun > 0
        }
        Err(error) => {
            tracing::warn!(%error, "deadlines can't be read");
            false
        }
    }
}

async fn half_ended(engine: &Engine) {
    let enough = engine.deadlines.lock().len() / 2;
    while engine.deadlines.lock().len() > enough {
        engine.deadlines.ended.notified().await;
    }
}

/// Begins one, unless it is begun already or there is no room: the next look finds it again.
fn begin(engine: &Arc<Engine>, due: Due) -> bool {
    let mut begun = engine.deadlines.lock();
    let begins = begun.len() < BEGUN_MAX && begun.insert(due.scope.clone());
    if begins {
        let guard = Begun(Arc::clone(engine), due.scope.clone());
        engine.spawn(carry_out(Arc::clone(engine), due, guard));
    }
    begins
}

async fn carry_out(engine: Arc<Engine>, due: Due, _begun: Begun) {
    if let Some(now) = engine.clock.now() {
        sleep(Duration::from_millis(due.at.since(now).0)).await;
    }
    let Ok(_room) = engine.deadlines.room.acquire().await else { return };
    let request = Request { scope: due.scope.clone(), command: Command::Settle, id: None, by: None };
    match engine.execute(request).await {
        Ok(_) => engine.stats.deadlines_fired.add_one(),
        Err(error) => {
            engine.stats.deadlines_failed.add_one();
            if is_damage(&error) {
                tracing::error!(scope = %due.scope, %error, "a deadline can't be carried out; it is put off an hour");
                put_off(&engine, &due).await;
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

/// Moves the entry out of the way: at the head of its shard it would be tried each second for ever.
async fn put_off(engine: &Engine, due: &Due) {
    let Some(now) = engine.clock.now() else { return };
    if let Err(error) = engine.store.put_off(due, now + DAMAGED_PAUSE).await {
        tracing::debug!(scope = %due.scope, %error, "it could not be put off");
    }
}
