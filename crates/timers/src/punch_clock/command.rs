//! Requests about a person's day.

use serde::Serialize;

use crate::calendar::LocalDate;
use crate::calendar::Zone;
use crate::history::{HistoryId, RequiredRows};
use crate::punch_clock::punch::Punch;
use crate::time::Timestamp;

/// One request about a person's day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PunchClockCommand {
    /// Unite punches with those that are stored, and take the theme.
    Save(Save),
    /// Delete the punches of the day: the person's zone.
    Reset(Zone),
    /// Move the person to another zone: the zone, the earliest day that the move can touch, and the day that it is there.
    SetZone(Zone, LocalDate, LocalDate),
    /// Take over punches and days of another server.
    Import(DayImport),
}

/// Punches and a theme that a page posts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Save {
    /// The person's zone, as the caller found it.
    pub zone: Zone,
    /// The earliest day of the punches.
    pub from: LocalDate,
    /// The current day, as the caller found it.
    pub date: LocalDate,
    /// The punches.
    pub punches: Vec<Punch>,
    /// The theme, if the page gave one.
    pub theme: Option<ThemeChoice>,
    /// The archived day that the page saves, if it saves one.
    pub log: Option<SavedLog>,
    /// What the login tells of the person.
    pub profile: Profile,
}

/// The theme that a page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ThemeChoice {
    /// The theme.
    pub theme: String,
    /// The date of the state that the page knows, if it gave one.
    pub seen_at: Option<Timestamp>,
}

/// An archived day that a page saves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SavedLog {
    /// The day.
    pub date: LocalDate,
    /// The theme of the day, if the page gave one.
    pub theme: Option<String>,
}

/// What a login tells of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// The name.
    pub name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
}

/// Punches and days of another server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DayImport {
    /// The person's zone, as the caller found it; of a person who is new, the zone that they get.
    pub zone: Zone,
    /// The day before the earliest one of the punches.
    pub from: LocalDate,
    /// The current day, as the caller found it.
    pub date: LocalDate,
    /// The punches.
    pub punches: Vec<Punch>,
    /// The archived days.
    pub logs: Vec<SavedLog>,
    /// Theme, profile and date of creation of a person who is new.
    pub person: NewPerson,
}

/// What is taken over of a person who is new.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NewPerson {
    /// The theme, if there is one.
    pub theme: Option<String>,
    /// Name and e-mail address.
    pub profile: Profile,
    /// The date since when the other server knows the person.
    pub created_at: Option<Timestamp>,
}

impl PunchClockCommand {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Save(_) => "punch_clock.save",
            Self::Reset(_) => "punch_clock.reset",
            Self::SetZone(..) => "punch_clock.set_zone",
            Self::Import(_) => "punch_clock.import",
        }
    }

    pub(crate) fn required_rows(&self) -> RequiredRows {
        let bodies = match self {
            Self::Save(save) => days(save.from, save.date),
            Self::Import(import) => days(import.from, import.date),
            Self::Reset(_) => Vec::new(),
            Self::SetZone(_, from, date) => days(*from, date.next().next().next()),
        };
        RequiredRows { existing: Vec::new(), bodies }
    }
}

/// Returns the rows of the days from one until before another.
fn days(from: LocalDate, until: LocalDate) -> Vec<HistoryId> {
    let days = std::iter::successors(Some(from), |day| Some(day.next()));
    days.take_while(|day| *day < until).map(LocalDate::row_id).collect()
}
