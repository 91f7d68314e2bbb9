//! `UserSession`: the current day as clients see it.

use serde::Serialize;
use serde_json::value::RawValue;
use timers::calendar::Zone;
use timers::punch_clock::{IgnoredReason, Profile, Punch, PunchClockLimits, PunchDay, PunchId, PunchKind};
use timers::{Board, Timestamp};

use crate::iso::Iso;
use crate::punch_clock::request::PostedDay;

/// Whose day it is.
#[derive(Clone, Debug)]
pub struct Person<'a> {
    /// The person's id.
    pub id: &'a str,
    /// What the login tells of the person.
    pub profile: Profile,
    /// When the last heartbeat came, if one is known.
    pub active_at: Option<Timestamp>,
}

/// A day at an instant, with the person whose day it is.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    person: Person<'a>,
    day: PunchDay,
    now: Timestamp,
}

/// A posted punch without effect, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// The id, or the name of the field.
    pub id: String,
    /// The reason.
    pub reason: String,
}

/// The current day of a person.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "UserSession"))]
pub(crate) struct DocumentView<'a> {
    user_id: &'a str,
    user_email: &'a str,
    user_name: &'a str,
    /// The type of the last punch.
    #[cfg_attr(feature = "schema", schemars(with = "crate::punch_clock::schema::PunchType"))]
    current_status: &'static str,
    /// The punches that stand, in order.
    entries: Vec<PunchView<'a>>,
    #[cfg_attr(feature = "schema", schemars(with = "Stats"))]
    daily_stats: StatsView<'a>,
    current_theme: &'a str,
    /// The day in the person's zone.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date")))]
    last_active_date: String,
    /// The last change or heartbeat.
    last_activity: Iso,
    /// The start of the current run of work.
    session_start_time: Option<Timestamp>,
    created_at: Iso,
    updated_at: Iso,
}

/// One punch; `timestamp` is in milliseconds.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PunchEntry"))]
pub(crate) struct PunchView<'a> {
    id: &'a PunchId,
    timestamp: Timestamp,
    #[cfg_attr(feature = "schema", schemars(with = "crate::punch_clock::schema::PunchType"))]
    r#type: &'static str,
    /// The time of day, `HH:MM:SS`: the client's, or else that of the person's zone.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9]{2}:[0-9]{2}:[0-9]{2}$")))]
    time: String,
}

/// The totals of a day: ours, or those that the client has posted.
#[derive(Serialize)]
#[serde(untagged)]
enum StatsView<'a> {
    Counted(Stats),
    Posted(&'a RawValue),
}

/// The totals of a day. The original's page compares their text, so the order counts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "DailyStats"))]
pub(crate) struct Stats {
    /// The minutes of work, rounded.
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub(crate) total_work_minutes: u64,
    /// The minutes of breaks, rounded.
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub(crate) total_break_minutes: u64,
    /// Whether the day has 480 minutes of work, before rounding.
    pub(crate) is_complete: bool,
}

/// The current day.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "UserSessionAnswer"))]
pub(crate) struct DocumentAnswer<'a> {
    success: bool,
    data: DocumentView<'a>,
}

/// The current day after a post.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "UserSessionSaved"))]
pub(crate) struct SavedAnswer<'a> {
    success: bool,
    message: &'static str,
    data: DocumentView<'a>,
    /// What of the post has no effect.
    ignored: Vec<IgnoredView<'a>>,
}

/// A posted punch or field without effect.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "IgnoredEntry"))]
struct IgnoredView<'a> {
    /// The id of the punch, or `currentTheme`.
    #[cfg_attr(feature = "schema", schemars(with = "PunchId"))]
    id: &'a RawValue,
    reason: &'a str,
}

impl<'a> Document<'a> {
    /// Returns the day of an instant, which can be later than the day that is stored.
    pub fn of(day: Option<&PunchDay>, person: Person<'a>, now: Timestamp) -> Self {
        let day = match day {
            Some(day) => day.rolled(now, &PunchClockLimits::default()).0,
            None => PunchDay::blank(Zone::utc(), now),
        };
        Self { person, day, now }
    }

    /// Returns the day of a board.
    pub fn of_board(board: &'a Board, now: Timestamp) -> Self {
        let person = Person { id: board.scope.id(), profile: Profile::default(), active_at: None };
        Self::of(board.get::<PunchDay>(&()), person, now)
    }

    /// Tells whether posted punches are those that the document shows.
    fn shows(&self, posted: &[Punch]) -> bool {
        let standing = self.day.standing();
        let shown = standing.shown(self.day.start());
        let shown: Vec<_> = shown.map(|(punch, at)| (&punch.id, at, punch.kind)).collect();
        shown.iter().copied().eq(posted.iter().map(|punch| (&punch.id, punch.at, punch.kind)))
    }

    fn view(&'a self, posted_stats: Option<&'a RawValue>) -> DocumentView<'a> {
        let Self { person, day, now } = self;
        let standing = day.standing();
        let totals = day.totals(*now);
        let counted = Stats {
            total_work_minutes: totals.work_minutes(),
            total_break_minutes: totals.break_minutes(),
            is_complete: totals.is_complete(),
        };
        let of_login = |stored: &'a Option<String>, given: &'a Option<String>| {
            given.as_deref().or(stored.as_deref()).unwrap_or_default()
        };
        DocumentView {
            user_id: person.id,
            user_email: of_login(&day.user_email, &person.profile.email),
            user_name: of_login(&day.user_name, &person.profile.name),
            current_status: if standing.is_in() { PunchKind::In } else { PunchKind::Out }.as_str(),
            entries: standing.shown(day.start()).map(|(punch, at)| PunchView::of(punch, at, &day.zone)).collect(),
            daily_stats: posted_stats.map_or(StatsView::Counted(counted), StatsView::Posted),
            current_theme: day.themes.current(),
            last_active_date: day.date.to_string(),
            last_activity: Iso(person.active_at.map_or(day.updated_at, |at| at.max(day.updated_at))),
            session_start_time: day.work_since(),
            created_at: Iso(day.created_at),
            updated_at: Iso(day.updated_at),
        }
    }
}

impl<'a> PunchView<'a> {
    /// Shows a punch at an instant, with the client's time if it is of that instant.
    fn of(punch: &'a Punch, at: Timestamp, zone: &Zone) -> Self {
        let given = punch.time.clone().filter(|_| at == punch.at);
        let time = given.unwrap_or_else(|| time_of_day(at, zone.offset_at(at)));
        Self { id: &punch.id, timestamp: at, r#type: punch.kind.as_str(), time }
    }
}

/// Writes the local time, `HH:MM:SS`.
pub(crate) fn time_of_day(at: Timestamp, offset_seconds: i32) -> String {
    let seconds = i64::try_from(at.0 / 1000).unwrap_or(0) + i64::from(offset_seconds);
    let seconds = seconds.rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Renders the answer to `GET /api/session`.
pub fn document(document: &Document<'_>) -> String {
    json(&DocumentAnswer { success: true, data: document.view(None) })
}

/// Renders the document alone.
pub(crate) fn bare(document: &Document<'_>) -> String {
    json(&document.view(None))
}

/// Renders the answer to `POST /api/session`. If the document shows the punches that were posted, it repeats the posted
/// totals: the original's page posts again as long as they differ from its own.
pub fn saved(document: &Document<'_>, posted: &PostedDay, ignored: &[Ignored]) -> String {
    let is_shown = posted.has_punches && document.shows(&posted.punches);
    let stats = posted.stats.as_ref().filter(|_| is_shown).and_then(|raw| serde_json::from_str(raw.as_str()).ok());
    let ignored = ignored.iter().filter_map(|ignored| {
        Some(IgnoredView { id: serde_json::from_str(&ignored.id).ok()?, reason: &ignored.reason })
    });
    json(&SavedAnswer {
        success: true,
        message: "Session updated successfully",
        data: document.view(stats),
        ignored: ignored.collect(),
    })
}

/// Returns the posted punches that have no effect, as the day tells after them, and what else of the request has none.
pub fn ignored(document: &Document<'_>, posted: &PostedDay, limits: &PunchClockLimits) -> Vec<Ignored> {
    let day = &document.day;
    let standing = day.standing();
    let reason = |punch: &Punch| {
        let of_day = standing.ignored.iter().find(|(id, _)| **id == punch.id).map(|(_, reason)| *reason);
        of_day.or_else(|| day.rejection(punch, limits))
    };
    let view = |(punch, reason): (&Punch, IgnoredReason)| Ignored {
        id: punch.id.as_json().to_owned(),
        reason: reason.to_string(),
    };
    let punches = posted.punches.iter().filter_map(|punch| Some((punch, reason(punch)?))).map(view);
    let theme = posted.theme_refusal(limits).into_iter();
    punches.chain(theme.map(|reason| Ignored { id: r#""currentTheme""#.to_owned(), reason })).collect()
}

pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("documents have no key that JSON cannot write")
}
