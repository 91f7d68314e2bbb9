//! The state that a client's task shares with its transports.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use engineioxide::Str;
use engineioxide::socket::Sid;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::limits::{ConnectionLimits, TokenBucket};
use crate::websocket::CloseReason;

/// Most messages in the queue of a client. One request can bring as many: 64 KiB of the shortest events.
const INBOX_MAX: usize = 4096;

/// Above this number of queued messages, or of their bytes, no more are read from the client.
const QUEUED_MAX: usize = 64;
const QUEUED_BYTES_MAX: usize = 64 * 1024;

/// A message from the engine that is not parsed yet.
#[derive(Debug)]
pub(super) enum EngineMessage {
    Text(Str),
    Binary,
}

impl EngineMessage {
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary => 0,
        }
    }
}

/// One client, whatever its transport.
pub(super) struct Session {
    inbox: mpsc::Sender<EngineMessage>,
    /// Packets that the client may send by long polling.
    bucket: Mutex<TokenBucket>,
    queued: AtomicUsize,
    queued_bytes: AtomicUsize,
    capacity: Notify,
    close_reason: OnceLock<CloseReason>,
    /// A WebSocket is the transport, or is about to be.
    has_websocket: AtomicBool,
    /// The transport has failed, which the engine would not detect by itself.
    aborted: CancellationToken,
}

impl Session {
    pub(super) fn new(bucket: TokenBucket) -> (Arc<Self>, mpsc::Receiver<EngineMessage>) {
        let (inbox, receiver) = mpsc::channel(INBOX_MAX);
        let session = Self {
            inbox,
            bucket: Mutex::new(bucket),
            queued: AtomicUsize::new(0),
            queued_bytes: AtomicUsize::new(0),
            capacity: Notify::new(),
            close_reason: OnceLock::new(),
            has_websocket: AtomicBool::new(false),
            aborted: CancellationToken::new(),
        };
        (Arc::new(session), receiver)
    }

    /// Returns whether the rate limit allows so many packets by long polling. The frames of a WebSocket are counted by
    /// its transport.
    pub(super) fn allows(&self, packets: usize) -> bool {
        self.bucket.lock().take(packets)
    }

    /// Queues a message; returns `false` if the queue is full.
    pub(super) fn enqueue(&self, message: EngineMessage) -> bool {
        self.queued.fetch_add(1, Ordering::Relaxed);
        self.queued_bytes.fetch_add(message.bytes(), Ordering::Relaxed);
        // If the client's task has ended, the message is dropped.
        !matches!(self.inbox.try_send(message), Err(mpsc::error::TrySendError::Full(_)))
    }

    /// Records that a message was taken from the queue.
    pub(super) fn dequeued(&self, message: &EngineMessage) {
        self.queued.fetch_sub(1, Ordering::Relaxed);
        self.queued_bytes.fetch_sub(message.bytes(), Ordering::Relaxed);
        if self.has_capacity() {
            self.capacity.notify_waiters();
        }
    }

    pub(super) fn has_capacity(&self) -> bool {
        self.queued.load(Ordering::Relaxed) <= QUEUED_MAX
            && self.queued_bytes.load(Ordering::Relaxed) <= QUEUED_BYTES_MAX
    }

    /// Waits until more can be read from the client. Returns at once if nothing reads the queue any more.
    pub(super) async fn wait_for_capacity(self: Arc<Self>) {
        loop {
            let mut capacity = std::pin::pin!(self.capacity.notified());
            // From here on no notification is lost.
            capacity.as_mut().enable();
            if self.has_capacity() {
                return;
            }
            tokio::select! {
                () = capacity => {}
                () = self.inbox.closed() => return,
            }
        }
    }

    /// Claims the session for a WebSocket; returns `false` if another one has claimed it.
    pub(super) fn claim_upgrade(&self) -> bool {
        !self.has_websocket.swap(true, Ordering::Relaxed)
    }

    /// Records why the session ends; the first reason counts.
    pub(super) fn set_close_reason(&self, reason: CloseReason) {
        self.close_reason.set(reason).ok();
    }

    /// Makes the client's task end the session.
    pub(super) fn abort(&self) {
        self.aborted.cancel();
    }

    pub(super) async fn aborted(&self) {
        self.aborted.cancelled().await;
    }

    /// Returns why the server ends the session, if it does.
    pub(super) fn close_reason(&self) -> Option<&CloseReason> {
        self.close_reason.get()
    }
}

/// A session that the engine has not opened yet.
pub(super) struct PendingSession {
    pub(super) session: Arc<Session>,
    inbox: Mutex<Option<mpsc::Receiver<EngineMessage>>>,
}

impl PendingSession {
    pub(super) fn new(limits: &ConnectionLimits) -> Self {
        let (session, inbox) = Session::new(limits.token_bucket());
        Self { session, inbox: Mutex::new(Some(inbox)) }
    }

    pub(super) fn take_inbox(&self) -> Option<mpsc::Receiver<EngineMessage>> {
        self.inbox.lock().take()
    }
}

/// The sessions of this node.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<Sid, Arc<Session>>>);

impl Sessions {
    pub(super) fn add(&self, id: Sid, session: Arc<Session>) {
        self.0.lock().insert(id, session);
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<Session>> {
        self.0.lock().get(&id.parse().ok()?).cloned()
    }

    pub(super) fn remove(&self, id: Sid) {
        self.0.lock().remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn a_client_is_held_back_by_messages_and_by_bytes_until_they_are_taken_from_the_queue() {
        for (text, count) in [("x".to_owned(), QUEUED_MAX), ("x".repeat(QUEUED_BYTES_MAX / 2), 2)] {
            let (session, mut inbox) = Session::new(TokenBucket::new(INBOX_MAX + 1, INBOX_MAX + 1));
            for _ in 0..count {
                assert!(session.enqueue(EngineMessage::Text(text.clone().into())));
                assert!(session.has_capacity());
            }
            assert!(session.enqueue(EngineMessage::Text(text.clone().into())));
            assert!(timeout(Duration::from_millis(20), Arc::clone(&session).wait_for_capacity()).await.is_err());
            let waiting = tokio::spawn(Arc::clone(&session).wait_for_capacity());
            session.dequeued(&inbox.recv().await.unwrap());
            timeout(Duration::from_secs(5), waiting).await.expect("there is capacity").unwrap();
        }
    }

    #[tokio::test]
    async fn a_full_queue_refuses_messages_and_a_queue_without_reader_blocks_no_client() {
        let (session, inbox) = Session::new(TokenBucket::new(INBOX_MAX + 1, INBOX_MAX + 1));
        assert!((0..INBOX_MAX).all(|_| session.enqueue(EngineMessage::Binary)));
        assert!(!session.enqueue(EngineMessage::Binary));
        drop(inbox);
        timeout(Duration::from_secs(5), Arc::clone(&session).wait_for_capacity()).await.expect("the wait ends");
        assert!(session.enqueue(EngineMessage::Binary));
    }
}
