//! Notifications of a client.

use futures_util::Stream;
use futures_util::stream::unfold;
use thiserror::Error;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Events that wait for their receiver; more of them are missed.
pub(crate) const EVENTS_KEPT: usize = 1024;

/// Receives the events of a client, from the subscription on.
#[derive(Debug)]
pub struct Events<E> {
    receiver: broadcast::Receiver<E>,
}

/// A receiver was too slow and has missed events. The snapshot has their effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0} events were missed")]
pub struct MissedEvents(pub u64);

impl<E: Clone> Events<E> {
    pub(crate) fn new(sender: Option<broadcast::Sender<E>>) -> Self {
        // The receiver of a client that was closed ends at once.
        let receiver = sender.map_or_else(|| broadcast::channel(1).1, |sender| sender.subscribe());
        Self { receiver }
    }

    /// Waits for the next event. Returns `None` when the client was closed. Safe to cancel.
    ///
    /// # Errors
    /// Events were missed; the next call returns the oldest that is left.
    pub async fn next(&mut self) -> Option<Result<E, MissedEvents>> {
        match self.receiver.recv().await {
            Ok(event) => Some(Ok(event)),
            Err(RecvError::Lagged(count)) => Some(Err(MissedEvents(count))),
            Err(RecvError::Closed) => None,
        }
    }

    /// Returns the events as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<E, MissedEvents>> {
        unfold(self, |mut events| async move { events.next().await.map(|event| (event, events)) })
    }
}
