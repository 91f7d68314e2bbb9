//! What a client does with the messages of its links.

use tokio::time::Instant;

use crate::connection::Output;
use crate::error::{ConnectionError, ErrorCode};
use crate::focus::client::FocusEvent;
use crate::focus::protocol::FocusMessage;
use crate::focus::task::FocusTask;
use crate::live_message::LiveMessage;

impl FocusTask {
    pub(super) fn process_outputs(&mut self, now: Instant) {
        while let Some(output) = self.core.connection.take_output() {
            match output {
                Output::Early(message) => self.receive_early(message, now),
                Output::Message(message) => {
                    let is_tick = message.is_tick();
                    self.receive(message, now);
                    if is_tick {
                        self.core.connection.drop_old();
                    }
                }
                Output::Late(message @ (FocusMessage::Tick(_) | FocusMessage::Stopped { .. }))
                    if self.counting.counts_late() =>
                {
                    self.receive(message, now);
                }
                Output::Late(_) => {}
                Output::NextFailed => self.counting.tracking.drop_early(),
                Output::StateChanged => {
                    self.core.handle_state();
                    if !self.core.connection.is_online() {
                        self.pings.cancel(&mut self.core.clock, now);
                        self.counting.handle_offline();
                    }
                }
            }
        }
        if !self.counting.is_tracked() {
            self.core.connection.drop_old();
        }
    }

    /// Processes a message before the link replaces the current one: then it has started the session that is tracked.
    fn receive_early(&mut self, message: FocusMessage, now: Instant) {
        match message {
            FocusMessage::Connected => {
                let (pending, context) = (self.pending(), self.context(now));
                let Self { counting, core, .. } = self;
                if !counting.start_early(pending, context, &mut |text| core.connection.send_early(text)) {
                    self.handle_online(None, now);
                }
            }
            FocusMessage::Started { id, session_id } if self.counting.tracking.is_early(id.as_deref()) => {
                self.handle_online(Some(session_id), now);
            }
            FocusMessage::Live(LiveMessage::Error { id, error }) if self.counting.tracking.is_early(id.as_deref()) => {
                if error.retry {
                    self.core.connection.fail_next(ConnectionError::lost(error), now);
                } else {
                    self.handle_online(None, now);
                }
            }
            FocusMessage::Started { .. }
            | FocusMessage::Tick(_)
            | FocusMessage::Stopped { .. }
            | FocusMessage::Live(_) => {}
        }
    }

    fn handle_online(&mut self, started: Option<String>, now: Instant) {
        let is_handover = self.core.connection.complete(now);
        self.pings.cancel(&mut self.core.clock, now);
        self.core.handle_online(now);
        self.core.ping_if_due(&mut self.pings, now);
        self.counting.handle_online(started, is_handover, now);
    }

    fn receive(&mut self, message: FocusMessage, now: Instant) {
        self.core.monitor.receive(message.is_tick());
        let context = self.context(now);
        match message {
            FocusMessage::Connected => {}
            FocusMessage::Started { id, session_id } => {
                self.counting.receive_started(id.as_deref(), session_id, context);
            }
            FocusMessage::Tick(tick) => {
                self.core.is_stale = false;
                self.counting.receive_tick(tick, context);
            }
            FocusMessage::Stopped { session_id } => self.counting.receive_stopped(&session_id, now),
            FocusMessage::Live(LiveMessage::Token { id, answer }) => {
                if self.core.refresh.is_request(&id) {
                    self.core.handle_token_answer(answer, now);
                }
            }
            FocusMessage::Live(LiveMessage::Time(pong)) => self.core.handle_pong(&mut self.pings, pong, now),
            FocusMessage::Live(LiveMessage::Error { id, error }) => {
                // The server does not know the time at present; it answers without naming the request.
                if id.is_none() && error.code == ErrorCode::TimeUncertain && self.pings.is_pending() {
                    return self.pings.cancel(&mut self.core.clock, now);
                }
                let error = self.core.handle_error(id.as_deref(), error, now);
                let error = error.and_then(|error| self.counting.receive_error(id.as_deref(), error, now));
                if let Some(error) = error {
                    self.channels.notify(FocusEvent::Server(error));
                }
            }
        }
    }
}
