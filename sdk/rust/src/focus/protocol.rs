//! The messages and documents of Focus. Anything may arrive: the server may be newer, or none of ours.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::live_message::{self, LiveMessage};
use crate::socket::Decoded;

/// What a session is doing, or how it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FocusStatus {
    Active,
    Paused,
    Completed,
    Abandoned,
    Cancelled,
}

/// How a session ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FocusEnding {
    #[default]
    Completed,
    Abandoned,
    Cancelled,
}

impl From<FocusEnding> for FocusStatus {
    fn from(ending: FocusEnding) -> Self {
        match ending {
            FocusEnding::Completed => Self::Completed,
            FocusEnding::Abandoned => Self::Abandoned,
            FocusEnding::Cancelled => Self::Cancelled,
        }
    }
}

impl FocusStatus {
    /// Tells whether the session has not ended.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Active | Self::Paused)
    }
}

/// The counted seconds of a session, and how often the person has left the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FocusCounters {
    pub elapsed_seconds: u64,
    pub active_seconds: u64,
    pub idle_seconds: u64,
    pub tab_switches: u64,
}

/// A session as the server has it. Times are in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FocusSession {
    pub id: String,
    pub user_id: String,
    /// What the person works with.
    pub content_id: Option<String>,
    pub subject: String,
    /// How long the person sets out to work.
    pub target_minutes: f64,
    pub status: FocusStatus,
    #[serde(flatten)]
    pub counters: FocusCounters,
    /// The score; 0 until the session ends.
    pub focus_score: u64,
    #[serde(with = "crate::iso_time")]
    pub started_at: i64,
    #[serde(with = "crate::iso_time::option")]
    pub ended_at: Option<i64>,
    #[serde(with = "crate::iso_time")]
    pub created_at: i64,
    #[serde(with = "crate::iso_time")]
    pub updated_at: i64,
}

/// A session to be created.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewFocusSession {
    /// How long the person sets out to work: a number above 0.
    pub target_minutes: f64,
    /// The subject, at most 500 characters; `General` if it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What the person works with, at most 500 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_id: Option<String>,
}

impl NewFocusSession {
    /// Returns a session with a target alone.
    #[must_use]
    pub fn new(target_minutes: f64) -> Self {
        Self { target_minutes, subject: None, content_id: None }
    }
}

/// What changes of a session. Fields that are absent stay.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FocusSessionChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_minutes: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_id: Option<String>,
}

/// What all ended sessions of a person add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FocusStats {
    /// The sum of all scores.
    pub focus_score: u64,
    /// The number of completed sessions.
    pub streak: u64,
    /// Consecutive days with a completed session.
    pub day_streak: u64,
    pub total_focus_minutes: u64,
    pub completed_sessions: u64,
}

/// Which sessions are listed: all of them by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FocusListQuery {
    pub status: Option<FocusStatus>,
    pub limit: Option<u32>,
    /// The id of a session: the list continues with those older than it.
    pub before: Option<String>,
}

/// The counters of the tracked session at a whole second of the server's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct FocusTick {
    pub(crate) idle: bool,
    #[serde(flatten)]
    pub(crate) counters: FocusCounters,
}

/// A valid message of the server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FocusMessage {
    Connected,
    Started {
        id: Option<String>,
        session_id: String,
    },
    Tick(FocusTick),
    /// The server does not count the session any more.
    Stopped {
        session_id: String,
    },
    Live(LiveMessage),
}

impl FocusMessage {
    pub(crate) fn is_tick(&self) -> bool {
        matches!(self, Self::Tick(_))
    }
}

/// Reads a text.
pub(crate) fn decode(text: &str) -> Decoded<FocusMessage> {
    live_message::decode(text, parse)
}

fn parse(message: Map<String, Value>) -> Option<FocusMessage> {
    if let Some(message) = LiveMessage::parse(&message) {
        return Some(FocusMessage::Live(message));
    }
    let text = |field: &str| message.get(field).and_then(Value::as_str).map(str::to_owned);
    Some(match message.get("type")?.as_str()? {
        "connected" => FocusMessage::Connected,
        "started" => FocusMessage::Started { id: text("id"), session_id: text("sessionId")? },
        "stopped" => FocusMessage::Stopped { session_id: text("sessionId")? },
        "tick" => FocusMessage::Tick(serde_json::from_value(Value::Object(message)).ok()?),
        _ => return None,
    })
}
