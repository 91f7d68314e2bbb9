//! What a client's task and whatever carries its packets share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use engineioxide::Str;
use engineioxide::socket::Sid;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::ws::Closing;

/// Most packets that wait for their turn. As many as a request can bring: 64 KiB of the shortest events there are.
const INBOX_MAX: usize = 4096;

/// With more than so many waiting, no more are taken from a client.
const CROWDED: usize = 64;

/// What came of a client.
#[derive(Debug)]
pub(super) enum Raw {
    Text(Str),
    Binary,
}

/// One client, by whatever carries its packets.
pub(super) struct Session {
    inbox: mpsc::Sender<Raw>,
    closing: OnceLock<Closing>,
    /// What carries its packets is of no more use, which the engine would not find out by itself.
    broken: CancellationToken,
}

impl Session {
    pub(super) fn new() -> (Arc<Self>, mpsc::Receiver<Raw>) {
        let (inbox, receiver) = mpsc::channel(INBOX_MAX);
        (Arc::new(Self { inbox, closing: OnceLock::new(), broken: CancellationToken::new() }), receiver)
    }

    /// Takes in what came; `false` if there is no room for it.
    pub(super) fn take_in(&self, raw: Raw) -> bool {
        // A task that is gone needs nothing more.
        !matches!(self.inbox.try_send(raw), Err(mpsc::error::TrySendError::Full(_)))
    }

    pub(super) fn is_crowded(&self) -> bool {
        self.inbox.capacity() < INBOX_MAX - CROWDED
    }

    /// Waits until more can be taken from the client.
    pub(super) async fn eased(self: Arc<Self>) {
        // An inbox that nobody reads any more holds nobody up.
        self.inbox.reserve_many(INBOX_MAX - CROWDED).await.map(drop).ok();
    }

    /// Notes why it ends; the first reason counts.
    pub(super) fn close(&self, closing: Closing) {
        self.closing.set(closing).ok();
    }

    /// Has its task end it.
    pub(super) fn breaks(&self, closing: Closing) {
        self.close(closing);
        self.broken.cancel();
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_cancelled()
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
    pub(super) inbox: Mutex<Option<mpsc::Receiver<Raw>>>,
}

impl Opening {
    pub(super) fn new() -> Self {
        let (session, inbox) = Session::new();
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
