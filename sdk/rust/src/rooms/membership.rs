//! What a client wants to be in rooms, and what it is: its target, the room it is in, and its requests. Knows no
//! connection: texts are sent by a function.

mod commands;
mod joining;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::error::{RefusedError, RoomError, RoomErrorCode};
use crate::rooms::model::RoomModel;
use crate::rooms::protocol::{Room, RoomEvent, RoomFault, fault_of_answer};
use crate::rooms::request::{PendingRequest, RoomCommand, RoomReply, SendPacket, Target};
use crate::socketio::request_packet;

/// Answers to commands that were sent before a move to another node arrive by then, or not at all.
const HANDOVER_ANSWERS: Duration = Duration::from_secs(3);

/// What a membership tells its client.
#[derive(Debug)]
pub(crate) enum Notice {
    Event(RoomEvent),
    Fault(RoomFault),
}

/// A join that was sent on the link of the dial in progress.
struct EarlyJoin {
    id: u64,
    version: u64,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Membership {
    pub(crate) model: RoomModel,
    target: Option<Target>,
    /// Where the outcome of the target is awaited.
    target_reply: Option<RoomReply<Arc<Room>>>,
    /// Changes with the target.
    version: u64,
    /// The error that ended the attempt to join.
    pub(crate) join_error: Option<RoomFault>,
    /// The server has admitted the client to the target room on this connection.
    pub(crate) is_joined: bool,
    /// The server may count this client as a member of some room on this connection.
    may_be_joined: bool,
    pending: BTreeMap<u64, (Instant, PendingRequest)>,
    last_id: u64,
    early_join: Option<EarlyJoin>,
    /// The first request that was sent on the current link, and until when the link before it may answer.
    handover: Option<(u64, Instant)>,
    /// Commands that wait for the end of a move.
    held: VecDeque<RoomCommand>,
    notices: VecDeque<Notice>,
    /// Outcomes that are told when the snapshot has them too.
    replies: Vec<Box<dyn FnOnce() + Send>>,
}

impl Membership {
    /// Tells the outcomes of requests. The client calls it when it has published the snapshot.
    pub(crate) fn flush_replies(&mut self) {
        self.replies.drain(..).for_each(|reply| reply());
    }

    pub(crate) fn take_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    /// Returns the id of the next request.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Returns when the oldest request without an answer was sent.
    pub(crate) fn pending_since(&self) -> Option<Instant> {
        self.pending.values().map(|(sent_at, _)| *sent_at).min()
    }

    /// Tells whether commands of the link before the current one have no answer yet.
    pub(crate) fn awaits_old_answers(&self) -> bool {
        let first_id = self.handover.map_or(0, |(first_id, _)| first_id);
        self.pending.range(..first_id).next().is_some()
    }

    /// Changes the room that the client wants to be in, and leaves the previous one.
    pub(crate) fn set_target(
        &mut self,
        target: Target,
        reply: RoomReply<Arc<Room>>,
        now: Instant,
        send: SendPacket<'_>,
    ) {
        if let (Some(Target::Room { session_id: current, .. }), Target::Room { session_id, .. }) =
            (&self.target, &target)
            && let Some(room) = self.model.room.clone().filter(|_| self.is_joined && current == session_id)
        {
            return self.resolve(reply, Ok(room));
        }
        self.clear_target(RoomError::Superseded);
        (self.target, self.target_reply) = (Some(target), Some(reply));
        // The server handles requests in order, so this also undoes a join that is still in flight.
        if self.may_be_joined {
            self.request(PendingRequest::Leave(None), "session:leave", None, now, send);
        }
        self.request_join(now, send);
    }

    /// Leaves the room.
    pub(crate) fn leave(&mut self, reply: RoomReply<()>, now: Instant, send: SendPacket<'_>) {
        self.clear_target(RoomError::Superseded);
        if self.may_be_joined {
            self.request(PendingRequest::Leave(Some(reply)), "session:leave", None, now, send);
        } else {
            // The membership of a lost connection ends by itself.
            self.resolve(reply, Ok(()));
        }
    }

    /// Processes the loss of the current link. Whether the server carried out commands without an answer is unknown.
    pub(crate) fn handle_loss(&mut self, has_next: bool) {
        (self.is_joined, self.may_be_joined, self.handover) = (false, false, None);
        self.drop_pending(u64::MAX);
        if !has_next {
            self.early_join = None;
            self.drop_held();
        }
    }

    /// Fails what waits: the server refuses the client, or the client was closed.
    pub(crate) fn fail(&mut self, refused: Option<&RefusedError>) {
        if let Some(reply) = self.target_reply.take() {
            self.resolve(reply, Err(refused.map_or(RoomError::Closed, |refused| RoomError::Refused(refused.clone()))));
        }
    }

    /// Processes the answer to a request.
    pub(crate) fn handle_answer(&mut self, id: u64, answer: Value, now: Instant, send: SendPacket<'_>) {
        let Some((_, request)) = self.pending.remove(&id) else { return };
        match request {
            PendingRequest::Join { version } if version == self.version => self.handle_join_answer(answer, now, send),
            PendingRequest::Join { .. } => {}
            PendingRequest::Leave(reply) => self.handle_leave_answer(reply, &answer),
            PendingRequest::Command(command) => match fault_of_answer(&answer) {
                Some(fault) => self.handle_command_fault(id, command, fault, now, send),
                None => self.handle_command_answer(command, answer),
            },
        }
    }

    /// Processes an event of the current link.
    pub(crate) fn handle_event(&mut self, event: RoomEvent) {
        let is_of_room = match &event {
            // A requested join is handled by its answer, which names the request.
            RoomEvent::Joined(room) => {
                let current = self.model.room.as_ref();
                !self.is_joining() && current.is_some_and(|current| current.session_id == room.session_id)
            }
            RoomEvent::State(_)
            | RoomEvent::Tick(_)
            | RoomEvent::Completed(_)
            | RoomEvent::MemberJoined(_)
            | RoomEvent::MemberLeft(_) => true,
        };
        // The answer to a join will contain the whole state.
        if self.is_joined && is_of_room {
            self.apply(event);
        }
    }

    /// Processes an `error` without a request. The errors of requests arrive in their answers too.
    pub(crate) fn handle_fault(&mut self, fault: RoomFault, now: Instant, send: SendPacket<'_>) {
        if !self.pending.is_empty() {
            return;
        }
        match fault.code {
            RoomErrorCode::NotJoined if self.early_join.is_some() => {}
            RoomErrorCode::NotJoined => self.rejoin_as_new_member(now, send),
            RoomErrorCode::SessionNotFound => self.give_up_joining(fault),
            RoomErrorCode::RoomFull
            | RoomErrorCode::InvalidDuration
            | RoomErrorCode::InvalidSeconds
            | RoomErrorCode::InvalidPayload
            | RoomErrorCode::Unauthorized
            | RoomErrorCode::Unavailable
            | RoomErrorCode::Damaged
            | RoomErrorCode::Other(_) => self.notices.push_back(Notice::Fault(fault)),
        }
    }

    /// Continues unfinished work. Runs about once a second while a link is online.
    pub(crate) fn check(&mut self, now: Instant, send: SendPacket<'_>) {
        if let Some((first_id, _)) = self.handover.take_if(|(_, until)| *until <= now) {
            self.drop_pending(first_id);
        }
        if self.target.is_some() && !self.is_joined && !self.is_joining() {
            self.request_join(now, send);
        }
    }

    fn is_joining(&self) -> bool {
        self.early_join.is_some()
            || self.pending.values().any(|(_, request)| matches!(request, PendingRequest::Join { .. }))
    }

    fn clear_target(&mut self, error: RoomError) {
        if let Some(reply) = self.target_reply.take() {
            self.resolve(reply, Err(error));
        }
        self.target = None;
        self.version += 1;
        (self.model, self.join_error, self.is_joined) = (RoomModel::default(), None, false);
        self.drop_held();
    }

    /// Returns whether the request was sent. Otherwise it is made when there is a link.
    fn request(
        &mut self,
        request: PendingRequest,
        event: &str,
        payload: Option<Value>,
        now: Instant,
        send: SendPacket<'_>,
    ) -> bool {
        let id = self.next_id();
        let is_sent = send(request_packet(id, event, payload.as_ref()));
        if is_sent {
            self.pending.insert(id, (now, request));
            return true;
        }
        match request {
            PendingRequest::Command(command) => self.resolve(command.reply, Err(RoomError::NotJoined)),
            PendingRequest::Leave(Some(reply)) => self.resolve(reply, Ok(())),
            PendingRequest::Leave(None) | PendingRequest::Join { .. } => {}
        }
        false
    }

    fn handle_leave_answer(&mut self, reply: Option<RoomReply<()>>, answer: &Value) {
        let fault = fault_of_answer(answer).filter(|fault| fault.code != RoomErrorCode::NotJoined);
        if fault.is_none() {
            self.may_be_joined = self.is_joined || self.is_joining();
        }
        if let Some(reply) = reply {
            self.resolve(reply, fault.map_or(Ok(()), |fault| Err(fault.into())));
        }
    }

    fn apply(&mut self, event: RoomEvent) {
        if self.model.apply(&event) {
            self.notices.push_back(Notice::Event(event));
        }
    }

    /// Ends the requests with smaller ids.
    fn drop_pending(&mut self, before_id: u64) {
        let kept = self.pending.split_off(&before_id);
        for (_, request) in std::mem::replace(&mut self.pending, kept).into_values() {
            match request {
                PendingRequest::Command(command) => self.resolve(command.reply, Err(RoomError::OutcomeUnknown)),
                PendingRequest::Leave(Some(reply)) => self.resolve(reply, Ok(())),
                PendingRequest::Leave(None) | PendingRequest::Join { .. } => {}
            }
        }
    }

    fn resolve<T: Send + 'static>(&mut self, reply: RoomReply<T>, result: Result<T, RoomError>) {
        // The caller may have gone.
        self.replies.push(Box::new(move || drop(reply.send(result))));
    }
}

#[cfg(test)]
mod tests;
