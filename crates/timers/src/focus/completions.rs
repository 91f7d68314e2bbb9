//! When a person has completed sessions, for days in any zone.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::calendar::{LocalDate, Zone};
use crate::time::{Millis, Timestamp};

/// A quarter of an hour. The offsets of all zones are multiples of it, so that it is of one day in each of them.
const QUARTER: Millis = Millis::from_minutes(15);

/// Completions that are further apart are of adjacent days in no zone, be it one that leaves out a day.
const CHAIN_GAP: u64 = 72 * 4;

/// Most quarters of an hour that are kept: those of six years with nine sessions a day.
const QUARTERS_MAX: usize = 20_000;

/// The quarters of an hour in which a person has completed sessions, with the number of sessions, as far back as a chain
/// of days can reach. Stored as numbers in turn: the quarters since the one before, and the sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u64>", into = "Vec<u64>")]
pub struct Completions(BTreeMap<u64, u64>);

/// Why numbers are no [`Completions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("completions must be pairs of numbers above 0, {QUARTERS_MAX} at most")]
pub struct BadCompletions;

impl Completions {
    /// Adds a session that was completed at a date.
    pub(crate) fn add(&mut self, at: Timestamp, now: Timestamp) {
        let sessions = self.0.entry(quarter(at)).or_default();
        *sessions = sessions.saturating_add(1);
        self.forget(quarter(now));
    }

    /// Removes a session that was completed at a date.
    pub(crate) fn remove(&mut self, at: Timestamp) {
        let quarter = quarter(at);
        if let Some(sessions) = self.0.get_mut(&quarter) {
            *sessions -= 1;
            if *sessions == 0 {
                self.0.remove(&quarter);
            }
        }
    }

    /// Drops what no chain of days reaches, since a chain ends today or yesterday. Completions after now, from before the
    /// clock was set back, belong to none yet.
    fn forget(&mut self, now: u64) {
        let mut later: Option<u64> = None;
        let mut kept = 0;
        for quarter in self.0.keys().rev() {
            let is_apart = later.is_some_and(|later| later <= now && later - quarter > CHAIN_GAP);
            if kept == QUARTERS_MAX || is_apart {
                break;
            }
            (later, kept) = (Some(*quarter), kept + 1);
        }
        if let Some(first) = later {
            self.0 = self.0.split_off(&first);
        }
    }

    /// Returns the number of consecutive days with a completed session, in a zone, that end today or, with nothing yet
    /// today, yesterday.
    pub fn day_streak(&self, zone: &Zone, now: Timestamp) -> u64 {
        let days: BTreeSet<LocalDate> = self.0.keys().map(|quarter| zone.date_at(start_of(*quarter))).collect();
        let today = zone.date_at(now);
        let last = if days.contains(&today) { today } else { day_before(today, zone) };
        let chain = std::iter::successors(Some(last), |day| Some(day_before(*day, zone)));
        chain.take_while(|day| days.contains(day)).count() as u64
    }
}

fn quarter(at: Timestamp) -> u64 {
    at.0 / QUARTER.0
}

fn start_of(quarter: u64) -> Timestamp {
    Timestamp(quarter.saturating_mul(QUARTER.0))
}

/// Returns the day before one; a day that a zone leaves out is skipped.
fn day_before(day: LocalDate, zone: &Zone) -> LocalDate {
    let before = day.previous();
    if zone.date_at(zone.start_of(before)) == day { before.previous() } else { before }
}

impl TryFrom<Vec<u64>> for Completions {
    type Error = BadCompletions;

    fn try_from(numbers: Vec<u64>) -> Result<Self, BadCompletions> {
        let (pairs, rest) = numbers.as_chunks::<2>();
        if !rest.is_empty() || pairs.len() > QUARTERS_MAX {
            return Err(BadCompletions);
        }
        let mut completions = BTreeMap::new();
        let mut quarter: u64 = 0;
        for [step, sessions] in pairs {
            quarter = quarter.checked_add(*step).ok_or(BadCompletions)?;
            if *sessions == 0 || completions.insert(quarter, *sessions).is_some() {
                return Err(BadCompletions);
            }
        }
        Ok(Self(completions))
    }
}

impl From<Completions> for Vec<u64> {
    fn from(completions: Completions) -> Self {
        let mut before = 0;
        let mut numbers = Self::with_capacity(completions.0.len() * 2);
        for (quarter, sessions) in completions.0 {
            numbers.extend([quarter - before, sessions]);
            before = quarter;
        }
        numbers
    }
}
