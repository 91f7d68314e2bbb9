//! What a client's task and whatever carries its packets share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use engineioxide::Str;
use engineioxide::socket::Sid;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::bucket::Bucket;
use crate::config::LimitSettings;
use crate::ws::Closing;

/// Most packets that wait for their turn. As many as a request can bring: 64 KiB of the shortest events there are.
const INBOX_MAX: usize = 4096;

/// With more than so many packets waiting, or so many bytes of them, no more are taken from a client.
const CROWDED: usize = 64;
const CROWDED_BYTES: usize = 64 * 1024;

/// What came of a client.
#[derive(Debug)]
pub(super) enum Raw {
    Text(Str),
    Binary,
}

impl Raw {
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary => 0,
        }
    }
}

/// One client, by whatever carries its packets.
pub(super) struct Session {
    inbox: mpsc::Sender<Raw>,
    /// How many packets the client may send still by long polling.
    bucket: Mutex<Bucket>,
    waiting: AtomicUsize,
    waiting_bytes: AtomicUsize,
    eased: Notify,
    closing: OnceLock<Closing>,
    /// A WebSocket carries its packets, or is about to.
    carried: AtomicBool,
    /// What carries its packets is of no more use, which the engine would not find out by itself.
    broken: CancellationToken,
}

impl Session {
    pub(super) fn new(bucket: Bucket) -> (Arc<Self>, mpsc::Receiver<Raw>) {
        let (inbox, receiver) = mpsc::channel(INBOX_MAX);
        let session = Self {
            inbox,
            bucket: Mutex::new(bucket),
            waiting: AtomicUsize::new(0),
            waiting_bytes: AtomicUsize::new(0),
            eased: Notify::new(),
            closing: OnceLock::new(),
            carried: AtomicBool::new(false),
            broken: CancellationToken::new(),
        };
        (Arc::new(session), receiver)
    }

    /// Tells whether the client may say so much by long polling; a WebSocket's frames are counted where they pass.
    pub(super) fn may_say(&self, packets: usize) -> bool {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(packets)
    }

    /// Takes in what came; `false` if there is no room for it.
    pub(super) fn take_in(&self, raw: Raw) -> bool {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.waiting_bytes.fetch_add(raw.bytes(), Ordering::Relaxed);
        // A task that is gone needs nothing more.
        !matches!(self.inbox.try_send(raw), Err(mpsc::error::TrySendError::Full(_)))
    }

    /// Notes that something that came has its turn.
    pub(super) fn taken(&self, raw: &Raw) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.waiting_bytes.fetch_sub(raw.bytes(), Ordering::Relaxed);
        if !self.is_crowded() {
            self.eased.notify_waiters();
        }
    }

    pub(super) fn is_crowded(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > CROWDED || self.waiting_bytes.load(Ordering::Relaxed) > CROWDED_BYTES
    }

    /// Waits until more can be taken from the client. An inbox that nobody reads any more holds nobody up.
    pub(super) async fn eased(self: Arc<Self>) {
        loop {
            let mut eased = std::pin::pin!(self.eased.notified());
            // From here on no word of it is missed.
            eased.as_mut().enable();
            if !self.is_crowded() {
                return;
            }
            tokio::select! {
                () = eased => {}
                () = self.inbox.closed() => return,
            }
        }
    }

    /// Claims the session for a WebSocket; `false` if another one has it.
    pub(super) fn carry(&self) -> bool {
        !self.carried.swap(true, Ordering::Relaxed)
    }

    /// Notes why it ends; the first reason counts.
    pub(super) fn close(&self, closing: Closing) {
        self.closing.set(closing).ok();
    }

    /// Has its task end it.
    pub(super) fn breaks(&self) {
        self.broken.cancel();
    }

    pub(super) async fn broken(&self) {
        self.broken.cancelled().await;
    }

    /// Returns why it ends, if that is for us to say.
    pub(super) fn closing(&self) -> Option<&Closing> {
        self.closing.get()
    }
}

/// A session that the engine has not opened yet.
pub(super) struct Opening {
    pub(super) session: Arc<Session>,
    inbox: Mutex<Option<mpsc::Receiver<Raw>>>,
}

impl Opening {
    pub(super) fn new(limits: &LimitSettings) -> Self {
        let (session, inbox) = Session::new(limits.bucket());
        Self { session, inbox: Mutex::new(Some(inbox)) }
    }

    pub(super) fn inbox(&self) -> Option<mpsc::Receiver<Raw>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The sessions of this node.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<Sid, Arc<Session>>>);

impl Sessions {
    pub(super) fn add(&self, id: Sid, session: Arc<Session>) {
        self.lock().insert(id, session);
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<Session>> {
        self.lock().get(&id.parse().ok()?).cloned()
    }

    pub(super) fn remove(&self, id: Sid) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Sid, Arc<Session>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn a_client_is_held_back_by_packets_and_by_bytes_until_they_have_had_their_turn() {
        for (text, count) in [("x".to_owned(), CROWDED), ("x".repeat(CROWDED_BYTES / 2), 2)] {
            let (session, mut inbox) = Session::new(Bucket::new(INBOX_MAX + 1, INBOX_MAX + 1));
            for _ in 0..count {
                assert!(session.take_in(Raw::Text(text.clone().into())));
                assert!(!session.is_crowded());
            }
            assert!(session.take_in(Raw::Text(text.clone().into())));
            assert!(timeout(Duration::from_millis(20), Arc::clone(&session).eased()).await.is_err());
            let eased = tokio::spawn(Arc::clone(&session).eased());
            session.taken(&inbox.recv().await.unwrap());
            timeout(Duration::from_secs(5), eased).await.expect("it is eased").unwrap();
        }
    }

    #[tokio::test]
    async fn an_inbox_that_is_full_says_so_and_one_that_nobody_reads_holds_nobody_up() {
        let (session, inbox) = Session::new(Bucket::new(INBOX_MAX + 1, INBOX_MAX + 1));
        assert!((0..INBOX_MAX).all(|_| session.take_in(Raw::Binary)));
        assert!(!session.take_in(Raw::Binary));
        drop(inbox);
        timeout(Duration::from_secs(5), Arc::clone(&session).eased()).await.expect("nobody is held up");
        assert!(session.take_in(Raw::Binary));
    }
}
