//! The current session and the statistics of a person, as the server last described them, and what of them is to be loaded:
//! they may change without a message. Knows no connection: the task sends the requests.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::HttpError;
use crate::focus::model::FocusModel;
use crate::focus::protocol::{FocusSession, FocusStats, FocusStatus, FocusTick};

/// The time between two requests while the session may have changed.
const DOUBTFUL: Duration = Duration::from_secs(3);

/// The longest time between two requests while they fail; it grows from [`DOUBTFUL`].
const FAILING: Duration = Duration::from_secs(48);

/// The time between two requests while nothing counts: no message tells that another device starts or resumes a session.
const QUIET: Duration = Duration::from_mins(1);

/// Ticks arrive this much early at most, by an estimate of the server's time that is this much late.
const EARLY_MS: i64 = 200;

/// What is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Current,
    Newest,
    Stats,
}

/// What the task loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// The session with an id.
    Current(String),
    /// The newest session; with the id of the current one.
    Newest(Option<String>),
    Stats,
}

/// What was loaded.
pub(crate) enum Loaded {
    Current(String, Result<Arc<FocusSession>, HttpError>),
    Newest(Option<String>, Result<Vec<Arc<FocusSession>>, HttpError>),
    Stats(Result<FocusStats, HttpError>),
}

/// See the module.
#[derive(Default)]
pub(crate) struct FocusDocuments {
    pub(crate) model: FocusModel,
    pub(crate) stats: Option<FocusStats>,
    /// Whether the server has told if there is a session.
    pub(crate) is_loaded: bool,
    is_refreshing: bool,
    refreshed_at: Option<Instant>,
    is_doubtful: bool,
    /// Whether a request has failed since the last refresh began.
    has_failed: bool,
    /// The refreshes in a row that have failed.
    failed_refreshes: u32,
    has_loaded_stats: bool,
    is_loading_stats: bool,
    /// The failures that were reported.
    failures: HashMap<Subject, String>,
    due: Vec<Load>,
}

impl FocusDocuments {
    /// Returns the loads that are to begin.
    pub(crate) fn take_due(&mut self) -> Vec<Load> {
        std::mem::take(&mut self.due)
    }

    /// Processes a document of the server, if it is about the current session.
    pub(crate) fn apply(&mut self, session: Arc<FocusSession>, server_now: i64) {
        if self.model.session_with(&session.id).is_some() {
            self.apply_as_current(session, server_now);
        }
    }

    /// Processes a document of the session that is or becomes the current one.
    pub(crate) fn apply_as_current(&mut self, session: Arc<FocusSession>, server_now: i64) {
        let was_open = self.model.session_with(&session.id).is_some_and(|known| known.status.is_open());
        self.model.apply_session(session, beat_ms(server_now));
        self.is_loaded = true;
        if was_open && self.model.status().is_some_and(|status| !status.is_open()) {
            self.load_stats();
        }
    }

    /// Processes a tick of the current session.
    pub(crate) fn apply_tick(&mut self, tick: FocusTick, server_now: i64) {
        // It precedes a pause, or follows a resumption by another device.
        self.is_doubtful |= self.model.status() == Some(FocusStatus::Paused);
        self.model.apply_tick(tick, beat_ms(server_now));
    }

    /// Processes the start of a count, whose first second ends after the next whole second.
    pub(crate) fn apply_start(&mut self, server_now: i64) {
        self.model.beat_ms = beat_ms(server_now) + 1_000;
    }

    /// Processes the deletion of a session, whichever it is.
    pub(crate) fn remove(&mut self, session_id: &str) {
        if self.model.session_with(session_id).is_some() {
            self.model = FocusModel::default();
        }
        self.load_stats();
    }

    /// Makes the next check load the session, because it may have changed.
    pub(crate) fn doubt(&mut self) {
        self.is_doubtful = true;
    }

    /// Loads what may have changed. Runs about once a second while the connection is online.
    pub(crate) fn maintain(&mut self, is_counting: bool, now: Instant) {
        let interval = if self.is_doubtful {
            DOUBTFUL.saturating_mul(2_u32.saturating_pow(self.failed_refreshes)).min(FAILING)
        } else if is_counting {
            return;
        } else {
            QUIET
        };
        if self.refreshed_at.is_none_or(|at| now.saturating_duration_since(at) >= interval) {
            self.refresh(now);
        }
    }

    /// Loads the current session, or the newest one if there is none that has not ended.
    pub(crate) fn refresh(&mut self, now: Instant) {
        if self.is_refreshing {
            return;
        }
        self.is_refreshing = true;
        self.refreshed_at = Some(now);
        self.failed_refreshes = if self.has_failed { self.failed_refreshes.saturating_add(1) } else { 0 };
        (self.is_doubtful, self.has_failed) = (false, false);
        if !self.has_loaded_stats {
            self.load_stats();
        }
        self.due.push(match &self.model.session {
            Some(session) if session.status.is_open() => Load::Current(session.id.clone()),
            Some(session) => Load::Newest(Some(session.id.clone())),
            None => Load::Newest(None),
        });
    }

    /// Processes what was loaded. Returns an error that is to be reported. A session that was created meanwhile is newer
    /// than the list.
    pub(crate) fn receive(&mut self, loaded: Loaded, server_now: i64) -> Option<HttpError> {
        match loaded {
            Loaded::Current(id, result) => {
                self.is_refreshing = false;
                let error = result.map(|session| self.apply(session, server_now)).err();
                if error.as_ref().and_then(HttpError::status) == Some(404) {
                    self.remove(&id);
                }
                self.note(Subject::Current, error)
            }
            Loaded::Newest(before, result) => {
                self.is_refreshing = false;
                let error = result.map(|list| self.receive_newest(before.as_deref(), list, server_now)).err();
                self.note(Subject::Newest, error)
            }
            Loaded::Stats(result) => {
                self.is_loading_stats = false;
                self.has_loaded_stats &= result.is_ok();
                let error = result.map(|stats| self.stats = Some(stats)).err();
                self.note(Subject::Stats, error)
            }
        }
    }

    pub(crate) fn is_refreshing(&self) -> bool {
        self.is_refreshing
    }

    fn receive_newest(&mut self, before: Option<&str>, list: Vec<Arc<FocusSession>>, server_now: i64) {
        self.is_loaded = true;
        let current = self.model.session.as_ref().map(|session| session.id.as_str());
        let Some(newest) = list.into_iter().next().filter(|_| before == current) else { return };
        if newest.status.is_open() || Some(newest.id.as_str()) == before {
            self.apply_as_current(newest, server_now);
        }
    }

    fn load_stats(&mut self) {
        self.has_loaded_stats = true;
        if !self.is_loading_stats {
            self.is_loading_stats = true;
            self.due.push(Load::Stats);
        }
    }

    /// What has failed is requested again, and reported once. A server that cannot be reached is the connection's matter.
    fn note(&mut self, subject: Subject, error: Option<HttpError>) -> Option<HttpError> {
        let Some(error) = error else {
            self.failures.remove(&subject);
            return None;
        };
        if error.status() == Some(404) {
            return None;
        }
        (self.is_doubtful, self.has_failed) = (true, true);
        let message = error.to_string();
        if matches!(error, HttpError::NoAnswer(_)) || self.failures.get(&subject) == Some(&message) {
            return None;
        }
        self.failures.insert(subject, message);
        Some(error)
    }
}

fn beat_ms(server_now: i64) -> i64 {
    server_now.saturating_add(EARLY_MS).div_euclid(1000) * 1000
}

#[cfg(test)]
mod tests;
