//! Properties of rooms under random commands.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use timers::room::{CountdownPhase, DURATION_MAX, Joining, Member, Room, RoomCommand};
use timers::{
    Board, Command, CommandId, ConnectionId, Decision, ITEMS_MAX, Item, ItemKey, Limits, MemberId, Millis, NodeId,
    Position, REMOVALS_MAX, ResumeSecret, RoomId, Scope, StoredRows, Tag, Timestamp, decide,
};

const BEGIN: u64 = 1_000_000;

fn joining(client: u8, resumes: bool) -> Joining {
    let node = NodeId::new(if client.is_multiple_of(2) { "even" } else { "odd" }).unwrap();
    let secret = ResumeSecret::new(&format!("secret-{client}")).unwrap();
    let connection = ConnectionId::new(&format!("connection-{client}")).unwrap();
    let resume = resumes.then(|| secret.clone());
    Joining { member: MemberId::new(&format!("m{client}")).unwrap(), secret, resume, name: None, connection, node }
}

fn command() -> impl Strategy<Value = RoomCommand> {
    let client = || 0..4_u8;
    prop_oneof![
        (client(), any::<bool>()).prop_map(|(client, resumes)| RoomCommand::Join(joining(client, resumes))),
        client().prop_map(|client| RoomCommand::Leave(joining(client, false).connection)),
        client().prop_map(|client| RoomCommand::MarkDisconnected(joining(client, false).connection)),
        client().prop_map(|client| RoomCommand::RemoveNodeMembers(joining(client, false).node)),
        proptest::option::of(1..400_000_u64).prop_map(|duration| RoomCommand::Start(duration.map(Millis))),
        Just(RoomCommand::Pause),
        Just(RoomCommand::Resume),
        Just(RoomCommand::Reset),
        (-120_000..120_000_i64).prop_map(RoomCommand::Adjust),
    ]
}

fn crowd() -> impl Strategy<Value = usize> {
    prop_oneof![1..400_usize, Just(REMOVALS_MAX / 2), Just(REMOVALS_MAX)]
}

/// Applies a command, after all partial changes that it requires.
fn apply(board: &Board, command: &Command, now: u64) -> Board {
    let mut board = board.clone();
    loop {
        let decided = decide(&board, &StoredRows::default(), command, CommandId(1), Timestamp(now), &Limits::default());
        let (change, is_partial) = match decided {
            Ok(Decision::Change(change)) => (change, false),
            Ok(Decision::Partial(change)) => (change, true),
            Ok(Decision::Nothing) | Err(_) => return board,
        };
        assert!(change.put.len() <= ITEMS_MAX && change.removed.len() <= REMOVALS_MAX);
        let revision = board.position.revision.next();
        board = board.after(&change, Position { revision, tag: Tag(revision.0) });
        if !is_partial {
            return board;
        }
    }
}

fn new_room() -> Board {
    let board = Board::empty(Scope::room(&RoomId::new("r").unwrap()));
    apply(&board, &Command::Room(RoomCommand::Create(None, joining(0, false))), BEGIN)
}

/// Returns a room with groups of disconnected members, each of which is disconnected at its own instant, and with or
/// without a connected one.
fn crowded_room(groups: &[(u64, usize)], has_connected: bool) -> Board {
    let mut board = new_room();
    if !has_connected {
        board.items.remove(&ItemKey::of::<Member>(&joining(0, false).member));
    }
    for (group, (delay, count)) in groups.iter().enumerate() {
        for number in 0..*count {
            let name = format!("{group}-{number}");
            let member = Member {
                id: MemberId::new(&name).unwrap(),
                connected_at: Timestamp(BEGIN),
                secret: ResumeSecret::new(&name).unwrap(),
                connection: ConnectionId::new(&name).unwrap(),
                node: NodeId::new("third").unwrap(),
                disconnected_at: Some(Timestamp(BEGIN + delay)),
                unknown_fields: Vec::new(),
                name,
            };
            board.items.insert(ItemKey::of::<Member>(&member.id), Arc::new(Item::Member(member)));
        }
    }
    board
}

/// Settles the board at each deadline until `now`.
fn settle_punctually(mut board: Board, now: u64) -> Board {
    while let Some(at) = board.deadline(&Limits::default()).filter(|at| at.0 <= now) {
        // A deadline before the last change is settled at the time of that change.
        board = apply(&board, &Command::Settle, at.0);
    }
    board
}

/// Returns the room after the commands and a rest: once settled at each deadline, and once by the commands and at the end
/// only.
fn settle_both_ways(room: &Board, commands: Vec<(u64, RoomCommand)>, rest: u64) -> (Board, Board) {
    let (mut punctual, mut late, mut now) = (room.clone(), room.clone(), BEGIN);
    for (pause, command) in commands {
        now += pause;
        punctual = apply(&settle_punctually(punctual, now), &Command::Room(command.clone()), now);
        late = apply(&late, &Command::Room(command), now);
    }
    now += rest;
    (settle_punctually(punctual, now), apply(&late, &Command::Settle, now))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn late_settling_equals_punctual_settling_beyond_the_size_of_a_commit(
        // Sizes at which the removals of one commit end within a group, between two groups, and with the last one.
        groups in prop::collection::vec((0..60_000_u64, crowd()), 1..4),
        has_connected in any::<bool>(),
        commands in prop::collection::vec((0..120_000_u64, command()), 0..4),
        rest in 0..700_000_u64,
    ) {
        let (punctual, late) = settle_both_ways(&crowded_room(&groups, has_connected), commands, rest);
        prop_assert_eq!(punctual.items, late.items);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn late_settling_equals_punctual_settling(
        commands in prop::collection::vec((0..200_000_u64, command()), 1..20),
        rest in 0..700_000_u64,
    ) {
        let (punctual, late) = settle_both_ways(&new_room(), commands, rest);
        prop_assert_eq!(punctual.items, late.items);
    }

    #[test]
    fn a_board_is_consistent_after_each_command(commands in prop::collection::vec((0..60_000_u64, command()), 1..30)) {
        let (mut board, mut now) = (new_room(), BEGIN);
        for (pause, command) in commands {
            now += pause;
            let before = board.clone();
            board = apply(&board, &Command::Room(command), now);
            if board == before {
                // The command was refused or had no effect, so due events are not settled either.
                continue;
            }
            let Some(room) = board.get::<Room>(&()) else {
                prop_assert!(board.items.is_empty() && before.all::<Member>().count() == 0);
                return Ok(());
            };
            prop_assert_eq!(room.empty_since.is_some(), board.all::<Member>().next().is_none());
            prop_assert!(room.remaining_at(Timestamp(now)) <= DURATION_MAX);
            if let CountdownPhase::Running { since, ends_at } = room.phase {
                prop_assert!(since <= Timestamp(now) && Timestamp(now) < ends_at);
            }
            let names: BTreeSet<&str> = board.all::<Member>().map(|member| member.name.as_str()).collect();
            prop_assert_eq!(names.len(), board.all::<Member>().count(), "no two members have the same name");
            let connections: BTreeSet<&ConnectionId> = board.all::<Member>().map(|member| &member.connection).collect();
            prop_assert_eq!(connections.len(), board.all::<Member>().count(), "a connection is one member");
            // A pause or reset in an empty room that only its countdown kept alive leaves the room due at once.
            let is_left = room.empty_since.is_some();
            prop_assert!(is_left || board.deadline(&Limits::default()).is_none_or(|at| at > Timestamp(now)));
        }
    }
}
