//! Requests of an organisation's members.

use serde::{Serialize, Serializer};

use crate::history::RequiredRows;
use crate::studio::money::Rate;
use crate::studio::task_type::{Category, TaskType, TaskTypeId};
use crate::studio::time_entry::{EntryId, Target, TimeEntry};
use crate::time::Timestamp;

/// One request of an organisation's member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StudioCommand {
    /// Give an organisation that was never used its first task types.
    Open,
    /// Create a task type.
    CreateTaskType(NewTaskType),
    /// Change a task type.
    UpdateTaskType(TaskTypeId, TaskTypeChange),
    /// Start an entry.
    Start(NewEntry),
    /// Stop an entry: the id, and the person who does it.
    Stop(EntryId, String),
    /// Correct an entry.
    Adjust(Adjustment),
    /// Take types and entries of another server.
    Import(Import),
}

/// A task type to create.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewTaskType {
    /// The name.
    pub name: String,
    /// The description, if there is one.
    pub description: Option<String>,
    /// The price of an hour.
    pub rate: Rate,
    /// Whether the work is billed.
    pub category: Category,
    /// The colour, if there is one.
    pub color: Option<String>,
    /// The place in lists.
    pub sort_order: i64,
}

/// The fields of a task type to change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TaskTypeChange {
    /// The name.
    pub name: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// The price of an hour.
    pub rate: Option<Rate>,
    /// Whether the work is billed.
    pub category: Option<Category>,
    /// The colour.
    pub color: Option<String>,
    /// The place in lists.
    pub sort_order: Option<i64>,
    /// Whether timers of this type can be started.
    pub is_active: Option<bool>,
}

/// An entry to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewEntry {
    /// The kind of work.
    pub task_type: TaskTypeId,
    /// What the work is done for.
    pub target: Target,
    /// The notes, if there are any.
    pub notes: Option<String>,
    /// The person who starts it, as their login names them.
    pub user: String,
}

/// A correction of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Adjustment {
    /// The entry.
    pub entry: EntryId,
    /// The new start, a date.
    pub start: Option<Timestamp>,
    /// The new end, a date; it ends a running entry.
    pub end: Option<Timestamp>,
    /// The new notes.
    pub notes: Option<String>,
    /// The person who corrects it, as their login names them.
    pub user: String,
}

/// Types and entries of another server, all of whose instants are dates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Import {
    /// The types.
    #[serde(serialize_with = "ids_of_types")]
    pub types: Vec<TaskType>,
    /// The entries: [`ROWS_MAX`](crate::ROWS_MAX) at most.
    #[serde(serialize_with = "ids_of_entries")]
    pub entries: Vec<TimeEntry>,
    /// The id that the organisation gives next is not below this one: lower ids are those of imported entries that follow.
    pub next_entry: EntryId,
}

/// An import has no id of a client, so its hash tells nothing apart; ids keep it cheap.
fn ids_of_types<S: Serializer>(types: &[TaskType], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(types.iter().map(|task_type| task_type.id))
}

/// As above.
fn ids_of_entries<S: Serializer>(entries: &[TimeEntry], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(entries.iter().map(|entry| entry.id))
}

impl StudioCommand {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Open => "studio.open",
            Self::CreateTaskType(_) => "studio.create_task_type",
            Self::UpdateTaskType(..) => "studio.update_task_type",
            Self::Start(_) => "studio.start",
            Self::Stop(..) => "studio.stop",
            Self::Adjust(_) => "studio.adjust",
            Self::Import(_) => "studio.import",
        }
    }

    pub(crate) fn required_rows(&self) -> RequiredRows {
        match self {
            Self::Stop(entry, _) => RequiredRows { existing: vec![entry.row_id()], bodies: Vec::new() },
            Self::Adjust(adjustment) => RequiredRows { existing: Vec::new(), bodies: vec![adjustment.entry.row_id()] },
            Self::Import(import) => {
                let bodies = import.entries.iter().map(|entry| entry.id.row_id()).collect();
                RequiredRows { existing: Vec::new(), bodies }
            }
            Self::Open | Self::CreateTaskType(_) | Self::UpdateTaskType(..) | Self::Start(_) => RequiredRows::default(),
        }
    }
}
