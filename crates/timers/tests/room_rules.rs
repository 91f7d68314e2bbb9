//! Rooms, rule by rule.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use timers::room::{Command as Ask, DURATION_USUAL, Joining, Phase, Refusal as No, Room};
use timers::{
    Beat, Board, Change, Command, CommandId, DeadlineMove, Decision, Known, Limits, LinkId, MemberId, Millis, NodeId,
    Position, Refusal, ResumeSecret, RoomId, Scope, Tag, Timestamp, decide,
};

const MINUTE: u64 = 60_000;

/// A room and its time.
struct Scene {
    board: Board,
    now: u64,
    limits: Limits,
}

impl Scene {
    /// An empty board at second 1,000.
    fn new() -> Self {
        let board = Board::empty(Scope::Room(RoomId::new("r").unwrap()));
        Self { board, now: 1_000_000, limits: Limits::default() }
    }

    /// A room that `a` has made.
    fn made() -> Self {
        let mut scene = Self::new();
        scene.does(Ask::Create(None, joining("a"))).unwrap();
        scene
    }

    fn decides(&self, command: &Command) -> Result<Decision, Refusal> {
        decide(&self.board, &Known::default(), command, CommandId(1), Timestamp(self.now), &self.limits)
    }

    /// Carries a command out; `None` if it changes nothing.
    fn obeys(&mut self, command: &Command) -> Result<Option<Change>, Refusal> {
        let Decision::Change(change) = self.decides(command)? else { return Ok(None) };
        let revision = self.board.position.revision.next();
        self.board = self.board.after(&change, Position { revision, tag: Tag(revision.0) });
        Ok(Some(change))
    }

    fn does(&mut self, ask: Ask) -> Result<Option<Change>, No> {
        self.obeys(&Command::Room(ask)).map_err(|refusal| {
            let Refusal::Room(no) = refusal else { panic!("{refusal}") };
            no
        })
    }

    /// Lets time pass, and carries out what is due.
    fn later(&mut self, by: u64) -> Change {
        self.now += by;
        self.obeys(&Command::Settle).unwrap().unwrap()
    }

    fn room(&self) -> &Room {
        self.board.room().unwrap()
    }

    fn remaining(&self) -> u64 {
        self.room().remaining_at(Timestamp(self.now)).0
    }

    fn names(&self) -> Vec<&str> {
        let mut members: Vec<_> = self.board.members().collect();
        members.sort_by_key(|member| (member.connected_at, member.id.clone()));
        members.iter().map(|member| member.name.as_str()).collect()
    }
}

/// Somebody who comes by a connection of the same name, to the node `one`.
fn joining(who: &str) -> Joining {
    Joining {
        member: MemberId::new(who).unwrap(),
        secret: secret(who),
        resume: None,
        name: None,
        link: link(who),
        node: NodeId::new("one").unwrap(),
    }
}

fn named(who: &str, name: &str) -> Ask {
    Ask::Join(Joining { name: Some(name.to_owned()), ..joining(who) })
}

fn secret(who: &str) -> ResumeSecret {
    ResumeSecret::new(&format!("secret of {who}")).unwrap()
}

fn link(name: &str) -> LinkId {
    LinkId::new(name).unwrap()
}

fn id(who: &str) -> MemberId {
    MemberId::new(who).unwrap()
}

#[test]
fn a_room_is_made_with_its_first_member() {
    let mut scene = Scene::new();
    assert_eq!(scene.does(Ask::Pause), Err(No::UnknownRoom));
    assert_eq!(scene.does(Ask::Join(joining("a"))), Err(No::UnknownRoom));
    assert_eq!(scene.does(Ask::Create(Some(Millis(0)), joining("a"))), Err(No::InvalidDuration));
    let made = scene.does(Ask::Create(None, joining("a"))).unwrap().unwrap();
    assert_eq!((scene.room().duration, scene.room().phase), (DURATION_USUAL, Phase::Idle));
    assert_eq!((scene.names(), made.deadline), (vec!["User 1"], DeadlineMove::Keep));
    assert_eq!(scene.does(Ask::Create(None, joining("b"))), Err(No::RoomTaken));
}

#[test]
fn a_countdown_counts_down_and_is_shown_rounded_up() {
    let mut scene = Scene::made();
    scene.now += 250;
    let started = scene.does(Ask::Start(Some(Millis(90_000)))).unwrap().unwrap();
    assert_eq!(started.deadline, DeadlineMove::Set(Timestamp(1_090_250)));
    assert_eq!((scene.remaining(), scene.room().duration), (90_000, Millis(90_000)));
    let shown = |scene: &Scene, beat| scene.room().tick_at(Beat(beat)).map(Millis::seconds_up);
    assert_eq!(shown(&scene, 1000), None, "before it began");
    assert_eq!((shown(&scene, 1001), shown(&scene, 1002)), (Some(90), Some(89)));
    assert_eq!((shown(&scene, 1090), shown(&scene, 1091)), (Some(1), None));
    scene.now += 250;
    scene.does(Ask::Start(None)).unwrap();
    assert_eq!((scene.remaining(), scene.room().started_at), (90_000, Some(Timestamp(1_000_500))), "it begins anew");
}

#[test]
fn a_pause_keeps_what_is_left_to_the_millisecond() {
    let mut scene = Scene::made();
    for ask in [Ask::Pause, Ask::Resume, Ask::Reset, Ask::Adjust(1000)] {
        assert_eq!(scene.does(ask), Ok(None), "nothing is under way");
    }
    scene.does(Ask::Start(Some(Millis(10_000)))).unwrap();
    let began = scene.room().started_at;
    scene.now += 3_333;
    assert_eq!(scene.does(Ask::Resume), Ok(None));
    let paused = scene.does(Ask::Pause).unwrap().unwrap();
    assert_eq!(paused.deadline, DeadlineMove::Clear);
    assert_eq!(scene.room().phase, Phase::Paused { at: Timestamp(1_003_333), remaining: Millis(6_667) });
    scene.now += MINUTE;
    assert_eq!((scene.does(Ask::Pause), scene.remaining()), (Ok(None), 6_667));
    scene.does(Ask::Resume).unwrap();
    assert_eq!((scene.remaining(), scene.room().started_at), (6_667, began), "going on is no start");
    scene.does(Ask::Reset).unwrap();
    assert_eq!((scene.room().phase, scene.remaining()), (Phase::Idle, 10_000));
}

#[test]
fn zero_comes_once_at_its_own_instant_however_late_it_is_noticed() {
    let mut scene = Scene::made();
    scene.does(Ask::Start(Some(Millis(5_500)))).unwrap();
    let settled = scene.later(7_000);
    assert_eq!((settled.deadline, scene.room().phase), (DeadlineMove::Clear, Phase::Idle));
    assert_eq!((scene.room().completed_at, scene.remaining()), (Some(Timestamp(1_005_500)), 5_500));
    assert!(scene.later(1_000).put.is_empty(), "firing again changes nothing");
    // A pause that comes after zero, and before anybody has noticed, does not save it.
    scene.does(Ask::Start(Some(Millis(5_500)))).unwrap();
    scene.now += 5_501;
    scene.does(Ask::Pause).unwrap();
    assert_eq!((scene.room().phase, scene.room().completed_at), (Phase::Idle, Some(Timestamp(1_013_500))));
}

#[test]
fn the_end_is_moved_by_an_hour_at_most_and_zero_completes() {
    let mut scene = Scene::made();
    scene.does(Ask::Start(Some(Millis(10 * MINUTE)))).unwrap();
    scene.does(Ask::Adjust(60_000)).unwrap();
    assert_eq!((scene.remaining(), scene.room().duration), (11 * MINUTE, Millis(10 * MINUTE)));
    assert_eq!(scene.does(Ask::Adjust(3_600_001)), Err(No::InvalidSeconds));
    assert_eq!(scene.does(Ask::Adjust(i64::MIN)), Err(No::InvalidSeconds));
    assert_eq!(scene.does(Ask::Adjust(0)), Ok(None));
    scene.does(Ask::Pause).unwrap();
    scene.does(Ask::Adjust(-60_000)).unwrap();
    assert_eq!(scene.remaining(), 10 * MINUTE);
    scene.does(Ask::Adjust(-10 * 60_000)).unwrap();
    assert_eq!((scene.room().phase, scene.room().completed_at), (Phase::Idle, Some(Timestamp(scene.now))));
    for _ in 0..2 {
        scene.does(Ask::Start(Some(Millis::from_hours(23)))).unwrap();
        scene.does(Ask::Adjust(3_600_000)).unwrap();
        assert_eq!(scene.does(Ask::Adjust(1)), Err(No::InvalidSeconds), "a day is the most");
    }
    assert_eq!(scene.does(Ask::Start(Some(Millis(24 * 60 * MINUTE + 1)))), Err(No::InvalidDuration));
}

#[test]
fn names_are_given_or_the_lowest_free_number() {
    let mut scene = Scene::made();
    for ask in [Ask::Join(joining("b")), named("c", "Ann"), named("d", "User 4"), Ask::Join(joining("e"))] {
        scene.now += 1;
        scene.does(ask).unwrap();
    }
    assert_eq!(scene.names(), ["User 1", "User 2", "Ann", "User 4", "User 3"]);
    scene.does(Ask::Leave(link("b"))).unwrap();
    scene.now += 1;
    scene.does(Ask::Join(joining("f"))).unwrap();
    assert_eq!(scene.names(), ["User 1", "Ann", "User 4", "User 3", "User 2"]);
    assert_eq!(scene.does(named("g", &"x".repeat(81))), Err(No::NameTooLong(80)));
    assert_eq!(scene.does(Ask::Join(joining("f"))), Ok(None), "a connection is one member");
}

#[test]
fn a_room_takes_so_many_and_no_more() {
    let mut scene = Scene::made();
    scene.limits.rooms.members = 2;
    scene.does(Ask::Join(joining("b"))).unwrap();
    assert_eq!(scene.does(Ask::Join(joining("c"))), Err(No::RoomFull(2)));
    scene.does(Ask::Lose(link("b"))).unwrap();
    assert_eq!(scene.does(Ask::Join(joining("c"))), Err(No::RoomFull(2)), "their place is kept");
    let resume = Joining { resume: Some(secret("b")), ..joining("b2") };
    scene.does(Ask::Join(resume)).unwrap();
    scene.does(Ask::Leave(link("b2"))).unwrap();
    assert!(scene.does(Ask::Join(joining("c"))).unwrap().is_some());
}

#[test]
fn a_lost_member_may_come_back_for_ten_seconds() {
    let mut scene = Scene::made();
    scene.does(named("b", "Ben")).unwrap();
    let came = scene.board.member(&id("b")).unwrap().connected_at;
    let lost = scene.does(Ask::Lose(link("b"))).unwrap().unwrap();
    assert_eq!(lost.deadline, DeadlineMove::Set(Timestamp(scene.now + 10_000)));
    assert_eq!(scene.does(Ask::Lose(link("b"))), Ok(None));
    scene.later(9_999);
    let node = NodeId::new("two").unwrap();
    let back = Joining { resume: Some(secret("b")), name: Some("Bob".to_owned()), node: node.clone(), ..joining("b2") };
    scene.does(Ask::Join(back)).unwrap();
    let member = scene.board.member(&id("b")).unwrap();
    assert_eq!((member.name.as_str(), member.connected_at, &member.node, member.lost_at), ("Ben", came, &node, None));
    assert!(scene.board.member(&id("b2")).is_none());
    // What the old connection still says is nobody's.
    assert_eq!(scene.does(Ask::Lose(link("b"))), Ok(None));
    assert_eq!(scene.does(Ask::Leave(link("b"))), Ok(None));
    assert_eq!(scene.does(Ask::Depart(NodeId::new("three").unwrap())), Ok(None));
    scene.does(Ask::Lose(link("b2"))).unwrap();
    scene.later(10_000);
    assert_eq!(scene.names(), ["User 1"]);
    let late = Joining { resume: Some(secret("b")), ..joining("b3") };
    scene.does(Ask::Join(late)).unwrap();
    assert_eq!(scene.names(), ["User 1", "User 2"], "too late: a new member");
}

#[test]
fn a_dead_nodes_members_go_and_those_who_came_back_elsewhere_stay() {
    let mut scene = Scene::made();
    let two = NodeId::new("two").unwrap();
    for who in ["b", "c"] {
        scene.does(Ask::Join(Joining { node: two.clone(), ..joining(who) })).unwrap();
    }
    scene.does(Ask::Join(Joining { resume: Some(secret("c")), ..joining("c2") })).unwrap();
    let departed = scene.does(Ask::Depart(two.clone())).unwrap().unwrap();
    assert_eq!(departed.removed.len(), 1);
    assert_eq!(scene.does(Ask::Depart(two)), Ok(None));
    assert_eq!(scene.board.members().map(|member| member.id.as_str()).collect::<Vec<_>>(), ["a", "c"]);
}

#[test]
fn an_empty_room_lives_five_minutes_and_as_long_as_its_countdown() {
    let mut scene = Scene::made();
    let left = scene.does(Ask::Leave(link("a"))).unwrap().unwrap();
    assert_eq!(left.deadline, DeadlineMove::Set(Timestamp(scene.now + 5 * MINUTE)));
    scene.later(4 * MINUTE);
    let back = scene.does(Ask::Join(joining("b"))).unwrap().unwrap();
    assert_eq!(back.deadline, DeadlineMove::Clear);
    scene.does(Ask::Start(Some(Millis(7 * MINUTE)))).unwrap();
    scene.does(Ask::Leave(link("b"))).unwrap();
    let settled = scene.later(6 * MINUTE);
    assert_eq!((settled.put.len(), settled.removed.len()), (0, 0), "it runs");
    scene.later(MINUTE);
    assert!(scene.board.items.is_empty(), "zero, and nobody there for seven minutes");
    assert_eq!(scene.does(Ask::Join(joining("c"))), Err(No::UnknownRoom));
}

#[test]
fn what_is_due_happens_in_its_order_however_late() {
    let mut scene = Scene::made();
    scene.does(Ask::Start(Some(Millis(4_000)))).unwrap();
    scene.does(Ask::Lose(link("a"))).unwrap();
    // Zero after 4 s, the member gone after 10 s, the room after 5 min and 10 s: noticed a second before that.
    scene.later(5 * MINUTE + 9_000);
    assert_eq!(
        (scene.room().completed_at, scene.room().empty_since),
        (Some(Timestamp(1_004_000)), Some(Timestamp(1_010_000)))
    );
    assert_eq!(scene.later(1_000).deadline, DeadlineMove::Clear);
    assert!(scene.board.items.is_empty());
}
