//! Taking over the punches and days of another server.

use std::collections::BTreeSet;

use crate::calendar::{LocalDate, Zone};
use crate::draft::Draft;
use crate::history::StoredRows;
use crate::punch_clock::command::DayImport;
use crate::punch_clock::day::PunchDay;
use crate::punch_clock::limits::PunchClockLimits;
use crate::punch_clock::place::{Days, insert};
use crate::punch_clock::punch::{Punch, PunchId, PunchKind};
use crate::punch_clock::refusal::PunchClockRefusal;
use crate::punch_clock::rules::{OFFSETS_BEFORE, date_of};
use crate::punch_clock::theme::Themes;
use crate::time::{Millis, Timestamp};

/// A run of work that is longer ends at its first midnight: the other server did not carry work over, and a forgotten OUT
/// must not become days of work. Shorter ones are shifts over midnight.
const SHIFT_MAX: Millis = Millis::from_hours(24);

/// Unites the punches with those that are stored, each on the day of its instant. What is stored stays as it is: a person
/// can use Tickcast before the import, and it can be repeated.
pub(crate) fn import(draft: &mut Draft<'_>, stored: &StoredRows, import: &DayImport) -> Result<(), PunchClockRefusal> {
    let (limits, now) = (&draft.limits.punch_clock, date_of(draft));
    let today = draft.get::<PunchDay>(&()).cloned().unwrap_or_else(|| first_day(import, now, limits));
    if today.zone.name() != import.zone.name() {
        return Err(PunchClockRefusal::ZoneChanged);
    }
    let mut days = Days::new(draft, today, stored, (import.from, import.date))?;
    days.today.zone = import.zone.since(days.today.start() - OFFSETS_BEFORE);
    let mut punches = import.punches.clone();
    punches.sort_by(|a, b| a.order().cmp(&b.order()));
    let ids: BTreeSet<PunchId> = punches.iter().map(|punch| punch.id.clone()).collect();
    let mut changed = BTreeSet::new();
    for mut punch in punches {
        punch.at = punch.at.min(now);
        if let Some(date) = place(&mut days, punch, &import.zone, limits)? {
            // A new punch tells whether work went on after the day before.
            changed.extend([date.previous(), date]);
        }
    }
    let archived = import.from..days.today.date;
    for date in changed.into_iter().filter(|date| archived.contains(date)) {
        if days.log(date)?.is_some() {
            end_forgotten_run(&mut days, date, &ids, &import.zone, now)?;
            days.carry((date, date), &import.zone)?;
        }
    }
    for saved in &import.logs {
        let theme = saved.theme.as_ref().filter(|theme| limits.themes.contains(theme));
        if saved.date < days.today.date
            && let (Some(theme), Some(log)) = (theme, days.log(saved.date)?)
        {
            log.theme.get_or_insert_with(|| theme.clone());
        }
    }
    days.write(draft)
}

/// Returns the current day of a person who is new.
fn first_day(import: &DayImport, now: Timestamp, limits: &PunchClockLimits) -> PunchDay {
    let mut day = PunchDay::blank(import.zone.clone(), now);
    let person = &import.person;
    if let Some(theme) = person.theme.as_ref().filter(|theme| limits.themes.contains(theme)) {
        day.themes = Themes::with(theme, now);
    }
    day.created_at = person.created_at.map_or(now, |at| at.min(now));
    (day.user_name, day.user_email) = (person.profile.name.clone(), person.profile.email.clone());
    day
}

/// Adds a punch to its day unless it is known; returns the day that it joins.
fn place(
    days: &mut Days<'_>,
    punch: Punch,
    zone: &Zone,
    limits: &PunchClockLimits,
) -> Result<Option<LocalDate>, PunchClockRefusal> {
    if days.today.has(&punch.id) || days.today.remembers(&punch.id).is_some() {
        return Ok(None);
    }
    let date = zone.date_at(punch.at).min(days.today.date);
    let is_archived = date < days.today.date;
    // A day that was archived in another zone can have it.
    for near in [date.previous(), date.next()] {
        if near < days.today.date
            && let Some(log) = days.log_if_read(near)?
            && log.punches.iter().any(|known| known.id == punch.id && known.at == punch.at)
        {
            return Ok(None);
        }
    }
    let punches = if is_archived { &mut days.log_or_new(date, zone)?.punches } else { &mut days.today.punches };
    if punches.iter().any(|known| known.id == punch.id) {
        return Ok(None);
    }
    if punches.len() >= limits.punches {
        return Err(PunchClockRefusal::DayFull(date, limits.punches));
    }
    insert(punches, punch);
    Ok(Some(date))
}

/// Ends a run that an imported punch begins on an archived day at the midnight after it, unless it is a shift over midnight.
fn end_forgotten_run(
    days: &mut Days<'_>,
    date: LocalDate,
    imported: &BTreeSet<PunchId>,
    zone: &Zone,
    now: Timestamp,
) -> Result<(), PunchClockRefusal> {
    let Some(begin) = days.log(date)?.and_then(|log| log.carries()) else { return Ok(()) };
    if zone.date_at(begin.at) != date || !imported.contains(&begin.id) {
        return Ok(());
    }
    let end = match first_punch(days, date.next())? {
        Some(punch) => Some(punch),
        None => first_punch(days, date.next().next())?,
    };
    let is_shift = match end {
        Some(end) => end.kind == PunchKind::Out && end.at.since(begin.at) <= SHIFT_MAX,
        None => now.since(begin.at) <= SHIFT_MAX,
    };
    if is_shift {
        return Ok(());
    }
    if date.next() == days.today.date {
        days.today.carry_ended = true;
    } else {
        days.log_or_new(date.next(), zone)?.carry_ended = true;
    }
    Ok(())
}

/// Returns the first punch of a day.
fn first_punch(days: &mut Days<'_>, date: LocalDate) -> Result<Option<Punch>, PunchClockRefusal> {
    if date == days.today.date {
        return Ok(days.today.punches.first().cloned());
    }
    if date > days.today.date {
        return Ok(None);
    }
    Ok(days.log(date)?.and_then(|log| log.punches.first().cloned()))
}
