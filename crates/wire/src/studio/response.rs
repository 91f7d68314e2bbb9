//! The results of the procedures.

use serde::Serialize;
use timers::Board;
use timers::studio::{Category, Rate, Target, TargetKind, TaskType, TimeEntry, Total};

use crate::iso::Iso;
use crate::studio::number::{Decimal, UserNumber};
use crate::studio::request::Cursor;

/// A kind of work.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TaskType"))]
pub(crate) struct TaskTypeView<'a> {
    id: u64,
    name: &'a str,
    description: Option<&'a str>,
    /// The price of an hour, a decimal number with two decimals.
    hourly_rate: String,
    category: Category,
    /// The colour, `#RRGGBB`.
    color: Option<&'a str>,
    sort_order: i64,
    /// Whether entries of the type can be started.
    is_active: bool,
    created_at: Iso,
    updated_at: Iso,
}

/// A time of work.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TimeEntry"))]
pub(crate) struct EntryView<'a> {
    id: u64,
    task_type_id: u64,
    #[serde(flatten)]
    target: TargetView,
    start_time: Iso,
    /// The end; `null` while the entry runs.
    end_time: Option<Iso>,
    /// The length in minutes, rounded; `null` while the entry runs.
    duration_minutes: Option<u64>,
    /// The price of an hour at the start of the entry.
    hourly_rate_snapshot: String,
    /// Whether a member has corrected the entry.
    manually_adjusted: bool,
    billable: bool,
    notes: Option<&'a str>,
    created_by: UserNumber<'a>,
    created_at: Iso,
    updated_at: Iso,
    /// The type; absent from the answers of `timer.stop` and `timeEntries.adjust`.
    #[cfg_attr(feature = "schema", schemars(extend("x-can-be-null" = true)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    task_type: Option<Option<TaskTypeView<'a>>>,
}

/// The three ids, of which one is not `null`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TimeEntryTarget"))]
pub(crate) struct TargetView {
    session_id: Option<i64>,
    project_id: Option<i64>,
    track_id: Option<i64>,
}

/// The sums over all matching finished entries.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TimeEntryStats"))]
pub(crate) struct ListStats {
    /// The hours, with two decimals.
    total_hours: Decimal,
    /// The cost, with two decimals.
    total_cost: Decimal,
}

impl<'a> TaskTypeView<'a> {
    pub(crate) fn of(task_type: &'a TaskType) -> Self {
        Self {
            id: task_type.id.0,
            name: &task_type.name,
            description: task_type.description.as_deref(),
            hourly_rate: Rate::to_string(&task_type.rate),
            category: task_type.category,
            color: task_type.color.as_deref(),
            sort_order: task_type.sort_order,
            is_active: task_type.is_active,
            created_at: Iso(task_type.created_at),
            updated_at: Iso(task_type.updated_at),
        }
    }
}

impl From<Target> for TargetView {
    fn from(Target { kind, id }: Target) -> Self {
        let none = Self { session_id: None, project_id: None, track_id: None };
        match kind {
            TargetKind::Session => Self { session_id: Some(id), ..none },
            TargetKind::Project => Self { project_id: Some(id), ..none },
            TargetKind::Track => Self { track_id: Some(id), ..none },
        }
    }
}

impl<'a> EntryView<'a> {
    fn of(entry: &'a TimeEntry) -> Self {
        Self {
            id: entry.id.0,
            task_type_id: entry.task_type.0,
            target: entry.target.into(),
            start_time: Iso(entry.start),
            end_time: entry.end.map(Iso),
            duration_minutes: entry.minutes(),
            hourly_rate_snapshot: entry.rate.to_string(),
            manually_adjusted: entry.manually_adjusted,
            billable: entry.billable,
            notes: entry.notes.as_deref(),
            created_by: UserNumber(&entry.created_by),
            created_at: Iso(entry.created_at),
            updated_at: Iso(entry.updated_at),
            task_type: None,
        }
    }

    /// Adds the type as it is on the board.
    fn with_type(self, board: &'a Board) -> Self {
        let task_type = board.get::<TaskType>(&timers::studio::TaskTypeId(self.task_type_id));
        Self { task_type: Some(task_type.map(TaskTypeView::of)), ..self }
    }
}

/// Renders a task type.
pub fn task_type(task_type: &TaskType) -> String {
    json(&TaskTypeView::of(task_type))
}

/// Renders the task types in their order: by place, name and id.
pub fn task_types(board: &Board, include_inactive: bool) -> String {
    let mut types: Vec<&TaskType> =
        board.all::<TaskType>().filter(|task_type| include_inactive || task_type.is_active).collect();
    types.sort_by_key(|task_type| (task_type.sort_order, &task_type.name, task_type.id));
    json(&types.into_iter().map(TaskTypeView::of).collect::<Vec<_>>())
}

/// Renders an entry without its type.
pub fn entry(entry: &TimeEntry) -> String {
    json(&EntryView::of(entry))
}

/// Renders an entry with its type, or `null`.
pub fn active(entry: Option<&TimeEntry>, board: &Board) -> String {
    json(&entry.map(|entry| EntryView::of(entry).with_type(board)))
}

/// Renders what stands before the entries of a list.
pub fn list_start() -> &'static str {
    r#"{"entries":["#
}

/// Renders an entry of a list.
pub fn listed_entry(entry: &TimeEntry, board: &Board) -> String {
    active(Some(entry), board)
}

/// Renders what stands behind the entries of a list.
pub fn list_end(total: Total, next: Option<Cursor>) -> String {
    let stats = ListStats {
        total_hours: Decimal { numerator: total.hundredths_of_hours(), denominator: 100 },
        total_cost: Decimal { numerator: total.cents(), denominator: 100 },
    };
    let next = next.map_or_else(String::new, |next| format!(r#","nextCursor":"{next}""#));
    format!(r#"],"stats":{}{next}}}"#, json(&stats))
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("results have no key that JSON cannot write")
}
