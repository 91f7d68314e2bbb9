//! Taking over an organisation's types and entries from another server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use timers::studio::{
    Category, EntryId, EntryRepair, Import, NewEntry, NewTaskType, Rate, StudioCommand, StudioCounters, StudioRefusal,
    Target, TargetKind, TaskType, TaskTypeId, TimeEntry, repair_entries,
};
use timers::{
    Board, ClusterTime, Command, CommandId, Decision, Limits, Millis, OrganizationId, Position, Refusal, Revision, Row,
    Scope, StoredRows, Tag, Timestamp, decide,
};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// How far cluster time is ahead of dates.
const AHEAD: Millis = Millis(90_000);

/// An organisation as a store keeps it.
struct Organization {
    board: Board,
    history: StoredRows,
    limits: Limits,
}

impl Organization {
    fn new() -> Self {
        let scope = Scope::organization(&OrganizationId::new("3").unwrap());
        Self { board: Board::empty(scope), history: StoredRows::default(), limits: Limits::default() }
    }

    fn run(&mut self, command: impl Into<Command>) -> Result<bool, Refusal> {
        let time = ClusterTime { now: NOW + AHEAD, ahead: AHEAD };
        let decided = decide(&self.board, &self.history, &command.into(), CommandId(1), time, &self.limits)?;
        let Decision::Change(change) = decided else { return Ok(false) };
        let revision = Revision(self.board.position.revision.0 + 1);
        self.board = self.board.after(&change, Position { revision, tag: Tag(revision.0) });
        for row in change.archive {
            self.history.existing.insert(row.id.clone());
            self.history.rows.insert(row.id.clone(), row);
        }
        Ok(true)
    }

    fn import(&mut self, import: Import) -> Result<bool, Refusal> {
        self.run(StudioCommand::Import(import))
    }

    fn names(&self) -> Vec<(u64, &str)> {
        let mut types: Vec<_> = self.board.all::<TaskType>().map(|known| (known.id.0, known.name.as_str())).collect();
        types.sort_unstable();
        types
    }

    fn counters(&self) -> (u64, u64) {
        let counters = self.board.get::<StudioCounters>(&()).unwrap();
        (counters.next_type.0, counters.next_entry.0)
    }

    fn rows(&self) -> Vec<TimeEntry> {
        self.history.rows.values().map(|row: &Row| TimeEntry::decode(row.body.as_str()).unwrap()).collect()
    }
}

fn task_type(id: u64, name: &str) -> TaskType {
    TaskType {
        id: TaskTypeId(id),
        created: Revision(0),
        name: name.to_owned(),
        description: None,
        rate: Rate::from_cents(7500),
        category: Category::Billable,
        color: None,
        sort_order: 0,
        is_active: true,
        created_at: Timestamp(1_700_000_000_000 + id),
        updated_at: Timestamp(1_700_000_000_000 + id),
        unknown_fields: Vec::new(),
    }
}

fn entry(id: u64, session: i64, start: u64, end: Option<u64>) -> TimeEntry {
    TimeEntry {
        id: EntryId(id),
        created: Revision(0),
        task_type: TaskTypeId(7),
        target: Target { kind: TargetKind::Session, id: session },
        start: Timestamp(start),
        end: end.map(Timestamp),
        rate: Rate::from_cents(7500),
        billable: true,
        manually_adjusted: false,
        notes: Some(String::new()),
        created_by: "42".to_owned(),
        created_at: Timestamp(start),
        updated_at: Timestamp(start),
        unknown_fields: Vec::new(),
    }
}

fn types(types: &[TaskType]) -> Import {
    Import { types: types.to_vec(), ..Import::default() }
}

fn entries(entries: &[TimeEntry]) -> Import {
    Import { entries: entries.to_vec(), ..Import::default() }
}

fn start(session: i64) -> StudioCommand {
    let target = Target { kind: TargetKind::Session, id: session };
    StudioCommand::Start(NewEntry { task_type: TaskTypeId(7), target, notes: None, user: "1".to_owned() })
}

fn refused(refusal: StudioRefusal) -> Result<bool, Refusal> {
    Err(Refusal::Studio(refusal))
}

#[test]
fn ids_are_kept_and_the_counters_move_past_them() {
    let mut studio = Organization::new();
    studio.import(types(&[task_type(7, "Mix")])).unwrap();
    studio.import(entries(&[entry(40, 1, 1000, Some(2000)), entry(12, 2, 3000, None)])).unwrap();
    assert_eq!(studio.names(), [(7, "Mix")], "there are no first types");
    assert_eq!(studio.counters(), (8, 41));
    let running = studio.board.get::<TimeEntry>(&EntryId(12)).unwrap();
    assert_eq!(running.start, Timestamp(3000) + AHEAD, "a running entry is kept in cluster time");
    let [finished] = &studio.rows()[..] else { panic!() };
    let expected = TimeEntry { created: finished.created, ..entry(40, 1, 1000, Some(2000)) };
    assert_eq!(finished, &expected, "dates of a finished entry stay as they are");
    studio.run(start(3)).unwrap();
    assert_eq!(studio.counters(), (8, 42));
}

#[test]
fn the_first_commit_reserves_the_ids_of_all() {
    let mut studio = Organization::new();
    let import = Import { next_entry: EntryId(100), ..types(&[task_type(7, "Mix")]) };
    studio.import(import).unwrap();
    studio.run(start(3)).unwrap();
    assert!(studio.board.get::<TimeEntry>(&EntryId(100)).is_some(), "a member starts in between");
    studio.import(entries(&[entry(99, 1, 1000, Some(2000))])).unwrap();
    assert_eq!(studio.counters(), (8, 101));
}

#[test]
fn a_repetition_changes_nothing_and_keeps_corrections() {
    let mut studio = Organization::new();
    let running = [entry(1, 1, 1000, Some(2000)), entry(2, 2, 3000, None)];
    studio.import(types(&[task_type(7, "Mix")])).unwrap();
    studio.import(entries(&running)).unwrap();
    studio.run(StudioCommand::Stop(EntryId(2), "1".to_owned())).unwrap();
    let stopped = studio.rows();
    assert_eq!(studio.import(types(&[TaskType { name: "Other".to_owned(), ..task_type(7, "") }])), Ok(false));
    assert_eq!(studio.import(entries(&running)), Ok(false));
    assert_eq!(studio.rows(), stopped);
    assert_eq!(studio.names(), [(7, "Mix")]);
    (studio.limits.studio.running_entries, studio.limits.studio.task_types) = (0, 0);
    assert_eq!(studio.import(entries(&running)), Ok(false), "what is there passes a limit that was lowered");
}

#[test]
fn the_first_types_give_way_unless_someone_has_changed_or_used_them() {
    let mut studio = Organization::new();
    studio.run(StudioCommand::Open).unwrap();
    studio.import(types(&[task_type(2, "Live"), task_type(7, "Mix")])).unwrap();
    assert_eq!(studio.names(), [(2, "Live"), (7, "Mix")]);

    let mut studio = Organization::new();
    let own = NewTaskType {
        name: "Own".to_owned(),
        description: None,
        rate: Rate::from_cents(1),
        category: Category::Billable,
        color: None,
        sort_order: 0,
    };
    studio.run(StudioCommand::CreateTaskType(own)).unwrap();
    let conflict = studio.import(types(&[task_type(6, "Six")]));
    assert_eq!(conflict, refused(StudioRefusal::TaskTypeTaken(TaskTypeId(6))), "a member's type is not replaced");
    let before = studio.names().len();
    studio.import(types(&[task_type(7, "Mix")])).unwrap();
    assert_eq!((before, studio.names()), (6, vec![(6, "Own"), (7, "Mix")]));

    let mut studio = Organization::new();
    studio.run(StudioCommand::Open).unwrap();
    let target = Target { kind: TargetKind::Project, id: 1 };
    let used = NewEntry { task_type: TaskTypeId(1), target, notes: None, user: "1".to_owned() };
    studio.run(StudioCommand::Start(used)).unwrap();
    let conflict = studio.import(types(&[task_type(1, "One")]));
    assert_eq!(conflict, refused(StudioRefusal::TaskTypeTaken(TaskTypeId(1))));
    studio.import(types(&[task_type(7, "Mix")])).unwrap();
    assert_eq!(studio.names().len(), 6, "types in use stay");
}

#[test]
fn nothing_to_import_does_not_keep_the_first_types_away() {
    let mut studio = Organization::new();
    assert_eq!(studio.import(Import { next_entry: EntryId(5), ..Import::default() }), Ok(false));
    studio.run(StudioCommand::Open).unwrap();
    assert_eq!(studio.names().len(), 5);
}

#[test]
fn conflicts_are_refused() {
    let mut studio = Organization::new();
    studio.import(types(&[task_type(7, "Mix")])).unwrap();
    studio.run(start(1)).unwrap();
    studio.run(StudioCommand::Stop(EntryId(1), "1".to_owned())).unwrap();
    studio.run(start(5)).unwrap();
    let future = Timestamp(NOW.0 + 1);
    let mut of_no_type = entry(9, 9, 1000, Some(2000));
    of_no_type.task_type = TaskTypeId(8);
    for (new, refusal) in [
        (entry(1, 1, 1000, Some(2000)), StudioRefusal::EntryTaken(EntryId(1))),
        (entry(2, 1, 1000, None), StudioRefusal::EntryTaken(EntryId(2))),
        (entry(9, 5, 1000, None), StudioRefusal::TargetRuns(EntryId(9))),
        (entry(9, 9, future.0, None), StudioRefusal::EntryInFuture(EntryId(9))),
        (of_no_type, StudioRefusal::EntryWithoutType(EntryId(9))),
        (entry(0, 9, 1000, None), StudioRefusal::OutOfIds),
        (entry(1 << 53, 9, 1000, None), StudioRefusal::OutOfIds),
    ] {
        assert_eq!(studio.import(entries(&[new])), refused(refusal));
    }
    let two = [entry(9, 9, 1000, None), entry(10, 9, 2000, None)];
    assert_eq!(studio.import(entries(&two)), refused(StudioRefusal::TargetRuns(EntryId(10))));
    studio.limits.studio.running_entries = 1;
    assert_eq!(studio.import(entries(&two[..1])), refused(StudioRefusal::TooManyRunning(1)));
    assert_eq!(studio.import(entries(&[entry(9, 9, NOW.0, Some(future.0 + 5))])), Ok(true), "an end may be ahead");
}

#[test]
fn only_the_newest_running_entry_of_a_target_continues() {
    let mut rows = [
        entry(1, 1, 5000, None),
        entry(2, 1, 1000, None),
        entry(3, 2, 1000, None),
        entry(4, 1, 3000, None),
        entry(5, 1, 3000, None),
        entry(6, 1, 4000, Some(4500)),
        entry(7, 2, 900, Some(100)),
    ];
    let repairs = repair_entries(&mut rows.iter_mut().collect::<Vec<_>>());
    let ends: Vec<_> = rows.iter().map(|row| row.end.map(|end| end.0)).collect();
    assert_eq!(ends, [None, Some(3000), None, Some(3000), Some(5000), Some(4500), Some(900)]);
    let beside = |id| EntryRepair::RunsBeside(EntryId(id));
    assert_eq!(repairs, [(1, beside(4)), (3, beside(5)), (4, beside(1)), (6, EntryRepair::EndBeforeStart)]);
    assert_eq!(repair_entries(&mut rows.iter_mut().collect::<Vec<_>>()), [], "a repaired list needs no repair");
}
