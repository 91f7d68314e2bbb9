//! Sending signals to one node, for stores in this process.

use std::collections::BTreeSet;

use timers::Scope;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::store::{SIGNALS_MAX, Shards, Signal};

/// Sends signals to one node's hub: those of all nodes, and those of the scopes that it watches.
pub struct SignalSender {
    watched: BTreeSet<Scope>,
    signals: mpsc::Sender<Signal>,
    lagging: bool,
}

impl SignalSender {
    /// Makes a sender, and the receiver for the hub.
    pub fn new() -> (Self, mpsc::Receiver<Signal>) {
        let (signals, receiver) = mpsc::channel(SIGNALS_MAX);
        (Self { watched: BTreeSet::new(), signals, lagging: false }, receiver)
    }

    /// Begins to send a scope's updates.
    pub fn watch(&mut self, scope: &Scope) {
        self.watched.insert(scope.clone());
    }

    /// Stops sending a scope's updates.
    pub fn unwatch(&mut self, scope: &Scope) {
        self.watched.remove(scope);
    }

    /// Tells whether a scope is watched.
    pub fn is_watching(&self, scope: &Scope) -> bool {
        self.watched.contains(scope)
    }

    /// Sends a signal without waiting. A hub that does not keep up misses some signals, and receives a lost link as soon
    /// as it reads again.
    pub fn send(&mut self, signal: Signal) {
        if self.lagging {
            let lost = self.signals.try_send(Signal::Lost(Shards::ALL));
            let sent = lost.and_then(|()| self.signals.try_send(Signal::Restored(Shards::ALL)));
            self.lagging = sent.is_err();
        }
        if let (false, Err(TrySendError::Full(_))) = (self.lagging, self.signals.try_send(signal)) {
            self.lagging = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_that_does_not_keep_up_receives_a_lost_link() {
        let (mut sender, mut signals) = SignalSender::new();
        for _ in 0..SIGNALS_MAX + 10 {
            sender.send(Signal::Vacant);
        }
        for _ in 0..SIGNALS_MAX {
            assert!(matches!(signals.try_recv(), Ok(Signal::Vacant)));
        }
        assert!(signals.try_recv().is_err());
        sender.send(Signal::Vacant);
        assert!(matches!(signals.try_recv(), Ok(Signal::Lost(Shards::ALL))));
        assert!(matches!(signals.try_recv(), Ok(Signal::Restored(Shards::ALL))));
        assert!(matches!(signals.try_recv(), Ok(Signal::Vacant)));
    }
}
