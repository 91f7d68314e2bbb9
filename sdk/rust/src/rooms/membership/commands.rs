//! The commands of a member for the countdown.

use serde_json::Value;
use tokio::time::Instant;

use crate::error::{RoomError, RoomErrorCode};
use crate::rooms::membership::Membership;
use crate::rooms::protocol::{RoomEvent, RoomFault};
use crate::rooms::request::{PendingRequest, RoomCommand, SendPacket};

/// More commands without an answer than people send for one countdown.
pub(super) const UNANSWERED_MAX: usize = 64;

impl Membership {
    /// Sends a command for the countdown. During a move it waits for the end of it.
    pub(crate) fn command(&mut self, command: RoomCommand, now: Instant, send: SendPacket<'_>) {
        if self.pending.len() + self.held.len() >= UNANSWERED_MAX {
            return self.resolve(command.reply, Err(RoomError::QueueFull));
        }
        if self.early_join.is_some() && self.is_joined {
            return self.held.push_back(command);
        }
        let room = self.model.room.as_ref().filter(|_| self.is_joined);
        let Some(session_id) = room.map(|room| room.session_id.clone()) else {
            return self.resolve(command.reply, Err(RoomError::NotJoined));
        };
        let mut payload = command.payload.clone();
        payload.insert("sessionId".to_owned(), session_id.into());
        let event = command.event;
        self.request(PendingRequest::Command(command), event, Some(Value::Object(payload)), now, send);
    }

    pub(super) fn handle_command_answer(&mut self, command: RoomCommand, answer: Value) {
        let Some(RoomEvent::State(state)) = RoomEvent::parse("timer:state", answer) else {
            return self.resolve(command.reply, Err(RoomError::OutcomeUnknown));
        };
        self.apply(RoomEvent::State(state.clone()));
        self.resolve(command.reply, Ok(state));
    }

    pub(super) fn handle_command_fault(
        &mut self,
        id: u64,
        command: RoomCommand,
        fault: RoomFault,
        now: Instant,
        send: SendPacket<'_>,
    ) {
        let is_of_old_link = self.handover.is_some_and(|(first_id, _)| id < first_id);
        if fault.code != RoomErrorCode::NotJoined {
            self.resolve(command.reply, Err(fault.into()));
        } else if self.early_join.is_some() {
            // The next link takes over the membership before the command was carried out.
            self.held.push_back(command);
        } else if is_of_old_link {
            self.command(command, now, send);
        } else {
            self.resolve(command.reply, Err(fault.into()));
            self.rejoin_as_new_member(now, send);
        }
    }

    pub(super) fn drop_held(&mut self) {
        for command in std::mem::take(&mut self.held) {
            self.resolve(command.reply, Err(RoomError::NotJoined));
        }
    }
}
