//! The messages of Clockit, dialect `v1`. Anything may arrive: the server may be newer, or none of ours.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{CommandError, ErrorCode, ServerError};
use crate::link::LinkEvent;
use crate::outbox::Answer;
use crate::socket::Decoded;
use crate::time_pings::Pong;

/// A goal of a session. Fields that the library does not know are kept as they came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Goal {
    pub id: String,
    pub title: String,
    pub completed: bool,
    /// When the goal was completed, in the form in which a client wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// The estimate, in the form in which a client wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_goal_time: Option<Value>,
    /// Further fields.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A stopwatch session as the server has it. Times are server times in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionState {
    pub session_id: String,
    #[serde(default)]
    pub user_id: String,
    pub label: String,
    /// The start of the current or last run.
    pub started_at: i64,
    /// The time of all earlier runs.
    pub accumulated_ms: i64,
    pub running: bool,
    pub goals: Vec<Goal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// When the session was stopped, while it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
    /// When the session was paused, while it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_at: Option<i64>,
}

/// The content of a new session. Fields that are absent keep their values if the session exists.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionStart {
    /// The id; without one the server generates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    pub label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goals: Option<Vec<Goal>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl SessionStart {
    /// Returns a start with a label alone.
    #[must_use]
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), ..Self::default() }
    }
}

/// What a command returns.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledged {
    /// The revision of the user's sessions after the command.
    pub rev: u64,
    /// The session that the command concerns.
    pub session_id: String,
}

/// The value of a session at a second of the server's time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionTick {
    pub(crate) session_id: String,
    pub(crate) elapsed_ms: i64,
    pub(crate) running: bool,
}

/// A valid message of the server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ServerMessage {
    Ready {
        sessions: Vec<SessionState>,
        server_time: i64,
    },
    Snapshot {
        sessions: Vec<SessionState>,
        server_time: i64,
    },
    Update {
        session: SessionState,
        is_removed: bool,
    },
    Tick {
        ticks: Vec<SessionTick>,
        server_time: Option<i64>,
    },
    Answer {
        id: String,
        answer: Answer<Acknowledged>,
    },
    /// A fresh token was accepted.
    Authenticated {
        id: String,
        expires_at: Option<i64>,
    },
    Time(Pong),
    Error(ServerError),
}

impl ServerMessage {
    pub(crate) fn is_tick(&self) -> bool {
        matches!(self, Self::Tick { .. })
    }
}

/// Reads a text.
pub(crate) fn decode(text: &str) -> Decoded<ServerMessage> {
    let Ok(Value::Object(message)) = serde_json::from_str(text) else { return Decoded::Nothing };
    if message.get("type").and_then(Value::as_str) == Some("going-away") {
        return LinkEvent::going_away(message.get("payload")).map_or(Decoded::Nothing, Decoded::Event);
    }
    parse(message).map_or(Decoded::Nothing, |message| Decoded::Event(LinkEvent::Message(message)))
}

fn parse(mut message: Map<String, Value>) -> Option<ServerMessage> {
    let kind = message.get("type")?.as_str()?.to_owned();
    let payload = message.remove("payload");
    let server_time = message.get("serverTime").and_then(Value::as_i64);
    let id = message.get("id").and_then(Value::as_str).map(str::to_owned);
    Some(match kind.as_str() {
        "ready" => ServerMessage::Ready { sessions: valid(payload?)?, server_time: server_time? },
        "session-snapshot" => ServerMessage::Snapshot { sessions: valid(payload?)?, server_time: server_time? },
        "session-update" => {
            let payload = payload?;
            let is_removed = payload.get("removed").is_some();
            ServerMessage::Update { session: serde_json::from_value(payload).ok()?, is_removed }
        }
        "tick" => ServerMessage::Tick { ticks: valid(payload?)?, server_time },
        "ack" => {
            let value = serde_json::from_value(Value::Object(message)).ok()?;
            ServerMessage::Answer { id: id?, answer: Answer::Done(value) }
        }
        "auth" => {
            let expires_at = payload.as_ref().and_then(|payload| payload.get("expiresAt")).and_then(Value::as_i64);
            ServerMessage::Authenticated { id: id?, expires_at }
        }
        "time-pong" => ServerMessage::Time(Pong::parse(&message)?),
        "error" => error(id, &payload.unwrap_or_default()),
        _ => return None,
    })
}

/// Returns the valid elements of a list; `None` if it is no list.
fn valid<T: for<'a> Deserialize<'a>>(list: Value) -> Option<Vec<T>> {
    let Value::Array(elements) = list else { return None };
    Some(elements.into_iter().filter_map(|element| serde_json::from_value(element).ok()).collect())
}

fn error(id: Option<String>, payload: &Value) -> ServerMessage {
    let text = |field: &str| payload.get(field).and_then(Value::as_str).unwrap_or_default();
    let (code, message) = (ErrorCode::from(text("code")), text("message").to_owned());
    let retry = payload.get("retry") == Some(&Value::Bool(true));
    match id {
        Some(id) => {
            let error = CommandError::Rejected { code, message };
            ServerMessage::Answer { id, answer: Answer::Failed { error, retry, retry_after: None } }
        }
        None => ServerMessage::Error(ServerError { code, message, retry }),
    }
}
