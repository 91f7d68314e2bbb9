//! What a command has written: the result of its call.

use engine::JoinError;
use timers::studio::{EntryId, StudioCommand, StudioEvent, TaskType, TaskTypeId, TimeEntry};
use timers::{Board, Change, Item, RequiredRows, Revision, Row, Scope};

use crate::node::Node;

/// What a command has written.
pub(super) enum Written {
    TaskType(TaskType),
    Entry(TimeEntry),
}

impl Written {
    /// Returns what a change has written. The start of an entry is a date.
    pub(super) fn of_change(command: &StudioCommand, change: &Change) -> Option<Self> {
        let items = || change.put.values().map(AsRef::as_ref);
        if let Some(id) = task_type_of(command, items()) {
            let written = items().filter_map(Item::get::<TaskType>).find(|written| written.id == id);
            return written.cloned().map(Self::TaskType);
        }
        if let Some(row) = change.archive.first() {
            return decode(row).map(Self::Entry);
        }
        let entry = items().find_map(Item::get::<TimeEntry>)?;
        // The event has the start as a date.
        let event = items().filter_map(Item::get::<StudioEvent>).find(|event| event.entry.id == entry.id)?;
        Some(Self::Entry(TimeEntry { start: event.entry.start, ..entry.clone() }))
    }

    /// Returns what a command wrote that was carried out before, as it is now.
    pub(super) async fn of_revision(
        node: &Node,
        scope: &Scope,
        command: &StudioCommand,
        revision: Revision,
    ) -> Result<Option<Self>, JoinError> {
        let (board, _) = node.engine.read(scope, &RequiredRows::default()).await?;
        let types = || board.all::<TaskType>();
        match command {
            StudioCommand::CreateTaskType(_) => {
                let created = types().filter(|known| known.created == revision).max_by_key(|known| known.id);
                return Ok(created.cloned().map(Self::TaskType));
            }
            StudioCommand::UpdateTaskType(id, _) => return Ok(board.get::<TaskType>(id).cloned().map(Self::TaskType)),
            StudioCommand::Open
            | StudioCommand::Start(_)
            | StudioCommand::Stop(..)
            | StudioCommand::Adjust(_)
            | StudioCommand::Import(_) => {}
        }
        let Some(id) = entry_of(command, &board, revision) else { return Ok(None) };
        let required = RequiredRows { existing: Vec::new(), bodies: vec![id.row_id()] };
        let (board, rows) = node.engine.read(scope, &required).await?;
        let running = board.get::<TimeEntry>(&id).cloned();
        let entry = running.or_else(|| rows.rows.get(&id.row_id()).and_then(decode));
        Ok(entry.map(Self::Entry))
    }
}

/// Returns the task type that a command writes, if it writes one: a new one has the highest id.
fn task_type_of<'i>(command: &StudioCommand, items: impl Iterator<Item = &'i Item>) -> Option<TaskTypeId> {
    match command {
        StudioCommand::CreateTaskType(_) => items.filter_map(Item::get::<TaskType>).map(|written| written.id).max(),
        StudioCommand::UpdateTaskType(id, _) => Some(*id),
        StudioCommand::Open
        | StudioCommand::Start(_)
        | StudioCommand::Stop(..)
        | StudioCommand::Adjust(_)
        | StudioCommand::Import(_) => None,
    }
}

/// Returns the entry that a command wrote at a revision.
fn entry_of(command: &StudioCommand, board: &Board, revision: Revision) -> Option<EntryId> {
    match command {
        StudioCommand::Stop(entry, _) => Some(*entry),
        StudioCommand::Adjust(adjustment) => Some(adjustment.entry),
        StudioCommand::Start(_) => {
            let told = StudioEvent::of_revision(board, revision).map(|event| event.entry.id).next();
            let running = || board.all::<TimeEntry>().find(|entry| entry.created == revision).map(|entry| entry.id);
            told.or_else(running)
        }
        StudioCommand::Open
        | StudioCommand::CreateTaskType(_)
        | StudioCommand::UpdateTaskType(..)
        | StudioCommand::Import(_) => None,
    }
}

fn decode(row: &Row) -> Option<TimeEntry> {
    TimeEntry::decode(row.body.as_str()).ok()
}
