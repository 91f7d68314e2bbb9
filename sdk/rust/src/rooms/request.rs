//! What a client asks of a room.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use crate::error::RoomError;
use crate::rooms::protocol::{Room, RoomFault, TimerState};

/// Sends a text on the current link; returns false if there is none.
pub(crate) type SendPacket<'s> = &'s mut dyn FnMut(String) -> bool;

/// Where the outcome of a request is awaited.
pub(crate) type RoomReply<T> = oneshot::Sender<Result<T, RoomError>>;

/// The room that a client wants to be in.
#[derive(Debug)]
pub(crate) enum Target {
    Room { session_id: String, name: Option<String> },
    New { duration_s: Option<f64>, name: Option<String> },
}

/// A command for the countdown.
#[derive(Debug)]
pub(crate) struct RoomCommand {
    pub(crate) event: &'static str,
    pub(crate) payload: Map<String, Value>,
    pub(crate) reply: RoomReply<TimerState>,
}

/// A request without an answer.
pub(crate) enum PendingRequest {
    /// `version` is that of the target.
    Join {
        version: u64,
    },
    Leave(Option<RoomReply<()>>),
    Command(RoomCommand),
}

impl Target {
    /// Returns the payload of `session:join`, with the secret of a membership to return to; `None` for a room that does not
    /// exist yet.
    pub(crate) fn join_payload(&self, room: Option<&Arc<Room>>) -> Option<Value> {
        let Self::Room { session_id, name } = self else { return None };
        let room = room.filter(|room| room.session_id == *session_id);
        let resume = room.and_then(|room| room.resume.as_deref());
        Some(without_nulls(json!({ "sessionId": session_id, "name": name, "resume": resume })))
    }

    /// Returns the payload of `session:create`; `None` for a room that exists.
    pub(crate) fn create_payload(&self) -> Option<Value> {
        let Self::New { duration_s, name } = self else { return None };
        Some(without_nulls(json!({ "duration": duration_s, "name": name })))
    }
}

impl From<RoomFault> for RoomError {
    fn from(fault: RoomFault) -> Self {
        Self::Rejected { code: fault.code, message: fault.message }
    }
}

/// An absent field is omitted.
fn without_nulls(mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.retain(|_, value| !value.is_null());
    }
    object
}
