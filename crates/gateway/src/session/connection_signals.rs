//! What others tell a connection's own task. All of it is one word and one wait: a future for each would take more memory
//! than the rest of an idle connection.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

use crate::node::Node;
use crate::session::time_validity::uncertain;

/// The signals of one connection that its task has not received yet.
#[derive(Default)]
pub(crate) struct ConnectionSignals {
    pending: AtomicU8,
    /// The task that receives them.
    waker: AtomicWaker,
}

/// A signal, in the order in which pending ones are received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ConnectionSignal {
    /// A disconnect order applies to the client.
    Disconnect = 1,
    /// The node closes its sockets.
    Drain = 2,
    /// There may be something to deliver.
    Deliverable = 4,
    /// The time that clients are shown is no longer certain.
    TimeUncertain = 8,
}

impl ConnectionSignal {
    const ALL: [Self; 4] = [Self::Disconnect, Self::Drain, Self::Deliverable, Self::TimeUncertain];
}

impl ConnectionSignals {
    /// Sends a signal. Several of one kind are received once.
    pub(crate) fn send(&self, signal: ConnectionSignal) {
        self.pending.fetch_or(signal as u8, Ordering::AcqRel);
        self.waker.wake();
    }

    /// Waits for the next signal, and takes it. Cancel-safe.
    pub(crate) async fn receive(&self) -> ConnectionSignal {
        poll_fn(|cx| self.poll_receive(cx)).await
    }

    /// Polls for the next signal, and takes it. Only the last task that polls is woken.
    pub(crate) fn poll_receive(&self, cx: &Context<'_>) -> Poll<ConnectionSignal> {
        if let Some(signal) = self.take() {
            return Poll::Ready(signal);
        }
        self.waker.register(cx.waker());
        // One may have been sent before the registration.
        self.take().map_or(Poll::Pending, Poll::Ready)
    }

    fn take(&self) -> Option<ConnectionSignal> {
        let pending = self.pending.load(Ordering::Acquire);
        let first = ConnectionSignal::ALL.into_iter().find(|signal| pending & *signal as u8 != 0)?;
        self.pending.fetch_and(!(first as u8), Ordering::AcqRel);
        Some(first)
    }
}

/// Relays what concerns all connections of a node to each of them, as long as the node runs.
pub(crate) async fn relay(node: Arc<Node>) {
    let mut time_uncertain = Box::pin(uncertain(node.engine.time_validity(), false));
    let mut is_closing = false;
    loop {
        tokio::select! {
            () = node.drain.closing(), if !is_closing => {
                is_closing = true;
                node.connections.send_all(ConnectionSignal::Drain);
            }
            validity = &mut time_uncertain => {
                node.connections.send_all(ConnectionSignal::TimeUncertain);
                time_uncertain.set(uncertain(validity, true));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn signals_are_received_once_each_in_their_order() {
        let signals = ConnectionSignals::default();
        let received = || signals.receive().now_or_never();
        assert_eq!(received(), None);
        for signal in ConnectionSignal::ALL.into_iter().rev().chain(ConnectionSignal::ALL) {
            signals.send(signal);
        }
        for signal in ConnectionSignal::ALL {
            assert_eq!(received(), Some(signal));
        }
        assert_eq!(received(), None);
        signals.send(ConnectionSignal::Deliverable);
        assert_eq!(received(), Some(ConnectionSignal::Deliverable));
    }

    #[tokio::test]
    async fn a_signal_wakes_the_task_that_waits() {
        let signals = Arc::new(ConnectionSignals::default());
        let of_task = Arc::clone(&signals);
        let waits = tokio::spawn(async move { [of_task.receive().await, of_task.receive().await] });
        tokio::task::yield_now().await;
        signals.send(ConnectionSignal::TimeUncertain);
        tokio::task::yield_now().await;
        signals.send(ConnectionSignal::Drain);
        assert_eq!(waits.await.unwrap(), [ConnectionSignal::TimeUncertain, ConnectionSignal::Drain]);
    }
}
