//! The rules of disconnect orders.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use timers::disconnect::{
    DISCONNECTS_MAX, Disconnect, DisconnectCommand, DisconnectRefusal, DisconnectTarget, ORDER_RETENTION,
};
use timers::{
    Board, Change, Command, CommandId, DeadlineMove, Decision, DisconnectId, Item, Limits, Millis, Position, Refusal,
    RoomId, Scope, StoredRows, Tag, Timestamp, UserId, decide,
};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn apply(board: &Board, command: &Command, now: Timestamp) -> Result<(Board, Change), Refusal> {
    match decide(board, &StoredRows::default(), command, CommandId(1), now, &Limits::default())? {
        Decision::Change(change) => {
            let revision = board.position.revision.next();
            Ok((board.after(&change, Position { revision, tag: Tag(revision.0) }), change))
        }
        other @ (Decision::Nothing | Decision::Partial(_)) => panic!("{command:?} gave {other:?}"),
    }
}

fn order(id: usize, target: &DisconnectTarget) -> Command {
    Command::Disconnect(DisconnectCommand::Order(DisconnectId::new(&id.to_string()).unwrap(), target.clone()))
}

fn ann() -> DisconnectTarget {
    DisconnectTarget::User(UserId::new("ann").unwrap())
}

#[test]
fn an_order_is_kept_with_its_time_and_removed_after_its_retention() {
    let room = DisconnectTarget::Scope(Scope::room(&RoomId::new("r").unwrap()));
    let (board, change) = apply(&Board::empty(Scope::cluster()), &order(1, &ann()), NOW).unwrap();
    assert_eq!(change.deadline, DeadlineMove::Set(NOW + ORDER_RETENTION));
    let later = NOW + Millis(1000);
    let (board, change) = apply(&board, &order(2, &room), later).unwrap();
    assert_eq!(change.deadline, DeadlineMove::Keep);
    let orders: Vec<_> = board.all::<Disconnect>().map(|order| (order.target.clone(), order.at)).collect();
    assert_eq!(orders, [(ann(), NOW), (room, later)]);
    let (board, change) = apply(&board, &Command::Settle, NOW + ORDER_RETENTION).unwrap();
    assert_eq!((board.all::<Disconnect>().count(), change.deadline), (1, DeadlineMove::Set(later + ORDER_RETENTION)));
    let (board, change) = apply(&board, &Command::Settle, later + ORDER_RETENTION).unwrap();
    assert_eq!((board.items.len(), change.deadline), (0, DeadlineMove::Clear));
}

#[test]
fn the_number_of_orders_is_limited_and_expired_orders_do_not_count() {
    let mut board = Board::empty(Scope::cluster());
    for id in 0..DISCONNECTS_MAX {
        board = apply(&board, &order(id, &ann()), NOW).unwrap().0;
    }
    let refused = apply(&board, &order(DISCONNECTS_MAX, &ann()), NOW).map(drop);
    assert_eq!(refused, Err(Refusal::Disconnect(DisconnectRefusal::TooMany)));
    let (board, _) = apply(&board, &order(DISCONNECTS_MAX, &ann()), NOW + ORDER_RETENTION).unwrap();
    assert_eq!(board.all::<Disconnect>().count(), 1);
}

#[test]
fn an_order_is_decoded_as_encoded() {
    for target in [
        ann(),
        DisconnectTarget::Scope(Scope::room(&RoomId::new("r:1").unwrap())),
        DisconnectTarget::Connection("n-1".to_owned()),
    ] {
        let (board, _) = apply(&Board::empty(Scope::cluster()), &order(1, &target), NOW).unwrap();
        let item = board.items.values().next().unwrap();
        assert_eq!(Item::decode(&item.encode()).unwrap(), **item);
    }
}
