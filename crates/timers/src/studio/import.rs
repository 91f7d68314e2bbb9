//! Taking over the types and entries of another server.

use crate::draft::Draft;
use crate::history::StoredRows;
use crate::studio::command::Import;
use crate::studio::refusal::StudioRefusal;
use crate::studio::rules::{ID_MAX, check_text, counters, date, is_first_type};
use crate::studio::task_type::{TaskType, TaskTypeId};
use crate::studio::time_entry::{EntryId, TimeEntry};

/// Takes over types and entries with their ids, and moves the counters past them.
///
/// What was taken over before is recognised by its id and creation, and stays as it is now: it may have been corrected
/// here. The first types of an organisation give way to imported ones, as long as it has no entries.
pub(crate) fn import(draft: &mut Draft<'_>, stored: &StoredRows, import: &Import) -> Result<(), StudioRefusal> {
    // Counters on the board of an organisation that was never used would keep its first types away.
    if import.types.is_empty() && import.entries.is_empty() {
        return Ok(());
    }
    import_types(draft, &import.types)?;
    import_entries(draft, stored, &import.entries)?;
    let mut counters = counters(draft);
    let types = import.types.iter().map(|new| TaskTypeId(new.id.0 + 1));
    let entries = import.entries.iter().map(|new| EntryId(new.id.0 + 1)).chain([import.next_entry]);
    counters.next_type = types.fold(counters.next_type, TaskTypeId::max);
    counters.next_entry = entries.fold(counters.next_entry, EntryId::max);
    draft.put(counters);
    Ok(())
}

fn import_types(draft: &mut Draft<'_>, types: &[TaskType]) -> Result<(), StudioRefusal> {
    let count = |draft: &Draft<'_>| draft.all::<TaskType>().count();
    let before = count(draft);
    if !types.is_empty() && counters(draft).next_entry == EntryId::FIRST {
        remove_first_types(draft, types);
    }
    for new in types {
        check_id(new.id.0)?;
        check_text(draft, new.description.as_ref())?;
        match draft.get::<TaskType>(&new.id) {
            Some(known) if known.created_at == new.created_at => {}
            Some(_) => return Err(StudioRefusal::TaskTypeTaken(new.id)),
            None => draft.put(TaskType { created: draft.board.position.revision.next(), ..new.clone() }),
        }
    }
    let types_max = draft.limits.studio.task_types;
    // A limit that was lowered must not prevent an import that adds nothing.
    let outgrows = count(draft) > types_max && count(draft) > before;
    if outgrows { Err(StudioRefusal::TooManyTaskTypes(types_max)) } else { Ok(()) }
}

/// Removes the first types that nobody has changed, except for those that were imported before.
fn remove_first_types(draft: &mut Draft<'_>, types: &[TaskType]) {
    let is_imported =
        |known: &TaskType| types.iter().any(|new| (new.id, new.created_at) == (known.id, known.created_at));
    let first = draft.all::<TaskType>().filter(|known| is_first_type(known) && !is_imported(known));
    for id in first.map(|known| known.id).collect::<Vec<_>>() {
        draft.remove::<TaskType>(&id);
    }
}

fn import_entries(draft: &mut Draft<'_>, stored: &StoredRows, entries: &[TimeEntry]) -> Result<(), StudioRefusal> {
    let count = |draft: &Draft<'_>| draft.all::<TimeEntry>().count();
    let before = count(draft);
    for new in entries {
        check_id(new.id.0)?;
        check_text(draft, new.notes.as_ref())?;
        if !is_known(draft, stored, new)? {
            put(draft, new)?;
        }
    }
    let running_max = draft.limits.studio.running_entries;
    let outgrows = count(draft) > running_max && count(draft) > before;
    if outgrows { Err(StudioRefusal::TooManyRunning(running_max)) } else { Ok(()) }
}

fn check_id(number: u64) -> Result<(), StudioRefusal> {
    if (1..=ID_MAX).contains(&number) { Ok(()) } else { Err(StudioRefusal::OutOfIds) }
}

/// Tells whether an entry was taken over before.
fn is_known(draft: &Draft<'_>, stored: &StoredRows, new: &TimeEntry) -> Result<bool, StudioRefusal> {
    let row = stored.rows.get(&new.id.row_id());
    let finished = row.map(|row| TimeEntry::decode(row.body.as_str()).map_err(|_| StudioRefusal::EntryTaken(new.id)));
    let known = match (draft.get::<TimeEntry>(&new.id), finished.transpose()?) {
        (Some(running), _) => running.created_at,
        (None, Some(finished)) => finished.created_at,
        (None, None) => return Ok(false),
    };
    if known == new.created_at { Ok(true) } else { Err(StudioRefusal::EntryTaken(new.id)) }
}

fn put(draft: &mut Draft<'_>, new: &TimeEntry) -> Result<(), StudioRefusal> {
    if draft.get::<TaskType>(&new.task_type).is_none() {
        return Err(StudioRefusal::EntryWithoutType(new.id));
    }
    if new.start > date(draft) {
        return Err(StudioRefusal::EntryInFuture(new.id));
    }
    let mut entry = TimeEntry { created: draft.board.position.revision.next(), ..new.clone() };
    if entry.end.is_some() {
        draft.archive(entry.row());
        return Ok(());
    }
    if draft.all::<TimeEntry>().any(|running| running.target == entry.target) {
        return Err(StudioRefusal::TargetRuns(new.id));
    }
    entry.start = entry.start + draft.ahead;
    draft.put(entry);
    Ok(())
}
