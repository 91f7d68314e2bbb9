//! One node's end of the signals, for stores that live in this process.

use std::collections::BTreeSet;

use timers::{Millis, Scope, Timestamp};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::store::{BeatAnswer, BeatAsk, SIGNALS_MAX, STEP_BACK_MAX, Shards, Signal};

/// Hands signals to one node's hub, of the scopes that it watches.
pub struct Outlet {
    watched: BTreeSet<Scope>,
    signals: mpsc::Sender<Signal>,
    lagging: bool,
}

impl Outlet {
    /// Makes an outlet and the stream that the hub reads.
    pub fn new() -> (Self, mpsc::Receiver<Signal>) {
        let (signals, receiver) = mpsc::channel(SIGNALS_MAX);
        (Self { watched: BTreeSet::new(), signals, lagging: false }, receiver)
    }

    /// Begins to signal a scope's updates.
    pub fn watch(&mut self, scope: &Scope) {
        self.watched.insert(scope.clone());
    }

    /// Ends it.
    pub fn unwatch(&mut self, scope: &Scope) {
        self.watched.remove(scope);
    }

    /// Tells whether a scope's updates are wanted.
    pub fn wants(&self, scope: &Scope) -> bool {
        self.watched.contains(scope)
    }

    /// Hands a signal over without waiting. A hub that does not keep up misses some, and is told so as
    /// soon as it reads on.
    pub fn send(&mut self, signal: Signal) {
        if self.lagging {
            let lost = self.signals.try_send(Signal::Lost(Shards::ALL));
            let told = lost.and_then(|()| self.signals.try_send(Signal::Restored(Shards::ALL)));
            self.lagging = told.is_err();
        }
        if let (false, Err(TrySendError::Full(_))) = (self.lagging, self.signals.try_send(signal)) {
            self.lagging = true;
        }
    }
}

/// Decides one wish to lead the beat, as `beat.lua` does in Redis; tells whether the second is beaten by it.
pub fn lead(last: &mut Option<BeatAnswer>, ask: &BeatAsk, now: Timestamp) -> (BeatAnswer, bool) {
    if let Some(last) = last.as_ref().filter(|last| last.beat.instant().since(now) <= STEP_BACK_MAX) {
        let late: Millis = now.since(last.beat.next().instant());
        let led_by_another = !last.leader.is_empty() && last.leader != ask.node;
        if now.beat() <= last.beat || (led_by_another && late < ask.takeover_after) {
            return (BeatAnswer { now, ..last.clone() }, false);
        }
    }
    let generation = last.as_ref().map_or(ask.generation, |last| last.generation);
    let beat = BeatAnswer { beat: now.beat(), now, leader: ask.node.clone(), generation, absorbed: Millis(0) };
    *last = Some(beat.clone());
    (beat, true)
}

/// Gives leadership up if `node` has it; tells whether it had.
pub fn resign(last: &mut Option<BeatAnswer>, node: &str) -> bool {
    match last {
        Some(last) if last.leader == node => {
            last.leader.clear();
            true
        }
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_that_does_not_read_is_told_that_it_missed_something() {
        let (mut outlet, mut signals) = Outlet::new();
        for _ in 0..SIGNALS_MAX + 10 {
            outlet.send(Signal::Vacant);
        }
        for _ in 0..SIGNALS_MAX {
            assert!(matches!(signals.try_recv(), Ok(Signal::Vacant)));
        }
        assert!(signals.try_recv().is_err());
        outlet.send(Signal::Vacant);
        assert!(matches!(signals.try_recv(), Ok(Signal::Lost(Shards::ALL))));
        assert!(matches!(signals.try_recv(), Ok(Signal::Restored(Shards::ALL))));
        assert!(matches!(signals.try_recv(), Ok(Signal::Vacant)));
    }
}
