//! An archived day.

use serde::{Deserialize, Serialize};

use crate::calendar::LocalDate;
use crate::calendar::Zone;
use crate::fields::stored_object;
use crate::history::{HistoryId, Row};
use crate::punch_clock::punch::{Punch, PunchId};
use crate::punch_clock::standing::Standing;
use crate::punch_clock::totals::DayTotals;
use crate::raw_json::RawJson;
use crate::time::Timestamp;

/// The format of the rows that this version writes.
const ROW_FORMAT: u32 = 1;

/// An archived day. Its instants are dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayLog {
    /// The day.
    pub date: LocalDate,
    /// Its first instant, in the person's zone of that time.
    pub start: Timestamp,
    /// The first instant of the next day.
    pub end: Timestamp,
    /// All punches of the day, in order, those that do not stand included.
    pub punches: Vec<Punch>,
    /// The punch of an earlier day by which the person was at work at the start.
    pub carried: Option<Punch>,
    /// Whether that run was ended at the start, by a reset of the day.
    pub carry_ended: bool,
    /// The theme, if the page gave one.
    pub theme: Option<String>,
    /// When the day was archived.
    pub created_at: Timestamp,
    /// The date of the last change.
    pub updated_at: Timestamp,
    /// Fields of a newer version, kept byte for byte.
    pub unknown_fields: Vec<(String, RawJson)>,
}

stored_object!(DayLog {
    date: required,
    start: required,
    end: required,
    punches: required,
    carried: optional,
    carry_ended: required,
    theme: optional,
    created_at: required,
    updated_at: required,
});

impl LocalDate {
    /// Returns the id of the day's row in the history.
    pub fn row_id(self) -> HistoryId {
        HistoryId::of("day", &self.to_string())
    }
}

impl DayLog {
    /// Returns a day without punches.
    pub fn empty(date: LocalDate, zone: &Zone, now: Timestamp) -> Self {
        Self {
            date,
            start: zone.start_of(date),
            end: zone.start_of(date.next()),
            punches: Vec::new(),
            carried: None,
            carry_ended: false,
            theme: None,
            created_at: now,
            updated_at: now,
            unknown_fields: Vec::new(),
        }
    }

    /// Returns the punches that stand.
    pub fn standing(&self) -> Standing<'_> {
        Standing::of(self.carried.as_ref(), &self.punches)
    }

    /// Returns the work and the breaks of the day.
    pub fn totals(&self) -> DayTotals {
        DayTotals::of(&self.standing(), self.start, self.end, false)
    }

    /// Tells whether any punch stands. Days without one are kept for later punches, and not listed.
    pub fn is_listed(&self) -> bool {
        self.standing().last().is_some()
    }

    /// Returns the punch by which the person is at work at the end of the day.
    pub(crate) fn carries(&self) -> Option<Punch> {
        let standing = self.standing();
        standing.is_in().then(|| standing.last().cloned()).flatten()
    }

    /// Tells whether a punch was made on the day.
    pub(crate) fn has(&self, id: &PunchId) -> bool {
        self.punches.iter().any(|punch| punch.id == *id)
    }

    /// Tells whether nothing is to be kept.
    pub(crate) fn is_empty(&self) -> bool {
        self.punches.is_empty() && self.carried.is_none() && !self.carry_ended
    }

    /// Encodes the day for the history.
    pub(crate) fn row(&self) -> Row {
        #[derive(Serialize)]
        struct Stored<'a> {
            v: u32,
            day: &'a DayLog,
        }
        let json = serde_json::to_string(&Stored { v: ROW_FORMAT, day: self });
        let body = RawJson::new(&json.expect("a day has no key that JSON cannot write")).expect("written as JSON");
        Row { id: self.date.row_id(), at: self.date.utc_start(), body, terms: Vec::new() }
    }

    /// Reads the body of a row.
    ///
    /// # Errors
    /// The parser's error: the row is damaged, or of a newer format.
    pub fn decode(body: &str) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Stored {
            v: u32,
            day: DayLog,
        }
        let stored: Stored = serde_json::from_str(body)?;
        if stored.v > ROW_FORMAT {
            return Err(serde::de::Error::custom(format_args!("a row of format {} of a newer version", stored.v)));
        }
        Ok(stored.day)
    }
}
