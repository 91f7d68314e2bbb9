//! The rows of the original's two tables.

use std::sync::Arc;

use timers::Revision;
use timers::studio::{EntryId, TaskType, TaskTypeId, TimeEntry};

use crate::studio::copy::cells::Cells;

/// A row of a table of the original.
pub trait CopiedRow: Sized {
    /// The columns that every file has.
    const REQUIRED: &'static [&'static str];
    /// The columns that a file can lack.
    const OPTIONAL: &'static [&'static str];

    /// Reads the cells of a row, all of them, so that all faults are found; `None` if there are any.
    fn read(cells: &mut Cells<'_>) -> Option<Self>;
}

/// A row of `task_types`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedType {
    /// The line of the file on which it begins.
    pub line: u64,
    /// The organisation, if the table has a column for it.
    pub organization: Option<Arc<str>>,
    /// The type.
    pub task_type: TaskType,
}

/// A row of `time_entries`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedEntry {
    /// The line of the file on which it begins.
    pub line: u64,
    /// The organisation, if the table has a column for it.
    pub organization: Option<Arc<str>>,
    /// The entry. Whether it is billed is [`CopiedEntry::billable`].
    pub entry: TimeEntry,
    /// Whether the work is billed, if the table has a column for it.
    pub billable: Option<bool>,
    /// The duration in minutes, as the original has stored it.
    pub minutes: Option<i64>,
}

impl CopiedRow for CopiedType {
    const REQUIRED: &'static [&'static str] =
        &["id", "name", "hourly_rate", "category", "sort_order", "is_active", "created_at", "updated_at"];
    const OPTIONAL: &'static [&'static str] = &["organization_id", "description", "color"];

    fn read(cells: &mut Cells<'_>) -> Option<Self> {
        let organization = cells.organization();
        let (id, name, description) = (cells.id("id"), cells.name(), cells.long_text("description"));
        let (rate, category, color) = (cells.rate("hourly_rate"), cells.category(), cells.color());
        let (sort_order, is_active) = (cells.integer("sort_order"), cells.boolean("is_active"));
        let (created_at, updated_at) = (cells.timestamp("created_at"), cells.timestamp("updated_at"));
        let task_type = TaskType {
            id: TaskTypeId(id?),
            created: Revision::default(),
            name: name?,
            description: description?,
            rate: rate?,
            category: category?,
            color: color?,
            sort_order: sort_order?,
            is_active: is_active?,
            created_at: created_at?,
            updated_at: updated_at?,
            unknown_fields: Vec::new(),
        };
        Some(Self { line: cells.line(), organization: organization?, task_type })
    }
}

impl CopiedRow for CopiedEntry {
    const REQUIRED: &'static [&'static str] = &[
        "id",
        "task_type_id",
        "start_time",
        "end_time",
        "hourly_rate_snapshot",
        "manually_adjusted",
        "created_by",
        "created_at",
        "updated_at",
    ];
    const OPTIONAL: &'static [&'static str] =
        &["organization_id", "session_id", "project_id", "track_id", "duration_minutes", "billable", "notes"];

    fn read(cells: &mut Cells<'_>) -> Option<Self> {
        let organization = cells.organization();
        let (id, task_type, target) = (cells.id("id"), cells.id("task_type_id"), cells.target());
        let (start, end) = (cells.timestamp("start_time"), cells.nullable_timestamp("end_time"));
        let (minutes, rate) = (cells.nullable_integer("duration_minutes"), cells.rate("hourly_rate_snapshot"));
        let (manually_adjusted, billable) = (cells.boolean("manually_adjusted"), cells.nullable_boolean("billable"));
        let (notes, created_by) = (cells.long_text("notes"), cells.user("created_by"));
        let (created_at, updated_at) = (cells.timestamp("created_at"), cells.timestamp("updated_at"));
        let entry = TimeEntry {
            id: EntryId(id?),
            created: Revision::default(),
            task_type: TaskTypeId(task_type?),
            target: target?,
            start: start?,
            end: end?,
            rate: rate?,
            billable: false,
            manually_adjusted: manually_adjusted?,
            notes: notes?,
            created_by: created_by?,
            created_at: created_at?,
            updated_at: updated_at?,
            unknown_fields: Vec::new(),
        };
        let (organization, billable, minutes) = (organization?, billable?, minutes?);
        Some(Self { line: cells.line(), organization, entry, billable, minutes })
    }
}
