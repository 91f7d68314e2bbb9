//! A person with focus sessions.

use std::collections::BTreeMap;

use timers::focus::{
    EndedSession, Ending, FocusCommand, FocusId, FocusRefusal, FocusSession, FocusStats, NewSession, OpenStatus,
    ReportedCounters, SecondCounters, SessionChange, Spans, TargetMinutes, Tracker,
};
use timers::{
    Board, ClusterTime, Command, CommandId, ConnectionId, Decision, HistoryId, Limits, Millis, NodeId, Position,
    Refusal, Row, Scope, StoredRows, Tag, Timestamp, UserId, decide,
};

/// Noon of 2026-11-20 UTC.
pub(crate) const NOON: Timestamp = Timestamp(1_795_176_000_000);

pub(crate) const SECOND: u64 = 1000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;

/// A person with focus sessions.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) board: Board,
    pub(crate) history: BTreeMap<HistoryId, Row>,
    pub(crate) limits: Limits,
    /// The date.
    pub(crate) now: Timestamp,
    pub(crate) ahead: Millis,
    created: u16,
}

impl Person {
    pub(crate) fn new() -> Self {
        let board = Board::empty(Scope::focus(&UserId::new("ann").unwrap()));
        let (history, limits) = (BTreeMap::new(), Limits::default());
        Self { board, history, limits, now: NOON, ahead: Millis(0), created: 0 }
    }

    /// Returns a person with one session of 25 minutes.
    pub(crate) fn with_session() -> (Self, FocusId) {
        let mut ann = Self::new();
        let id = ann.create("25");
        (ann, id)
    }

    pub(crate) fn decide(&self, command: &Command) -> Result<Decision, FocusRefusal> {
        let required = command.required_rows();
        let existing = required.existing.into_iter().filter(|id| self.history.contains_key(id)).collect();
        let rows = required.bodies.into_iter().filter_map(|id| Some((id.clone(), self.history.get(&id)?.clone())));
        let stored = StoredRows { existing, rows: rows.collect() };
        let time = ClusterTime { now: self.now + self.ahead, ahead: self.ahead };
        match decide(&self.board, &stored, command, CommandId(1), time, &self.limits) {
            Ok(decision) => Ok(decision),
            Err(Refusal::Focus(refusal)) => Err(refusal),
            Err(refusal) => panic!("{refusal}"),
        }
    }

    /// Applies a command; tells whether it changed anything. Each item is stored and read again.
    pub(crate) fn apply(&mut self, command: impl Into<Command>) -> Result<bool, FocusRefusal> {
        let Decision::Change(mut change) = self.decide(&command.into())? else { return Ok(false) };
        for item in change.put.values_mut() {
            *item = std::sync::Arc::new(timers::Item::decode(&item.encode()).unwrap());
        }
        let revision = self.board.position.revision.next();
        self.board = self.board.after(&change, Position { revision, tag: Tag(revision.0) });
        let has_change = !change.put.is_empty()
            || !change.removed.is_empty()
            || !change.archive.is_empty()
            || !change.archive_removed.is_empty();
        for row in change.archive {
            self.history.insert(row.id.clone(), row);
        }
        for id in change.archive_removed {
            self.history.remove(&id);
        }
        Ok(has_change)
    }

    /// Lets time pass, with the deadlines that fire meanwhile.
    pub(crate) fn pass(&mut self, millis: u64) {
        self.pass_until(self.now + Millis(millis));
    }

    pub(crate) fn pass_until(&mut self, until: Timestamp) {
        while let Some(deadline) = self.board.deadline(&self.limits).map(|at| at - self.ahead).filter(|at| *at <= until)
        {
            self.now = deadline.max(self.now);
            self.apply(Command::Settle).unwrap();
        }
        self.now = until;
    }

    pub(crate) fn new_session(&mut self, target: &str) -> NewSession {
        self.created += 1;
        let [high, low] = self.created.to_be_bytes();
        let id = FocusId::new(&self.board.scope, self.now, [7, high, low]);
        let target_minutes: TargetMinutes = serde_json::from_str(target).unwrap();
        NewSession { id, content_id: None, subject: "General".to_owned(), target_minutes }
    }

    pub(crate) fn create(&mut self, target: &str) -> FocusId {
        let new = self.new_session(target);
        let id = new.id;
        self.apply(FocusCommand::Create(new)).unwrap();
        id
    }

    pub(crate) fn start(&mut self, id: FocusId, connection: &str) {
        self.apply(FocusCommand::Start(id, tracker(connection))).unwrap();
    }

    /// Reports activity that was so many milliseconds ago.
    pub(crate) fn report(&mut self, id: FocusId, ago: u64) {
        let at = self.now + self.ahead - Millis(ago);
        self.apply(FocusCommand::Report(id, Spans::at(at))).unwrap();
    }

    pub(crate) fn drop_socket(&mut self, id: FocusId, connection: &str) {
        self.apply(FocusCommand::Disconnect(id, tracker(connection), None, Spans::default())).unwrap();
    }

    pub(crate) fn set_status(&mut self, id: FocusId, status: OpenStatus) {
        let change = SessionChange { status: Some(status), ..SessionChange::default() };
        self.apply(FocusCommand::Update(id, change)).unwrap();
    }

    /// Ends a session without counters of the client; returns it.
    pub(crate) fn end(&mut self, id: FocusId, ending: Ending) -> EndedSession {
        self.apply(FocusCommand::End(id, ending, ReportedCounters::default(), Spans::default())).unwrap();
        self.ended(id).unwrap()
    }

    pub(crate) fn session(&self, id: FocusId) -> &FocusSession {
        self.board.get(&id).unwrap()
    }

    pub(crate) fn ended(&self, id: FocusId) -> Option<EndedSession> {
        let row = self.history.get(&id.row_id())?;
        Some(EndedSession::decode(row.body.as_str()).unwrap())
    }

    pub(crate) fn all_ended(&self) -> Vec<EndedSession> {
        self.history.values().map(|row| EndedSession::decode(row.body.as_str()).unwrap()).collect()
    }

    pub(crate) fn stats(&self) -> FocusStats {
        self.board.get::<FocusStats>(&()).cloned().unwrap_or_default()
    }

    /// Returns the counters of an open session now: all seconds, active ones, idle ones.
    pub(crate) fn counted(&self, id: FocusId) -> [u64; 3] {
        numbers(self.session(id).counters_at(self.now + self.ahead))
    }
}

pub(crate) fn numbers(counters: SecondCounters) -> [u64; 3] {
    counters.into()
}

/// Returns a socket of a name such as `n1/c2`: a node and a connection.
pub(crate) fn tracker(name: &str) -> Tracker {
    let (node, connection) = name.split_once('/').unwrap_or(("n", name));
    Tracker { node: NodeId::new(node).unwrap(), connection: ConnectionId::new(connection).unwrap() }
}
