//! The board of one user, to which a test applies commands.

use timers::stopwatch::{Goal, Start, Stopwatch, StopwatchCommand};
use timers::{
    Board, Change, Command, CommandId, Decision, Limits, Position, RawJson, Refusal, Scope, SessionId, StoredRows, Tag,
    Timestamp, UserId, decide,
};

/// The board of one user.
pub(crate) struct Fixture {
    pub(crate) board: Board,
    pub(crate) limits: Limits,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let scope = Scope::user(&UserId::new("ann").unwrap());
        Self { board: Board::empty(scope), limits: Limits::default() }
    }

    pub(crate) fn at(&self, millis: u64) -> Timestamp {
        Timestamp(1_700_000_000_000 + millis)
    }

    pub(crate) fn decide(&self, millis: u64, command: StopwatchCommand) -> Result<Decision, Refusal> {
        let command = Command::Stopwatch(command);
        decide(&self.board, &StoredRows::default(), &command, CommandId(millis), self.at(millis), &self.limits)
    }

    pub(crate) fn apply(&mut self, millis: u64, command: StopwatchCommand) -> Change {
        match self.decide(millis, command.clone()) {
            Ok(Decision::Change(change)) => self.commit(change),
            other => panic!("{command:?} gave {other:?}"),
        }
    }

    pub(crate) fn settle(&mut self, now: Timestamp) -> Change {
        match decide(&self.board, &StoredRows::default(), &Command::Settle, CommandId(0), now, &self.limits) {
            Ok(Decision::Change(change)) => self.commit(change),
            other => panic!("settling gave {other:?}"),
        }
    }

    fn commit(&mut self, change: Change) -> Change {
        let revision = self.board.position.revision.next();
        self.board = self.board.after(&change, Position { revision, tag: Tag(revision.0) });
        change
    }

    pub(crate) fn session(&self, name: &str) -> &Stopwatch {
        self.board.get::<Stopwatch>(&id(name)).expect("the session is on the board")
    }
}

pub(crate) fn id(name: &str) -> SessionId {
    SessionId::new(name).unwrap()
}

pub(crate) fn goal(id: &str, title: &str) -> Goal {
    Goal::new(RawJson::new(&format!(r#"{{"id":"{id}","title":"{title}"}}"#)).unwrap()).unwrap()
}

pub(crate) fn start_of(name: &str) -> Start {
    Start { session: Some(id(name)), label: name.into(), goals: None, group_id: None, group_name: None, comment: None }
}

pub(crate) fn start(name: &str) -> StopwatchCommand {
    StopwatchCommand::Start(start_of(name))
}
