//! Which session is counted and what is displayed of it: the documents of the server, the socket's part, and the local
//! clock. Knows no connection: texts are sent by a function.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::process_random;
use crate::error::ServerError;
use crate::focus::display::{FocusDisplay, PendingStatus};
use crate::focus::documents::{FocusDocuments, Load, Loaded};
use crate::focus::model::{FocusModel, UncountedSeconds};
use crate::focus::options::FocusOptions;
use crate::focus::protocol::{FocusSession, FocusStatus, FocusTick};
use crate::focus::tracking::{SendText, Tracking};
use crate::server_clock::{ServerTime, machine_time};

/// After this silence another device may have paused the session; a tick can be late by a second.
const OVERDUE: Duration = Duration::from_millis(2_500);

/// How long a return waits for the news whether the session was paused meanwhile; the server waits for it up to 30 s.
const VERIFY: Duration = Duration::from_secs(3);

/// An instant, and what is known about the connection at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    pub(crate) now: Instant,
    pub(crate) time: Option<ServerTime>,
    /// Whether the server confirms what is displayed.
    pub(crate) is_live: bool,
    pub(crate) is_closed: bool,
}

impl Context {
    fn server_now(self) -> i64 {
        self.at(self.now)
    }

    fn at(self, instant: Instant) -> i64 {
        self.time.map_or_else(machine_time, |time| time.at(instant))
    }
}

/// See the module.
pub(crate) struct Counting {
    pub(crate) documents: FocusDocuments,
    pub(crate) tracking: Tracking,
    display: FocusDisplay,
    continues_on_open: bool,
    idle_after_ms: i64,
    /// The session that the application has asked to count.
    continued: Option<String>,
    /// Whether the session was loaded since the connection was lost: a start would resume one that was paused meanwhile.
    is_verified: bool,
    verify_until: Option<Instant>,
    /// Whether a tick has arrived since the connection was lost.
    is_in_step: bool,
    ticked_at: Option<Instant>,
    /// The session that the links of the last handover have started.
    handover: Option<String>,
}

impl Counting {
    pub(crate) fn new(options: &FocusOptions) -> Self {
        Self {
            documents: FocusDocuments::default(),
            tracking: Tracking::new(process_random()),
            display: FocusDisplay::default(),
            continues_on_open: options.continues_on_open,
            idle_after_ms: options.idle_after.as_millis().try_into().unwrap_or(i64::MAX),
            continued: None,
            is_verified: false,
            verify_until: None,
            is_in_step: false,
            ticked_at: None,
            handover: None,
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        [self.tracking.deadline(), self.verify_until].into_iter().flatten().min()
    }

    /// Does what is due. Returns true if the server does not answer.
    pub(crate) fn handle_deadline(&mut self, now: Instant) -> bool {
        if self.verify_until.take_if(|until| *until <= now).is_some() {
            self.is_verified = true;
        }
        self.tracking.handle_deadline(now)
    }

    /// Tells whether the server counts the session for this client, so that ticks are due.
    pub(crate) fn is_tracked(&self) -> bool {
        let session = self.documents.model.session.as_ref();
        session.is_some_and(|session| {
            session.status == FocusStatus::Active && self.tracking.started() == Some(session.id.as_str())
        })
    }

    /// Returns what is displayed.
    pub(crate) fn show(&mut self, pending: Vec<PendingStatus>, context: Context) -> &FocusModel {
        let more = self.uncounted(context).unwrap_or_default();
        self.display.show(&self.documents.model, pending, more)
    }

    /// Returns the seconds that pass by the local clock; nothing while ticks arrive or nothing is known to be counted.
    pub(crate) fn uncounted(&self, context: Context) -> Option<UncountedSeconds> {
        let session = self.documents.model.session.as_ref()?;
        let is_counted = self.tracking.last_started() == Some(session.id.as_str()) && !context.is_closed;
        if !is_counted || (context.is_live && self.is_in_step) {
            return None;
        }
        let beat_ms = context.server_now().div_euclid(1000) * 1000;
        let reported_ms = self.tracking.last_report_at().map_or(0, |at| context.at(at));
        self.documents.model.uncounted(beat_ms, reported_ms.saturating_add(self.idle_after_ms))
    }

    /// Starts the session that is to be counted, unless it is.
    pub(crate) fn ensure(&mut self, pending: Vec<PendingStatus>, context: Context, send: SendText<'_>) {
        let wanted = self.wanted(pending, context);
        self.tracking.ensure(wanted.as_deref(), context.now, send);
    }

    pub(crate) fn report_activity(&mut self, pending: Vec<PendingStatus>, context: Context, send: SendText<'_>) {
        let wanted = self.wanted(pending, context);
        self.tracking.report_activity(wanted.as_deref(), context.now, send);
    }

    pub(crate) fn report_tab_switch(&mut self, pending: Vec<PendingStatus>, context: Context, send: SendText<'_>) {
        let wanted = self.wanted(pending, context);
        self.tracking.report_tab_switch(wanted.as_deref(), send);
    }

    /// Starts the session on the next link of a handover. Returns false if there is none to be started.
    pub(crate) fn start_early(&mut self, pending: Vec<PendingStatus>, context: Context, send: SendText<'_>) -> bool {
        let wanted = self.wanted(pending, context);
        self.tracking.start_early(wanted.as_deref(), send)
    }

    /// Processes the handshake of a link, on which a session may have been started already.
    pub(crate) fn handle_online(&mut self, started: Option<String>, is_handover: bool, now: Instant) {
        self.tracking.handle_online(started, now);
        self.handover = self.tracking.started().filter(|_| is_handover).map(str::to_owned);
        if !is_handover {
            self.documents.refresh(now);
            self.verify_until = Some(now + VERIFY);
        }
    }

    pub(crate) fn handle_offline(&mut self) {
        self.tracking.handle_offline();
        (self.is_verified, self.is_in_step, self.verify_until) = (false, false, None);
    }

    /// Tells whether a message of the link that was replaced counts: that link tells nothing about another session.
    pub(crate) fn counts_late(&self) -> bool {
        self.handover.is_some() && self.handover.as_deref() == self.tracking.started()
    }

    /// Processes an answer to a start. A client that returns in time continues its seconds.
    pub(crate) fn receive_started(&mut self, id: Option<&str>, session_id: String, context: Context) {
        let Some(is_return) = self.tracking.receive_started(id, session_id, context.now) else { return };
        self.ticked_at = Some(context.now);
        if !is_return || self.uncounted(context).is_none() {
            self.documents.apply_start(context.server_now());
        }
    }

    pub(crate) fn receive_tick(&mut self, tick: FocusTick, context: Context) {
        let session = self.documents.model.session.as_ref();
        if self.tracking.started() != session.map(|session| session.id.as_str()) {
            return;
        }
        self.is_in_step = true;
        self.ticked_at = Some(context.now);
        self.documents.apply_tick(tick, context.server_now());
    }

    pub(crate) fn receive_stopped(&mut self, session_id: &str, now: Instant) {
        self.tracking.handle_stopped(session_id);
        if self.documents.model.session_with(session_id).is_some_and(|session| session.status.is_open()) {
            self.documents.doubt();
            self.documents.refresh(now);
        }
    }

    /// Processes an error of the server. Returns it if it is to be reported.
    pub(crate) fn receive_error(&mut self, id: Option<&str>, error: ServerError, now: Instant) -> Option<ServerError> {
        let (error, is_refusal) = self.tracking.receive_error(id, error, now)?;
        if is_refusal {
            // The session has ended or was deleted.
            self.documents.doubt();
            self.documents.refresh(now);
        }
        Some(error).filter(|error| !is_refusal || error.code.name() != "not_found")
    }

    /// Processes what was loaded. Returns an error that is to be reported.
    pub(crate) fn receive_loaded(&mut self, loaded: Loaded, context: Context) -> Option<crate::error::HttpError> {
        let error = self.documents.receive(loaded, context.server_now());
        if !self.documents.is_refreshing() && self.verify_until.take().is_some() {
            self.is_verified = true;
        }
        error
    }

    /// Makes a session the current one, and counts it.
    pub(crate) fn continue_with(&mut self, session: Arc<FocusSession>, context: Context) {
        self.continued = Some(session.id.clone());
        self.is_in_step = false;
        self.documents.apply_as_current(session, context.server_now());
        self.tracking.urge();
    }

    /// Notes that the application wants the current session to be counted.
    pub(crate) fn continue_current(&mut self) {
        self.continued = self.documents.model.session.as_ref().map(|session| session.id.clone());
    }

    /// Processes the document of a session that a request has changed.
    pub(crate) fn apply(&mut self, session: Arc<FocusSession>, context: Context) {
        self.documents.apply(session, context.server_now());
    }

    /// Loads what may have changed. Runs once a second while the connection is online.
    pub(crate) fn maintain(&mut self, now: Instant) {
        let is_tracked = self.is_tracked();
        let is_overdue = self.ticked_at.is_none_or(|at| now.saturating_duration_since(at) > OVERDUE);
        if is_tracked && is_overdue {
            self.documents.doubt();
        }
        self.documents.maintain(is_tracked, now);
    }

    /// Returns the loads that are to begin.
    pub(crate) fn take_due(&mut self) -> Vec<Load> {
        self.documents.take_due()
    }

    fn wanted(&mut self, pending: Vec<PendingStatus>, context: Context) -> Option<String> {
        let session = self.show(pending, context).session.clone()?;
        let is_active = session.status == FocusStatus::Active && self.is_verified;
        let is_meant = self.continues_on_open || self.continued.as_ref() == Some(&session.id);
        (is_active && is_meant).then(|| session.id.clone())
    }
}
