//! The documents of the original's collections.

use serde_json::Value;
use timers::Timestamp;
use timers::calendar::{LocalDate, Zone};
use timers::punch_clock::{Profile, Punch};

use crate::json_instant::instant;
use crate::mongo_export::{DocumentFields, ExportedDocument};
use crate::punch_clock::entries;

/// The earliest year of a punch; an earlier one is a mistake of the client that made it.
const YEAR_MIN: &str = "2000-01-01";

/// A document of `usersessions` or of `dailylogs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedDay {
    /// The person, as the login names them.
    pub user: String,
    /// The punches.
    pub punches: Vec<Punch>,
    /// The minutes of work and of breaks that the original has counted, if both are given.
    pub minutes: Option<(u64, u64)>,
    /// What only one of the collections has.
    pub content: ExportedContent,
}

/// What only one of the collections has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportedContent {
    /// A person's current day: the theme, name and e-mail address, and the dates of creation and of the last change.
    Session(Option<String>, Profile, Option<Timestamp>, Option<Timestamp>),
    /// An archived day: the date, and the theme.
    Log(LocalDate, Option<String>),
}

impl ExportedDocument for ExportedDay {
    fn read(fields: &mut DocumentFields<'_>) -> Option<Self> {
        let user = fields.id("userId");
        let punches = punches(fields);
        let minutes = minutes(&fields.take("dailyStats"));
        let content = match (fields.has("date"), fields.has("currentStatus") || fields.has("lastActiveDate")) {
            (true, _) => log(fields),
            (false, true) => session(fields),
            (false, false) => {
                fields.fault("", "is neither a day of dailylogs (date) nor of usersessions (currentStatus)")
            }
        };
        Some(Self { user: user?, punches: punches?, minutes, content: content? })
    }
}

fn punches(fields: &mut DocumentFields<'_>) -> Option<Vec<Punch>> {
    let entries = match fields.take("entries") {
        Value::Null => Vec::new(),
        Value::Array(entries) => entries,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            return fields.fault("entries", "must be a list");
        }
    };
    let punches = match entries::stored(entries) {
        Ok(punches) => punches,
        Err((place, reason)) => return fields.fault(&place, reason),
    };
    let earliest = YEAR_MIN.parse::<LocalDate>().map(LocalDate::utc_start).unwrap_or_default();
    match punches.iter().find(|punch| punch.at < earliest) {
        Some(punch) => fields.fault("entries", format!("the punch of id {} is before the year 2000", punch.id)),
        None => Some(punches),
    }
}

fn log(fields: &mut DocumentFields<'_>) -> Option<ExportedContent> {
    let date = date_of(&fields.take("date"));
    let theme = fields.optional_text("theme");
    match date {
        Some(date) => Some(ExportedContent::Log(date, theme?)),
        None => fields.fault("date", "must be a date"),
    }
}

/// Reads a date: as it is, or that of an instant in UTC, which is how the original makes it.
fn date_of(value: &Value) -> Option<LocalDate> {
    let text = value.as_str().and_then(|text| text.get(..10)).and_then(|date| date.parse().ok());
    text.or_else(|| Some(Zone::utc().date_at(instant(value)?)))
}

fn session(fields: &mut DocumentFields<'_>) -> Option<ExportedContent> {
    let (theme, name, email) =
        (fields.optional_text("currentTheme"), fields.optional_text("userName"), fields.optional_text("userEmail"));
    let (created_at, updated_at) = (fields.optional_instant("createdAt"), fields.optional_instant("updatedAt"));
    let profile = Profile { name: name?, email: email? };
    Some(ExportedContent::Session(theme?, profile, created_at?, updated_at?))
}

/// Reads the totals of a day; what is none does not matter, since they are derived.
fn minutes(stats: &Value) -> Option<(u64, u64)> {
    let minutes = |field: &str| stats.get(field)?.as_u64();
    Some((minutes("totalWorkMinutes")?, minutes("totalBreakMinutes")?))
}
