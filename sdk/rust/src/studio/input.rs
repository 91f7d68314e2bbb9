//! What members ask of Studio. Times are in milliseconds since 1970.

use serde::Serialize;
use serde_json::{Value, json};

use crate::iso_time;
use crate::studio::protocol::Category;

/// What an entry belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryTarget {
    Session(i64),
    Project(i64),
    Track(i64),
}

/// An entry to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    pub task_type_id: i64,
    pub target: EntryTarget,
    pub notes: Option<String>,
}

/// What is corrected of an entry. Fields that are absent stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryAdjustment {
    pub start_time: Option<i64>,
    /// The end; it ends an entry that runs.
    pub end_time: Option<i64>,
    pub notes: Option<String>,
}

/// Which entries are listed: all of them by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryFilter {
    pub target: Option<EntryTarget>,
    /// The first and the last start.
    pub started_within: Option<(i64, i64)>,
    /// The task types; all if the list is empty.
    pub task_type_ids: Vec<i64>,
    /// Whether entries that run are listed, or those that are finished; both if it is absent.
    pub is_running: Option<bool>,
    /// Whether entries that a member has corrected are left out.
    pub without_adjusted: bool,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// The number of entries, from 1 to 1,000; all if it is absent.
    pub limit: Option<u32>,
}

/// A task type to be created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewTaskType {
    pub name: String,
    /// The price of an hour, a decimal number from 0 to 99999999.99, rounded to two decimals.
    pub hourly_rate: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `Billable` if it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// The colour, `#RRGGBB`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// The place in lists; 0 if it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_order: Option<i64>,
}

impl NewTaskType {
    /// Returns a task type with a name and the price of an hour.
    #[must_use]
    pub fn new(name: impl Into<String>, hourly_rate: impl Into<String>) -> Self {
        let (name, hourly_rate) = (name.into(), hourly_rate.into());
        Self { name, hourly_rate, description: None, category: None, color: None, sort_order: None }
    }
}

/// What changes of a task type. Fields that are absent stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskTypeChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hourly_rate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_order: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_active: Option<bool>,
}

impl EntryTarget {
    /// Returns the input of `timer.getActive`.
    pub(crate) fn input(self) -> Value {
        let (name, id) = self.field();
        json!({ name: id })
    }

    fn field(self) -> (&'static str, i64) {
        match self {
            Self::Session(id) => ("sessionId", id),
            Self::Project(id) => ("projectId", id),
            Self::Track(id) => ("trackId", id),
        }
    }
}

impl NewEntry {
    /// Returns the input of `timer.start`.
    pub(crate) fn input(&self) -> Value {
        let (name, id) = self.target.field();
        without_nulls(json!({ "taskTypeId": self.task_type_id, name: id, "notes": self.notes }))
    }
}

impl EntryAdjustment {
    /// Returns the input of `timeEntries.adjust`.
    pub(crate) fn input(&self, time_entry_id: i64) -> Value {
        let [start_time, end_time] = [self.start_time, self.end_time].map(|at| at.map(iso_time::text));
        let notes = self.notes.as_ref();
        without_nulls(
            json!({ "timeEntryId": time_entry_id, "startTime": start_time, "endTime": end_time, "notes": notes }),
        )
    }
}

impl EntryFilter {
    /// Returns the input of `timeEntries.list`.
    pub(crate) fn input(&self) -> Value {
        let (name, id) = self.target.map_or(("sessionId", None), |target| {
            let (name, id) = target.field();
            (name, Some(id))
        });
        let range = self
            .started_within
            .map(|(start, end)| json!({ "start": iso_time::text(start), "end": iso_time::text(end) }));
        without_nulls(json!({
            name: id,
            "dateRange": range,
            "taskTypeIds": self.task_type_ids,
            "isRunning": self.is_running,
            "includeManuallyAdjusted": !self.without_adjusted,
            "cursor": self.cursor,
            "limit": self.limit,
        }))
    }
}

/// An absent field is omitted.
fn without_nulls(mut input: Value) -> Value {
    if let Value::Object(fields) = &mut input {
        fields.retain(|_, value| !value.is_null());
    }
    input
}
