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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "FocusSession"))]
pub struct FocusDocument<'a> {
    /// The same as `id`.
    #[serde(rename = "_id")]
    object_id: FocusId,
    id: FocusId,
    user_id: &'a str,
    /// What the person works with.
    content_id: Option<&'a str>,
    subject: &'a str,
    /// How long the person sets out to work.
    target_minutes: &'a TargetMinutes,
    #[cfg_attr(feature = "schema", schemars(with = "crate::focus::schema::FocusStatus"))]
    status: &'static str,
    /// The tracked seconds.
    elapsed_seconds: u64,
    /// The tracked seconds with activity.
    active_seconds: u64,
    /// The tracked seconds without activity.
    idle_seconds: u64,
    /// How often the person has left the page.
    tab_switches: u64,
    /// The score; 0 until the session ends.
    focus_score: u64,
    started_at: Iso,
    ended_at: Option<Iso>,
    /// The same as `startedAt`.
    start_time: Iso,
    /// The same as `endedAt`.
    end_time: Option<Iso>,
    created_at: Iso,
    updated_at: Iso,
}

/// A session.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "FocusSessionAnswer"))]
pub(crate) struct SessionAnswer<'a> {
    success: bool,
    session: &'a FocusDocument<'a>,
}

/// A session that has ended, and its score.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "FocusScoreAnswer"))]
pub(crate) struct ScoreAnswer<'a> {
    success: bool,
    session: &'a FocusDocument<'a>,
    focus_score: u64,
}

/// What all ended sessions of a person add up to.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "FocusStatsAnswer"))]
pub(crate) struct StatsAnswer {
    /// The sum of the scores.
    focus_score: u64,
    /// The number of completed sessions.
    streak: u64,
    /// Consecutive days with a completed session, up to today or yesterday.
    day_streak: u64,
    /// The active seconds in minutes, rounded.
    total_focus_minutes: u64,
    completed_sessions: u64,
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
    json(&SessionAnswer { success: true, session })
}

/// Renders `{success, session, focusScore}`.
pub fn with_score(session: &FocusDocument<'_>) -> String {
    json(&ScoreAnswer { success: true, session, focus_score: session.focus_score })
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
    json(&StatsAnswer {
        focus_score: stats.score_sum,
        streak: stats.completed,
        day_streak: stats.day_streak(zone, now),
        total_focus_minutes: stats.focus_minutes(),
        completed_sessions: stats.completed,
    })
}
