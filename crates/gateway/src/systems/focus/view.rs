//! What a socket is shown of the person's board: the ticks of the session that it tracks, and its end.

use engine::{Delivery, TickContext, View};
use net::websocket::frame;
use timers::focus::{FocusId, FocusSession, FocusStats};
use timers::{Beat, Revision, Timestamp};
use wire::focus::{NAME, stopped, tick};

use crate::session::render::{ClientView, Rendered, frames};

/// What a socket is shown.
#[derive(Default)]
pub(super) struct FocusView {
    shown: Option<Shown>,
    prepared: Option<Prepared>,
    /// The ticks of the latest beat.
    ticks: Vec<u8>,
}

/// The session that a socket tracks, since a revision of the board.
#[derive(Clone, Copy)]
struct Shown {
    session: FocusId,
    since: Revision,
}

/// The session that a socket is about to track.
struct Prepared {
    session: FocusId,
    /// The latest board without the session, and the session's score.
    absent: Option<(Revision, u64)>,
}

impl FocusView {
    /// Watches a session whose start is about to be committed. It is not shown before [`FocusView::confirm`].
    pub(super) fn prepare(&mut self, session: FocusId) {
        self.prepared = Some(Prepared { session, absent: None });
    }

    /// Watches no session to come, since the start has failed.
    pub(super) fn cancel(&mut self) {
        self.prepared = None;
    }

    /// Shows the session whose start was committed, instead of the one before. Returns the score if the session has ended
    /// since then.
    pub(super) fn confirm(&mut self, since: Revision) -> Option<u64> {
        let Prepared { session, absent } = self.prepared.take()?;
        let ended = absent.filter(|(revision, _)| *revision > since);
        self.shown = ended.is_none().then_some(Shown { session, since });
        ended.map(|(_, score)| score)
    }

    /// Shows nothing.
    pub(super) fn clear(&mut self) {
        self.shown = None;
    }

    /// Tells whether a session is shown.
    pub(super) fn is_shown(&self) -> bool {
        self.shown.is_some()
    }

    /// Takes a newer board; returns the message that tells of the session's end.
    fn see(&mut self, view: &View) -> Option<String> {
        if let Some(prepared) = &mut self.prepared {
            prepared.absent = absence(view, prepared.session);
        }
        let Shown { session, since } = self.shown?;
        let (_, score) = absence(view, session).filter(|(revision, _)| *revision > since)?;
        self.shown = None;
        Some(stopped(session, score))
    }

    fn tick(&self, view: &View, beat: Beat) -> Option<String> {
        let session = view.dated().get::<FocusSession>(&self.shown?.session)?;
        Some(tick(&session.tick_at(view.dated_beat(beat))?))
    }
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
            Delivery::Resync { new, .. } | Delivery::Diff { new, .. } => self.see(new),
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
