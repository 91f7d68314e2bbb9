//! The channels between the clones of a client and its task.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::events::{EVENTS_KEPT, Events};

/// Requests of the application that wait for the task; it takes them at once.
const REQUESTS_MAX: usize = 16;

/// What a client knows, and how two of them are compared.
pub(crate) trait Snapshot {
    /// Tells whether nothing has changed.
    fn is_same_as(&self, other: &Self) -> bool;
}

/// The ends that a client holds: `R` are its requests, `S` its snapshots and `E` its events.
pub(crate) struct ClientChannels<R, S, E> {
    requests: mpsc::Sender<R>,
    snapshots: watch::Receiver<Arc<S>>,
    events: broadcast::WeakSender<E>,
}

/// The ends that the task of a client holds.
pub(crate) struct TaskChannels<R, S, E> {
    requests: mpsc::Receiver<R>,
    snapshots: watch::Sender<Arc<S>>,
    events: broadcast::Sender<E>,
}

/// Returns the channels of a client.
pub(crate) fn channels<R, S, E: Clone>(snapshot: S) -> (ClientChannels<R, S, E>, TaskChannels<R, S, E>) {
    let (requests, requested) = mpsc::channel(REQUESTS_MAX);
    let (snapshots, snapshot) = watch::channel(Arc::new(snapshot));
    let (events, _) = broadcast::channel(EVENTS_KEPT);
    let client = ClientChannels { requests, snapshots: snapshot, events: events.downgrade() };
    (client, TaskChannels { requests: requested, snapshots, events })
}

impl<R, S, E: Clone> ClientChannels<R, S, E> {
    pub(crate) fn snapshot(&self) -> Arc<S> {
        Arc::clone(&self.snapshots.borrow())
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<S>> {
        self.snapshots.clone()
    }

    pub(crate) fn events(&self) -> Events<E> {
        Events::new(self.events.upgrade())
    }

    /// Tells whether the client was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.requests.is_closed()
    }

    /// Sends a request. A client that was closed ignores it.
    pub(crate) async fn send(&self, request: R) {
        self.requests.send(request).await.ok();
    }

    /// Sends a request and waits for its answer; `None` if the client was closed.
    pub(crate) async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> R) -> Option<T> {
        let (reply, answered) = oneshot::channel();
        self.requests.send(request(reply)).await.ok()?;
        answered.await.ok()
    }
}

impl<R, S, E> Clone for ClientChannels<R, S, E> {
    fn clone(&self) -> Self {
        let (requests, snapshots, events) = (self.requests.clone(), self.snapshots.clone(), self.events.clone());
        Self { requests, snapshots, events }
    }
}

impl<R, S: fmt::Debug, E> fmt::Debug for ClientChannels<R, S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.snapshots.borrow()).finish()
    }
}

impl<R, S: Snapshot, E> TaskChannels<R, S, E> {
    /// Waits for a request of the application; `None` when the last clone of the client was dropped. Safe to cancel.
    pub(crate) async fn next_request(&mut self) -> Option<R> {
        self.requests.recv().await
    }

    /// Notifies of an event.
    pub(crate) fn notify(&self, event: E) {
        // Nobody may have subscribed.
        self.events.send(event).ok();
    }

    /// Returns the published snapshot.
    pub(crate) fn published(&self) -> Arc<S> {
        Arc::clone(&self.snapshots.borrow())
    }

    /// Replaces the snapshot if it differs.
    pub(crate) fn publish(&self, next: S) {
        self.snapshots.send_if_modified(|current| {
            let is_same = next.is_same_as(current);
            if !is_same {
                *current = Arc::new(next);
            }
            !is_same
        });
    }
}

/// Tells a caller that its request is done. It may have gone.
pub(crate) fn confirm(done: oneshot::Sender<()>) {
    done.send(()).ok();
}
