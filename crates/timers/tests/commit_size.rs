//! The size of one change: what is due beyond it is left to the next commits.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use timers::node::{NodeCommand, RoomPresence};
use timers::room::{CountdownPhase, Member, Room};
use timers::stopwatch::{Start, Stopwatch, StopwatchCommand, StopwatchPhase};
use timers::{
    Board, Change, Command, CommandId, ConnectionId, DeadlineMove, Decision, ITEMS_MAX, ItemKey, ItemType, Limits,
    MemberId, Millis, NodeId, Position, REMOVALS_MAX, ROWS_MAX, Refusal, ResumeSecret, Revision, RoomId, Scope,
    SessionId, StoredRows, Tag, Timestamp, UserId, decide,
};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

#[test]
fn a_room_ends_in_the_commit_after_the_removal_of_its_last_thousand_members() {
    let limits = Limits::default();
    let mut board = Board::empty(Scope::room(&RoomId::new("r").unwrap()));
    add(&mut board, room());
    (0..REMOVALS_MAX).for_each(|number| add(&mut board, disconnected_member(number, NOW)));
    let ends_at = NOW + limits.room.reconnect_within + limits.room.empty_for;

    let changes = apply(&mut board, &Command::Settle, ends_at, &limits).unwrap();
    let [members, rest] = &changes[..] else { panic!("{} changes", changes.len()) };
    assert_eq!(members.removed.len(), REMOVALS_MAX);
    assert!(!members.removed.contains(&ItemKey::of::<Room>(&())));
    assert_eq!(members.deadline, DeadlineMove::Set(ends_at), "the room itself is still due");
    assert_eq!(rest.removed.iter().collect::<Vec<_>>(), [&ItemKey::of::<Room>(&())]);
    assert_eq!(rest.deadline, DeadlineMove::Clear);
    assert!(board.items.is_empty());
}

#[test]
fn a_room_whose_last_members_fill_one_commit_records_since_when_it_is_empty() {
    let limits = Limits::default();
    let mut board = Board::empty(Scope::room(&RoomId::new("r").unwrap()));
    add(&mut board, room());
    (0..REMOVALS_MAX).for_each(|number| add(&mut board, disconnected_member(number, NOW)));
    let empty_since = NOW + limits.room.reconnect_within;

    let changes = apply(&mut board, &Command::Settle, empty_since, &limits).unwrap();
    assert_eq!(changes.len(), 1, "all of it fits one commit");
    assert_eq!(board.get::<Room>(&()).unwrap().empty_since, Some(empty_since));
    assert_eq!(changes[0].deadline, DeadlineMove::Set(empty_since + limits.room.empty_for));
}

#[test]
fn a_partial_change_of_a_room_includes_the_events_before_its_last_removal() {
    let limits = Limits::default();
    let mut board = Board::empty(Scope::room(&RoomId::new("r").unwrap()));
    let ends_at = NOW + Millis(5000);
    add(&mut board, Room { phase: CountdownPhase::Running { since: NOW, ends_at }, ..room() });
    (0..=REMOVALS_MAX).for_each(|number| add(&mut board, disconnected_member(number, NOW)));
    let expires_at = NOW + limits.room.reconnect_within;
    let decided = decide(&board, &StoredRows::default(), &Command::Settle, CommandId(1), expires_at, &limits);
    let Ok(Decision::Partial(change)) = decided else { panic!("{decided:?}") };
    let board = board.after(&change, Position::NONE);
    let room = board.get::<Room>(&()).unwrap();
    assert_eq!((room.phase, room.completed_at), (CountdownPhase::Idle, Some(ends_at)));
    assert_eq!((room.last_activity, room.empty_since), (expires_at, None));
    assert_eq!(board.all::<Member>().count(), 1);
}

#[test]
fn a_command_follows_the_removal_of_sessions_that_more_than_one_commit_takes() {
    let mut limits = Limits::default();
    (limits.stopwatch.stopped_sessions, limits.stopwatch.board_bytes) = (5000, usize::MAX);
    let mut board = Board::empty(Scope::user(&UserId::new("ann").unwrap()));
    (0..2500).for_each(|number| add(&mut board, stopped_session(number, NOW)));
    let start = Command::Stopwatch(StopwatchCommand::Start(start("new")));

    let changes = apply(&mut board, &start, NOW + limits.stopwatch.stopped_for, &limits).unwrap();
    assert_eq!(changes.iter().map(|change| change.removed.len()).collect::<Vec<_>>(), [1000, 1000, 500]);
    assert_eq!(changes.iter().map(|change| change.put.len()).collect::<Vec<_>>(), [0, 0, 1]);
    let due = DeadlineMove::Set(NOW + limits.stopwatch.stopped_for);
    assert_eq!(changes.iter().map(|change| change.deadline).collect::<Vec<_>>(), [due, due, DeadlineMove::Clear]);
    assert!(board.get::<Stopwatch>(&SessionId::new("new").unwrap()).unwrap().is_running());
    assert_eq!(board.items.len(), 1);
}

#[test]
fn a_command_that_no_longer_fits_is_left_to_the_commit_after_the_removals() {
    let mut limits = Limits::default();
    (limits.stopwatch.stopped_sessions, limits.stopwatch.board_bytes) = (5000, usize::MAX);
    let mut board = Board::empty(Scope::user(&UserId::new("ann").unwrap()));
    (0..REMOVALS_MAX).for_each(|number| add(&mut board, stopped_session(number, NOW)));
    let later = NOW + Millis(1);
    add(&mut board, stopped_session(REMOVALS_MAX, later));
    let remove = Command::Stopwatch(StopwatchCommand::Remove(session_id(REMOVALS_MAX)));

    let changes = apply(&mut board, &remove, NOW + limits.stopwatch.stopped_for, &limits).unwrap();
    assert_eq!(changes.iter().map(|change| change.removed.len()).collect::<Vec<_>>(), [REMOVALS_MAX, 1]);
    assert_eq!(changes[0].deadline, DeadlineMove::Set(later + limits.stopwatch.stopped_for));
    assert!(board.items.is_empty());
}

#[test]
fn an_exit_from_more_rooms_than_one_commit_removes_is_refused() {
    let limits = Limits::default();
    let mut board = Board::empty(Scope::node(&NodeId::new("n").unwrap()));
    let rooms: Vec<RoomId> = (0..=REMOVALS_MAX).map(|number| RoomId::new(&format!("{number:04}")).unwrap()).collect();
    rooms.iter().for_each(|room| add(&mut board, RoomPresence { room: room.clone() }));
    let before = board.clone();

    let exit = |rooms: &[RoomId]| Command::Node(NodeCommand::Exit(rooms.iter().map(Scope::room).collect()));
    assert_eq!(apply(&mut board, &exit(&rooms), NOW, &limits), Err(Refusal::ChangeTooLarge));
    assert_eq!(board, before);
    let changes = apply(&mut board, &exit(&rooms[1..]), NOW, &limits).unwrap();
    assert_eq!((changes.len(), changes[0].removed.len(), board.items.len()), (1, REMOVALS_MAX, 1));
}

#[test]
fn a_stop_under_a_lowered_limit_removes_as_many_of_the_oldest_sessions_as_one_commit_takes() {
    let mut limits = Limits::default();
    (limits.stopwatch.stopped_sessions, limits.stopwatch.board_bytes) = (5000, usize::MAX);
    let mut board = Board::empty(Scope::user(&UserId::new("ann").unwrap()));
    // The order of the ids is the reverse of the order of the stops.
    let stopped = 2400;
    (0..stopped).for_each(|number| add(&mut board, stopped_session(number, NOW + Millis((stopped - number) as u64))));
    let later = NOW + Millis(10_000);
    for name in ["x", "y"] {
        apply(&mut board, &Command::Stopwatch(StopwatchCommand::Start(start(name))), later, &limits).unwrap();
    }

    limits.stopwatch.stopped_sessions = 200;
    let stop = |name: &str| Command::Stopwatch(StopwatchCommand::Stop(SessionId::new(name).unwrap()));
    let changes = apply(&mut board, &stop("x"), later, &limits).unwrap();
    let [change] = &changes[..] else { panic!("{} changes", changes.len()) };
    let oldest: Vec<ItemKey> =
        (stopped - REMOVALS_MAX..stopped).map(|number| ItemKey::of::<Stopwatch>(&session_id(number))).collect();
    assert!(change.removed.iter().eq(&oldest), "the oldest sessions, and no more than one commit removes");
    assert_eq!((change.put.len(), change.archive.len()), (1, 1));

    apply(&mut board, &stop("y"), later, &limits).unwrap();
    apply(&mut board, &Command::Stopwatch(StopwatchCommand::Start(start("z"))), later, &limits).unwrap();
    apply(&mut board, &stop("z"), later, &limits).unwrap();
    assert_eq!(board.all::<Stopwatch>().count(), 200, "the next stops remove the rest");
}

/// Applies a command and commits its changes, which end with the first that is not partial.
fn apply(board: &mut Board, command: &Command, now: Timestamp, limits: &Limits) -> Result<Vec<Change>, Refusal> {
    let mut changes = Vec::new();
    loop {
        let (change, is_last) = match decide(board, &StoredRows::default(), command, CommandId(1), now, limits)? {
            Decision::Change(change) => (change, true),
            Decision::Partial(change) => (change, false),
            Decision::Nothing => return Ok(changes),
        };
        assert!(change.put.len() <= ITEMS_MAX && change.removed.len() <= REMOVALS_MAX);
        assert!(change.archive.len() <= ROWS_MAX);
        let revision = board.position.revision.next();
        *board = board.after(&change, Position { revision, tag: Tag(revision.0) });
        changes.push(change);
        if is_last {
            return Ok(changes);
        }
    }
}

fn add<T: ItemType>(board: &mut Board, item: T) {
    board.items.insert(ItemKey::of::<T>(item.id()), Arc::new(item.into_item()));
}

fn room() -> Room {
    Room {
        created: NOW,
        last_activity: NOW,
        duration: Millis::from_minutes(25),
        started_at: None,
        phase: CountdownPhase::Idle,
        completed_at: None,
        empty_since: None,
        unknown_fields: Vec::new(),
    }
}

fn disconnected_member(number: usize, at: Timestamp) -> Member {
    Member {
        id: MemberId::new(&format!("{number:04}")).unwrap(),
        name: format!("User {number}"),
        connected_at: NOW,
        secret: ResumeSecret::new(&format!("secret of {number}")).unwrap(),
        connection: ConnectionId::new(&number.to_string()).unwrap(),
        node: NodeId::new("n").unwrap(),
        disconnected_at: Some(at),
        unknown_fields: Vec::new(),
    }
}

fn session_id(number: usize) -> SessionId {
    SessionId::new(&format!("{number:04}")).unwrap()
}

fn stopped_session(number: usize, at: Timestamp) -> Stopwatch {
    Stopwatch {
        id: session_id(number),
        created: Revision(0),
        label: String::new(),
        group_id: None,
        group_name: None,
        comment: None,
        goals: Vec::new(),
        first_started_at: NOW,
        started_at: NOW,
        accumulated: Millis(0),
        phase: StopwatchPhase::Stopped(at),
        unknown_fields: Vec::new(),
    }
}

fn start(name: &str) -> Start {
    let (goals, group_id, group_name, comment) = (None, None, None, None);
    Start { session: Some(SessionId::new(name).unwrap()), label: name.into(), goals, group_id, group_name, comment }
}
