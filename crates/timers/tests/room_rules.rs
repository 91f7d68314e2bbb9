//! The rules of rooms.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use timers::room::{CountdownPhase, DURATION_DEFAULT, Joining, Member, Room, RoomCommand, RoomRefusal};
use timers::{
    Beat, Board, Change, Command, CommandId, ConnectionId, DeadlineMove, Decision, Limits, MemberId, Millis, NodeId,
    Position, Refusal, ResumeSecret, RoomId, Scope, StoredRows, Tag, Timestamp, decide,
};

const MINUTE: u64 = 60_000;

/// The board of a room, and the current time.
struct Fixture {
    board: Board,
    now: u64,
    limits: Limits,
}

impl Fixture {
    /// Returns an empty board, at second 1,000.
    fn new() -> Self {
        let board = Board::empty(Scope::room(&RoomId::new("r").unwrap()));
        Self { board, now: 1_000_000, limits: Limits::default() }
    }

    /// Returns a room that `a` has created.
    fn with_room() -> Self {
        let mut fixture = Self::new();
        fixture.apply(RoomCommand::Create(None, joining("a"))).unwrap();
        fixture
    }

    fn decide(&self, command: &Command) -> Result<Decision, Refusal> {
        decide(&self.board, &StoredRows::default(), command, CommandId(1), Timestamp(self.now), &self.limits)
    }

    /// Applies a command; returns `None` if it changes nothing.
    fn apply_command(&mut self, command: &Command) -> Result<Option<Change>, Refusal> {
        let change = match self.decide(command)? {
            Decision::Change(change) => change,
            Decision::Nothing => return Ok(None),
            Decision::Partial(_) => panic!("one commit takes all that is due"),
        };
        let revision = self.board.position.revision.next();
        self.board = self.board.after(&change, Position { revision, tag: Tag(revision.0) });
        Ok(Some(change))
    }

    fn apply(&mut self, command: RoomCommand) -> Result<Option<Change>, RoomRefusal> {
        self.apply_command(&Command::Room(command)).map_err(|refusal| {
            let Refusal::Room(refusal) = refusal else { panic!("{refusal}") };
            refusal
        })
    }

    /// Advances the time and settles the board.
    fn advance(&mut self, by: u64) -> Change {
        self.now += by;
        self.apply_command(&Command::Settle).unwrap().unwrap()
    }

    fn room(&self) -> &Room {
        self.board.get::<Room>(&()).unwrap()
    }

    fn remaining(&self) -> u64 {
        self.room().remaining_at(Timestamp(self.now)).0
    }

    fn names(&self) -> Vec<&str> {
        let mut members: Vec<_> = self.board.all::<Member>().collect();
        members.sort_by_key(|member| (member.connected_at, member.id.clone()));
        members.iter().map(|member| member.name.as_str()).collect()
    }
}

/// Returns a client that joins on node `one`, over a connection of the same name.
fn joining(name: &str) -> Joining {
    Joining {
        member: MemberId::new(name).unwrap(),
        secret: secret(name),
        resume: None,
        name: None,
        connection: connection(name),
        node: NodeId::new("one").unwrap(),
    }
}

fn join_as(member: &str, name: &str) -> RoomCommand {
    RoomCommand::Join(Joining { name: Some(name.to_owned()), ..joining(member) })
}

fn secret(name: &str) -> ResumeSecret {
    ResumeSecret::new(&format!("secret of {name}")).unwrap()
}

fn connection(name: &str) -> ConnectionId {
    ConnectionId::new(name).unwrap()
}

fn id(name: &str) -> MemberId {
    MemberId::new(name).unwrap()
}

#[test]
fn a_room_is_created_with_its_first_member() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.apply(RoomCommand::Pause), Err(RoomRefusal::UnknownRoom));
    assert_eq!(fixture.apply(RoomCommand::Join(joining("a"))), Err(RoomRefusal::UnknownRoom));
    assert_eq!(fixture.apply(RoomCommand::Create(Some(Millis(0)), joining("a"))), Err(RoomRefusal::InvalidDuration));
    let created = fixture.apply(RoomCommand::Create(None, joining("a"))).unwrap().unwrap();
    assert_eq!((fixture.room().duration, fixture.room().phase), (DURATION_DEFAULT, CountdownPhase::Idle));
    assert_eq!((fixture.names(), created.deadline), (vec!["User 1"], DeadlineMove::Keep));
    assert_eq!(fixture.apply(RoomCommand::Create(None, joining("b"))), Err(RoomRefusal::RoomTaken));
}

#[test]
fn a_running_countdown_ticks_and_its_seconds_are_rounded_up() {
    let mut fixture = Fixture::with_room();
    fixture.now += 250;
    let started = fixture.apply(RoomCommand::Start(Some(Millis(90_000)))).unwrap().unwrap();
    assert_eq!(started.deadline, DeadlineMove::Set(Timestamp(1_090_250)));
    assert_eq!((fixture.remaining(), fixture.room().duration), (90_000, Millis(90_000)));
    let shown = |fixture: &Fixture, beat| fixture.room().tick_at(Beat(beat)).map(Millis::seconds_up);
    assert_eq!(shown(&fixture, 1000), None, "before the start");
    assert_eq!((shown(&fixture, 1001), shown(&fixture, 1002)), (Some(90), Some(89)));
    assert_eq!((shown(&fixture, 1090), shown(&fixture, 1091)), (Some(1), None));
    fixture.now += 250;
    fixture.apply(RoomCommand::Start(None)).unwrap();
    assert_eq!(
        (fixture.remaining(), fixture.room().started_at),
        (90_000, Some(Timestamp(1_000_500))),
        "a second start begins again"
    );
}

#[test]
fn a_pause_keeps_the_remaining_time_to_the_millisecond() {
    let mut fixture = Fixture::with_room();
    for command in [RoomCommand::Pause, RoomCommand::Resume, RoomCommand::Reset, RoomCommand::Adjust(1000)] {
        assert_eq!(fixture.apply(command), Ok(None), "the countdown is idle");
    }
    fixture.apply(RoomCommand::Start(Some(Millis(10_000)))).unwrap();
    let started_at = fixture.room().started_at;
    fixture.now += 3_333;
    assert_eq!(fixture.apply(RoomCommand::Resume), Ok(None));
    let paused = fixture.apply(RoomCommand::Pause).unwrap().unwrap();
    assert_eq!(paused.deadline, DeadlineMove::Clear);
    assert_eq!(fixture.room().phase, CountdownPhase::Paused { at: Timestamp(1_003_333), remaining: Millis(6_667) });
    fixture.now += MINUTE;
    assert_eq!((fixture.apply(RoomCommand::Pause), fixture.remaining()), (Ok(None), 6_667));
    fixture.apply(RoomCommand::Resume).unwrap();
    assert_eq!((fixture.remaining(), fixture.room().started_at), (6_667, started_at), "a resume is not a start");
    fixture.apply(RoomCommand::Reset).unwrap();
    assert_eq!((fixture.room().phase, fixture.remaining()), (CountdownPhase::Idle, 10_000));
}

#[test]
fn a_countdown_completes_once_at_its_own_instant_however_late_it_is_settled() {
    let mut fixture = Fixture::with_room();
    fixture.apply(RoomCommand::Start(Some(Millis(5_500)))).unwrap();
    let settled = fixture.advance(7_000);
    assert_eq!((settled.deadline, fixture.room().phase), (DeadlineMove::Clear, CountdownPhase::Idle));
    assert_eq!((fixture.room().completed_at, fixture.remaining()), (Some(Timestamp(1_005_500)), 5_500));
    assert!(fixture.advance(1_000).put.is_empty(), "a second settle changes nothing");
    // A pause after the end does not prevent the completion, even if the end is not settled yet.
    fixture.apply(RoomCommand::Start(Some(Millis(5_500)))).unwrap();
    fixture.now += 5_501;
    fixture.apply(RoomCommand::Pause).unwrap();
    assert_eq!((fixture.room().phase, fixture.room().completed_at), (CountdownPhase::Idle, Some(Timestamp(1_013_500))));
}

#[test]
fn an_adjustment_is_an_hour_at_most_and_completes_the_countdown_at_zero() {
    let mut fixture = Fixture::with_room();
    fixture.apply(RoomCommand::Start(Some(Millis(10 * MINUTE)))).unwrap();
    fixture.apply(RoomCommand::Adjust(60_000)).unwrap();
    assert_eq!((fixture.remaining(), fixture.room().duration), (11 * MINUTE, Millis(10 * MINUTE)));
    assert_eq!(fixture.apply(RoomCommand::Adjust(3_600_001)), Err(RoomRefusal::InvalidSeconds));
    assert_eq!(fixture.apply(RoomCommand::Adjust(i64::MIN)), Err(RoomRefusal::InvalidSeconds));
    assert_eq!(fixture.apply(RoomCommand::Adjust(0)), Ok(None));
    fixture.apply(RoomCommand::Pause).unwrap();
    fixture.apply(RoomCommand::Adjust(-60_000)).unwrap();
    assert_eq!(fixture.remaining(), 10 * MINUTE);
    fixture.apply(RoomCommand::Adjust(-10 * 60_000)).unwrap();
    assert_eq!(
        (fixture.room().phase, fixture.room().completed_at),
        (CountdownPhase::Idle, Some(Timestamp(fixture.now)))
    );
    for _ in 0..2 {
        fixture.apply(RoomCommand::Start(Some(Millis::from_hours(23)))).unwrap();
        fixture.apply(RoomCommand::Adjust(3_600_000)).unwrap();
        assert_eq!(
            fixture.apply(RoomCommand::Adjust(1)),
            Err(RoomRefusal::InvalidSeconds),
            "a day is the longest duration"
        );
    }
    assert_eq!(
        fixture.apply(RoomCommand::Start(Some(Millis(24 * 60 * MINUTE + 1)))),
        Err(RoomRefusal::InvalidDuration)
    );
}

#[test]
fn a_member_without_a_name_gets_the_lowest_free_number() {
    let mut fixture = Fixture::with_room();
    for command in
        [RoomCommand::Join(joining("b")), join_as("c", "Ann"), join_as("d", "User 4"), RoomCommand::Join(joining("e"))]
    {
        fixture.now += 1;
        fixture.apply(command).unwrap();
    }
    assert_eq!(fixture.names(), ["User 1", "User 2", "Ann", "User 4", "User 3"]);
    fixture.apply(RoomCommand::Leave(connection("b"))).unwrap();
    fixture.now += 1;
    fixture.apply(RoomCommand::Join(joining("f"))).unwrap();
    assert_eq!(fixture.names(), ["User 1", "Ann", "User 4", "User 3", "User 2"]);
    assert_eq!(fixture.apply(join_as("g", &"x".repeat(81))), Err(RoomRefusal::NameTooLong(80)));
    assert_eq!(fixture.apply(RoomCommand::Join(joining("f"))), Ok(None), "a connection is one member");
}

#[test]
fn a_room_admits_members_up_to_the_limit() {
    let mut fixture = Fixture::with_room();
    fixture.limits.room.members = 2;
    fixture.apply(RoomCommand::Join(joining("b"))).unwrap();
    assert_eq!(fixture.apply(RoomCommand::Join(joining("c"))), Err(RoomRefusal::RoomFull(2)));
    fixture.apply(RoomCommand::MarkDisconnected(connection("b"))).unwrap();
    assert_eq!(
        fixture.apply(RoomCommand::Join(joining("c"))),
        Err(RoomRefusal::RoomFull(2)),
        "a disconnected member counts"
    );
    let resume = Joining { resume: Some(secret("b")), ..joining("b2") };
    fixture.apply(RoomCommand::Join(resume)).unwrap();
    fixture.apply(RoomCommand::Leave(connection("b2"))).unwrap();
    assert!(fixture.apply(RoomCommand::Join(joining("c"))).unwrap().is_some());
}

#[test]
fn a_disconnected_member_can_resume_for_ten_seconds() {
    let mut fixture = Fixture::with_room();
    fixture.apply(join_as("b", "Ben")).unwrap();
    let connected_at = fixture.board.get::<Member>(&id("b")).unwrap().connected_at;
    let disconnected = fixture.apply(RoomCommand::MarkDisconnected(connection("b"))).unwrap().unwrap();
    assert_eq!(disconnected.deadline, DeadlineMove::Set(Timestamp(fixture.now + 10_000)));
    assert_eq!(fixture.apply(RoomCommand::MarkDisconnected(connection("b"))), Ok(None));
    fixture.advance(9_999);
    let node = NodeId::new("two").unwrap();
    let resuming =
        Joining { resume: Some(secret("b")), name: Some("Bob".to_owned()), node: node.clone(), ..joining("b2") };
    fixture.apply(RoomCommand::Join(resuming)).unwrap();
    let member = fixture.board.get::<Member>(&id("b")).unwrap();
    assert_eq!(
        (member.name.as_str(), member.connected_at, &member.node, member.disconnected_at),
        ("Ben", connected_at, &node, None)
    );
    assert!(fixture.board.get::<Member>(&id("b2")).is_none());
    // Commands of the old connection have no effect.
    assert_eq!(fixture.apply(RoomCommand::MarkDisconnected(connection("b"))), Ok(None));
    assert_eq!(fixture.apply(RoomCommand::Leave(connection("b"))), Ok(None));
    assert_eq!(fixture.apply(RoomCommand::RemoveNodeMembers(NodeId::new("three").unwrap())), Ok(None));
    fixture.apply(RoomCommand::MarkDisconnected(connection("b2"))).unwrap();
    fixture.advance(10_000);
    assert_eq!(fixture.names(), ["User 1"]);
    let late = Joining { resume: Some(secret("b")), ..joining("b3") };
    fixture.apply(RoomCommand::Join(late)).unwrap();
    assert_eq!(fixture.names(), ["User 1", "User 2"], "too late to resume: a new member");
}

#[test]
fn the_members_of_a_dead_node_are_removed_unless_they_resumed_on_another_node() {
    let mut fixture = Fixture::with_room();
    let two = NodeId::new("two").unwrap();
    for name in ["b", "c"] {
        fixture.apply(RoomCommand::Join(Joining { node: two.clone(), ..joining(name) })).unwrap();
    }
    fixture.apply(RoomCommand::Join(Joining { resume: Some(secret("c")), ..joining("c2") })).unwrap();
    let removal = fixture.apply(RoomCommand::RemoveNodeMembers(two.clone())).unwrap().unwrap();
    assert_eq!(removal.removed.len(), 1);
    assert_eq!(fixture.apply(RoomCommand::RemoveNodeMembers(two)), Ok(None));
    assert_eq!(fixture.board.all::<Member>().map(|member| member.id.as_str()).collect::<Vec<_>>(), ["a", "c"]);
}

#[test]
fn an_empty_room_ends_after_five_minutes_but_not_while_its_countdown_runs() {
    let mut fixture = Fixture::with_room();
    let left = fixture.apply(RoomCommand::Leave(connection("a"))).unwrap().unwrap();
    assert_eq!(left.deadline, DeadlineMove::Set(Timestamp(fixture.now + 5 * MINUTE)));
    fixture.advance(4 * MINUTE);
    let joined = fixture.apply(RoomCommand::Join(joining("b"))).unwrap().unwrap();
    assert_eq!(joined.deadline, DeadlineMove::Clear);
    fixture.apply(RoomCommand::Start(Some(Millis(7 * MINUTE)))).unwrap();
    fixture.apply(RoomCommand::Leave(connection("b"))).unwrap();
    let settled = fixture.advance(6 * MINUTE);
    assert_eq!((settled.put.len(), settled.removed.len()), (0, 0), "the countdown runs");
    fixture.advance(MINUTE);
    assert!(fixture.board.items.is_empty(), "the countdown is completed, and the room was empty for seven minutes");
    assert_eq!(fixture.apply(RoomCommand::Join(joining("c"))), Err(RoomRefusal::UnknownRoom));
}

#[test]
fn due_events_are_settled_in_order_however_late() {
    let mut fixture = Fixture::with_room();
    fixture.apply(RoomCommand::Start(Some(Millis(4_000)))).unwrap();
    fixture.apply(RoomCommand::MarkDisconnected(connection("a"))).unwrap();
    // The countdown ends after 4 s, the membership after 10 s and the room after 5 min 10 s. Settled a second before that.
    fixture.advance(5 * MINUTE + 9_000);
    assert_eq!(
        (fixture.room().completed_at, fixture.room().empty_since),
        (Some(Timestamp(1_004_000)), Some(Timestamp(1_010_000)))
    );
    assert_eq!(fixture.advance(1_000).deadline, DeadlineMove::Clear);
    assert!(fixture.board.items.is_empty());
}
