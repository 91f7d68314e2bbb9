//! Events to all members of an organisation.

use std::collections::BTreeSet;

use serde::Serialize;
use timers::studio::{Cost, EntryId, EventKind, StudioEvent, TaskType, TimeEntry};
use timers::{Board, Timestamp};

use crate::event::Event;
use crate::iso::Iso;
use crate::studio::number::{Decimal, UserNumber};
use crate::studio::response::{TargetView, TaskTypeView};

/// Sixtieths of a cent in a unit of the currency.
const PARTS_PER_UNIT: u32 = 6000;

/// The cost of a finished entry.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TimerCost"))]
struct CostView {
    hours: u64,
    minutes: u64,
    /// The cost, not rounded.
    cost: Decimal,
    /// The cost in dollars with two decimals, for display.
    formatted_cost: String,
}

/// A member has started an entry, or has moved the start of a running one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TimerStartedEvent"))]
pub(crate) struct StartedEvent<'a> {
    time_entry_id: u64,
    task_type: Option<TaskTypeView<'a>>,
    #[serde(flatten)]
    target: TargetView,
    start_time: Iso,
    user_id: UserNumber<'a>,
    server_time: Timestamp,
}

/// A member has ended an entry.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TimerStoppedEvent"))]
pub(crate) struct StoppedEvent<'a> {
    time_entry_id: u64,
    end_time: Option<Iso>,
    duration_minutes: Option<u64>,
    cost: Option<CostView>,
    user_id: UserNumber<'a>,
    server_time: Timestamp,
}

/// A member has corrected an entry.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "TimerAdjustedEvent"))]
pub(crate) struct AdjustedEvent<'a> {
    time_entry_id: u64,
    start_time: Iso,
    /// The end; `null` while the entry runs.
    end_time: Option<Iso>,
    /// The length in minutes, rounded; `null` while the entry runs.
    duration_minutes: Option<u64>,
    user_id: UserNumber<'a>,
    server_time: Timestamp,
}

/// Renders the events that `old` does not have, in order.
///
/// If some are lost, the client is told first which entries run that it cannot know from the events that are left.
pub(crate) fn diff(old: &Board, new: &Board, mut send: impl FnMut(Event)) {
    let (events, are_some_lost) = StudioEvent::between(old, new);
    let events: Vec<&StudioEvent> = events.collect();
    if are_some_lost {
        let told: BTreeSet<EntryId> =
            events.iter().filter(|event| event.kind == EventKind::Started).map(|event| event.entry.id).collect();
        let is_news = |entry: &&TimeEntry| {
            let known = old.get::<TimeEntry>(&entry.id).is_some_and(|known| known.start == entry.start);
            !known && !told.contains(&entry.id)
        };
        for entry in new.all::<TimeEntry>().filter(is_news) {
            send(started(new, entry, &entry.created_by, entry.updated_at));
        }
    }
    events.into_iter().for_each(|event| send(render(new, event)));
}

fn render(board: &Board, event: &StudioEvent) -> Event {
    match event.kind {
        EventKind::Started => started(board, &event.entry, &event.user, event.at),
        EventKind::Stopped => stopped(event),
        EventKind::Adjusted => adjusted(event),
    }
}

fn started(board: &Board, entry: &TimeEntry, user: &str, server_time: Timestamp) -> Event {
    Event::new(
        "timer:started",
        &StartedEvent {
            time_entry_id: entry.id.0,
            task_type: board.get::<TaskType>(&entry.task_type).map(TaskTypeView::of),
            target: entry.target.into(),
            start_time: Iso(entry.start),
            user_id: UserNumber(user),
            server_time,
        },
    )
}

fn stopped(event: &StudioEvent) -> Event {
    let entry = &event.entry;
    Event::new(
        "timer:stopped",
        &StoppedEvent {
            time_entry_id: entry.id.0,
            end_time: entry.end.map(Iso),
            duration_minutes: entry.minutes(),
            cost: entry.cost().map(CostView::of),
            user_id: UserNumber(&event.user),
            server_time: event.at,
        },
    )
}

fn adjusted(event: &StudioEvent) -> Event {
    let entry = &event.entry;
    Event::new(
        "timer:adjusted",
        &AdjustedEvent {
            time_entry_id: entry.id.0,
            start_time: Iso(entry.start),
            end_time: entry.end.map(Iso),
            duration_minutes: entry.minutes(),
            user_id: UserNumber(&event.user),
            server_time: event.at,
        },
    )
}

impl CostView {
    fn of(cost: Cost) -> Self {
        let cents = cost.cents();
        Self {
            hours: cost.hours(),
            minutes: cost.minutes(),
            cost: Decimal { numerator: cost.parts(), denominator: PARTS_PER_UNIT },
            formatted_cost: format!("${}.{:02}", cents / 100, cents % 100),
        }
    }
}
