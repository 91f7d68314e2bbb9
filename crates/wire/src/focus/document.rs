//! Sessions and statistics as clients see them.

use serde::Serialize;
use timers::Timestamp;
use timers::calendar::Zone;
use timers::focus::{EndedSession, FocusId, FocusSession, FocusStats, SecondCounters, TargetMinutes};

use crate::iso::Iso;
use crate::json_text::json;

/// A session at an instant.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FocusDocument<'a> {
    #[serde(rename = "_id")]
    object_id: FocusId,
    id: FocusId,
    user_id: &'a str,
    content_id: Option<&'a str>,
    subject: &'a str,
    target_minutes: &'a TargetMinutes,
    status: &'static str,
    elapsed_seconds: u64,
    active_seconds: u64,
    idle_seconds: u64,
    tab_switches: u64,
    focus_score: u64,
    started_at: Iso,
    ended_at: Option<Iso>,
    start_time: Iso,
    end_time: Option<Iso>,
    created_at: Iso,
    updated_at: Iso,
}

impl<'a> FocusDocument<'a> {
    /// Shows a session that has not ended, of a board whose instants are dates.
    pub fn open(session: &'a FocusSession, user: &'a str, now: Timestamp) -> Self {
        let SecondCounters { elapsed, active, idle } = session.counters_at(now);
        Self {
            object_id: session.id,
            id: session.id,
            user_id: user,
            content_id: session.content_id.as_deref(),
            subject: &session.subject,
            target_minutes: &session.target_minutes,
            status: session.status.as_str(),
            elapsed_seconds: elapsed,
            active_seconds: active,
            idle_seconds: idle,
            tab_switches: session.tab_switches,
            focus_score: 0,
            started_at: Iso(session.started_at),
            ended_at: None,
            start_time: Iso(session.started_at),
            end_time: None,
            created_at: Iso(session.created_at),
            updated_at: Iso(session.updated_at),
        }
    }

    /// Shows a session that has ended.
    pub fn ended(session: &'a EndedSession, user: &'a str) -> Self {
        let SecondCounters { elapsed, active, idle } = session.counters;
        Self {
            object_id: session.id,
            id: session.id,
            user_id: user,
            content_id: session.content_id.as_deref(),
            subject: &session.subject,
            target_minutes: &session.target_minutes,
            status: session.ending.as_str(),
            elapsed_seconds: elapsed,
            active_seconds: active,
            idle_seconds: idle,
            tab_switches: session.tab_switches,
            focus_score: session.focus_score,
            started_at: Iso(session.started_at),
            ended_at: Some(Iso(session.ended_at)),
            start_time: Iso(session.started_at),
            end_time: Some(Iso(session.ended_at)),
            created_at: Iso(session.created_at),
            updated_at: Iso(session.updated_at),
        }
    }
}

impl FocusDocument<'_> {
    /// Renders the session alone.
    pub fn to_json(&self) -> String {
        json(self)
    }
}

/// Renders `{success, session}`.
pub fn with_session(session: &FocusDocument<'_>) -> String {
    #[derive(Serialize)]
    struct Answer<'a> {
        success: bool,
        session: &'a FocusDocument<'a>,
    }
    json(&Answer { success: true, session })
}

/// Renders `{success, session, focusScore}`.
pub fn with_score(session: &FocusDocument<'_>) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer<'a> {
        success: bool,
        session: &'a FocusDocument<'a>,
        focus_score: u64,
    }
    json(&Answer { success: true, session, focus_score: session.focus_score })
}

/// Returns the start of `{success, sessions, count}`, before the first session.
pub fn list_start() -> &'static str {
    r#"{"success":true,"sessions":["#
}

/// Returns its end, after so many sessions.
pub fn list_end(count: usize) -> String {
    format!(r#"],"count":{count}}}"#)
}

/// Renders the statistics of a person, whose days are those of a zone.
pub fn stats(stats: &FocusStats, zone: &Zone, now: Timestamp) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        focus_score: u64,
        streak: u64,
        day_streak: u64,
        total_focus_minutes: u64,
        completed_sessions: u64,
    }
    json(&Answer {
        focus_score: stats.score_sum,
        streak: stats.completed,
        day_streak: stats.day_streak(zone, now),
        total_focus_minutes: stats.focus_minutes(),
        completed_sessions: stats.completed,
    })
}
