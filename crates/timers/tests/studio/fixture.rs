//! An organisation with its history, to which a test applies commands.

use std::collections::BTreeMap;

use timers::studio::{
    Adjustment, EntryId, EventKind, NewEntry, StudioCommand, StudioEvent, StudioRefusal, Target, TargetKind,
    TaskTypeId, TimeEntry,
};
use timers::{
    Board, Change, ClusterTime, Command, CommandId, Decision, HistoryId, Limits, Millis, OrganizationId, Position,
    Refusal, Row, Scope, StoredRows, Tag, Timestamp, decide,
};

/// The date at which tests begin.
pub(crate) const BEGIN: Timestamp = Timestamp(1_700_000_000_000);

/// An organisation with its history.
#[derive(Clone)]
pub(crate) struct Organization {
    pub(crate) board: Board,
    pub(crate) history: BTreeMap<HistoryId, Row>,
    pub(crate) limits: Limits,
    pub(crate) now: Timestamp,
    /// How far cluster time is ahead of the date.
    pub(crate) ahead: Millis,
}

impl Organization {
    pub(crate) fn new() -> Self {
        let scope = Scope::organization(&OrganizationId::new("1").unwrap());
        let (board, history) = (Board::empty(scope), BTreeMap::new());
        Self { board, history, limits: Limits::default(), now: BEGIN, ahead: Millis(0) }
    }

    pub(crate) fn decide(&self, command: &StudioCommand) -> Result<Decision, StudioRefusal> {
        let command = Command::Studio(command.clone());
        let required = command.required_rows();
        let existing = required.existing.into_iter().filter(|id| self.history.contains_key(id)).collect();
        let rows = required.bodies.into_iter().filter_map(|id| Some((id.clone(), self.history.get(&id)?.clone())));
        let stored = StoredRows { existing, rows: rows.collect() };
        let time = ClusterTime { now: self.now + self.ahead, ahead: self.ahead };
        match decide(&self.board, &stored, &command, CommandId(1), time, &self.limits) {
            Ok(decision) => Ok(decision),
            Err(Refusal::Studio(refusal)) => Err(refusal),
            Err(refusal) => panic!("{refusal}"),
        }
    }

    pub(crate) fn apply(&mut self, command: StudioCommand) -> Result<Change, StudioRefusal> {
        match self.decide(&command)? {
            Decision::Change(change) => Ok(self.commit(change)),
            other @ (Decision::Partial(_) | Decision::Nothing) => panic!("{command:?} gave {other:?}"),
        }
    }

    fn commit(&mut self, change: Change) -> Change {
        let revision = self.board.position.revision.next();
        self.board = self.board.after(&change, Position { revision, tag: Tag(revision.0) });
        for row in &change.archive {
            self.history.insert(row.id.clone(), row.clone());
        }
        change
    }

    pub(crate) fn pass(&mut self, millis: u64) {
        self.now = self.now + Millis(millis);
    }

    /// Returns an entry with its start as a date.
    pub(crate) fn entry(&self, id: EntryId) -> Option<TimeEntry> {
        let running = self.board.get::<TimeEntry>(&id);
        let running = running.map(|entry| TimeEntry { start: entry.start - self.ahead, ..entry.clone() });
        running.or_else(|| self.finished(id))
    }

    pub(crate) fn finished(&self, id: EntryId) -> Option<TimeEntry> {
        self.history.get(&id.row_id()).map(|row| TimeEntry::decode(row.body.as_str()).unwrap())
    }

    /// Returns the events that came after `old`.
    pub(crate) fn events_since(&self, old: &Board) -> Vec<(EventKind, EntryId)> {
        let (events, are_some_lost) = StudioEvent::between(old, &self.board);
        assert!(!are_some_lost);
        events.map(|event| (event.kind, event.entry.id)).collect()
    }
}

pub(crate) fn session(id: i64) -> Target {
    Target { kind: TargetKind::Session, id }
}

pub(crate) fn start(task_type: u64, target: Target) -> StudioCommand {
    let (task_type, user) = (TaskTypeId(task_type), "7".to_owned());
    StudioCommand::Start(NewEntry { task_type, target, notes: Some("as asked".to_owned()), user })
}

pub(crate) fn stop(entry: u64) -> StudioCommand {
    StudioCommand::Stop(EntryId(entry), "8".to_owned())
}

pub(crate) fn adjust(entry: u64, start: Option<Timestamp>, end: Option<Timestamp>) -> StudioCommand {
    StudioCommand::Adjust(Adjustment { entry: EntryId(entry), start, end, notes: None, user: "9".to_owned() })
}
