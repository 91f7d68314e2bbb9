//! A person's current day.

use crate::calendar::LocalDate;
use crate::calendar::Zone;
use crate::fields::stored_object;
use crate::punch_clock::limits::PunchClockLimits;
use crate::punch_clock::punch::{Punch, PunchId};
use crate::punch_clock::standing::{IgnoredReason, Standing};
use crate::punch_clock::theme::Themes;
use crate::punch_clock::totals::DayTotals;
use crate::raw_json::RawJson;
use crate::system::ItemType;
use crate::systems::Limits;
use crate::time::{Beat, Millis, Timestamp};

/// About how many bytes a stored punch takes.
const PUNCH_BYTES: usize = 80;

/// A person's current day. Its instants are dates: days are of the calendar, and pages send the date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PunchDay {
    /// The person's zone.
    pub zone: Zone,
    /// The day.
    pub date: LocalDate,
    /// All punches of the day, in order, those that do not stand included: an earlier punch that arrives later can make them
    /// stand.
    pub punches: Vec<Punch>,
    /// The punch of an earlier day by which the person was at work at midnight.
    pub carried: Option<Punch>,
    /// Whether the run that was carried over was ended at midnight, by a reset of the day.
    pub carry_ended: bool,
    /// The theme of the page.
    pub themes: Themes,
    /// Ids of punches that were deleted or archived, the oldest first.
    pub remembered: Vec<RememberedId>,
    /// The number of archived days.
    pub logs: u64,
    /// The person's name, if the login has one.
    pub user_name: Option<String>,
    /// The person's e-mail address, if the login has one.
    pub user_email: Option<String>,
    /// The date of the first command.
    pub created_at: Timestamp,
    /// The date of the last change.
    pub updated_at: Timestamp,
    /// How far cluster time was ahead of the date at the last change.
    pub ahead: Millis,
    /// Fields of a newer version, kept byte for byte.
    pub unknown_fields: Vec<(String, RawJson)>,
}

stored_object!(PunchDay {
    zone: required,
    date: required,
    punches: required,
    carried: optional,
    carry_ended: required,
    themes: required,
    remembered: required,
    logs: required,
    user_name: optional,
    user_email: optional,
    created_at: required,
    updated_at: required,
    ahead: required,
});

/// An id that is ignored when it is posted again: the id, since when, and whether the punch was deleted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RememberedId(pub PunchId, pub Timestamp, pub bool);

impl PunchDay {
    /// Returns the first day of a person.
    pub fn blank(zone: Zone, now: Timestamp) -> Self {
        Self {
            date: zone.date_at(now),
            zone,
            punches: Vec::new(),
            carried: None,
            carry_ended: false,
            themes: Themes::new(now),
            remembered: Vec::new(),
            logs: 0,
            user_name: None,
            user_email: None,
            created_at: now,
            updated_at: now,
            ahead: Millis(0),
            unknown_fields: Vec::new(),
        }
    }

    /// Returns the first instant of the day.
    pub fn start(&self) -> Timestamp {
        self.zone.start_of(self.date)
    }

    /// Returns the first instant of the next day.
    pub fn end(&self) -> Timestamp {
        self.zone.start_of(self.date.next())
    }

    /// Returns the punches that stand.
    pub fn standing(&self) -> Standing<'_> {
        Standing::of(self.carried.as_ref(), &self.punches)
    }

    /// Returns the work and the breaks of the day until now.
    pub fn totals(&self, now: Timestamp) -> DayTotals {
        DayTotals::of(&self.standing(), self.start(), now, true)
    }

    /// Returns the start of the current run of work; `None` on a break.
    pub fn work_since(&self) -> Option<Timestamp> {
        let standing = self.standing();
        standing.is_in().then(|| standing.last().map(|punch| punch.at.max(self.start()))).flatten()
    }

    /// Returns the start of the current break; `None` at work, and before the first punch.
    pub fn break_since(&self) -> Option<Timestamp> {
        let standing = self.standing();
        if standing.is_in() { None } else { standing.last().map(|punch| punch.at) }
    }

    /// Returns the seconds of the current run of work and of the current break at a beat, by the date; `None` if there is
    /// neither.
    pub fn tick_at(&self, beat: Beat) -> Option<(u64, u64)> {
        let instant = beat.instant();
        let seconds = |since: Timestamp| instant.since(since).0 / 1000;
        match (self.work_since(), self.break_since()) {
            (Some(since), _) => Some((seconds(since), 0)),
            (None, Some(since)) => Some((0, seconds(since))),
            (None, None) => None,
        }
    }

    /// Returns why a punch is ignored that is posted again, if it is one that was deleted or archived.
    pub(crate) fn remembers(&self, id: &PunchId) -> Option<IgnoredReason> {
        let RememberedId(_, _, is_deleted) = self.remembered.iter().rev().find(|known| known.0 == *id)?;
        Some(if *is_deleted { IgnoredReason::Deleted } else { IgnoredReason::Archived })
    }

    /// Returns why a posted punch is not on this day, as the day is after it; `None` if it is, or if it joined an archived
    /// day.
    pub fn rejection(&self, punch: &Punch, limits: &PunchClockLimits) -> Option<IgnoredReason> {
        if self.has(&punch.id) {
            return None;
        }
        let days_ago = self.date.days_since(self.zone.date_at(punch.at));
        self.remembers(&punch.id).or_else(|| match days_ago {
            1.. => (days_ago > limits.days_back).then_some(IgnoredReason::TooOld(limits.days_back)),
            _ => Some(IgnoredReason::TooMany(limits.punches)),
        })
    }

    /// Tells whether the day has a punch.
    pub(crate) fn has(&self, id: &PunchId) -> bool {
        self.carried.iter().chain(&self.punches).any(|punch| punch.id == *id)
    }
}

impl ItemType for PunchDay {
    const KIND: &'static str = "punch-day";
    type Id = ();

    fn id(&self) -> &() {
        &()
    }

    /// Returns the next midnight, if anything is to be archived then.
    fn deadline(&self, _: &Limits) -> Option<Timestamp> {
        let has_any = self.carried.is_some() || !self.punches.is_empty();
        has_any.then(|| self.end() + self.ahead)
    }

    fn ticks(&self) -> bool {
        self.standing().last().is_some()
    }

    fn move_back(&mut self, _: Millis) {}

    fn weight(&self) -> usize {
        (self.punches.len() + self.remembered.len()) * PUNCH_BYTES
    }
}
