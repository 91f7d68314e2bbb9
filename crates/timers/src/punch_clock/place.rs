//! Placing punches on their days, and what follows from them on later days.

use std::collections::BTreeMap;

use crate::calendar::LocalDate;
use crate::calendar::Zone;
use crate::draft::Draft;
use crate::history::StoredRows;
use crate::punch_clock::day::{PunchDay, RememberedId};
use crate::punch_clock::log::DayLog;
use crate::punch_clock::punch::Punch;
use crate::punch_clock::refusal::PunchClockRefusal;
use crate::time::Timestamp;

/// A person's days while a command changes them.
pub(crate) struct Days<'s> {
    /// The current day.
    pub(crate) today: PunchDay,
    /// The archived days that were read or changed.
    logs: BTreeMap<LocalDate, ReadLog>,
    stored: &'s StoredRows,
    /// The archived days from the first to before the second are in `stored`, if they exist.
    read: (LocalDate, LocalDate),
    now: Timestamp,
}

/// An archived day as it was read, and as it is now; `None` if it does not exist.
#[derive(Default)]
struct ReadLog {
    before: Option<DayLog>,
    now: Option<DayLog>,
}

impl<'s> Days<'s> {
    /// Begins with the current day, and with the days that this decision has archived already.
    pub(crate) fn new(
        draft: &Draft<'_>,
        today: PunchDay,
        stored: &'s StoredRows,
        read: (LocalDate, LocalDate),
    ) -> Result<Self, PunchClockRefusal> {
        let mut logs = BTreeMap::new();
        for row in draft.archived() {
            let log = DayLog::decode(row.body.as_str()).map_err(|_| PunchClockRefusal::UnreadableDay)?;
            logs.insert(log.date, ReadLog::of(Some(log)));
        }
        Ok(Self { today, logs, stored, read, now: draft.now - draft.ahead })
    }

    /// Returns an archived day.
    pub(crate) fn log(&mut self, date: LocalDate) -> Result<Option<&mut DayLog>, PunchClockRefusal> {
        if !self.logs.contains_key(&date) {
            if !(self.read.0..self.read.1).contains(&date) {
                return Err(PunchClockRefusal::DayChanged);
            }
            let row = self.stored.rows.get(&date.row_id());
            let log = row.map(|row| DayLog::decode(row.body.as_str())).transpose();
            self.logs.insert(date, ReadLog::of(log.map_err(|_| PunchClockRefusal::UnreadableDay)?));
        }
        Ok(self.logs.get_mut(&date).and_then(|log| log.now.as_mut()))
    }

    /// Returns an archived day, if the caller has read it.
    pub(crate) fn log_if_read(&mut self, date: LocalDate) -> Result<Option<&mut DayLog>, PunchClockRefusal> {
        let is_read = self.logs.contains_key(&date) || (self.read.0..self.read.1).contains(&date);
        if is_read { self.log(date) } else { Ok(None) }
    }

    /// Returns an archived day, which begins to exist.
    pub(crate) fn log_or_new(&mut self, date: LocalDate, zone: &Zone) -> Result<&mut DayLog, PunchClockRefusal> {
        self.log(date)?;
        let now = self.now;
        Ok(self.logs.entry(date).or_default().now.get_or_insert_with(|| DayLog::empty(date, zone, now)))
    }

    /// Takes an archived day away.
    pub(crate) fn take_log(&mut self, date: LocalDate) -> Result<Option<DayLog>, PunchClockRefusal> {
        self.log(date)?;
        Ok(self.logs.get_mut(&date).and_then(|log| log.now.take()))
    }

    /// Recomputes whether the person is at work at each midnight, from the end of the first day that was changed on: past
    /// the last one as far as something follows from it.
    pub(crate) fn carry(&mut self, changed: (LocalDate, LocalDate), zone: &Zone) -> Result<(), PunchClockRefusal> {
        let (from, last) = changed;
        let mut carried = self.log(from)?.and_then(|log| log.carries());
        let mut date = from.next();
        while date < self.today.date {
            let is_known = match self.log(date)? {
                Some(log) => log.carried == carried.clone().filter(|_| !log.carry_ended),
                None => carried.is_none(),
            };
            if is_known && date > last {
                return Ok(());
            }
            if carried.is_some() || !is_known {
                let log = self.log_or_new(date, zone)?;
                log.carried = carried.filter(|_| !log.carry_ended);
            }
            carried = self.log(date)?.and_then(|log| log.carries());
            date = date.next();
        }
        self.today.carried = carried.filter(|_| !self.today.carry_ended);
        Ok(())
    }

    /// Writes what has changed.
    pub(crate) fn write(self, draft: &mut Draft<'_>) -> Result<(), PunchClockRefusal> {
        let Self { mut today, logs, now, .. } = self;
        let mut has_changed = false;
        for (date, ReadLog { before, now: after }) in logs {
            let after = after.filter(|log| !log.is_empty());
            if before == after {
                continue;
            }
            has_changed = true;
            let is_listed = |log: &Option<DayLog>| log.as_ref().is_some_and(DayLog::is_listed);
            today.logs = (today.logs + u64::from(is_listed(&after))).saturating_sub(u64::from(is_listed(&before)));
            match after {
                Some(log) => draft.replace_row(DayLog { updated_at: now, ..log }.row()),
                None => draft.remove_row(date.row_id()),
            }
        }
        today.ahead = draft.ahead;
        remember_carried(draft, &mut today, now);
        let unchanged = draft.get::<PunchDay>(&()).is_some_and(|stored| {
            *stored == PunchDay { updated_at: stored.updated_at, ahead: stored.ahead, ..today.clone() }
        });
        if has_changed || !unchanged {
            today.updated_at = now;
            draft.put(today);
        }
        Ok(())
    }
}

impl ReadLog {
    fn of(log: Option<DayLog>) -> Self {
        Self { before: log.clone(), now: log }
    }
}

/// Remembers the punch that was carried over and no longer is: a stale tab posts it as it was shown, at midnight of this day.
fn remember_carried(draft: &Draft<'_>, today: &mut PunchDay, now: Timestamp) {
    let before = draft.get::<PunchDay>(&()).and_then(|day| day.carried.as_ref());
    let unknown = before.filter(|punch| !today.has(&punch.id) && today.remembers(&punch.id).is_none());
    today.remembered.extend(unknown.map(|punch| RememberedId(punch.id.clone(), now, false)));
}

/// Adds a punch in its place.
pub(crate) fn insert(punches: &mut Vec<Punch>, punch: Punch) {
    let place = punches.partition_point(|known| known.order() < punch.order());
    punches.insert(place, punch);
}
