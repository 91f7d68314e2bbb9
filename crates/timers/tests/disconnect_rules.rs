//! What becomes of clients that are sent away: it is noted for a while, and there is a limit.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use timers::disconnect::{Command, DISCONNECTS_MAX, KEPT_FOR, Refusal as No, Whom};
use timers::{
    Board, Change, CommandId, DeadlineMove, Decision, DisconnectId, Item, Known, Limits, Millis, Position, Refusal,
    RoomId, Scope, Tag, Timestamp, UserId, decide,
};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn after(board: &Board, command: &timers::Command, now: Timestamp) -> Result<(Board, Change), Refusal> {
    match decide(board, &Known::default(), command, CommandId(1), now, &Limits::default())? {
        Decision::Change(change) => {
            let revision = board.position.revision.next();
            Ok((board.after(&change, Position { revision, tag: Tag(revision.0) }), change))
        }
        Decision::Nothing => panic!("nothing was done"),
    }
}

fn send_away(id: usize, whom: &Whom) -> timers::Command {
    timers::Command::Disconnect(Command::SendAway(DisconnectId::new(&id.to_string()).unwrap(), whom.clone()))
}

fn ann() -> Whom {
    Whom::User(UserId::new("ann").unwrap())
}

#[test]
fn it_is_noted_with_its_instant_and_forgotten_after_a_while() {
    let room = Whom::Scope(Scope::Room(RoomId::new("r").unwrap()));
    let (board, change) = after(&Board::empty(Scope::Cluster), &send_away(1, &ann()), NOW).unwrap();
    assert_eq!(change.deadline, DeadlineMove::Set(NOW + KEPT_FOR));
    let later = NOW + Millis(1000);
    let (board, change) = after(&board, &send_away(2, &room), later).unwrap();
    assert_eq!(change.deadline, DeadlineMove::Keep);
    let noted: Vec<_> = board.disconnects().map(|noted| (noted.whom.clone(), noted.at)).collect();
    assert_eq!(noted, [(ann(), NOW), (room, later)]);
    let (board, change) = after(&board, &timers::Command::Settle, NOW + KEPT_FOR).unwrap();
    assert_eq!((board.disconnects().count(), change.deadline), (1, DeadlineMove::Set(later + KEPT_FOR)));
    let (board, change) = after(&board, &timers::Command::Settle, later + KEPT_FOR).unwrap();
    assert_eq!((board.items.len(), change.deadline), (0, DeadlineMove::Clear));
}

#[test]
fn there_is_a_limit_and_what_is_old_does_not_count() {
    let mut board = Board::empty(Scope::Cluster);
    for id in 0..DISCONNECTS_MAX {
        board = after(&board, &send_away(id, &ann()), NOW).unwrap().0;
    }
    let refused = after(&board, &send_away(DISCONNECTS_MAX, &ann()), NOW).map(drop);
    assert_eq!(refused, Err(Refusal::Disconnect(No::TooMany)));
    let (board, _) = after(&board, &send_away(DISCONNECTS_MAX, &ann()), NOW + KEPT_FOR).unwrap();
    assert_eq!(board.disconnects().count(), 1);
}

#[test]
fn it_is_read_back_as_it_was_written() {
    for whom in [ann(), Whom::Scope(Scope::Room(RoomId::new("r:1").unwrap())), Whom::Connection("n-1".to_owned())] {
        let (board, _) = after(&Board::empty(Scope::Cluster), &send_away(1, &whom), NOW).unwrap();
        let item = board.items.values().next().unwrap();
        assert_eq!(Item::decode(&item.encode()).unwrap(), **item);
    }
}
