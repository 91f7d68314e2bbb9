//! What all ended sessions of a person add up to.

use serde::{Deserialize, Serialize};

use crate::calendar::Zone;
use crate::fields::stored_object;
use crate::focus::completions::Completions;
use crate::focus::ended::EndedSession;
use crate::focus::id::FocusId;
use crate::focus::status::Ending;
use crate::raw_json::RawJson;
use crate::system::ItemType;
use crate::time::{Millis, Timestamp};

/// Endings that are kept. A socket that misses more shows its session as deleted; a person ends them one by one.
const ENDINGS_KEPT: usize = 32;

const SECONDS_PER_MINUTE: u64 = 60;

/// What all ended sessions of a person add up to. Its instants are dates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FocusStats {
    /// The sum of all scores.
    pub score_sum: u64,
    /// The number of completed sessions.
    pub completed: u64,
    /// The active seconds of all sessions.
    pub active_seconds: u64,
    /// When sessions were completed.
    pub completions: Completions,
    /// The last sessions that have ended, the oldest first, so that their sockets are told of their score.
    pub endings: Vec<RecentEnding>,
    /// Fields of a newer version, kept byte for byte.
    pub unknown_fields: Vec<(String, RawJson)>,
}

stored_object!(FocusStats {
    score_sum: required,
    completed: required,
    active_seconds: required,
    completions: required,
    endings: required,
});

/// A session that has ended lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentEnding {
    /// The session.
    pub id: FocusId,
    /// Its score.
    pub score: u64,
}

impl FocusStats {
    /// Returns the number of consecutive days with a completed session, in a zone, that end today or, with nothing yet
    /// today, yesterday. The instant is a date.
    pub fn day_streak(&self, zone: &Zone, now: Timestamp) -> u64 {
        self.completions.day_streak(zone, now)
    }

    /// Returns the active minutes of all sessions, rounded half up.
    pub fn focus_minutes(&self) -> u64 {
        self.active_seconds.saturating_add(SECONDS_PER_MINUTE / 2) / SECONDS_PER_MINUTE
    }

    /// Returns the score of a session that has ended lately; `None` for one that was deleted.
    pub fn score_of(&self, id: FocusId) -> Option<u64> {
        self.endings.iter().rev().find(|ending| ending.id == id).map(|ending| ending.score)
    }

    /// Adds a session that ends now.
    pub(crate) fn end(&mut self, session: &EndedSession) {
        self.add(session, session.ended_at);
        self.endings.push(RecentEnding { id: session.id, score: session.focus_score });
        let excess = self.endings.len().saturating_sub(ENDINGS_KEPT);
        self.endings.drain(..excess);
    }

    /// Adds a session at a date.
    pub(crate) fn add(&mut self, session: &EndedSession, now: Timestamp) {
        self.score_sum = self.score_sum.saturating_add(session.focus_score);
        self.active_seconds = self.active_seconds.saturating_add(session.counters.active);
        if session.ending == Ending::Completed {
            self.completed = self.completed.saturating_add(1);
            self.completions.add(session.ended_at, now);
        }
    }

    /// Takes a session out.
    pub(crate) fn remove(&mut self, session: &EndedSession) {
        self.score_sum = self.score_sum.saturating_sub(session.focus_score);
        self.active_seconds = self.active_seconds.saturating_sub(session.counters.active);
        if session.ending == Ending::Completed {
            self.completed = self.completed.saturating_sub(1);
            self.completions.remove(session.ended_at);
        }
        self.endings.retain(|ending| ending.id != session.id);
    }
}

impl ItemType for FocusStats {
    const KIND: &'static str = "focus-stats";
    type Id = ();

    fn id(&self) -> &() {
        &()
    }

    fn move_back(&mut self, _: Millis) {}
}
