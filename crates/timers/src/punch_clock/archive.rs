//! The end of a day.

use crate::punch_clock::day::{PunchDay, RememberedId};
use crate::punch_clock::limits::PunchClockLimits;
use crate::punch_clock::log::DayLog;
use crate::time::Timestamp;

/// Most ids that are remembered, whatever their age: those of a busy year.
const REMEMBERED_MAX: usize = 5000;

impl PunchDay {
    /// Returns the day of an instant: this one, or a later one, before which the ended days are archived. A person who is
    /// at work stays at work.
    pub fn rolled(&self, now: Timestamp, limits: &PunchClockLimits) -> (Self, Vec<DayLog>) {
        let (mut day, mut logs) = (self.clone(), Vec::new());
        while now >= day.end() {
            let log = day.to_log(now);
            let is_kept = !log.is_empty();
            // A punch that joined its archived day late is known by nothing else once it is no longer carried.
            let unknown = day.carried.take().filter(|punch| day.remembers(&punch.id).is_none());
            day.remembered.extend(unknown.map(|punch| RememberedId(punch.id, log.end, false)));
            day.carried = log.carries();
            for punch in std::mem::take(&mut day.punches) {
                day.remembered.push(RememberedId(punch.id, log.end, false));
            }
            day.carry_ended = false;
            // A day without a trace is skipped.
            day.date = if day.carried.is_some() { day.date.next() } else { day.zone.date_at(now).max(day.date.next()) };
            if is_kept {
                day.logs += u64::from(log.is_listed());
                day.updated_at = day.updated_at.max(log.end);
                logs.push(log);
            }
        }
        day.forget(now, limits);
        (day, logs)
    }

    /// Returns the day as an archived one.
    pub fn to_log(&self, now: Timestamp) -> DayLog {
        DayLog {
            punches: self.punches.clone(),
            carried: self.carried.clone(),
            carry_ended: self.carry_ended,
            theme: Some(self.themes.current().to_owned()),
            ..DayLog::empty(self.date, &self.zone, now)
        }
    }

    /// Forgets ids that are older than they are remembered.
    pub(crate) fn forget(&mut self, now: Timestamp, limits: &PunchClockLimits) {
        self.remembered.retain(|known| now.since(known.1) < limits.remembered_for);
        let excess = self.remembered.len().saturating_sub(REMEMBERED_MAX);
        self.remembered.drain(..excess);
    }
}
