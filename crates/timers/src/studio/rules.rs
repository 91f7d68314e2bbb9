//! The rules of an organisation's task types and time entries.

use crate::command::CommandId;
use crate::draft::Draft;
use crate::history::{RequiredRows, StoredRows};
use crate::studio::command::{Adjustment, NewEntry, NewTaskType, StudioCommand, TaskTypeChange};
use crate::studio::counters::StudioCounters;
use crate::studio::event::{EventKind, EventSlot, StudioEvent};
use crate::studio::import::import;
use crate::studio::limits::StudioLimits;
use crate::studio::money::Rate;
use crate::studio::refusal::StudioRefusal;
use crate::studio::task_type::{Category, TaskType, TaskTypeId};
use crate::studio::time_entry::{EntryId, TimeEntry};
use crate::system::System;
use crate::time::Timestamp;

/// The types of a new organisation: name, cents an hour, category, colour. Those of the contract.
const FIRST_TYPES: [(&str, u64, Category, &str); 5] = [
    ("Setup", 5000, Category::Billable, "#3B82F6"),
    ("Recording", 7500, Category::Billable, "#EF4444"),
    ("Mixing", 6000, Category::Billable, "#10B981"),
    ("Mastering", 8000, Category::Billable, "#8B5CF6"),
    ("Break", 0, Category::NonBillable, "#6B7280"),
];

/// The largest id: JavaScript reads no larger integer exactly.
pub(crate) const ID_MAX: u64 = (1 << 53) - 1;

/// The rules of an organisation's task types and time entries.
#[derive(Clone, Copy, Debug)]
pub struct StudioRules;

impl System for StudioRules {
    type Command = StudioCommand;
    type Refusal = StudioRefusal;
    type Limits = StudioLimits;

    fn command_name(command: &StudioCommand) -> &'static str {
        command.name()
    }

    fn required_rows(command: &StudioCommand) -> RequiredRows {
        command.required_rows()
    }

    fn apply(
        draft: &mut Draft<'_>,
        stored: &StoredRows,
        command: &StudioCommand,
        _: CommandId,
    ) -> Result<(), StudioRefusal> {
        if !matches!(command, StudioCommand::Import(_)) {
            open(draft);
        }
        match command {
            StudioCommand::Open => {}
            StudioCommand::CreateTaskType(new) => create_task_type(draft, new)?,
            StudioCommand::UpdateTaskType(id, change) => update_task_type(draft, *id, change)?,
            StudioCommand::Start(new) => start(draft, new)?,
            StudioCommand::Stop(entry, user) => stop(draft, stored, *entry, user)?,
            StudioCommand::Adjust(adjustment) => adjust(draft, stored, adjustment)?,
            StudioCommand::Import(rows) => import(draft, stored, rows)?,
        }
        let bytes_max = draft.limits.studio.board_bytes;
        let outgrows = draft.outgrows::<TimeEntry>(bytes_max) || draft.outgrows::<TaskType>(bytes_max);
        if outgrows { Err(StudioRefusal::BoardTooLarge(bytes_max)) } else { Ok(()) }
    }
}

/// Gives an organisation that was never used its first types.
fn open(draft: &mut Draft<'_>) {
    // An item of a newer version is there too.
    if draft.item::<StudioCounters>(&()).is_some() {
        return;
    }
    let (created, now) = (draft.board.position.revision.next(), date(draft));
    for (place, (name, cents, category, color)) in (1..).zip(FIRST_TYPES) {
        draft.put(TaskType {
            id: TaskTypeId(place),
            created,
            name: name.to_owned(),
            description: None,
            rate: Rate::from_cents(cents),
            category,
            color: Some(color.to_owned()),
            sort_order: i64::try_from(place).unwrap_or(i64::MAX),
            is_active: true,
            created_at: now,
            updated_at: now,
            unknown_fields: Vec::new(),
        });
    }
    let next_type = TaskTypeId(FIRST_TYPES.len() as u64 + 1);
    draft.put(StudioCounters { next_type, ..StudioCounters::default() });
}

/// Tells whether a type is one that [`open`] has made, and as it was made.
pub(crate) fn is_first_type(task_type: &TaskType) -> bool {
    let first = (1..).zip(FIRST_TYPES).find(|(place, _)| TaskTypeId(*place) == task_type.id);
    task_type.updated_at == task_type.created_at
        && first.is_some_and(|(_, (name, cents, category, color))| {
            let given = (task_type.rate.cents(), task_type.category, task_type.color.as_deref());
            task_type.name == name && given == (cents, category, Some(color))
        })
}

fn create_task_type(draft: &mut Draft<'_>, new: &NewTaskType) -> Result<(), StudioRefusal> {
    check_text(draft, new.description.as_ref())?;
    let types_max = draft.limits.studio.task_types;
    if draft.all::<TaskType>().count() >= types_max {
        return Err(StudioRefusal::TooManyTaskTypes(types_max));
    }
    let mut counters = counters(draft);
    let id = counters.next_type;
    counters.next_type = TaskTypeId(next(id.0)?);
    draft.put(counters);
    let now = date(draft);
    draft.put(TaskType {
        id,
        created: draft.board.position.revision.next(),
        name: new.name.clone(),
        description: new.description.clone(),
        rate: new.rate,
        category: new.category,
        color: new.color.clone(),
        sort_order: new.sort_order,
        is_active: true,
        created_at: now,
        updated_at: now,
        unknown_fields: Vec::new(),
    });
    Ok(())
}

fn update_task_type(draft: &mut Draft<'_>, id: TaskTypeId, change: &TaskTypeChange) -> Result<(), StudioRefusal> {
    let mut task_type = task_type(draft, id)?.clone();
    check_text(draft, change.description.as_ref())?;
    if let Some(name) = &change.name {
        task_type.name.clone_from(name);
    }
    for (field, given) in [(&mut task_type.description, &change.description), (&mut task_type.color, &change.color)] {
        if given.is_some() {
            field.clone_from(given);
        }
    }
    task_type.rate = change.rate.unwrap_or(task_type.rate);
    task_type.category = change.category.unwrap_or(task_type.category);
    task_type.sort_order = change.sort_order.unwrap_or(task_type.sort_order);
    task_type.is_active = change.is_active.unwrap_or(task_type.is_active);
    task_type.updated_at = date(draft);
    draft.put(task_type);
    Ok(())
}

fn start(draft: &mut Draft<'_>, new: &NewEntry) -> Result<(), StudioRefusal> {
    let task_type = task_type(draft, new.task_type)?;
    if !task_type.is_active {
        return Err(StudioRefusal::InactiveTaskType);
    }
    let (rate, billable) = (task_type.rate, task_type.category == Category::Billable);
    check_text(draft, new.notes.as_ref())?;
    if draft.all::<TimeEntry>().any(|entry| entry.target == new.target) {
        return Err(StudioRefusal::AlreadyRunning);
    }
    let running_max = draft.limits.studio.running_entries;
    if draft.all::<TimeEntry>().count() >= running_max {
        return Err(StudioRefusal::TooManyRunning(running_max));
    }
    let mut counters = counters(draft);
    let id = counters.next_entry;
    counters.next_entry = EntryId(next(id.0)?);
    draft.put(counters);
    let now = date(draft);
    let entry = TimeEntry {
        id,
        created: draft.board.position.revision.next(),
        task_type: new.task_type,
        target: new.target,
        start: draft.now,
        end: None,
        rate,
        billable,
        manually_adjusted: false,
        notes: new.notes.clone(),
        created_by: new.user.clone(),
        created_at: now,
        updated_at: now,
        unknown_fields: Vec::new(),
    };
    record(draft, EventKind::Started, &dated(draft, &entry), &new.user);
    draft.put(entry);
    Ok(())
}

fn stop(draft: &mut Draft<'_>, stored: &StoredRows, id: EntryId, user: &str) -> Result<(), StudioRefusal> {
    let Some(entry) = draft.get::<TimeEntry>(&id) else {
        let is_finished = stored.existing.contains(&id.row_id());
        return Err(if is_finished { StudioRefusal::NotRunning } else { StudioRefusal::UnknownEntry });
    };
    let now = date(draft);
    let stopped = TimeEntry { end: Some(now), updated_at: now, ..dated(draft, entry) };
    draft.remove::<TimeEntry>(&id);
    draft.archive(stopped.row());
    record(draft, EventKind::Stopped, &stopped, user);
    Ok(())
}

fn adjust(draft: &mut Draft<'_>, stored: &StoredRows, adjustment: &Adjustment) -> Result<(), StudioRefusal> {
    let Adjustment { entry: id, start, end, notes, user } = adjustment;
    let now = date(draft);
    let running = draft.get::<TimeEntry>(id).map(|entry| dated(draft, entry));
    let was_running = running.is_some();
    let mut entry = match running {
        Some(entry) => entry,
        None => finished(stored, *id)?,
    };
    check_text(draft, notes.as_ref())?;
    if start.is_some_and(|start| start > now) {
        return Err(StudioRefusal::StartInFuture);
    }
    let moves_start = start.is_some_and(|start| start != entry.start);
    entry.start = start.unwrap_or(entry.start);
    entry.end = end.or(entry.end);
    if entry.end.is_some_and(|end| end < entry.start) {
        return Err(StudioRefusal::EndBeforeStart);
    }
    if notes.is_some() {
        entry.notes.clone_from(notes);
    }
    (entry.manually_adjusted, entry.updated_at) = (true, now);
    record(draft, EventKind::Adjusted, &entry, user);
    match (was_running, entry.end) {
        (true, Some(_)) => {
            draft.remove::<TimeEntry>(id);
            record(draft, EventKind::Stopped, &entry, user);
            draft.archive(entry.row());
        }
        (true, None) => {
            // The shipped page listens to nothing else.
            if moves_start {
                record(draft, EventKind::Started, &entry, user);
            }
            entry.start = entry.start + draft.ahead;
            draft.put(entry);
        }
        (false, _) => draft.archive(entry.row()),
    }
    Ok(())
}

/// Returns a finished entry, as the commit finds it.
fn finished(stored: &StoredRows, id: EntryId) -> Result<TimeEntry, StudioRefusal> {
    let row = stored.rows.get(&id.row_id()).ok_or(StudioRefusal::UnknownEntry)?;
    // A row that cannot be read must not be overwritten.
    TimeEntry::decode(row.body.as_str()).map_err(|_| StudioRefusal::UnknownEntry)
}

/// Appends an event.
fn record(draft: &mut Draft<'_>, kind: EventKind, entry: &TimeEntry, user: &str) {
    let mut counters = counters(draft);
    let number = counters.next_event;
    counters.next_event += 1;
    draft.put(counters);
    draft.put(StudioEvent {
        slot: EventSlot::of(number),
        number,
        revision: draft.board.position.revision.next(),
        kind,
        user: user.to_owned(),
        at: date(draft),
        entry: TimeEntry { notes: None, ..entry.clone() },
        unknown_fields: Vec::new(),
    });
}

/// Returns the counters; those of an organisation that was never used if it has none.
pub(crate) fn counters(draft: &Draft<'_>) -> StudioCounters {
    draft.get::<StudioCounters>(&()).cloned().unwrap_or_default()
}

/// Returns the number after one that is given out.
fn next(number: u64) -> Result<u64, StudioRefusal> {
    if number > ID_MAX { Err(StudioRefusal::OutOfIds) } else { Ok(number + 1) }
}

fn task_type<'d>(draft: &'d Draft<'_>, id: TaskTypeId) -> Result<&'d TaskType, StudioRefusal> {
    draft.get::<TaskType>(&id).ok_or(StudioRefusal::UnknownTaskType)
}

/// Returns a running entry with its start as a date.
fn dated(draft: &Draft<'_>, entry: &TimeEntry) -> TimeEntry {
    TimeEntry { start: entry.start - draft.ahead, ..entry.clone() }
}

pub(crate) fn date(draft: &Draft<'_>) -> Timestamp {
    draft.now - draft.ahead
}

pub(crate) fn check_text(draft: &Draft<'_>, text: Option<&String>) -> Result<(), StudioRefusal> {
    let chars_max = draft.limits.studio.text_chars;
    let is_longer = text.is_some_and(|text| text.len() > chars_max && text.chars().count() > chars_max);
    if is_longer { Err(StudioRefusal::TextTooLong(chars_max)) } else { Ok(()) }
}
