//! A socket that is no longer recorded, although it tracks its session: it is recorded anew.

use std::time::Duration;

use tokio::time::Instant;
use wire::Code;

use crate::systems::focus::connection::{FocusConnection, TrackingOutcome, TrackingRequest};
use crate::systems::focus::tracking;

/// How long after the loss of the node's lease a socket is recorded anew at the latest, and again if that fails.
const REJOIN_WITHIN: Duration = Duration::from_secs(2);

impl FocusConnection {
    /// Has the socket recorded anew if its node has lost its lease meanwhile.
    pub(super) fn check_lease(&mut self) {
        let node = &self.sessions.node;
        let has_lease = self.tracked.as_ref().is_none_or(|tracked| tracked.has_lease(node));
        if has_lease {
            self.rejoin_at = None;
        } else {
            self.rejoin_soon();
        }
    }

    /// Has the socket recorded anew, at a random instant, so that the sockets of a node do not all do so at once.
    pub(super) fn rejoin_soon(&mut self) {
        self.rejoin_at = Some(Instant::now() + REJOIN_WITHIN.mul_f64(fastrand::f64()));
    }

    pub(super) fn rejoin(&mut self) {
        self.rejoin_at = None;
        let Some(tracked) = self.tracked.take() else { return };
        self.is_rejoining = true;
        let (sessions, connection) = (self.sessions.clone(), self.connection.clone());
        let task = async move {
            let (tracked, done) = tracking::rejoin(&sessions, &connection, tracked).await;
            TrackingOutcome::Rejoined(tracked, done)
        };
        self.spawn(TrackingRequest::Rejoin, None, "focus.rejoin", task);
    }

    pub(super) fn rejoined(&mut self, outcome: Option<TrackingOutcome>) {
        self.is_rejoining = false;
        let Some(TrackingOutcome::Rejoined(tracked, done)) = outcome else { return self.forget() };
        self.tracked = Some(tracked);
        match done {
            Ok(()) => self.check_lease(),
            Err(fault) if fault.retry || fault.code == Code::OutcomeUnknown => self.rejoin_soon(),
            // It has ended, which the board tells.
            Err(_) => {}
        }
    }
}
