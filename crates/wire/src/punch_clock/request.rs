//! What pages post.

use serde::Deserialize;
use timers::calendar::LocalDate;
use timers::punch_clock::{Punch, PunchClockLimits, ThemeChoice};
use timers::{Fields, RawJson};

use crate::json_instant::instant;
use crate::punch_clock::entries;

/// Longest theme that is looked at, in bytes.
const THEME_BYTES_MAX: usize = 100;

/// Why a body is not taken. The text is the `error` of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRequest(pub String);

/// The body of `POST /api/session`: the document, or a part of it.
#[derive(Clone, Debug, Default)]
pub struct PostedDay {
    /// The punches.
    pub punches: Vec<Punch>,
    /// Whether the body has punches, if only an empty list.
    pub has_punches: bool,
    /// The totals as they were posted, if they are totals.
    pub stats: Option<RawJson>,
    /// The theme, if it is a text.
    pub theme: Option<ThemeChoice>,
    /// Whether the body has a theme that is not even a text.
    has_bad_theme: bool,
}

/// The body of `POST /api/daily-logs`.
#[derive(Clone, Debug)]
pub struct PostedLog {
    /// The day that is saved.
    pub date: LocalDate,
    /// The punches.
    pub punches: Vec<Punch>,
    /// The theme, if it is a text.
    pub theme: Option<String>,
}

impl BadRequest {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl PostedDay {
    /// Reads a body, whatever its content type says.
    ///
    /// # Errors
    /// The body is not a JSON object, or a punch is malformed; the error names it.
    pub fn read(body: &str) -> Result<Self, BadRequest> {
        let mut fields = object(body)?;
        let entries = fields.take_raw("entries").filter(|raw| raw.as_str() != "null");
        let has_punches = entries.is_some();
        let punches = entries.map_or(Ok(Vec::new()), |raw| entries::posted(&raw))?;
        let stats = fields.take_raw("dailyStats").filter(is_totals);
        let theme = fields.take_raw("currentTheme").filter(|raw| raw.as_str() != "null");
        let text = theme.as_ref().and_then(text_of);
        let seen_at = fields.take("updatedAt").ok().flatten().as_ref().and_then(instant);
        let has_bad_theme = theme.is_some() && text.is_none();
        let theme = text.map(|theme| ThemeChoice { theme, seen_at });
        Ok(Self { punches, has_punches, stats, theme, has_bad_theme })
    }

    /// Returns why the theme is not taken, if it is not.
    pub(crate) fn theme_refusal(&self, limits: &PunchClockLimits) -> Option<String> {
        let is_unknown = self.theme.as_ref().is_some_and(|choice| !limits.themes.contains(&choice.theme));
        (is_unknown || self.has_bad_theme).then(|| format!("it is not one of {}", limits.themes.join(", ")))
    }
}

impl PostedLog {
    /// Reads a body, whatever its content type says.
    ///
    /// # Errors
    /// As [`PostedDay::read`]; and `date`, `entries` or `dailyStats` is missing.
    pub fn read(body: &str) -> Result<Self, BadRequest> {
        let mut fields = object(body)?;
        let mut take = |name: &str| fields.take_raw(name).filter(|raw| raw.as_str() != "null");
        let (Some(date), Some(entries), Some(_)) = (take("date"), take("entries"), take("dailyStats")) else {
            return Err(BadRequest::new("Missing required fields"));
        };
        let theme = take("theme").as_ref().and_then(text_of);
        Ok(Self { date: date_of(&date)?, punches: entries::posted(&entries)?, theme })
    }
}

/// Reads the body of `PUT /api/session/zone`.
///
/// # Errors
/// The body is not a JSON object, or `zone` is not a text.
pub fn zone_name(body: &str) -> Result<String, BadRequest> {
    let zone = object(body)?.take::<String>("zone").ok().flatten();
    zone.ok_or_else(|| BadRequest::new("zone must be the name of a time zone, such as Europe/Berlin"))
}

fn object(body: &str) -> Result<Fields, BadRequest> {
    let raw = RawJson::new(body).map_err(|error| BadRequest::new(format!("the body is not JSON: {error}")))?;
    if !raw.as_str().starts_with('{') {
        return Err(BadRequest::new("the body must be an object"));
    }
    serde_json::from_str(raw.as_str()).map_err(|error| BadRequest::new(format!("the body is not JSON: {error}")))
}

/// Tells whether an object has the three totals of a day and nothing else, so that an answer can repeat it.
fn is_totals(raw: &RawJson) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read counts")]
    struct Totals {
        total_work_minutes: f64,
        total_break_minutes: f64,
        is_complete: bool,
    }
    raw.as_str().starts_with('{') && serde_json::from_str::<Totals>(raw.as_str()).is_ok()
}

fn text_of(raw: &RawJson) -> Option<String> {
    let is_short = raw.as_str().len() <= THEME_BYTES_MAX;
    is_short.then(|| serde_json::from_str(raw.as_str()).ok()).flatten()
}

/// Reads a day, a date alone or the date of an instant in UTC.
fn date_of(raw: &RawJson) -> Result<LocalDate, BadRequest> {
    let text: Option<String> = serde_json::from_str(raw.as_str()).ok();
    let date = text.as_deref().and_then(|text| text.get(..10)).and_then(|date| date.parse().ok());
    date.ok_or_else(|| BadRequest::new("date must be a date such as 2026-11-20"))
}
