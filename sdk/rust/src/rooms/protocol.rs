//! The events of Rooms. Anything may arrive: the server may be newer, or none of ours.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::RoomErrorCode;

/// A countdown as the server has it. Durations are whole seconds, times are server times in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimerState {
    pub session_id: String,
    pub duration: i64,
    pub remaining_time: i64,
    pub is_running: bool,
    pub is_paused: bool,
    /// The last start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<i64>,
    /// Present while the countdown is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_at: Option<i64>,
    /// Present while the countdown runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<i64>,
    pub server_time: i64,
    pub rev: u64,
}

/// A member of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomMember {
    pub id: String,
    pub name: String,
    pub connected_at: i64,
}

/// A room and this client's membership in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    pub session_id: String,
    /// The id of this client's membership.
    pub client_id: String,
    /// The name of this client.
    pub name: String,
    /// The secret of this membership, with which the client returns to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resume: Option<String>,
    pub created_at: i64,
    pub last_activity: i64,
    pub state: TimerState,
    /// The first 100 members.
    pub clients: Vec<RoomMember>,
    /// The number of members.
    pub count: u64,
}

impl std::fmt::Debug for Room {
    /// Writes no secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Room");
        shown.field("session_id", &self.session_id).field("client_id", &self.client_id).field("name", &self.name);
        shown.field("state", &self.state).field("count", &self.count).finish_non_exhaustive()
    }
}

/// A tick of the countdown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CountdownTick {
    pub session_id: String,
    pub remaining_time: i64,
    pub server_time: i64,
    pub ends_at: i64,
}

/// The countdown has reached zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Completion {
    pub session_id: String,
    pub completed_at: i64,
}

/// A member has joined or left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberChange {
    pub session_id: String,
    /// The member that has joined or left.
    pub client: RoomMember,
    /// The first 100 members after the change.
    pub clients: Vec<RoomMember>,
    /// The number of members after the change.
    pub count: u64,
}

/// An event of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomEvent {
    /// The client has become a member.
    Joined(Arc<Room>),
    /// The countdown has changed.
    State(TimerState),
    /// A whole second of the countdown.
    Tick(CountdownTick),
    /// The countdown has reached zero.
    Completed(Completion),
    /// Another member has joined.
    MemberJoined(MemberChange),
    /// Another member has left.
    MemberLeft(MemberChange),
}

/// What the server sends without a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RoomMessage {
    Event(RoomEvent),
    Fault(RoomFault),
}

impl RoomMessage {
    /// Reads a message; `None` for others, such as those of later versions.
    pub(crate) fn parse(name: &str, payload: Value) -> Option<Self> {
        match name {
            "error" => parse_fault(&payload).map(Self::Fault),
            _ => RoomEvent::parse(name, payload).map(Self::Event),
        }
    }
}

/// An error that the server reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoomFault {
    pub(crate) code: RoomErrorCode,
    pub(crate) message: String,
}

impl RoomEvent {
    /// Reads an event; `None` for others.
    pub(crate) fn parse(name: &str, payload: Value) -> Option<Self> {
        match name {
            "session:joined" => serde_json::from_value(payload).ok().map(Self::Joined),
            "timer:state" => serde_json::from_value(payload).ok().filter(is_consistent).map(Self::State),
            "timer:tick" => serde_json::from_value(payload).ok().map(Self::Tick),
            "timer:completed" => serde_json::from_value(payload).ok().map(Self::Completed),
            "session:user-joined" => serde_json::from_value(payload).ok().map(Self::MemberJoined),
            "session:user-left" => serde_json::from_value(payload).ok().map(Self::MemberLeft),
            _ => None,
        }
    }
}

/// A running countdown has an end.
fn is_consistent(state: &TimerState) -> bool {
    !state.is_running || state.ends_at.is_some()
}

/// Reads the fault of an answer `{error}`, or nothing.
pub(crate) fn fault_of_answer(answer: &Value) -> Option<RoomFault> {
    answer.get("error").and_then(parse_fault)
}

/// Reads a fault.
fn parse_fault(value: &Value) -> Option<RoomFault> {
    let code = value.get("code")?.as_str()?.into();
    let message = value.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(RoomFault { code, message })
}
