//! The socket's part of a session: it starts the session on each link, so that the server counts its seconds, and reports
//! what the person does. Knows no connection: texts are sent by a function.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::backoff::{Backoff, Random, random_id};
use crate::error::ServerError;

/// The server waits up to 20 s for the end of a node that may be dead, and 5 s for its store.
const START_TIMEOUT: Duration = Duration::from_secs(30);

const RETRY: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(8) };

/// Activity is reported this often at most: the idle time of 15 s begins up to a second too early.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

const TAB_SWITCH_ID: &str = "tab-switch";

/// Sends a text on the current link; returns false if there is none.
pub(crate) type SendText<'s> = &'s mut dyn FnMut(String) -> bool;

#[derive(Clone, Debug, PartialEq, Eq)]
struct StartRequest {
    id: String,
    session_id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StartStep {
    /// The answer to a start is due.
    Timeout,
    /// A start is tried again.
    Retry,
}

/// See the module.
pub(crate) struct Tracking {
    /// The session that the current link has started.
    started: Option<String>,
    /// The session that the last link has started; it stays when the link is lost.
    last_started: Option<String>,
    request: Option<StartRequest>,
    /// A start that was sent on the link of the dial in progress.
    early: Option<StartRequest>,
    refused: Option<String>,
    attempts: u32,
    next: Option<(StartStep, Instant)>,
    last_report_at: Option<Instant>,
    random: Random,
}

impl Tracking {
    pub(crate) fn new(random: Random) -> Self {
        Self {
            started: None,
            last_started: None,
            request: None,
            early: None,
            refused: None,
            attempts: 0,
            next: None,
            last_report_at: None,
            random,
        }
    }

    /// Returns the session that the server counts for this client.
    pub(crate) fn started(&self) -> Option<&str> {
        self.started.as_deref()
    }

    /// Returns the session that the server counts, or has counted until the link was lost.
    pub(crate) fn last_started(&self) -> Option<&str> {
        self.last_started.as_deref()
    }

    /// Returns when the last activity was that the server knows of.
    pub(crate) fn last_report_at(&self) -> Option<Instant> {
        self.last_report_at
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.next.map(|(_, at)| at)
    }

    /// Does what is due. Returns true if the server does not answer.
    pub(crate) fn handle_deadline(&mut self, now: Instant) -> bool {
        let Some((step, _)) = self.next.take_if(|(_, at)| *at <= now) else { return false };
        self.request = None;
        step == StartStep::Timeout
    }

    /// Starts the session that is wanted, unless the link has started it, a start waits for its repetition, or the server
    /// has refused it.
    pub(crate) fn ensure(&mut self, wanted: Option<&str>, now: Instant, send: SendText<'_>) {
        let Some(session_id) = wanted.filter(|wanted| {
            let requested = self.request.as_ref().map(|request| request.session_id.as_str());
            ![self.started.as_deref(), requested, self.refused.as_deref()].contains(&Some(*wanted))
        }) else {
            return;
        };
        if self.request.is_none() && matches!(self.next, Some((StartStep::Retry, _))) {
            return;
        }
        let request = StartRequest { id: random_id(), session_id: session_id.to_owned() };
        if send(request.message()) {
            self.request = Some(request);
            self.next = Some((StartStep::Timeout, now + START_TIMEOUT));
        }
    }

    /// Starts a session again that was refused.
    pub(crate) fn urge(&mut self) {
        self.refused = None;
        self.next.take_if(|(step, _)| *step == StartStep::Retry);
    }

    /// Reports activity, unless it was reported just now. Without a session it has no effect.
    pub(crate) fn report_activity(&mut self, wanted: Option<&str>, now: Instant, send: SendText<'_>) {
        let is_recent = |at: Instant| now.saturating_duration_since(at) < REPORT_INTERVAL;
        if !self.is_tracked(wanted) || self.last_report_at.is_some_and(is_recent) {
            return;
        }
        if send(json!({ "type": "activity" }).to_string()) {
            self.last_report_at = Some(now);
        }
    }

    /// Reports that the person has left the work. It is not repeated if the connection is lost: it would count twice.
    pub(crate) fn report_tab_switch(&self, wanted: Option<&str>, send: SendText<'_>) {
        if self.is_tracked(wanted) {
            send(json!({ "type": "tabSwitch", "id": TAB_SWITCH_ID }).to_string());
        }
    }

    /// Processes an answer to a start. Returns whether the session was the last one that was started, or nothing if it
    /// answers no start.
    pub(crate) fn receive_started(&mut self, id: Option<&str>, session_id: String, now: Instant) -> Option<bool> {
        self.request.as_ref().filter(|request| Some(request.id.as_str()) == id)?;
        self.clear();
        let is_return = self.last_started.as_deref() == Some(&session_id);
        self.handle_started(session_id, now);
        Some(is_return)
    }

    /// Processes an error. Returns it if it is to be handled: as the refusal of a start, if the flag is set.
    pub(crate) fn receive_error(
        &mut self,
        id: Option<&str>,
        error: ServerError,
        now: Instant,
    ) -> Option<(ServerError, bool)> {
        // The session was paused or ended at the same time.
        if id == Some(TAB_SWITCH_ID) && !error.retry {
            return None;
        }
        let Some(request) = self.request.take_if(|request| Some(request.id.as_str()) == id) else {
            return Some((error, false));
        };
        if error.retry {
            self.next = Some((StartStep::Retry, now + RETRY.delay(self.attempts, &mut self.random)));
            self.attempts = self.attempts.saturating_add(1);
            return None;
        }
        self.clear();
        self.refused = Some(request.session_id);
        Some((error, true))
    }

    /// Starts the session on the link of the dial in progress, before it replaces the current link. Returns false if there
    /// is none to be started: a start would resume a session that is paused.
    pub(crate) fn start_early(&mut self, wanted: Option<&str>, send: SendText<'_>) -> bool {
        let Some(session_id) = self.started.clone().filter(|_| self.is_tracked(wanted)) else { return false };
        let request = StartRequest { id: random_id(), session_id };
        let is_sent = send(request.message());
        self.early = Some(request).filter(|_| is_sent);
        is_sent
    }

    /// Tells whether a message answers the start on the link of the dial in progress.
    pub(crate) fn is_early(&self, id: Option<&str>) -> bool {
        self.early.as_ref().is_some_and(|early| Some(early.id.as_str()) == id)
    }

    /// Processes the failure of the dial in progress.
    pub(crate) fn drop_early(&mut self) {
        self.early = None;
    }

    /// Processes the handshake of a link, on which a session may have been started already.
    pub(crate) fn handle_online(&mut self, session_id: Option<String>, now: Instant) {
        self.clear();
        (self.refused, self.early) = (None, None);
        match session_id {
            Some(session_id) => self.handle_started(session_id, now),
            None => self.started = None,
        }
    }

    pub(crate) fn handle_offline(&mut self) {
        self.clear();
        (self.started, self.early) = (None, None);
    }

    /// The server does not count the session any more.
    pub(crate) fn handle_stopped(&mut self, session_id: &str) {
        self.started.take_if(|started| started == session_id);
        self.last_started.take_if(|started| started == session_id);
    }

    fn is_tracked(&self, wanted: Option<&str>) -> bool {
        self.started.is_some() && self.started.as_deref() == wanted
    }

    fn handle_started(&mut self, session_id: String, now: Instant) {
        (self.started, self.last_started) = (Some(session_id.clone()), Some(session_id));
        self.last_report_at = Some(now);
    }

    fn clear(&mut self) {
        (self.request, self.next, self.attempts) = (None, None, 0);
    }
}

impl StartRequest {
    fn message(&self) -> String {
        json!({ "type": "start", "id": self.id, "sessionId": self.session_id }).to_string()
    }
}

#[cfg(test)]
mod tests;
