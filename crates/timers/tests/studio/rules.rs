//! Each rule, by an example.

use timers::studio::{
    Adjustment, Category, EVENTS_KEPT, EntryId, EventKind, Import, NewTaskType, Rate, StudioCommand, StudioCounters,
    StudioEvent, StudioLimits, StudioRefusal, Target, TargetKind, TaskType, TaskTypeChange, TaskTypeId, TimeEntry,
};
use timers::{DeadlineMove, Decision, Millis, Revision, Timestamp};

use super::fixture::*;

const MINUTE: u64 = 60_000;

fn new_type(name: &str) -> NewTaskType {
    NewTaskType {
        name: name.to_owned(),
        description: Some(String::new()),
        rate: Rate::from_cents(123),
        category: Category::NonBillable,
        color: None,
        sort_order: -1,
    }
}

#[test]
fn a_new_organisation_has_the_first_types_whatever_comes_first() {
    let mut opened = Organization::new();
    opened.apply(StudioCommand::Open).unwrap();
    assert_eq!(opened.decide(&StudioCommand::Open), Ok(Decision::Nothing));
    let types = |of: &Organization| -> Vec<String> {
        let types = of.board.all::<TaskType>();
        types.map(|known| format!("{} {} {} {}", known.id.0, known.name, known.rate, known.sort_order)).collect()
    };
    let first = ["1 Setup 50.00 1", "2 Recording 75.00 2", "3 Mixing 60.00 3", "4 Mastering 80.00 4", "5 Break 0.00 5"];
    assert_eq!(types(&opened), first);
    let break_type = opened.board.get::<TaskType>(&TaskTypeId(5)).unwrap();
    assert_eq!((break_type.category, break_type.color.as_deref()), (Category::NonBillable, Some("#6B7280")));
    let mut started = Organization::new();
    started.apply(start(2, session(12))).unwrap();
    assert_eq!(types(&started), first);
}

#[test]
fn a_type_is_created_and_changed_and_its_id_is_never_used_again() {
    let mut studio = Organization::new();
    studio.apply(StudioCommand::CreateTaskType(new_type("Live"))).unwrap();
    let created = studio.board.get::<TaskType>(&TaskTypeId(6)).unwrap().clone();
    assert_eq!((created.created_at, created.updated_at, created.is_active), (BEGIN, BEGIN, true));
    assert_eq!(created.description.as_deref(), Some(""), "empty texts are stored as given");
    studio.pass(5);
    let change = TaskTypeChange { is_active: Some(false), sort_order: Some(3), ..TaskTypeChange::default() };
    studio.apply(StudioCommand::UpdateTaskType(TaskTypeId(6), change)).unwrap();
    let changed = studio.board.get::<TaskType>(&TaskTypeId(6)).unwrap();
    let expected = TaskType { is_active: false, sort_order: 3, updated_at: BEGIN + Millis(5), ..created };
    assert_eq!(changed, &expected);
    assert_eq!(studio.apply(start(6, session(1))), Err(StudioRefusal::InactiveTaskType));
    let unknown = StudioCommand::UpdateTaskType(TaskTypeId(7), TaskTypeChange::default());
    assert_eq!(studio.apply(unknown), Err(StudioRefusal::UnknownTaskType));
    studio.apply(StudioCommand::CreateTaskType(new_type("More"))).unwrap();
    assert!(studio.board.get::<TaskType>(&TaskTypeId(7)).is_some());
}

#[test]
fn an_entry_is_started_once_for_each_target_and_keeps_the_price_of_its_start() {
    let mut studio = Organization::new();
    let before = studio.board.clone();
    studio.apply(start(2, session(12))).unwrap();
    assert_eq!(studio.apply(start(3, session(12))), Err(StudioRefusal::AlreadyRunning));
    assert_eq!(studio.apply(start(9, session(13))), Err(StudioRefusal::UnknownTaskType));
    for kind in [TargetKind::Project, TargetKind::Track] {
        studio.apply(start(5, Target { kind, id: 12 })).unwrap();
    }
    assert_eq!(
        studio.events_since(&before),
        [1, 2, 3].map(|entry| (EventKind::Started, EntryId(entry))),
        "refusals make no event and use no id"
    );
    let change = TaskTypeChange { rate: Some(Rate::from_cents(1)), ..TaskTypeChange::default() };
    studio.apply(StudioCommand::UpdateTaskType(TaskTypeId(2), change)).unwrap();
    studio.pass(90 * MINUTE);
    let change = studio.apply(stop(1)).unwrap();
    assert_eq!(change.deadline, DeadlineMove::Keep);
    let stopped = studio.finished(EntryId(1)).unwrap();
    assert_eq!((stopped.rate, stopped.billable, stopped.minutes()), (Rate::from_cents(7500), true, Some(90)));
    assert_eq!(stopped.cost().unwrap().cents(), 11_250);
    assert_eq!((stopped.created_by.as_str(), stopped.notes.as_deref()), ("7", Some("as asked")));
    assert!(!studio.entry(EntryId(2)).unwrap().billable, "a break is not billed");
    let row = &studio.history[&EntryId(1).row_id()];
    assert_eq!(row.at, BEGIN);
    assert_eq!(row.terms.iter().map(ToString::to_string).collect::<Vec<_>>(), ["session:12", "type:2"]);
    studio.apply(start(3, session(12))).unwrap();
}

#[test]
fn an_entry_is_stopped_once() {
    let mut studio = Organization::new();
    studio.apply(start(2, session(12))).unwrap();
    let before = studio.board.clone();
    studio.apply(stop(1)).unwrap();
    assert_eq!(studio.apply(stop(1)), Err(StudioRefusal::NotRunning));
    assert_eq!(studio.apply(stop(2)), Err(StudioRefusal::UnknownEntry));
    assert_eq!(studio.apply(stop(0)), Err(StudioRefusal::UnknownEntry));
    assert_eq!(studio.events_since(&before), [(EventKind::Stopped, EntryId(1))]);
    let stopped = studio.finished(EntryId(1)).unwrap();
    assert_eq!((stopped.minutes(), stopped.cost().unwrap().parts()), (Some(0), 0));
}

#[test]
fn a_running_entry_is_corrected() {
    let mut studio = Organization::new();
    studio.apply(start(2, session(12))).unwrap();
    studio.pass(10 * MINUTE);
    let (before, earlier) = (studio.board.clone(), BEGIN - Millis(5 * MINUTE));
    studio.apply(adjust(1, Some(earlier), None)).unwrap();
    let entry = studio.entry(EntryId(1)).unwrap();
    assert_eq!((entry.start, entry.end, entry.manually_adjusted), (earlier, None, true));
    let moved = [(EventKind::Adjusted, EntryId(1)), (EventKind::Started, EntryId(1))];
    assert_eq!(studio.events_since(&before), moved);
    // The same start moves nothing.
    let before = studio.board.clone();
    studio.apply(adjust(1, Some(earlier), None)).unwrap();
    assert_eq!(studio.events_since(&before), moved[..1]);
    // Both ends at once end it.
    let before = studio.board.clone();
    studio.apply(adjust(1, Some(BEGIN), Some(BEGIN + Millis(3 * MINUTE)))).unwrap();
    assert_eq!(studio.events_since(&before), [(EventKind::Adjusted, EntryId(1)), (EventKind::Stopped, EntryId(1))]);
    assert!(studio.board.get::<TimeEntry>(&EntryId(1)).is_none());
    assert_eq!(studio.finished(EntryId(1)).unwrap().minutes(), Some(3));
    studio.apply(start(2, session(12))).unwrap();
}

#[test]
fn a_finished_entry_is_corrected_where_it_is() {
    let mut studio = Organization::new();
    studio.apply(start(2, session(12))).unwrap();
    studio.pass(MINUTE);
    studio.apply(stop(1)).unwrap();
    let before = studio.board.clone();
    studio.pass(MINUTE);
    let notes = Adjustment { entry: EntryId(1), start: None, end: None, notes: Some(String::new()), user: "9".into() };
    studio.apply(StudioCommand::Adjust(notes)).unwrap();
    let corrected = studio.finished(EntryId(1)).unwrap();
    assert_eq!((corrected.notes.as_deref(), corrected.manually_adjusted), (Some(""), true));
    assert_eq!((corrected.start, corrected.end), (BEGIN, Some(BEGIN + Millis(MINUTE))));
    assert_eq!(corrected.updated_at, BEGIN + Millis(2 * MINUTE));
    let later = BEGIN + Millis(MINUTE / 2);
    studio.apply(adjust(1, Some(later), Some(later))).unwrap();
    let row = &studio.history[&EntryId(1).row_id()];
    assert_eq!((row.at, studio.finished(EntryId(1)).unwrap().minutes()), (later, Some(0)));
    assert_eq!(studio.events_since(&before), [(EventKind::Adjusted, EntryId(1)); 2]);
    assert_eq!(studio.history.len(), 1);
}

#[test]
fn corrections_are_refused_that_no_entry_can_have() {
    let mut studio = Organization::new();
    studio.apply(start(2, session(12))).unwrap();
    studio.apply(start(2, session(13))).unwrap();
    studio.pass(MINUTE);
    studio.apply(stop(2)).unwrap();
    let (now, future) = (studio.now, studio.now + Millis(1));
    let board = studio.board.clone();
    for entry in [1, 2] {
        assert_eq!(studio.apply(adjust(entry, Some(future), None)), Err(StudioRefusal::StartInFuture));
        assert_eq!(studio.apply(adjust(entry, Some(now), Some(BEGIN))), Err(StudioRefusal::EndBeforeStart));
        assert_eq!(studio.apply(adjust(entry, None, Some(BEGIN - Millis(1)))), Err(StudioRefusal::EndBeforeStart));
    }
    assert_eq!(studio.apply(adjust(3, None, None)), Err(StudioRefusal::UnknownEntry));
    assert_eq!(studio.board, board);
    // The form cuts seconds.
    studio.apply(adjust(1, Some(now), Some(now))).unwrap();
    studio.apply(adjust(2, None, Some(future + Millis(3_600_000)))).unwrap();
}

#[test]
fn a_row_that_cannot_be_read_is_not_overwritten() {
    let mut studio = Organization::new();
    studio.apply(start(2, session(12))).unwrap();
    studio.apply(stop(1)).unwrap();
    let row = studio.history.values_mut().next().unwrap();
    row.body = timers::RawJson::new(r#"{"v":2,"entry":{"shape":"new"}}"#).unwrap();
    assert_eq!(studio.apply(adjust(1, None, None)), Err(StudioRefusal::UnknownEntry));
}

#[test]
fn limits_refuse_with_their_number_and_lowering_them_locks_nobody_in() {
    let mut studio = Organization::new();
    studio.limits.studio = StudioLimits { running_entries: 2, task_types: 6, text_chars: 8, board_bytes: 100_000 };
    studio.apply(start(2, session(1))).unwrap();
    studio.apply(start(2, session(2))).unwrap();
    assert_eq!(studio.apply(start(2, session(3))), Err(StudioRefusal::TooManyRunning(2)));
    studio.limits.studio.running_entries = 1;
    studio.apply(adjust(1, Some(BEGIN), None)).unwrap();
    studio.apply(stop(1)).unwrap();
    studio.apply(StudioCommand::CreateTaskType(new_type("Live"))).unwrap();
    let more = StudioCommand::CreateTaskType(new_type("More"));
    assert_eq!(studio.apply(more), Err(StudioRefusal::TooManyTaskTypes(6)));
    let long =
        Adjustment { entry: EntryId(2), start: None, end: None, notes: Some("nine char".into()), user: "9".into() };
    assert_eq!(studio.apply(StudioCommand::Adjust(long)), Err(StudioRefusal::TextTooLong(8)));
    studio.limits.studio = StudioLimits { board_bytes: 10, running_entries: 9, ..StudioLimits::default() };
    assert_eq!(studio.apply(start(2, session(3))), Err(StudioRefusal::BoardTooLarge(10)));
    studio.apply(stop(2)).unwrap();
}

#[test]
fn ids_end_where_javascript_counts_no_further() {
    let mut studio = Organization::new();
    studio.apply(StudioCommand::Open).unwrap();
    let last = (1 << 53) - 1;
    let counters = StudioCounters { next_entry: EntryId(last), next_type: TaskTypeId(last + 1), ..counters(&studio) };
    let key = timers::ItemKey::of::<StudioCounters>(&());
    studio.board.items.insert(key, timers::ItemVariant::into_item(counters).into());
    studio.apply(start(2, session(1))).unwrap();
    assert!(studio.entry(EntryId(last)).is_some());
    assert_eq!(studio.apply(start(2, session(2))), Err(StudioRefusal::OutOfIds));
    assert_eq!(studio.apply(StudioCommand::CreateTaskType(new_type("x"))), Err(StudioRefusal::OutOfIds));
}

fn counters(studio: &Organization) -> StudioCounters {
    studio.board.get::<StudioCounters>(&()).unwrap().clone()
}

#[test]
fn the_latest_events_are_kept_and_a_gap_is_told() {
    let mut studio = Organization::new();
    let empty = studio.board.clone();
    let mut boards = vec![empty.clone()];
    studio.apply(start(2, session(1))).unwrap();
    for _ in 0..EVENTS_KEPT + 10 {
        boards.push(studio.board.clone());
        studio.apply(adjust(1, None, None)).unwrap();
    }
    assert_eq!(studio.board.all::<StudioEvent>().count() as u64, EVENTS_KEPT);
    for (seen, board) in boards.iter().enumerate() {
        let (events, are_some_lost) = StudioEvent::between(board, &studio.board);
        let numbers: Vec<u64> = events.map(|event| event.number).collect();
        let last = EVENTS_KEPT + 11;
        let first = (seen as u64 + 1).max(last + 1 - EVENTS_KEPT);
        assert_eq!(numbers, (first..=last).collect::<Vec<_>>());
        assert_eq!(are_some_lost, seen < 11, "seen {seen}");
    }
    // A board that went back has nothing new.
    assert_eq!(StudioEvent::between(&studio.board, &empty).0.count(), 0);
    // One that lost its last commits gives their numbers to other events.
    let mut lost = Organization::new();
    lost.apply(start(2, session(1))).unwrap();
    let common = lost.board.clone();
    let mut other = lost.clone();
    lost.apply(adjust(1, None, None)).unwrap();
    lost.apply(adjust(1, None, None)).unwrap();
    other.apply(adjust(1, Some(BEGIN), None)).unwrap();
    other.apply(stop(1)).unwrap();
    other.apply(start(2, session(1))).unwrap();
    let numbers = |old: &timers::Board, new: &timers::Board| -> Vec<u64> {
        StudioEvent::between(old, new).0.map(|event| event.number).collect()
    };
    assert_eq!(numbers(&lost.board, &common), [0; 0]);
    assert_eq!(numbers(&lost.board, &other.board), [3, 4], "the same correction has the same event");
    other.apply(stop(2)).unwrap();
    assert_eq!(numbers(&common, &other.board), [2, 3, 4, 5]);
    let event = StudioEvent::of_revision(&studio.board, studio.board.position.revision).next().unwrap();
    assert_eq!((event.kind, event.user.as_str(), event.entry.notes.as_ref()), (EventKind::Adjusted, "9", None));
    assert_eq!(StudioEvent::of_revision(&studio.board, Revision(1)).count(), 0);
}

#[test]
fn dates_are_right_while_cluster_time_is_ahead_of_them() {
    let mut studio = Organization::new();
    studio.ahead = Millis(7_200_000);
    studio.apply(start(2, session(1))).unwrap();
    assert_eq!(studio.board.get::<TimeEntry>(&EntryId(1)).unwrap().start, BEGIN + studio.ahead);
    studio.pass(MINUTE);
    studio.apply(adjust(1, Some(BEGIN - Millis(MINUTE)), None)).unwrap();
    assert_eq!(studio.entry(EntryId(1)).unwrap().start, BEGIN - Millis(MINUTE));
    assert_eq!(studio.apply(adjust(1, Some(studio.now + Millis(1)), None)), Err(StudioRefusal::StartInFuture));
    studio.apply(stop(1)).unwrap();
    let row = studio.finished(EntryId(1)).unwrap();
    assert_eq!((row.start, row.end, row.minutes()), (BEGIN - Millis(MINUTE), Some(studio.now), Some(2)));
    let dates = studio.board.all::<StudioEvent>().map(|event| event.at).collect::<Vec<_>>();
    assert!(dates.iter().all(|at| *at <= studio.now), "{dates:?}");
    let task_type = studio.board.get::<TaskType>(&TaskTypeId(1)).unwrap();
    assert_eq!(task_type.created_at, BEGIN);
    // A running entry shows its start as a date, and the instants of types and events are dates already.
    let shown = studio.board.moved_back(studio.ahead);
    assert_eq!(shown.get::<TaskType>(&TaskTypeId(1)), Some(task_type));
    assert_eq!(shown.all::<StudioEvent>().collect::<Vec<_>>(), studio.board.all::<StudioEvent>().collect::<Vec<_>>());
}

#[test]
fn an_import_that_is_repeated_changes_nothing_and_an_entry_that_was_corrected_since_stays() {
    let mut other = Organization::new();
    other.apply(start(2, session(12))).unwrap();
    other.pass(MINUTE);
    other.apply(stop(1)).unwrap();
    other.apply(start(2, session(12))).unwrap();
    let entries = vec![other.entry(EntryId(1)).unwrap(), other.entry(EntryId(2)).unwrap()];
    let types: Vec<TaskType> = other.board.all::<TaskType>().cloned().collect();
    let import = Import { types, entries, ..Import::default() };
    let mut studio = Organization::new();
    studio.now = other.now;
    studio.apply(StudioCommand::Import(import.clone())).unwrap();
    assert_eq!(counters(&studio).next_entry, EntryId(3));
    assert_eq!(studio.decide(&StudioCommand::Import(import.clone())), Ok(Decision::Nothing));
    studio.apply(adjust(1, Some(BEGIN - Millis(5)), None)).unwrap();
    studio.apply(stop(2)).unwrap();
    assert_eq!(studio.decide(&StudioCommand::Import(import.clone())), Ok(Decision::Nothing));
    studio.apply(start(2, session(12))).unwrap();
    assert!(studio.entry(EntryId(3)).is_some());
    let mut foreign = import.clone();
    foreign.entries[0].created_at = Timestamp(1);
    assert_eq!(studio.apply(StudioCommand::Import(foreign)), Err(StudioRefusal::EntryTaken(EntryId(1))));
    let mut without = import;
    without.entries[0] = TimeEntry { id: EntryId(9), task_type: TaskTypeId(9), ..without.entries[0].clone() };
    assert_eq!(studio.apply(StudioCommand::Import(without)), Err(StudioRefusal::EntryWithoutType(EntryId(9))));
}
