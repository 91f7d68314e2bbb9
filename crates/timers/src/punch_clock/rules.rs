//! The rules of a person's working day.

use crate::calendar::LocalDate;
use crate::calendar::Zone;
use crate::command::CommandId;
use crate::draft::Draft;
use crate::history::{RequiredRows, StoredRows};
use crate::punch_clock::command::{PunchClockCommand, Save};
use crate::punch_clock::day::{PunchDay, RememberedId};
use crate::punch_clock::import::import;
use crate::punch_clock::limits::PunchClockLimits;
use crate::punch_clock::place::{Days, insert};
use crate::punch_clock::punch::{Punch, PunchId, PunchKind};
use crate::punch_clock::refusal::PunchClockRefusal;
use crate::system::System;
use crate::time::{Millis, Timestamp};

/// A new punch that alternates with the last one and is dated at most this long before it was made after it, by a device
/// whose clock is behind.
const BEHIND_MAX: Millis = Millis::from_minutes(5);

/// How long before the current day its offsets begin: where midnight is left out, the offset before it tells so.
pub(crate) const OFFSETS_BEFORE: Millis = Millis::from_hours(48);

/// The rules of a person's working day.
#[derive(Clone, Copy, Debug)]
pub struct PunchClockRules;

impl System for PunchClockRules {
    type Command = PunchClockCommand;
    type Refusal = PunchClockRefusal;
    type Limits = PunchClockLimits;

    fn command_name(command: &PunchClockCommand) -> &'static str {
        command.name()
    }

    fn required_rows(command: &PunchClockCommand) -> RequiredRows {
        command.required_rows()
    }

    /// Archives the days that have ended.
    fn settle(draft: &mut Draft<'_>) {
        let now = date_of(draft);
        let Some(day) = draft.get::<PunchDay>(&()).filter(|day| now >= day.end()) else { return };
        let (mut day, logs) = day.rolled(now, &draft.limits.punch_clock);
        day.ahead = draft.ahead;
        logs.iter().for_each(|log| draft.archive(log.row()));
        draft.put(day);
    }

    fn apply(
        draft: &mut Draft<'_>,
        stored: &StoredRows,
        command: &PunchClockCommand,
        _: CommandId,
    ) -> Result<(), PunchClockRefusal> {
        match command {
            PunchClockCommand::Save(posted) => save(draft, stored, posted),
            PunchClockCommand::Reset(zone) => reset(draft, stored, zone),
            PunchClockCommand::SetZone(zone, from, date) => set_zone(draft, stored, zone, *from, *date),
            PunchClockCommand::Import(posted) => import(draft, stored, posted),
        }
    }
}

pub(crate) fn date_of(draft: &Draft<'_>) -> Timestamp {
    draft.now - draft.ahead
}

/// Returns the current day; a blank one of a person who is new.
fn today(draft: &Draft<'_>) -> PunchDay {
    draft.get::<PunchDay>(&()).cloned().unwrap_or_else(|| PunchDay::blank(Zone::utc(), date_of(draft)))
}

fn save(draft: &mut Draft<'_>, stored: &StoredRows, posted: &Save) -> Result<(), PunchClockRefusal> {
    let limits = &draft.limits.punch_clock;
    let now = date_of(draft);
    let today = today(draft);
    if today.zone.name() != posted.zone.name() {
        return Err(PunchClockRefusal::ZoneChanged);
    }
    let mut days = Days::new(draft, today, stored, (posted.from, posted.date))?;
    days.today.zone = posted.zone.since(days.today.start() - OFFSETS_BEFORE);
    let mut punches: Vec<Punch> = posted.punches.clone();
    for punch in &mut punches {
        punch.at = punch.at.min(now);
    }
    punches.sort_by(|a, b| a.order().cmp(&b.order()));
    let mut changed: Option<(LocalDate, LocalDate)> = None;
    for punch in punches {
        if let Some(date) = place(&mut days, punch, &posted.zone, limits)? {
            let (first, last) = changed.unwrap_or((date, date));
            changed = Some((first.min(date), last.max(date)));
        }
    }
    if let Some(changed) = changed {
        days.carry(changed, &posted.zone)?;
    }
    if let Some(choice) = posted.theme.as_ref().filter(|choice| limits.themes.contains(&choice.theme)) {
        days.today.themes.choose(&choice.theme, choice.seen_at, now);
    }
    if let Some(saved) = posted.log.as_ref().filter(|saved| saved.date < days.today.date)
        && let Some(theme) = saved.theme.as_ref().filter(|theme| limits.themes.contains(theme))
        && let Some(log) = days.log(saved.date)?
    {
        log.theme = Some(theme.clone());
    }
    for (field, given) in
        [(&mut days.today.user_name, &posted.profile.name), (&mut days.today.user_email, &posted.profile.email)]
    {
        if given.is_some() {
            field.clone_from(given);
        }
    }
    days.write(draft)
}

/// Places a new punch; returns the archived day that it joins, if it joins one.
fn place(
    days: &mut Days<'_>,
    mut punch: Punch,
    zone: &Zone,
    limits: &PunchClockLimits,
) -> Result<Option<LocalDate>, PunchClockRefusal> {
    if days.today.has(&punch.id) || days.today.remembers(&punch.id).is_some() {
        return Ok(None);
    }
    // One that joined its archived day late is known there alone, also if it would be taken as made after the last one now.
    let own = zone.date_at(punch.at);
    let can_be_archived = own < days.today.date && days.today.date.days_since(own) <= limits.days_back;
    if can_be_archived && days.log(own)?.is_some_and(|log| log.has(&punch.id)) {
        return Ok(None);
    }
    if let Some(last) = days.today.standing().last()
        && last.kind != punch.kind
        && punch.at <= last.at
        && punch.at + BEHIND_MAX >= last.at
    {
        punch.at = last.at + Millis(1);
    }
    let date = zone.date_at(punch.at).min(days.today.date);
    if date == days.today.date {
        if days.today.punches.len() < limits.punches {
            insert(&mut days.today.punches, punch);
        }
        return Ok(None);
    }
    if days.today.date.days_since(date) > limits.days_back {
        return Ok(None);
    }
    let log = days.log_or_new(date, zone)?;
    if log.has(&punch.id) || log.punches.len() >= limits.punches {
        return Ok(None);
    }
    insert(&mut log.punches, punch);
    Ok(Some(date))
}

/// Deletes the punches of the day. Work that was carried over ends at midnight.
fn reset(draft: &mut Draft<'_>, stored: &StoredRows, zone: &Zone) -> Result<(), PunchClockRefusal> {
    let now = date_of(draft);
    let mut today = today(draft);
    if today.zone.name() != zone.name() {
        return Err(PunchClockRefusal::ZoneChanged);
    }
    let carried = today.carried.take();
    today.carry_ended |= carried.is_some();
    for punch in std::mem::take(&mut today.punches).into_iter().chain(carried) {
        today.remembered.push(RememberedId(punch.id, now, true));
    }
    today.forget(now, &draft.limits.punch_clock);
    let date = today.date;
    Days::new(draft, today, stored, (date, date))?.write(draft)
}

/// Moves the person to another zone. The punches of the days that the move touches are placed anew.
fn set_zone(
    draft: &mut Draft<'_>,
    stored: &StoredRows,
    zone: &Zone,
    from: LocalDate,
    date: LocalDate,
) -> Result<(), PunchClockRefusal> {
    let now = date_of(draft);
    let before = today(draft);
    let after = zone.date_at(now);
    if after != date || before.date > date.next().next() {
        return Err(PunchClockRefusal::DayChanged);
    }
    let (old_date, old_start) = (before.date, before.start());
    // No day from the current one on is archived.
    let mut days = Days::new(draft, before, stored, (from, old_date.max(after)))?;
    let mut punches = std::mem::take(&mut days.today.punches);
    let mut carry_ended = days.today.carry_ended && after == old_date;
    if days.today.carry_ended && after < old_date {
        // The deletion ended the run at what was midnight; in the new zone it was within the day.
        let id = PunchId::new(&format!("reset-{old_start}").into()).map_err(|_| PunchClockRefusal::UnreadableDay)?;
        punches.push(Punch { id, at: old_start, kind: PunchKind::Out, time: None });
    }
    if after > old_date && (days.today.carried.is_some() || days.today.carry_ended) {
        let log = days.today.to_log(now);
        let archived = days.log_or_new(old_date, zone)?;
        (archived.carried, archived.carry_ended) = (log.carried, log.carry_ended);
    }
    let mut undone = after;
    while undone < old_date {
        if let Some(log) = days.take_log(undone)? {
            punches.extend(log.punches);
            carry_ended |= undone == after && log.carry_ended;
        }
        undone = undone.next();
    }
    let day = &mut days.today;
    (day.zone, day.date, day.carried, day.carry_ended) = (zone.clone(), after, None, carry_ended);
    day.zone = zone.since(day.start() - OFFSETS_BEFORE);
    let mut first = after.previous();
    for punch in punches {
        let of = zone.date_at(punch.at).min(after);
        if of == after {
            insert(&mut days.today.punches, punch);
        } else {
            first = first.min(of);
            insert(&mut days.log_or_new(of, zone)?.punches, punch);
        }
    }
    days.carry((first.max(from), after), zone)?;
    days.write(draft)
}
