//! One socket of a client, from its dial to its end.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;

use crate::error::ConnectionError;

/// Texts that wait to be written. A client sends one command at a time and a few requests for the time.
const OUTGOING_MAX: usize = 64;

/// Events of links that wait for the client's task. A full queue makes the links read more slowly.
pub(crate) const EVENTS_MAX: usize = 64;

/// Identifies a link of a client; a later link has a larger one.
pub(crate) type LinkId = u64;

/// Where links report what happens on them.
pub(crate) type LinkEvents<M> = mpsc::Sender<(LinkId, LinkEvent<M>)>;

/// What happens on a link. Nothing follows `Closed`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LinkEvent<M> {
    Message(M),
    /// The server closes the link within this time.
    GoingAway(Duration),
    Closed(ConnectionError),
}

impl<M> LinkEvent<M> {
    /// Reads an announcement. Without a valid time, the advice of the close that follows counts.
    pub(crate) fn going_away(payload: Option<&Value>) -> Option<Self> {
        let ms = payload?.get("withinMs")?.as_f64()?;
        Duration::try_from_secs_f64(ms / 1000.0).ok().map(Self::GoingAway)
    }
}

/// A socket that was dialled. It closes when dropped.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    outgoing: mpsc::Sender<String>,
}

impl Link {
    /// Returns a link, and the texts that its task writes.
    pub(crate) fn new(id: LinkId) -> (Self, mpsc::Receiver<String>) {
        let (outgoing, texts) = mpsc::channel(OUTGOING_MAX);
        (Self { id, outgoing }, texts)
    }

    /// Sends a text. Returns whether it was queued, which does not mean that it arrives.
    pub(crate) fn send(&self, text: String) -> bool {
        self.outgoing.try_send(text).is_ok()
    }
}

/// Opens links. Failures are reported as a close.
pub(crate) trait Dial: Send {
    fn dial(&mut self, id: LinkId) -> Link;
}
