//! The documents of the punch clock. Times are in milliseconds since 1970.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use crate::live_message::{self, LiveMessage};
use crate::socket::Decoded;

/// Whether a person is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum WorkStatus {
    In,
    Out,
}

/// The id of a punch, which the client that has made it chose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PunchId {
    Number(Number),
    Text(String),
}

/// One punch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Punch {
    pub id: PunchId,
    pub timestamp: i64,
    #[serde(rename = "type")]
    pub kind: WorkStatus,
    /// The time of day, `HH:MM:SS`; without one the server adds that of the person's zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
}

/// The totals of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DailyStats {
    pub total_work_minutes: i64,
    pub total_break_minutes: i64,
    /// Whether the day has 480 minutes of work, before rounding.
    pub is_complete: bool,
}

/// A person's current day as the server has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkDay {
    pub user_id: String,
    pub user_email: String,
    pub user_name: String,
    /// The type of the last punch.
    pub current_status: WorkStatus,
    /// The punches that stand, in order.
    pub entries: Vec<Punch>,
    pub daily_stats: DailyStats,
    pub current_theme: String,
    /// The day in the person's zone, `YYYY-MM-DD`.
    pub last_active_date: String,
    /// The last change or heartbeat.
    #[serde(with = "crate::iso_time")]
    pub last_activity: i64,
    /// The start of the current run of work.
    pub session_start_time: Option<i64>,
    #[serde(with = "crate::iso_time")]
    pub created_at: i64,
    #[serde(with = "crate::iso_time")]
    pub updated_at: i64,
}

/// Changes of a day. The server derives the status and the totals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayChanges {
    /// Punches to be added; those that are stored stay as they are.
    pub entries: Vec<Punch>,
    pub current_theme: Option<String>,
}

/// Why a punch or a theme of a request has no effect.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Ignored {
    /// The id of the punch, or `currentTheme`.
    pub id: PunchId,
    pub reason: String,
}

/// The day after a request, and what of the request had no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PunchStored {
    pub day: Arc<WorkDay>,
    pub ignored: Vec<Ignored>,
}

/// Which archived days are requested: the newest ones by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayLogQuery {
    /// One day, `YYYY-MM-DD`.
    pub date: Option<String>,
    /// The number of days of a page, at most 366; 30 if it is absent.
    pub limit: Option<u32>,
    /// The page from 1 on.
    pub page: Option<u32>,
}

/// One punch of an archived day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayLogPunch {
    pub id: PunchId,
    #[serde(with = "crate::iso_time")]
    pub timestamp: i64,
    #[serde(rename = "type")]
    pub kind: WorkStatus,
    pub time: String,
}

/// An archived day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DayLog {
    #[serde(rename = "_id")]
    pub id: String,
    pub user_id: String,
    /// Midnight of the day in UTC.
    #[serde(with = "crate::iso_time")]
    pub date: i64,
    pub entries: Vec<DayLogPunch>,
    pub daily_stats: DailyStats,
    pub theme: String,
    #[serde(with = "crate::iso_time")]
    pub created_at: i64,
    #[serde(with = "crate::iso_time")]
    pub updated_at: i64,
}

/// Where a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pagination {
    pub current_page: u64,
    pub total_pages: u64,
    pub total_logs: u64,
    pub has_next_page: bool,
    pub has_prev_page: bool,
}

/// Some archived days, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayLogPage {
    pub logs: Vec<DayLog>,
    pub pagination: Pagination,
}

/// A valid message of the server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PunchClockMessage {
    Day(Arc<WorkDay>),
    Tick,
    Live(LiveMessage),
}

impl PunchClockMessage {
    pub(crate) fn is_tick(&self) -> bool {
        matches!(self, Self::Tick)
    }
}

/// Reads a text.
pub(crate) fn decode(text: &str) -> Decoded<PunchClockMessage> {
    live_message::decode(text, parse)
}

fn parse(mut message: Map<String, Value>) -> Option<PunchClockMessage> {
    if let Some(message) = LiveMessage::parse(&message) {
        return Some(PunchClockMessage::Live(message));
    }
    match message.get("type")?.as_str()? {
        "session" => serde_json::from_value(message.remove("payload")?).ok().map(PunchClockMessage::Day),
        // Its seconds follow from the day.
        "tick" => Some(PunchClockMessage::Tick),
        _ => None,
    }
}
