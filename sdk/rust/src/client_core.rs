//! What the tasks of all clients have in common: a connection that is checked once a second, its credential, and the
//! server's time. A system adds its messages and its model.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::backoff::{process_random, random_id};
use crate::close_policy::UNAUTHORIZED;
use crate::connection::{Connection, ConnectionState};
use crate::credential::Credentials;
use crate::error::{ConnectionError, ErrorCode, ServerError};
use crate::http_time::{HttpTime, TimeAnswer};
use crate::link::{Dial, EVENTS_MAX, LinkEvent, LinkEvents, LinkId};
use crate::link_monitor::{LinkCondition, LinkMonitor};
use crate::network::Network;
use crate::server_clock::{ServerClock, machine_time};
use crate::sleep_detector::SleepDetector;
use crate::socket::{Codec, SocketDialer};
use crate::time_pings::{Pong, TimePings};
use crate::times::Times;
use crate::token_refresh::TokenRefresh;

const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// What a task processes, besides the requests of the application.
#[derive(Debug)]
pub(crate) enum Input<M> {
    Link(LinkId, LinkEvent<M>),
    Token(Result<String, ConnectionError>),
    Deadline,
}

/// What the server answers to a fresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenAnswer {
    Accepted {
        expires_at: Option<i64>,
    },
    Rejected,
    /// It cannot verify the token at present.
    Unverified,
}

/// See the module.
pub(crate) struct ClientCore<M> {
    pub(crate) connection: Connection<M>,
    pub(crate) refresh: TokenRefresh,
    pub(crate) monitor: LinkMonitor,
    pub(crate) clock: ServerClock,
    /// Whether the ticks that are due do not arrive.
    pub(crate) is_stale: bool,
    credentials: Arc<Credentials>,
    received: mpsc::Receiver<(LinkId, LinkEvent<M>)>,
    tokens: mpsc::Receiver<Result<String, ConnectionError>>,
    check_at: Instant,
    sleep: SleepDetector,
    continues_locally: bool,
}

impl<M: Send + 'static> ClientCore<M> {
    /// Returns the core of a client that connects by WebSockets.
    pub(crate) fn over_sockets<C: Codec<Message = M> + Clone>(
        network: Network,
        credentials: Arc<Credentials>,
        codec: C,
        continues_locally: bool,
    ) -> Self {
        let (events, received): (LinkEvents<M>, _) = mpsc::channel(EVENTS_MAX);
        let dialer = SocketDialer { network, credentials: Arc::clone(&credentials), codec, events };
        Self::new(Box::new(dialer), received, credentials, continues_locally)
    }
}

impl<M> ClientCore<M> {
    /// Returns the core of a client that connects by a dialer.
    pub(crate) fn new(
        dialer: Box<dyn Dial>,
        received: mpsc::Receiver<(LinkId, LinkEvent<M>)>,
        credentials: Arc<Credentials>,
        continues_locally: bool,
    ) -> Self {
        let now = Instant::now();
        let (fetched, tokens) = mpsc::channel(1);
        Self {
            connection: Connection::new(dialer, process_random(), credentials.is_renewable()),
            refresh: TokenRefresh::new(Arc::clone(&credentials), fetched, process_random()),
            monitor: LinkMonitor::default(),
            clock: ServerClock::new(now),
            is_stale: false,
            credentials,
            received,
            tokens,
            check_at: now + CHECK_INTERVAL,
            sleep: SleepDetector::new(now, machine_time()),
            continues_locally,
        }
    }

    /// Waits for the next input, or for a deadline. Safe to cancel.
    pub(crate) async fn next_input(&mut self, deadline: Instant) -> Input<M> {
        tokio::select! {
            Some((id, event)) = self.received.recv() => Input::Link(id, event),
            Some(token) = self.tokens.recv() => Input::Token(token),
            () = sleep_until(deadline) => Input::Deadline,
        }
    }

    /// Returns when [`Self::handle_deadline`] is due.
    pub(crate) fn deadline(&self) -> Instant {
        let others = [self.connection.deadline(), self.refresh.deadline()];
        others.into_iter().flatten().fold(self.check_at, Instant::min)
    }

    /// Does what is due. Returns whether the check of the link is due, once a second.
    pub(crate) fn handle_deadline(&mut self, now: Instant) -> bool {
        self.connection.handle_deadline(now);
        self.refresh.handle_deadline(now);
        let is_due = self.check_at <= now;
        if is_due {
            self.check_at = now + CHECK_INTERVAL;
            if self.sleep.has_slept(now, machine_time()) {
                // The estimate lags behind by the sleep.
                self.clock.invalidate(now);
            }
        }
        is_due
    }

    /// Processes what happened on a link. Returns the error of the token provider, if that is what happened.
    pub(crate) fn handle_link_event(
        &mut self,
        id: LinkId,
        event: LinkEvent<M>,
        now: Instant,
    ) -> Option<ConnectionError> {
        let mut failed = None;
        match &event {
            LinkEvent::Closed(ConnectionError::Closed { code: UNAUTHORIZED, .. }) => self.credentials.reject(),
            LinkEvent::Closed(error @ ConnectionError::Token { .. }) => failed = Some(error.clone()),
            LinkEvent::Closed(_) | LinkEvent::GoingAway(_) | LinkEvent::Message(_) => {}
        }
        self.connection.handle_event(id, event, now);
        failed
    }

    /// Processes an answer to a request for the server's time by HTTP.
    pub(crate) fn handle_time(&mut self, time: &HttpTime, answer: TimeAnswer, now: Instant) {
        time.receive(answer, &mut self.clock);
        self.handle_measurement(now);
    }

    /// Begins a measurement of the server's time on the connection if one is due.
    pub(crate) fn ping_if_due(&mut self, pings: &mut TimePings, now: Instant) {
        pings.sync(&mut self.clock, now, |text| self.connection.send(text));
    }

    /// Processes an answer to a request for the server's time on the connection.
    pub(crate) fn handle_pong(&mut self, pings: &mut TimePings, pong: Pong, now: Instant) {
        pings.receive(pong, &mut self.clock, now, |text| self.connection.send(text));
        self.handle_measurement(now);
    }

    fn handle_measurement(&mut self, now: Instant) {
        if let Some(server_now) = self.clock.at(now) {
            self.refresh.handle_time(now, server_now);
        }
    }

    /// Processes the answer to a fresh token.
    pub(crate) fn handle_token_answer(&mut self, answer: TokenAnswer, now: Instant) {
        match answer {
            TokenAnswer::Accepted { expires_at } => {
                self.refresh.handle_accepted(expires_at, now, self.clock.at(now));
            }
            TokenAnswer::Rejected => self.refresh.handle_rejected(now),
            TokenAnswer::Unverified => self.refresh.handle_unverified(now),
        }
    }

    /// Presents a fetched token by the message `auth`. Returns the error of the token provider.
    pub(crate) fn present_token(
        &mut self,
        token: Result<String, ConnectionError>,
        now: Instant,
    ) -> Option<ConnectionError> {
        let failed = token.as_ref().err().cloned();
        if let Some(token) = self.refresh.handle_fetched(token, now) {
            let id = random_id();
            let message = json!({ "type": "auth", "id": id, "payload": { "token": token } });
            self.refresh.set_request(id);
            self.connection.send(message.to_string());
        }
        failed
    }

    /// Processes an error that the server reports. Returns it if it does not answer a fresh token.
    pub(crate) fn handle_error(&mut self, id: Option<&str>, error: ServerError, now: Instant) -> Option<ServerError> {
        if !id.is_some_and(|id| self.refresh.is_request(id)) {
            return Some(error);
        }
        let is_unverified = error.code == ErrorCode::Unavailable;
        let answer = if is_unverified { TokenAnswer::Unverified } else { TokenAnswer::Rejected };
        self.handle_token_answer(answer, now);
        None
    }

    /// Processes the handshake of a link.
    pub(crate) fn handle_online(&mut self, now: Instant) {
        self.monitor.reset();
        self.refresh.go_online(now, self.clock.at(now));
        self.clock.invalidate(now);
    }

    /// Processes another state of the connection.
    pub(crate) fn handle_state(&mut self) {
        self.monitor.reset();
        self.is_stale = false;
        if !self.connection.is_online() {
            self.refresh.go_offline();
        }
    }

    /// Checks the link, and gives it up if it is dead. Runs once a second while the connection is online.
    pub(crate) fn check(&mut self, expects_ticks: bool, now: Instant) -> LinkCondition {
        let condition = self.monitor.check(expects_ticks);
        match condition {
            LinkCondition::Dead => self.connection.abort(ConnectionError::lost("no ticks arrive"), now),
            LinkCondition::Probe => self.clock.invalidate(now),
            LinkCondition::Good | LinkCondition::Stale => {}
        }
        self.is_stale = condition == LinkCondition::Stale;
        condition
    }

    /// Tells whether the connection is online and delivers the ticks that are due.
    pub(crate) fn is_live(&self) -> bool {
        self.connection.is_online() && !self.is_stale
    }

    /// Returns the whole second by which values are displayed; see [`ServerClock::display_time`].
    pub(crate) fn displayed_second(&mut self, told_ms: i64, now: Instant) -> Option<i64> {
        let time = self.clock.display_time(told_ms, machine_time(), now);
        time.map(|time| time.div_euclid(1000) * 1000)
    }

    /// Tells whether displayed times continue by the local clock.
    pub(crate) fn continues_locally(&self) -> bool {
        self.continues_locally
    }

    /// Returns where displayed times come from.
    pub(crate) fn times(&self, is_in_step: bool, is_known: bool) -> Times {
        let is_live = self.is_live() && is_in_step;
        let is_known = is_known && *self.connection.state() != ConnectionState::Closed;
        match (is_live, is_known && self.continues_locally) {
            (true, _) => Times::Live,
            (false, true) => Times::Continued,
            (false, false) => Times::LastKnown,
        }
    }
}
