//! Taking over the types and entries of another server.

use crate::draft::Draft;
use crate::history::StoredRows;
use crate::studio::command::Import;
use crate::studio::refusal::StudioRefusal;
use crate::studio::rules::{check_text, counters};
use crate::studio::task_type::{TaskType, TaskTypeId};
use crate::studio::time_entry::{EntryId, TimeEntry};

/// Takes over types and entries with their ids, and moves the counters past them.
///
/// What was taken over before is recognised by its id and creation, and stays as it is now: it may have been corrected
/// here. The first types of an organisation give way, as long as it has no entries.
pub(crate) fn import(draft: &mut Draft<'_>, stored: &StoredRows, import: &Import) -> Result<(), StudioRefusal> {
    let mut counters = counters(draft);
    let is_unused = counters.next_entry == EntryId::FIRST;
    for new in &import.types {
        check_text(draft, new.description.as_ref())?;
        counters.next_type = counters.next_type.max(TaskTypeId(new.id.0 + 1));
        match draft.get::<TaskType>(&new.id) {
            Some(known) if known.created_at == new.created_at => continue,
            Some(first) if is_unused && first.updated_at == first.created_at => {}
            Some(_) => return Err(StudioRefusal::TaskTypeTaken(new.id)),
            None => {}
        }
        draft.put(TaskType { created: draft.board.position.revision.next(), ..new.clone() });
    }
    let types_max = draft.limits.studio.task_types;
    if draft.all::<TaskType>().count() > types_max {
        return Err(StudioRefusal::TooManyTaskTypes(types_max));
    }
    for new in &import.entries {
        check_text(draft, new.notes.as_ref())?;
        if draft.get::<TaskType>(&new.task_type).is_none() {
            return Err(StudioRefusal::EntryWithoutType(new.id));
        }
        counters.next_entry = counters.next_entry.max(EntryId(new.id.0 + 1));
        if !is_known(draft, stored, new)? {
            put(draft, new)?;
        }
    }
    let running_max = draft.limits.studio.running_entries;
    if draft.all::<TimeEntry>().count() > running_max {
        return Err(StudioRefusal::TooManyRunning(running_max));
    }
    draft.put(counters);
    Ok(())
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
    let mut entry = TimeEntry { created: draft.board.position.revision.next(), ..new.clone() };
    if entry.end.is_some() {
        draft.archive(entry.row());
        return Ok(());
    }
    if draft.all::<TimeEntry>().any(|running| running.target == entry.target) {
        return Err(StudioRefusal::AlreadyRunning);
    }
    entry.start = entry.start + draft.ahead;
    draft.put(entry);
    Ok(())
}
