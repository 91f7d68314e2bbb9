//! The time limits of a connection: within which a client must ask for admission, within which it is admitted, and how long
//! its last messages are carried out.

use std::time::{Duration, Instant};

use net::websocket::{CloseReason, Disconnected};

use crate::session::socketio::connection::SocketIoConnection;

/// How long after a deadline the connection checks it, so that it has passed.
const CHECK_PAUSE: Duration = Duration::from_millis(20);

/// How long the messages that a client sent before it disconnected are still carried out: the budget of a command.
const LAST_MESSAGES_WITHIN: Duration = engine::COMMAND_TIMEOUT;

impl SocketIoConnection {
    /// Checks the time limits of the connection, and its handlers, after anything has happened.
    pub(super) fn check(&mut self) -> Result<(), CloseReason> {
        let authenticate_within = self.node.settings.limits.request_within;
        if self.unauthenticated_since.is_some_and(|since| since.elapsed() > authenticate_within) {
            return Err(CloseReason::Protocol);
        }
        self.check_handlers();
        self.confirm_admission();
        if self.admitted_since.is_some_and(|since| since.elapsed() > authenticate_within) {
            return Err(CloseReason::overloaded());
        }
        Ok(())
    }

    /// Returns why the client has ended the session, if its last messages have been carried out for long enough.
    pub(super) fn end_overdue(&mut self) -> Option<Disconnected> {
        if !self.socket.is_ended() {
            return None;
        }
        let ended_for = self.ended_since.get_or_insert_with(Instant::now).elapsed();
        if ended_for > LAST_MESSAGES_WITHIN { self.socket.take_end() } else { None }
    }

    /// Returns when the connection is to be checked although nothing has happened.
    pub(super) fn check_in(&self) -> Option<Duration> {
        let until = |at: Instant| at.saturating_duration_since(Instant::now());
        let authenticate_within = self.node.settings.limits.request_within;
        let authentication = self.unauthenticated_since.or(self.admitted_since);
        let authentication = authentication.map(|since| until(since + authenticate_within) + CHECK_PAUSE);
        let handlers = self.handlers.iter().filter(|_| self.in_flight.is_none());
        let handlers = handlers.filter_map(|handler| handler.check_at()).map(until);
        let ended = self.ended_since.map(|since| until(since + LAST_MESSAGES_WITHIN) + CHECK_PAUSE);
        [authentication, ended].into_iter().flatten().chain(handlers).min()
    }
}
