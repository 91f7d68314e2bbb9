//! What a socket is shown of the person's board: the ticks of the session that it tracks, and its end.

use engine::{Delivery, TickContext, View};
use net::websocket::frame;
use timers::focus::{FocusId, FocusSession, FocusStats};
use timers::{Beat, ConnectionId, Revision, Timestamp};
use wire::focus::{NAME, stopped, tick};

use crate::session::render::{ClientView, Rendered, frames};

/// What a socket is shown.
#[derive(Default)]
pub(super) struct FocusView {
    selection: Option<Selection>,
    pending: Option<PendingStart>,
    /// The ticks of the latest beat.
    ticks: Vec<u8>,
}

/// The session that a socket tracks.
struct Selection {
    session: FocusId,
    connection: ConnectionId,
    /// The revision of the start.
    since: Revision,
    /// Whether a board with the socket has been seen. From then on its absence tells something, whatever the revision: a
    /// store that was emptied counts anew.
    was_seen: bool,
    /// Whether the socket is missing on a newer board, although its session is not.
    is_missing: bool,
}

/// A start that is about to be committed.
struct PendingStart {
    session: FocusId,
    connection: ConnectionId,
    /// Whether a board with the socket has been seen: the start is delivered before it is answered.
    was_seen: bool,
    /// The latest board without the session, and the session's score.
    absent: Option<(Revision, u64)>,
}

impl FocusView {
    /// Watches a session whose start is about to be committed. It is not shown before [`FocusView::confirm`]; until then the
    /// ticks of another one are held back, since they do not name their session.
    pub(super) fn prepare(&mut self, session: FocusId, connection: ConnectionId) {
        self.pending = Some(PendingStart { session, connection, was_seen: false, absent: None });
    }

    /// Watches no session to come, since the start has failed.
    pub(super) fn cancel(&mut self) {
        self.pending = None;
    }

    /// Shows the session whose start was committed, instead of the one before. Returns the score if the session has ended
    /// since then.
    pub(super) fn confirm(&mut self, since: Revision) -> Option<u64> {
        let PendingStart { session, connection, was_seen, absent } = self.pending.take()?;
        let ended = absent.filter(|(revision, _)| was_seen || *revision > since);
        let selection = Selection { session, connection, since, was_seen, is_missing: false };
        self.selection = ended.is_none().then_some(selection);
        ended.map(|(_, score)| score)
    }

    /// Shows nothing.
    pub(super) fn clear(&mut self) {
        self.selection = None;
    }

    /// Tells whether a session is shown.
    pub(super) fn has_selection(&self) -> bool {
        self.selection.is_some()
    }

    /// Tells once that the socket is missing on the board.
    pub(super) fn take_missing(&mut self) -> bool {
        self.selection.as_mut().is_some_and(|selection| std::mem::take(&mut selection.is_missing))
    }

    /// Takes a newer board; returns the message that tells of the session's end.
    fn apply_update(&mut self, view: &View) -> Option<String> {
        if let Some(pending) = &mut self.pending {
            pending.absent = absence(view, pending.session);
            let session = view.dated().get::<FocusSession>(&pending.session);
            pending.was_seen |= session.is_some_and(|session| is_tracked_by(session, &pending.connection));
        }
        let selection = self.selection.as_mut()?;
        let board = view.dated();
        if let Some(session) = board.get::<FocusSession>(&selection.session) {
            let is_there = is_tracked_by(session, &selection.connection);
            selection.is_missing = selection.was_seen && !is_there;
            selection.was_seen |= is_there;
            return None;
        }
        let (revision, score) = absence(view, selection.session)?;
        if revision <= selection.since && !selection.was_seen {
            return None;
        }
        let session = selection.session;
        self.selection = None;
        Some(stopped(session, score))
    }

    fn tick(&self, view: &View, beat: Beat) -> Option<String> {
        let Selection { session, .. } = self.selection.as_ref()?;
        if self.pending.as_ref().is_some_and(|pending| pending.session != *session) {
            return None;
        }
        let session = view.dated().get::<FocusSession>(session)?;
        Some(tick(&session.tick_at(view.dated_beat(beat))?))
    }
}

fn is_tracked_by(session: &FocusSession, connection: &ConnectionId) -> bool {
    session.trackers.iter().any(|tracker| tracker.connection == *connection)
}

/// Returns the revision of a board that a session is not on, and the session's score, which is 0 for a deleted one.
fn absence(view: &View, session: FocusId) -> Option<(Revision, u64)> {
    let board = view.dated();
    if board.get::<FocusSession>(&session).is_some() {
        return None;
    }
    let score = board.get::<FocusStats>(&()).and_then(|stats| stats.score_of(session));
    Some((board.position.revision, score.unwrap_or(0)))
}

impl ClientView for FocusView {
    const DIALECT: &'static str = NAME;

    fn render(&mut self, delivery: &Delivery<'_>, _: impl Fn() -> Timestamp) -> Rendered {
        let message = match *delivery {
            Delivery::Initial(_) | Delivery::Redated(_) => None,
            Delivery::Resync { new, .. } | Delivery::Diff { new, .. } => self.apply_update(new),
            Delivery::Tick(view, beat) => self.tick(view, beat),
        };
        frames(|frames| message.iter().for_each(|message| frames.push_text(message)))
    }

    fn latest_ticks<'t>(&'t mut self, context: &'t mut TickContext) -> &'t [u8] {
        self.ticks.clear();
        if let Some(tick) = self.tick(context.view(), context.beat()) {
            frame::put_text(&mut self.ticks, &tick);
        }
        &self.ticks
    }
}
