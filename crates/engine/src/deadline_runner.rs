//! The deadlines that a node carries out, and the near ones that it has set itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use timers::{MILLIS_PER_BEAT, Millis, Scope, Timestamp};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::time::sleep;

use crate::store::Due;

/// Most deadlines in flight, those included that wait for their instant: one query of 256 shards.
const IN_FLIGHT_MAX: usize = 4096;

/// Most deadlines carried out concurrently, so that people's commands find room on the same link.
const CONCURRENT_MAX: usize = 64;

/// Most near deadlines that wait for the task that times them. The leader's next query finds the rest.
const NEAR_QUEUE_MAX: usize = 1024;

/// A deadline nearer than this may pass before the leader's next query.
const NEAR: Millis = Millis(2 * MILLIS_PER_BEAT);

/// The deadlines in flight on this node, at most one for each scope.
pub(crate) struct DeadlineRunner {
    in_flight: Mutex<BTreeMap<Scope, InFlightState>>,
    /// One permit for each deadline that is carried out.
    pub(crate) permits: Semaphore,
    ended: watch::Sender<usize>,
    near: mpsc::Sender<Due>,
}

/// The state of a deadline in flight.
struct InFlightState {
    /// The instant that is waited for, or whose deadline is being carried out.
    at: Timestamp,
    is_executing: bool,
    /// The deadline to wait for after the one that is being carried out.
    next: Option<Timestamp>,
    /// Tells the waiting task that `at` is earlier now.
    moved: Arc<Notify>,
}

/// A deadline in flight; dropping it ends it.
pub(crate) struct InFlight {
    runner: Arc<DeadlineRunner>,
    scope: Scope,
    moved: Arc<Notify>,
    /// Whether the deadline that it began with has been counted as ended.
    is_counted: bool,
    /// Whether the entry of the scope is no longer its own.
    is_removed: bool,
}

/// The number of deadlines that had ended at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndedMark(usize);

impl DeadlineRunner {
    /// Makes a runner, with the receiver of the near deadlines.
    pub(crate) fn new() -> (Arc<Self>, mpsc::Receiver<Due>) {
        let (near, receiver) = mpsc::channel(NEAR_QUEUE_MAX);
        let (in_flight, permits, ended) = (Mutex::default(), Semaphore::new(CONCURRENT_MAX), watch::Sender::new(0));
        (Arc::new(Self { in_flight, permits, ended, near }), receiver)
    }

    /// Hands a deadline that this node has committed to the task that times near ones, if it is near.
    pub(crate) fn time_if_near(&self, scope: &Scope, at: Timestamp, now: Timestamp) {
        if at.since(now) < NEAR {
            self.near.try_send(Due { scope: scope.clone(), at }).ok();
        }
    }

    /// Begins a deadline. Returns `None` if the scope has one in flight, or too many are: the next query finds it again.
    ///
    /// A deadline in flight moves to `at` if that is earlier. One that is being carried out is followed by a later `at`,
    /// which its own change may have set.
    pub(crate) fn begin(self: &Arc<Self>, scope: &Scope, at: Timestamp) -> Option<InFlight> {
        let mut in_flight = self.in_flight.lock();
        if let Some(entry) = in_flight.get_mut(scope) {
            entry.add(at);
            return None;
        }
        if in_flight.len() >= IN_FLIGHT_MAX {
            return None;
        }
        let moved = Arc::new(Notify::new());
        let entry = InFlightState { at, is_executing: false, next: None, moved: Arc::clone(&moved) };
        in_flight.insert(scope.clone(), entry);
        Some(InFlight { runner: Arc::clone(self), scope: scope.clone(), moved, is_counted: false, is_removed: false })
    }

    /// Returns the number of deadlines in flight.
    pub(crate) fn count(&self) -> usize {
        self.in_flight.lock().len()
    }

    /// Returns a mark for [`DeadlineRunner::wait_until_ended`]. It must be taken before the deadlines to wait for begin:
    /// some of them may end at once.
    pub(crate) fn mark(&self) -> EndedMark {
        EndedMark(*self.ended.borrow())
    }

    /// Waits until `count` deadlines have ended since the mark.
    pub(crate) async fn wait_until_ended(&self, since: EndedMark, count: usize) {
        let mut ended = self.ended.subscribe();
        // The sender is a field of this runner, so it is never closed.
        ended.wait_for(|ended| ended.wrapping_sub(since.0) >= count).await.ok();
    }
}

impl InFlightState {
    fn add(&mut self, at: Timestamp) {
        if !self.is_executing {
            if at < self.at {
                self.at = at;
                self.moved.notify_one();
            }
        } else if at > self.at {
            self.next = Some(self.next.map_or(at, |next| next.min(at)));
        }
    }
}

impl InFlight {
    /// Waits for the deadline, then marks it as being carried out. Returns the deadline. `remaining` returns the time
    /// until an instant.
    pub(crate) async fn reached(&self, remaining: impl Fn(Timestamp) -> Duration) -> Due {
        loop {
            let at = self.at();
            tokio::select! {
                () = self.moved.notified() => {}
                () = sleep(remaining(at)) => if self.start(at) {
                    return Due { scope: self.scope.clone(), at };
                }
            }
        }
    }

    /// Ends the deadline that was carried out. Returns `None` if the scope has no further one.
    pub(crate) fn next(mut self) -> Option<Self> {
        self.count_ended();
        let mut in_flight = self.runner.in_flight.lock();
        let next = in_flight.get_mut(&self.scope).and_then(|entry| Some((entry.next.take()?, entry)));
        if let Some((next, entry)) = next {
            entry.at = next;
            entry.is_executing = false;
            drop(in_flight);
            return Some(self);
        }
        // In the same step, so that a deadline that comes now begins anew.
        in_flight.remove(&self.scope);
        drop(in_flight);
        self.is_removed = true;
        None
    }

    fn at(&self) -> Timestamp {
        self.with_entry(|entry| entry.at)
    }

    /// Marks the deadline as being carried out; `false` if it has moved.
    fn start(&self, at: Timestamp) -> bool {
        self.with_entry(|entry| {
            entry.is_executing = entry.at == at;
            entry.is_executing
        })
    }

    fn with_entry<T>(&self, change: impl FnOnce(&mut InFlightState) -> T) -> T {
        change(self.runner.in_flight.lock().get_mut(&self.scope).expect("its own entry stays until it is dropped"))
    }

    fn count_ended(&mut self) {
        if !self.is_counted {
            self.is_counted = true;
            self.runner.ended.send_modify(|ended| *ended = ended.wrapping_add(1));
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.is_removed {
            self.runner.in_flight.lock().remove(&self.scope);
        }
        self.count_ended();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use timers::UserId;
    use tokio::time::Instant;

    use super::*;

    fn scope() -> Scope {
        Scope::user(&UserId::new("ann").unwrap())
    }

    /// The time until an instant, if `start` is instant 0.
    fn remaining(start: Instant) -> impl Fn(Timestamp) -> Duration {
        move |at| (start + Duration::from_millis(at.0)).saturating_duration_since(Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_moves_forward_is_reached_at_the_earlier_instant() {
        let (start, (runner, _near)) = (Instant::now(), DeadlineRunner::new());
        let in_flight = runner.begin(&scope(), Timestamp(1500)).unwrap();
        let later = async {
            tokio::time::advance(Duration::from_millis(100)).await;
            assert!(runner.begin(&scope(), Timestamp(400)).is_none() && runner.count() == 1);
            assert!(runner.begin(&scope(), Timestamp(900)).is_none(), "a later one changes nothing");
        };
        let (due, ()) = tokio::join!(in_flight.reached(remaining(start)), later);
        assert_eq!((due.at, start.elapsed()), (Timestamp(400), Duration::from_millis(400)));
        assert!(in_flight.next().is_none() && runner.count() == 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_set_by_the_one_that_is_carried_out_follows_it() {
        let (start, (runner, _near)) = (Instant::now(), DeadlineRunner::new());
        let mark = runner.mark();
        let in_flight = runner.begin(&scope(), Timestamp(100)).unwrap();
        assert_eq!(in_flight.reached(remaining(start)).await.at, Timestamp(100));
        for at in [1500, 700, 100] {
            assert!(runner.begin(&scope(), Timestamp(at)).is_none());
        }
        let in_flight = in_flight.next().expect("there is a further one");
        // The deadline that was begun has ended.
        runner.wait_until_ended(mark, 1).await;
        assert_eq!(in_flight.reached(remaining(start)).await.at, Timestamp(700));
        assert!(in_flight.next().is_none() && runner.count() == 0, "the next query finds the later one");
    }
}
