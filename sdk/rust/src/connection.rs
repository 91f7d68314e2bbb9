//! A connection that reconnects by itself, and that moves to another node before its node closes it. It does not
//! interpret messages: its client tells it which message completes a handshake and which shows that a link is in step.
//! A state machine: events and instants in, outputs and deadlines out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::{Backoff, Random};
use crate::close_policy::ReconnectPolicy;
use crate::error::{ConnectionError, RefusalReason, RefusedError};
use crate::link::{Dial, Link, LinkEvent, LinkId};

const RECONNECT: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(15) };

/// The next dial of a handover: soon, because the node that was reached can be the one that stops.
const REDIAL: Backoff = Backoff { base: Duration::from_millis(150), cap: Duration::from_secs(1) };

/// A link without a handshake by then is closed.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Only a connection that lasted this long resets the backoff; one that the server drops at once does not.
const STABLE: Duration = Duration::from_secs(20);

/// Longer announcements than this are cut: a node does not drain for so long.
const GOING_AWAY_MAX: Duration = Duration::from_mins(5);

/// The share of the announced time over which clients spread their next dials: nodes spread the announcements too.
const HANDOVER_SPREAD: f64 = 0.25;

/// The old link stays open for this long after a handover at most, if the new one delivers no tick.
const OVERLAP: Duration = Duration::from_millis(2_500);

/// The state of a connection.
#[derive(Clone, Debug, PartialEq)]
pub enum ConnectionState {
    /// The client was closed.
    Closed,
    /// A connection is being opened.
    Connecting,
    /// The server sends live values.
    Online,
    /// There is no connection; the next attempt begins at an instant.
    Offline { retry_at: Instant, error: Arc<ConnectionError> },
    /// The server accepts no connection of this client.
    Refused(RefusedError),
}

/// What a connection tells its client.
#[derive(Debug, PartialEq)]
pub(crate) enum Output<M> {
    /// A message on the link of the dial in progress, before its handshake is complete.
    Early(M),
    /// A message on the current link.
    Message(M),
    /// A message on the link that the current one has replaced.
    Late(M),
    /// The dial in progress has failed, while the current link continues.
    NextFailed,
    StateChanged,
}

/// See the module. At most one dial is in progress at a time.
pub(crate) struct Connection<M> {
    dialer: Box<dyn Dial>,
    random: Random,
    /// Whether the next dial can present another credential after 4401.
    can_renew_credential: bool,
    state: ConnectionState,
    last_id: LinkId,
    /// The link that has completed its handshake.
    current: Option<Link>,
    /// The dial in progress: of the first link, or of the next one.
    next: Option<Attempt>,
    /// The link that `current` has replaced, until ticks arrive on `current`, and when it is closed at the latest.
    old: Option<(Link, Instant)>,
    retry_at: Option<Instant>,
    /// The announced end of the current link.
    handover: Option<Handover>,
    failures: u32,
    refusals: u32,
    online_at: Option<Instant>,
    outputs: VecDeque<Output<M>>,
}

struct Attempt {
    link: Link,
    give_up_at: Instant,
    /// An announcement that arrived before the handshake was complete.
    going_away: Option<Duration>,
}

struct Handover {
    ends_at: Instant,
    dials: u32,
}

impl<M> Connection<M> {
    pub(crate) fn new(dialer: Box<dyn Dial>, random: Random, can_renew_credential: bool) -> Self {
        Self {
            dialer,
            random,
            can_renew_credential,
            state: ConnectionState::Closed,
            last_id: 0,
            current: None,
            next: None,
            old: None,
            retry_at: None,
            handover: None,
            failures: 0,
            refusals: 0,
            online_at: None,
            outputs: VecDeque::new(),
        }
    }

    pub(crate) fn state(&self) -> &ConnectionState {
        &self.state
    }

    pub(crate) fn is_online(&self) -> bool {
        self.state == ConnectionState::Online
    }

    /// Returns the next output. The client processes all of them after each call of another method.
    pub(crate) fn take_output(&mut self) -> Option<Output<M>> {
        self.outputs.pop_front()
    }

    /// Returns when [`Self::handle_deadline`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let give_up_at = self.next.as_ref().map(|attempt| attempt.give_up_at);
        let old_until = self.old.as_ref().map(|(_, until)| *until);
        [self.retry_at, give_up_at, old_until].into_iter().flatten().min()
    }

    /// Connects, if the connection is closed, refused, or waits for its next attempt.
    pub(crate) fn open(&mut self, now: Instant) {
        if self.current.is_some() || self.next.is_some() {
            return;
        }
        self.dial(now);
        self.set_state(ConnectionState::Connecting);
    }

    /// Ends the connection, until it is opened again.
    pub(crate) fn close(&mut self) {
        (self.current, self.next, self.old) = (None, None, None);
        (self.retry_at, self.handover) = (None, None);
        (self.failures, self.refusals) = (0, 0);
        self.set_state(ConnectionState::Closed);
    }

    /// Sends a text on the current link. Returns false if there is none; true does not mean that it arrives.
    pub(crate) fn send(&self, text: String) -> bool {
        self.current.as_ref().is_some_and(|link| link.send(text))
    }

    /// Sends a text on the link of the dial in progress.
    pub(crate) fn send_early(&self, text: String) -> bool {
        self.next.as_ref().is_some_and(|attempt| attempt.link.send(text))
    }

    /// Ends the current link without waiting for its close, because it seems dead.
    pub(crate) fn abort(&mut self, error: ConnectionError, now: Instant) {
        if self.current.is_some() {
            self.handle_loss(error, now);
        }
    }

    /// Processes what happened on a link. Links that were given up are ignored.
    pub(crate) fn handle_event(&mut self, id: LinkId, event: LinkEvent<M>, now: Instant) {
        if let Some(attempt) = self.next.as_mut().filter(|attempt| attempt.link.id == id) {
            match event {
                LinkEvent::Message(message) => self.outputs.push_back(Output::Early(message)),
                LinkEvent::GoingAway(within) => attempt.going_away = Some(within),
                LinkEvent::Closed(error) => self.fail_next(error, now),
            }
        } else if self.current.as_ref().is_some_and(|link| link.id == id) {
            match event {
                LinkEvent::Message(message) => self.outputs.push_back(Output::Message(message)),
                LinkEvent::GoingAway(within) => self.start_handover(within, now),
                LinkEvent::Closed(error) => self.handle_loss(error, now),
            }
        } else if self.old.as_ref().is_some_and(|(link, _)| link.id == id) {
            match event {
                LinkEvent::Message(message) => self.outputs.push_back(Output::Late(message)),
                LinkEvent::GoingAway(_) => {}
                LinkEvent::Closed(_) => self.old = None,
            }
        }
    }

    /// Processes a message that completes the handshake of the dial in progress. Returns whether its link continues a
    /// connection without interruption.
    pub(crate) fn complete(&mut self, now: Instant) -> bool {
        let Some(attempt) = self.next.take() else { return false };
        let previous = self.current.replace(attempt.link);
        let is_handover = previous.is_some();
        self.old = previous.map(|link| (link, now + OVERLAP));
        (self.handover, self.retry_at) = (None, None);
        self.refusals = 0;
        if !is_handover {
            self.online_at = Some(now);
            self.set_state(ConnectionState::Online);
        }
        if let Some(within) = attempt.going_away {
            self.start_handover(within, now);
        }
        is_handover
    }

    /// Closes the link that the current one has replaced: a tick has arrived, or none is due.
    pub(crate) fn drop_old(&mut self) {
        self.old = None;
    }

    /// Processes the failure of the dial in progress.
    pub(crate) fn fail_next(&mut self, error: ConnectionError, now: Instant) {
        self.next = None;
        if self.current.is_none() {
            return self.retry(error, now);
        }
        self.outputs.push_back(Output::NextFailed);
        let is_refused = matches!(ReconnectPolicy::of(&error), ReconnectPolicy::Never(_));
        let Some(handover) = &mut self.handover else { return };
        // A refusal is repeated and reported when the current link has ended.
        if is_refused && !self.can_renew_credential {
            return;
        }
        let bounds = if now < handover.ends_at { REDIAL } else { RECONNECT };
        let delay = bounds.delay(handover.dials, &mut self.random);
        handover.dials += 1;
        self.retry_at = Some(now + delay);
    }

    /// Does what is due at an instant.
    pub(crate) fn handle_deadline(&mut self, now: Instant) {
        if self.old.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.old = None;
        }
        if self.next.as_ref().is_some_and(|attempt| attempt.give_up_at <= now) {
            self.fail_next(ConnectionError::lost("no handshake in time"), now);
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            if self.current.is_some() {
                self.dial(now);
            } else {
                self.open(now);
            }
        }
    }

    fn dial(&mut self, now: Instant) {
        self.retry_at = None;
        self.last_id += 1;
        let link = self.dialer.dial(self.last_id);
        self.next = Some(Attempt { link, give_up_at: now + HANDSHAKE_TIMEOUT, going_away: None });
    }

    /// Clients that get the announcement at one time dial at different ones.
    fn start_handover(&mut self, within: Duration, now: Instant) {
        if self.handover.is_some() || self.next.is_some() {
            return;
        }
        let within = within.min(GOING_AWAY_MAX);
        self.handover = Some(Handover { ends_at: now + within, dials: 0 });
        self.retry_at = Some(now + within.mul_f64(HANDOVER_SPREAD * (self.random)()));
    }

    /// Processes the end of the current link.
    fn handle_loss(&mut self, error: ConnectionError, now: Instant) {
        if self.online_at.is_some_and(|at| now.saturating_duration_since(at) >= STABLE) {
            self.failures = 0;
        }
        (self.current, self.old, self.handover) = (None, None, None);
        if self.next.is_some() {
            self.set_state(ConnectionState::Connecting);
        } else {
            self.retry(error, now);
        }
    }

    fn retry(&mut self, error: ConnectionError, now: Instant) {
        let delay = match ReconnectPolicy::of(&error) {
            ReconnectPolicy::Never(refused) if !self.presents_another_credential(&refused) => {
                (self.refusals, self.retry_at) = (0, None);
                return self.set_state(ConnectionState::Refused(refused));
            }
            ReconnectPolicy::Never(_) => RECONNECT.delay(self.failures, &mut self.random),
            ReconnectPolicy::After(delay) => delay,
            ReconnectPolicy::Backoff { steps, at_least } => {
                self.failures = self.failures.saturating_add(steps);
                RECONNECT.delay(self.failures, &mut self.random).max(at_least)
            }
        };
        self.failures = self.failures.saturating_add(1);
        let retry_at = now + delay;
        self.retry_at = Some(retry_at);
        self.set_state(ConnectionState::Offline { retry_at, error: Arc::new(error) });
    }

    /// A fresh token is tried once after a refusal.
    fn presents_another_credential(&mut self, refused: &RefusedError) -> bool {
        let presents = self.can_renew_credential && refused.reason == RefusalReason::Unauthorized && self.refusals == 0;
        self.refusals += u32::from(presents);
        presents
    }

    fn set_state(&mut self, state: ConnectionState) {
        self.state = state;
        self.outputs.push_back(Output::StateChanged);
    }
}

#[cfg(test)]
mod tests;
