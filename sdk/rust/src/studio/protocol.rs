//! The documents and events of Studio. Anything may arrive: the server may be newer, or none of ours.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::error::ServerError;
use crate::studio::money::rate_hundredths;

/// Whether work is billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    Billable,
    NonBillable,
}

/// The id of a member, as the login of the organisation has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MemberId {
    Number(i64),
    Text(String),
}

/// A type of work. Times are in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskType {
    pub id: i64,
    pub name: String,
    pub description: Option<String>,
    /// The price of an hour, a decimal number with two decimals.
    #[serde(deserialize_with = "rate")]
    pub hourly_rate: String,
    pub category: Category,
    /// The colour, `#RRGGBB`.
    pub color: Option<String>,
    /// The place in lists.
    pub sort_order: i64,
    /// Whether entries of the type can be started.
    pub is_active: bool,
    #[serde(with = "crate::iso_time")]
    pub created_at: i64,
    #[serde(with = "crate::iso_time")]
    pub updated_at: i64,
}

/// An entry, running or finished. It belongs to a session, a project or a track. Times are in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeEntry {
    pub id: i64,
    pub task_type_id: i64,
    pub session_id: Option<i64>,
    pub project_id: Option<i64>,
    pub track_id: Option<i64>,
    #[serde(with = "crate::iso_time")]
    pub start_time: i64,
    /// The end; absent while the entry runs.
    #[serde(with = "crate::iso_time::option")]
    pub end_time: Option<i64>,
    /// The length in minutes, rounded; absent while the entry runs.
    pub duration_minutes: Option<i64>,
    /// The price of an hour at the start of the entry.
    #[serde(deserialize_with = "rate")]
    pub hourly_rate_snapshot: String,
    /// Whether a member has corrected the entry.
    pub manually_adjusted: bool,
    pub billable: bool,
    pub notes: Option<String>,
    pub created_by: Option<MemberId>,
    #[serde(with = "crate::iso_time")]
    pub created_at: i64,
    #[serde(with = "crate::iso_time")]
    pub updated_at: i64,
    /// The type; absent from the answers to a stop and to a correction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_type: Option<Arc<TaskType>>,
}

/// Sums of finished entries.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryStats {
    pub total_hours: f64,
    pub total_cost: f64,
}

/// Entries by their start, newest first, and the sums over all that match.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryList {
    pub entries: Vec<TimeEntry>,
    pub stats: EntryStats,
    /// The `cursor` of the next page; absent on the last one.
    pub next_cursor: Option<String>,
}

/// What an entry costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimerCost {
    pub hours: i64,
    pub minutes: i64,
    /// The cost, not rounded.
    pub cost: f64,
    /// The cost in dollars with two decimals.
    pub formatted_cost: String,
}

/// A member has started an entry, or moved the start of one that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimerStarted {
    pub time_entry_id: i64,
    pub task_type: Option<Arc<TaskType>>,
    pub session_id: Option<i64>,
    pub project_id: Option<i64>,
    pub track_id: Option<i64>,
    #[serde(with = "crate::iso_time")]
    pub start_time: i64,
    pub user_id: Option<MemberId>,
    pub server_time: i64,
}

/// A member has ended an entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimerStopped {
    pub time_entry_id: i64,
    #[serde(with = "crate::iso_time::option")]
    pub end_time: Option<i64>,
    pub duration_minutes: Option<i64>,
    pub cost: Option<TimerCost>,
    pub user_id: Option<MemberId>,
    pub server_time: i64,
}

/// A member has corrected an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimerAdjusted {
    pub time_entry_id: i64,
    #[serde(with = "crate::iso_time")]
    pub start_time: i64,
    /// The end; absent while the entry runs.
    #[serde(with = "crate::iso_time::option")]
    pub end_time: Option<i64>,
    pub duration_minutes: Option<i64>,
    pub user_id: Option<MemberId>,
    pub server_time: i64,
}

/// An event of the organisation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TimerEvent {
    Started(TimerStarted),
    Stopped(TimerStopped),
    Adjusted(TimerAdjusted),
}

impl TimerEvent {
    pub(crate) fn time_entry_id(&self) -> i64 {
        match self {
            Self::Started(started) => started.time_entry_id,
            Self::Stopped(stopped) => stopped.time_entry_id,
            Self::Adjusted(adjusted) => adjusted.time_entry_id,
        }
    }

    /// Returns the server's time when the event was sent.
    pub(crate) fn server_time(&self) -> i64 {
        match self {
            Self::Started(started) => started.server_time,
            Self::Stopped(stopped) => stopped.server_time,
            Self::Adjusted(adjusted) => adjusted.server_time,
        }
    }
}

/// What the server sends without a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StudioMessage {
    Event(TimerEvent),
    Error(ServerError),
}

impl StudioMessage {
    /// Reads a message; `None` for others, such as those of later versions.
    pub(crate) fn parse(name: &str, payload: Value) -> Option<Self> {
        Some(Self::Event(match name {
            "timer:started" => TimerEvent::Started(serde_json::from_value(payload).ok()?),
            "timer:stopped" => TimerEvent::Stopped(serde_json::from_value(payload).ok()?),
            "timer:adjusted" => TimerEvent::Adjusted(serde_json::from_value(payload).ok()?),
            "error" => return ServerError::parse(&payload).map(Self::Error),
            _ => return None,
        }))
    }
}

fn rate<'a, D: Deserializer<'a>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let is_valid = rate_hundredths(&text).is_some();
    if is_valid { Ok(text) } else { Err(serde::de::Error::custom("the rate has no two decimals")) }
}
