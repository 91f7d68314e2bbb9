//! Leases, rule by rule.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use timers::node::{Command as Ask, LEASE, Refusal as No};
use timers::{
    Board, Command, CommandId, DeadlineMove, Decision, Item, Known, Limits, NodeId, Position, Refusal, RoomId, Scope,
    Tag, Timestamp, decide,
};

struct Scene {
    board: Board,
    now: u64,
}

impl Scene {
    /// A node that has begun and has members in a room.
    fn living() -> Self {
        let mut scene = Self::new();
        scene.does(Ask::Begin).unwrap();
        scene.does(Ask::Enter(rooms(&["r"]))).unwrap();
        scene
    }

    fn new() -> Self {
        Self { board: Board::empty(Scope::Node(NodeId::new("n").unwrap())), now: 1_000_000 }
    }

    /// Carries a command out; returns the deadline's move, and `None` if nothing changes.
    fn obeys(&mut self, command: &Command) -> Result<Option<DeadlineMove>, Refusal> {
        let decided =
            decide(&self.board, &Known::default(), command, CommandId(1), Timestamp(self.now), &Limits::default())?;
        let Decision::Change(change) = decided else { return Ok(None) };
        let revision = self.board.position.revision.next();
        self.board = self.board.after(&change, Position { revision, tag: Tag(revision.0) });
        Ok(Some(change.deadline))
    }

    fn does(&mut self, ask: Ask) -> Result<Option<DeadlineMove>, Refusal> {
        self.obeys(&Command::Node(ask))
    }

    fn settles(&mut self) -> DeadlineMove {
        self.obeys(&Command::Settle).unwrap().unwrap()
    }

    fn is_lost(&self) -> bool {
        self.board.lease().unwrap().lost
    }
}

fn rooms(names: &[&str]) -> BTreeSet<RoomId> {
    names.iter().map(|name| RoomId::new(name).unwrap()).collect()
}

const LOST: Result<Option<DeadlineMove>, Refusal> = Err(Refusal::Node(No::LeaseLost));

#[test]
fn a_lease_is_begun_once_and_renewed() {
    let mut scene = Scene::new();
    assert_eq!((scene.does(Ask::Renew), scene.does(Ask::Enter(rooms(&["r"])))), (LOST, LOST), "it has not begun");
    let begun = scene.does(Ask::Begin).unwrap();
    assert_eq!(begun, Some(DeadlineMove::Set(Timestamp(scene.now) + LEASE)));
    assert_eq!(scene.does(Ask::Begin), Ok(None));
    scene.now += 2_500;
    assert_eq!(scene.does(Ask::Renew), Ok(Some(DeadlineMove::Set(Timestamp(scene.now) + LEASE))));
    assert_eq!(scene.settles(), DeadlineMove::Set(Timestamp(scene.now) + LEASE), "firing early changes nothing");
    assert!(!scene.is_lost());
}

#[test]
fn a_lease_that_has_run_out_is_good_until_somebody_notices() {
    let mut scene = Scene::living();
    scene.now += 60_000;
    scene.does(Ask::Renew).unwrap();
    scene.now += LEASE.0;
    scene.settles();
    assert!(scene.is_lost());
    assert_eq!((scene.does(Ask::Renew), scene.does(Ask::Enter(rooms(&["s"])))), (LOST, LOST));
    assert_eq!(scene.does(Ask::Begin), Ok(None), "not under the same name");
}

#[test]
fn a_lost_lease_asks_to_be_cleared_up_until_nothing_is_left() {
    let mut scene = Scene::living();
    scene.does(Ask::Enter(rooms(&["r", "s"]))).unwrap();
    scene.now += LEASE.0;
    assert_eq!(scene.settles(), DeadlineMove::Set(Timestamp(scene.now + 5_000)));
    scene.now += 5_000;
    assert_eq!(scene.settles(), DeadlineMove::Set(Timestamp(scene.now + 5_000)), "whoever began it died too");
    assert_eq!(scene.board.presences().map(RoomId::as_str).collect::<Vec<_>>(), ["r", "s"]);
    scene.does(Ask::Exit(rooms(&["r"]))).unwrap();
    assert!(scene.is_lost());
    assert_eq!(scene.does(Ask::Exit(rooms(&["s", "t"]))), Ok(Some(DeadlineMove::Clear)));
    assert!(scene.board.items.is_empty() && scene.board.scope.fades());
}

#[test]
fn a_node_without_members_leaves_nothing_to_clear_up() {
    let mut scene = Scene::living();
    scene.does(Ask::Exit(rooms(&["r"]))).unwrap();
    scene.now += LEASE.0;
    assert_eq!(scene.settles(), DeadlineMove::Clear);
    assert!(scene.board.items.is_empty());
}

#[test]
fn what_is_on_the_board_is_read_back_as_written() {
    for item in Scene::living().board.items.values() {
        assert_eq!(Item::decode(&item.encode()).unwrap(), **item);
    }
}
