//! The rules of leases.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use timers::node::{LEASE_DURATION, Lease, NodeCommand, NodeRefusal, scopes_of};
use timers::room::RoomCommand;
use timers::{
    Board, Command, CommandId, DeadlineMove, Decision, Item, ItemKey, Limits, Millis, NodeId, Position, Refusal,
    RoomId, Scope, StoredRows, Tag, Timestamp, decide,
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

fn rooms(names: &[&str]) -> BTreeSet<Scope> {
    names.iter().map(|name| Scope::room(&RoomId::new(name).unwrap())).collect()
}

fn scopes(texts: &[&str]) -> BTreeSet<Scope> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
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
    assert_eq!(scopes_of(&fixture.board).map(|scope| scope.to_string()).collect::<Vec<_>>(), ["room:r", "room:s"]);
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
fn a_lost_lease_knows_when_it_was_last_renewed_however_often_its_removal_is_tried() {
    let mut fixture = Fixture::with_lease();
    fixture.now += 2_500;
    fixture.apply(NodeCommand::Renew).unwrap();
    let renewed = Timestamp(fixture.now);
    let alive_until = |fixture: &Fixture| fixture.board.get::<Lease>(&()).unwrap().alive_until();
    assert_eq!(alive_until(&fixture), renewed);
    fixture.now += 60_000;
    for _ in 0..3 {
        fixture.settle();
        assert_eq!((fixture.is_lost(), alive_until(&fixture)), (true, renewed));
        fixture.now += 5_000;
    }
    let moved = fixture.board.moved_back(Millis(1_000));
    assert_eq!(moved.get::<Lease>(&()).unwrap().alive_until(), Timestamp(renewed.0 - 1_000));
}

#[test]
fn a_lease_that_an_older_version_lost_is_taken_to_have_lived_until_then() {
    let mut fixture = Fixture::with_lease();
    let lost = Item::decode(br#"{"v":1,"lease":{"until":1005000,"lost":true}}"#).unwrap();
    fixture.board.items.insert(ItemKey::of::<Lease>(&()), lost.into());
    assert_eq!(fixture.board.get::<Lease>(&()).unwrap().alive_until(), Timestamp(1_000_000));
    fixture.now += 5_000;
    fixture.settle();
    assert_eq!(fixture.board.get::<Lease>(&()).unwrap().alive_until(), Timestamp(1_000_000));
}

#[test]
fn rooms_are_recorded_as_older_versions_read_them_and_other_scopes_apart() {
    let mut fixture = Fixture::with_lease();
    fixture.apply(NodeCommand::Enter(scopes(&["user:ann", "planet:1"]))).unwrap();
    let stored = |key: &str| String::from_utf8(fixture.board.items[key].encode()).unwrap();
    assert_eq!(stored("presence:r"), r#"{"v":1,"presence":{"room":"r"}}"#);
    assert_eq!(stored("scope-presence:user:ann"), r#"{"v":1,"scope-presence":{"scope":"user:ann"}}"#);
    assert_eq!(stored("scope-presence:planet:1"), r#"{"v":1,"scope-presence":{"scope":"planet:1"}}"#);
    fixture.now += LEASE_DURATION.0;
    fixture.settle();
    fixture.apply(NodeCommand::Exit(scopes(&["user:ann", "room:r"]))).unwrap();
    assert!(fixture.is_lost(), "a scope of an unknown kind is left for a node that knows it");
    fixture.apply(NodeCommand::Exit(scopes(&["planet:1"]))).unwrap();
    assert!(fixture.board.items.is_empty());
}

#[test]
fn a_lost_lease_stays_while_its_board_has_what_a_newer_version_stored() {
    let mut fixture = Fixture::with_lease();
    let newer = Item::decode(br#"{"v":9,"scope-presence":{"constellation":"x"}}"#).unwrap();
    fixture.board.items.insert(ItemKey::from_stored("scope-presence:x"), newer.into());
    fixture.now += LEASE_DURATION.0;
    fixture.settle();
    fixture.apply(NodeCommand::Exit(rooms(&["r"]))).unwrap();
    assert!(fixture.is_lost(), "a node of the newer version removes it");
}

#[test]
fn what_removes_a_dead_nodes_members_follows_from_the_scope() {
    let (node, alive_until) = (NodeId::new("n").unwrap(), Timestamp(7));
    let removal = |scope: &str| Command::remove_node(&scope.parse().unwrap(), &node, alive_until);
    assert_eq!(removal("room:r"), Some(Command::Room(RoomCommand::RemoveNodeMembers(node.clone()))));
    assert_eq!((removal("planet:1"), removal("org:1"), removal("node:n")), (None, None, None));
}

#[test]
fn items_are_decoded_as_encoded() {
    let mut fixture = Fixture::with_lease();
    fixture.apply(NodeCommand::Enter(scopes(&["user:ann"]))).unwrap();
    fixture.now += LEASE_DURATION.0;
    fixture.settle();
    for item in fixture.board.items.values() {
        assert_eq!(Item::decode(&item.encode()).unwrap(), **item);
    }
}
