//! Archived days as clients see them.

use serde::Serialize;
use timers::Timestamp;
use timers::punch_clock::{DayLog, PunchId, THEME_DEFAULT};

use crate::iso::Iso;
use crate::punch_clock::document::{Stats, json, time_of_day};

/// The place of a page among all archived days.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pagination {
    /// The number of the page, from 1.
    pub current_page: u64,
    /// The number of pages.
    pub total_pages: u64,
    /// The number of archived days.
    pub total_logs: u64,
    /// Whether a page follows.
    pub has_next_page: bool,
    /// Whether a page is before.
    pub has_prev_page: bool,
}

/// An archived day.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "DailyLog"))]
struct LogView<'a> {
    #[serde(rename = "_id")]
    id: String,
    user_id: &'a str,
    /// Midnight of the day in UTC.
    date: Iso,
    entries: Vec<LogPunchView<'a>>,
    daily_stats: Stats,
    theme: &'a str,
    created_at: Iso,
    updated_at: Iso,
}

/// One punch of an archived day; its instant is a text.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "DailyLogEntry"))]
struct LogPunchView<'a> {
    id: &'a PunchId,
    timestamp: Iso,
    #[cfg_attr(feature = "schema", schemars(with = "crate::punch_clock::schema::PunchType"))]
    r#type: &'static str,
    /// The time of day, `HH:MM:SS`.
    time: String,
}

/// A page of archived days, newest first.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "DailyLogList"))]
pub(crate) struct LogListAnswer<'a> {
    logs: Vec<LogView<'a>>,
    pagination: Pagination,
}

/// A day after a post.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "DailyLogSaved"))]
pub(crate) struct LogSavedAnswer<'a> {
    message: &'static str,
    log: LogView<'a>,
}

impl Pagination {
    /// Returns the place of a page of so many days.
    pub fn of(page: u64, limit: u64, total: u64) -> Self {
        let total_pages = total.div_ceil(limit.max(1));
        Self {
            current_page: page,
            total_pages,
            total_logs: total,
            has_next_page: page < total_pages,
            has_prev_page: page > 1,
        }
    }
}

impl<'a> LogView<'a> {
    fn of(log: &'a DayLog, user: &'a str, offset_seconds: i32) -> Self {
        let totals = log.totals();
        let standing = log.standing();
        let entries = standing.shown(log.start).map(|(punch, at)| LogPunchView {
            id: &punch.id,
            timestamp: Iso(at),
            r#type: punch.kind.as_str(),
            time: punch.time.clone().filter(|_| at == punch.at).unwrap_or_else(|| time_of_day(at, offset_seconds)),
        });
        Self {
            id: log.date.to_string(),
            user_id: user,
            date: Iso(log.date.utc_start()),
            entries: entries.collect(),
            daily_stats: Stats {
                total_work_minutes: totals.work_minutes(),
                total_break_minutes: totals.break_minutes(),
                is_complete: totals.is_complete(),
            },
            theme: log.theme.as_deref().unwrap_or(THEME_DEFAULT),
            created_at: Iso(log.created_at),
            updated_at: Iso(log.updated_at),
        }
    }
}

/// Returns how many seconds local time was ahead of UTC at the start of a day: it begins at midnight.
fn offset_of(log: &DayLog) -> i32 {
    let (midnight, start) = (log.date.utc_start().0, log.start.0);
    let seconds = i64::try_from(midnight).unwrap_or(0) / 1000 - i64::try_from(start).unwrap_or(0) / 1000;
    i32::try_from(seconds).unwrap_or(0)
}

/// Renders an archived day.
pub fn log(log: &DayLog, user: &str) -> String {
    json(&LogView::of(log, user, offset_of(log)))
}

/// Renders the answer to `GET /api/daily-logs`.
pub fn log_list(logs: &[DayLog], user: &str, pagination: Pagination) -> String {
    let logs = logs.iter().map(|log| LogView::of(log, user, offset_of(log))).collect();
    json(&LogListAnswer { logs, pagination })
}

/// Renders the answer to `POST /api/daily-logs`.
pub fn log_saved(log: &DayLog, user: &str, is_new: bool, open_until: Option<Timestamp>) -> String {
    // The current day is not over: an open run counts up to now.
    let log = &DayLog { end: open_until.map_or(log.end, |now| now.min(log.end)), ..log.clone() };
    let message = if is_new { "Daily log saved successfully" } else { "Daily log updated successfully" };
    json(&LogSavedAnswer { message, log: LogView::of(log, user, offset_of(log)) })
}
