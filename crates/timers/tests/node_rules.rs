//! The rules of leases.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use timers::node::{LEASE_DURATION, Lease, NodeCommand, NodeRefusal, Presence};
use timers::{
    Board, Command, CommandId, DeadlineMove, Decision, Item, Limits, NodeId, Position, Refusal, RoomId, Scope,
    StoredRows, Tag, Timestamp, decide,
};

/// The board of a node, and the current time.
struct Fixture {
    board: Board,
    now: u64,
}

impl Fixture {
    /// Returns a node that holds a lease and has members in a room.
    fn with_lease() -> Self {
        let mut fixture = Self::new();
        fixture.apply(NodeCommand::Begin).unwrap();
        fixture.apply(NodeCommand::Enter(rooms(&["r"]))).unwrap();
        fixture
    }

    fn new() -> Self {
        Self { board: Board::empty(Scope::node(&NodeId::new("n").unwrap())), now: 1_000_000 }
    }

    /// Applies a command; returns the move of the deadline, or `None` if the command changes nothing.
    fn apply_command(&mut self, command: &Command) -> Result<Option<DeadlineMove>, Refusal> {
        let decided = decide(
            &self.board,
            &StoredRows::default(),
            command,
            CommandId(1),
            Timestamp(self.now),
            &Limits::default(),
        )?;
        let change = match decided {
            Decision::Change(change) => change,
            Decision::Nothing => return Ok(None),
            Decision::Partial(_) => panic!("one commit takes all that is due"),
        };
        let revision = self.board.position.revision.next();
        self.board = self.board.after(&change, Position { revision, tag: Tag(revision.0) });
        Ok(Some(change.deadline))
    }

    fn apply(&mut self, command: NodeCommand) -> Result<Option<DeadlineMove>, Refusal> {
        self.apply_command(&Command::Node(command))
    }

    fn settle(&mut self) -> DeadlineMove {
        self.apply_command(&Command::Settle).unwrap().unwrap()
    }

    fn is_lost(&self) -> bool {
        self.board.get::<Lease>(&()).unwrap().lost
    }
}

fn rooms(names: &[&str]) -> BTreeSet<RoomId> {
    names.iter().map(|name| RoomId::new(name).unwrap()).collect()
}

const LOST: Result<Option<DeadlineMove>, Refusal> = Err(Refusal::Node(NodeRefusal::LeaseLost));

#[test]
fn a_lease_begins_once_and_is_renewed() {
    let mut fixture = Fixture::new();
    assert_eq!(
        (fixture.apply(NodeCommand::Renew), fixture.apply(NodeCommand::Enter(rooms(&["r"])))),
        (LOST, LOST),
        "the lease has not begun"
    );
    let begun = fixture.apply(NodeCommand::Begin).unwrap();
    assert_eq!(begun, Some(DeadlineMove::Set(Timestamp(fixture.now) + LEASE_DURATION)));
    assert_eq!(fixture.apply(NodeCommand::Begin), Ok(None));
    fixture.now += 2_500;
    assert_eq!(fixture.apply(NodeCommand::Renew), Ok(Some(DeadlineMove::Set(Timestamp(fixture.now) + LEASE_DURATION))));
    assert_eq!(
        fixture.settle(),
        DeadlineMove::Set(Timestamp(fixture.now) + LEASE_DURATION),
        "settling early changes nothing"
    );
    assert!(!fixture.is_lost());
}

#[test]
fn an_ended_lease_can_be_renewed_until_its_deadline_fires() {
    let mut fixture = Fixture::with_lease();
    fixture.now += 60_000;
    fixture.apply(NodeCommand::Renew).unwrap();
    fixture.now += LEASE_DURATION.0;
    fixture.settle();
    assert!(fixture.is_lost());
    assert_eq!((fixture.apply(NodeCommand::Renew), fixture.apply(NodeCommand::Enter(rooms(&["s"])))), (LOST, LOST));
    assert_eq!(fixture.apply(NodeCommand::Begin), Ok(None), "a lost lease cannot begin again");
}

#[test]
fn a_lost_lease_keeps_a_deadline_until_its_rooms_are_cleared() {
    let mut fixture = Fixture::with_lease();
    fixture.apply(NodeCommand::Enter(rooms(&["r", "s"]))).unwrap();
    fixture.now += LEASE_DURATION.0;
    assert_eq!(fixture.settle(), DeadlineMove::Set(Timestamp(fixture.now + 5_000)));
    fixture.now += 5_000;
    assert_eq!(fixture.settle(), DeadlineMove::Set(Timestamp(fixture.now + 5_000)), "the removal is tried again");
    assert_eq!(
        fixture.board.all::<Presence>().map(|presence| &presence.room).map(RoomId::as_str).collect::<Vec<_>>(),
        ["r", "s"]
    );
    fixture.apply(NodeCommand::Exit(rooms(&["r"]))).unwrap();
    assert!(fixture.is_lost());
    assert_eq!(fixture.apply(NodeCommand::Exit(rooms(&["s", "t"]))), Ok(Some(DeadlineMove::Clear)));
    assert!(fixture.board.items.is_empty() && fixture.board.scope.kind().expires_when_empty());
}

#[test]
fn the_lease_of_a_node_without_rooms_is_removed_at_its_end() {
    let mut fixture = Fixture::with_lease();
    fixture.apply(NodeCommand::Exit(rooms(&["r"]))).unwrap();
    fixture.now += LEASE_DURATION.0;
    assert_eq!(fixture.settle(), DeadlineMove::Clear);
    assert!(fixture.board.items.is_empty());
}

#[test]
fn items_are_decoded_as_encoded() {
    for item in Fixture::with_lease().board.items.values() {
        assert_eq!(Item::decode(&item.encode()).unwrap(), **item);
    }
}
