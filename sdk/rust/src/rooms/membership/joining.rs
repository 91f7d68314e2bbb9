//! Joins of the target room, on the current link and on the next one.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;

use crate::error::RoomErrorCode;
use crate::rooms::membership::{EarlyJoin, HANDOVER_ANSWERS, Membership};
use crate::rooms::model::RoomModel;
use crate::rooms::protocol::{Room, RoomEvent, RoomFault, fault_of_answer};
use crate::rooms::request::{PendingRequest, SendPacket, Target};
use crate::socketio::request_packet;

impl Membership {
    /// Joins the target on the link of the dial in progress. Returns false if there is no room to join.
    pub(crate) fn join_early(&mut self, send: SendPacket<'_>) -> bool {
        let Some(payload) = self.join_payload() else { return false };
        let id = self.next_id();
        self.early_join = Some(EarlyJoin { id, version: self.version });
        send(request_packet(id, "session:join", Some(&payload)))
    }

    /// Tells whether an answer belongs to the join of the dial in progress.
    pub(crate) fn is_early_join(&self, id: u64) -> bool {
        self.early_join.as_ref().is_some_and(|join| join.id == id)
    }

    /// Processes a link that has joined before it became the current one.
    pub(crate) fn handle_early_join(&mut self, answer: Value, is_handover: bool, now: Instant, send: SendPacket<'_>) {
        let Some(join) = self.early_join.take() else { return };
        self.may_be_joined = true;
        self.handover = is_handover.then_some((join.id, now + HANDOVER_ANSWERS));
        if join.version == self.version {
            self.handle_join_answer(answer, now, send);
        } else if self.target.is_none() {
            self.request(PendingRequest::Leave(None), "session:leave", None, now, send);
        } else {
            self.request_join(now, send);
        }
    }

    /// Processes a link on which nothing was joined.
    pub(crate) fn handle_connect(&mut self, now: Instant, send: SendPacket<'_>) {
        self.request_join(now, send);
    }

    /// Processes the failure of the dial in progress, while the current link continues. The server may have moved the
    /// membership already; a repeated join has no further effect.
    pub(crate) fn handle_failed_move(&mut self, now: Instant, send: SendPacket<'_>) {
        if self.early_join.take().is_some() && self.is_joined {
            self.is_joined = false;
            self.request_join(now, send);
        }
    }

    /// Requests to join or create the target room.
    pub(super) fn request_join(&mut self, now: Instant, send: SendPacket<'_>) {
        let request = PendingRequest::Join { version: self.version };
        if let Some(payload) = self.join_payload() {
            self.may_be_joined |= self.request(request, "session:join", Some(payload), now, send);
        } else if let (Some(target), None) = (&self.target, &self.join_error)
            && let Some(payload) = target.create_payload()
        {
            self.may_be_joined |= self.request(request, "session:create", Some(payload), now, send);
        }
    }

    /// Returns the payload of a join of the target; `None` if there is no room to join.
    fn join_payload(&self) -> Option<Value> {
        let (Some(target), None) = (&self.target, &self.join_error) else { return None };
        target.join_payload(self.model.room.as_ref())
    }

    pub(super) fn handle_join_answer(&mut self, answer: Value, now: Instant, send: SendPacket<'_>) {
        let unavailable = |message: &str| RoomFault { code: RoomErrorCode::Unavailable, message: message.to_owned() };
        let room = match fault_of_answer(&answer) {
            Some(fault) => Err(fault),
            None => {
                serde_json::from_value::<Arc<Room>>(answer).map_err(|_| unavailable("the server's answer has no room"))
            }
        };
        match room {
            Ok(room) => self.handle_joined(room, now, send),
            // `check` tries again.
            Err(fault) if fault.code == RoomErrorCode::Unavailable => self.is_joined = false,
            Err(fault) => self.give_up_joining(fault),
        }
    }

    pub(super) fn handle_joined(&mut self, room: Arc<Room>, now: Instant, send: SendPacket<'_>) {
        let name = match self.target.take() {
            Some(Target::Room { name, .. } | Target::New { name, .. }) => name,
            None => None,
        };
        self.target = Some(Target::Room { session_id: room.session_id.clone(), name });
        self.is_joined = true;
        self.apply(RoomEvent::Joined(room));
        if let Some((reply, room)) = self.target_reply.take().zip(self.model.room.clone()) {
            self.resolve(reply, Ok(room));
        }
        for command in std::mem::take(&mut self.held) {
            self.command(command, now, send);
        }
    }

    pub(super) fn give_up_joining(&mut self, fault: RoomFault) {
        (self.model, self.is_joined) = (RoomModel::default(), false);
        if let Some(reply) = self.target_reply.take() {
            self.resolve(reply, Err(fault.clone().into()));
        }
        self.join_error = Some(fault);
        self.drop_held();
    }

    /// Joins without the secret, because another client has taken over the membership.
    pub(super) fn rejoin_as_new_member(&mut self, now: Instant, send: SendPacket<'_>) {
        let Some(room) = self.model.room.as_mut().filter(|_| self.is_joined) else { return };
        Arc::make_mut(room).resume = None;
        self.is_joined = false;
        self.request_join(now, send);
    }
}
