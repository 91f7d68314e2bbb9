//! Schemas of the inputs of procedures, and of the results that are written by hand.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use timers::studio::Category;

use crate::event::{AUTH, EventError, FreshToken, TokenAccepted};
use crate::going_away::{GOING_AWAY, GoingAway};
use crate::schema::{Catalog, Form, Given};
use crate::studio::Procedure;
use crate::studio::events::{AdjustedEvent, StartedEvent, StoppedEvent};
use crate::studio::number::INTEGER_MAX;
use crate::studio::response::{EntryView, ListStats, TaskTypeView};
use crate::studio::trpc::ErrorEnvelope;

pub(crate) fn describe(catalog: &mut Catalog) {
    catalog
        .channel("studio", Form::Event)
        .sends::<StartedEvent<'_>>("timer:started")
        .sends::<StoppedEvent<'_>>("timer:stopped")
        .sends::<AdjustedEvent<'_>>("timer:adjusted")
        .sends::<EventError<'_>>("error")
        .sends::<TokenAccepted>(AUTH)
        .sends::<GoingAway>(GOING_AWAY)
        .handles::<FreshToken, TokenAccepted>(AUTH, false)
        .end();
    for procedure in Procedure::ALL {
        let path = procedure.path();
        match procedure {
            Procedure::ListTaskTypes => catalog.procedure::<TaskTypeListInput, Vec<TaskTypeView<'_>>>(path, true),
            Procedure::CreateTaskType => catalog.procedure::<NewTaskTypeInput, TaskTypeView<'_>>(path, false),
            Procedure::UpdateTaskType => catalog.procedure::<TaskTypeUpdateInput, TaskTypeView<'_>>(path, false),
            Procedure::Start => catalog.procedure::<TimerStartInput, EntryView<'_>>(path, false),
            Procedure::Stop => catalog.procedure::<TimerStopInput, EntryView<'_>>(path, false),
            Procedure::GetActive => catalog.procedure::<TimeEntryTargetInput, Option<EntryView<'_>>>(path, false),
            Procedure::ListEntries => catalog.procedure::<TimeEntryListInput, TimeEntryList<'_>>(path, true),
            Procedure::Adjust => catalog.procedure::<TimeEntryAdjustInput, EntryView<'_>>(path, false),
        }
    }
    catalog.part::<ErrorEnvelope<'_>>();
}

/// An integer that is exact in JavaScript.
struct Integer;

impl JsonSchema for Integer {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Integer".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": -INTEGER_MAX, "maximum": INTEGER_MAX })
    }
}

/// A price of an hour.
#[derive(JsonSchema)]
#[schemars(transparent, inline)]
#[expect(dead_code, reason = "it describes what `rate` reads")]
struct RateText(#[schemars(regex(pattern = r"^([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"))] String);

/// A colour.
#[derive(JsonSchema)]
#[schemars(transparent, inline)]
#[expect(dead_code, reason = "it describes what `color` reads")]
struct ColorText(#[schemars(regex(pattern = "^#[0-9a-fA-F]{6}$"))] String);

/// The name of a task type.
#[derive(JsonSchema)]
#[schemars(transparent, inline)]
#[expect(dead_code, reason = "it describes what `name` reads")]
struct TaskTypeName(#[schemars(length(min = 1, max = 100))] String);

/// An instant with an offset.
#[derive(JsonSchema)]
#[schemars(transparent, inline)]
#[expect(dead_code, reason = "it describes what `date` reads")]
struct InstantText(#[schemars(extend("format" = "date-time"))] String);

/// Which task types are listed.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `StudioRequest::read` reads")]
struct TaskTypeListInput {
    /// Whether types that are not active are listed too.
    #[schemars(default)]
    include_inactive: Given<bool>,
}

/// A task type to create.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `create` reads")]
struct NewTaskTypeInput {
    name: TaskTypeName,
    /// A decimal number from 0 to 99999999.99, rounded to two decimals.
    hourly_rate: RateText,
    #[schemars(flatten)]
    details: TaskTypeDetails,
}

/// What a task type can have.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `create` and `update` read")]
struct TaskTypeDetails {
    #[schemars(default)]
    description: Given<String>,
    /// `billable` for a new type if it is absent.
    #[schemars(default)]
    category: Given<Category>,
    /// The colour, `#RRGGBB`.
    #[schemars(default)]
    color: Given<ColorText>,
    /// The place in lists.
    #[schemars(default)]
    sort_order: Given<Integer>,
}

/// What changes of a task type.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what `update` reads")]
struct TaskTypeUpdateInput {
    /// The id of the task type.
    id: Integer,
    data: TaskTypeChangeInput,
}

/// The changed fields of a task type.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `update` reads")]
struct TaskTypeChangeInput {
    #[schemars(default)]
    name: Given<TaskTypeName>,
    #[schemars(default)]
    hourly_rate: Given<RateText>,
    #[schemars(flatten)]
    details: TaskTypeDetails,
    /// Whether entries of the type can be started.
    #[schemars(default)]
    is_active: Given<bool>,
}

/// Exactly one of the ids. 0 and `null` count as absent.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `target` reads")]
struct TimeEntryTargetInput {
    session_id: Option<Integer>,
    project_id: Option<Integer>,
    track_id: Option<Integer>,
}

/// An entry to start, with exactly one of the ids of a session, a project and a track.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `start` reads")]
struct TimerStartInput {
    task_type_id: Integer,
    #[schemars(flatten)]
    target: TimeEntryTargetInput,
    #[schemars(default)]
    notes: Given<String>,
}

/// An entry to end now.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `StudioRequest::read` reads")]
struct TimerStopInput {
    time_entry_id: Integer,
}

/// What is corrected of an entry.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `adjust` reads")]
struct TimeEntryAdjustInput {
    time_entry_id: Integer,
    #[schemars(default)]
    start_time: Given<InstantText>,
    #[schemars(default)]
    end_time: Given<InstantText>,
    #[schemars(default)]
    notes: Given<String>,
}

/// Which entries are listed: of at most one session, project or track.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `list` reads")]
struct TimeEntryListInput {
    #[schemars(flatten)]
    target: TimeEntryTargetInput,
    date_range: Option<DateRangeInput>,
    /// The listed task types; all if the list is empty.
    task_type_ids: Option<Vec<Integer>>,
    /// Whether entries that were corrected are listed; `true` if it is absent.
    #[schemars(default)]
    include_manually_adjusted: Given<bool>,
    /// `true` lists the entries that run, `false` those that are finished; both are listed if it is absent.
    #[schemars(default)]
    is_running: Given<bool>,
    /// The `nextCursor` of an earlier answer.
    #[schemars(regex(pattern = "^[0-9]+_[0-9]+$"))]
    cursor: Option<String>,
    /// The largest number of entries; all if it is absent.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<Integer>,
}

/// Both ends are included.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what `list` reads")]
struct DateRangeInput {
    start: InstantText,
    end: InstantText,
}

/// Entries by their start, newest first.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `list_start` and `list_end` write")]
struct TimeEntryList<'a> {
    entries: Vec<EntryView<'a>>,
    stats: ListStats,
    /// The `cursor` of the next page; absent from the last one.
    #[schemars(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}
