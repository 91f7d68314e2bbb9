//! What a person did with a session, in time since the start of the run.

use std::time::Duration;

/// What a person did with a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionLog {
    pub(crate) id: String,
    pub(crate) target_minutes: u64,
    /// The sockets that were to track the session.
    pub(crate) sockets: Vec<SocketLog>,
    /// The pauses and resumptions over HTTP.
    pub(crate) statuses: Vec<StatusChange>,
    /// The tab switches.
    pub(crate) tab_switches: Vec<Exchange>,
    /// The requests to end the session, and whether a socket has sent them.
    pub(crate) ends: Vec<EndRequest>,
    /// The scores of all answers and notifications about the end.
    pub(crate) scores: Vec<u64>,
}

/// A socket that was to track a session.
#[derive(Clone, Debug)]
pub(crate) struct SocketLog {
    pub(crate) node: usize,
    pub(crate) starts: Vec<Exchange>,
    pub(crate) activity: Vec<Duration>,
    /// When the socket went, or was told of the end of the session.
    pub(crate) departure: Option<Departure>,
}

/// When a request was sent first, and when it was answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange {
    pub(crate) sent: Duration,
    pub(crate) answered: Option<Duration>,
}

/// A pause, or a resumption over HTTP.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatusChange {
    pub(crate) is_pause: bool,
    pub(crate) exchange: Exchange,
    /// Whether an earlier attempt may take effect later.
    pub(crate) is_repeated: bool,
}

/// A request to end a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndRequest {
    /// The socket that has sent it; `None` over HTTP.
    pub(crate) socket: Option<usize>,
    pub(crate) exchange: Exchange,
    pub(crate) status: &'static str,
}

/// When a socket went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    pub(crate) from: Duration,
    pub(crate) until: Duration,
    pub(crate) kind: DepartureKind,
}

/// Why a socket went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DepartureKind {
    /// The device has dropped it.
    Dropped,
    /// The node has closed it, or has told that the session has ended.
    Told,
    /// The node has gone.
    Lost,
}

impl Exchange {
    /// Returns a request that has no answer yet.
    pub(crate) fn sent(at: Duration) -> Self {
        Self { sent: at, answered: None }
    }
}

impl SocketLog {
    /// Returns when the session was certainly tracked first.
    pub(crate) fn started(&self) -> Option<Duration> {
        self.starts.iter().find_map(|start| start.answered)
    }
}

impl SessionLog {
    /// Returns the period in which the session ended; `None` if no end was answered.
    pub(crate) fn ended(&self) -> Option<(Duration, Duration)> {
        let from = self.ends.iter().map(|end| end.exchange.sent).min()?;
        Some((from, self.ends.iter().filter_map(|end| end.exchange.answered).min()?))
    }

    pub(super) fn acknowledged(&self) -> usize {
        let starts = self.sockets.iter().flat_map(|socket| &socket.starts);
        let statuses = self.statuses.iter().map(|change| &change.exchange);
        let ends = self.ends.iter().map(|end| &end.exchange);
        starts.chain(statuses).chain(ends).chain(&self.tab_switches).filter(|it| it.answered.is_some()).count()
    }
}
