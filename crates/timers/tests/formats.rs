//! Boards and scopes that a newer version wrote.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use timers::disconnect::{Disconnect, DisconnectTarget};
use timers::room::{Member, Room, RoomCommand};
use timers::{
    Board, Command, CommandId, DeadlineMove, Decision, Item, ItemKey, Limits, MemberId, Refusal, RoomId, Scope,
    ScopeKind, StoredRows, Timestamp, decide,
};

const ROOM: &str = r#"{"v":1,"room":{"created":1,"last_activity":2,"duration_ms":3}}"#;
const MEMBER: &str = r#"{"v":1,"member":{"id":"a","name":"Ann","connected_at":1,"secret":"s","link":"l","node":"n"}}"#;
const NEWER_MEMBER: &str = r#"{"v":2,"member":{"id":"b","names":["Ben"],"weight":1.0}}"#;

#[test]
fn a_member_of_a_newer_format_is_kept_and_the_other_items_are_read() {
    let scope = Scope::room(&RoomId::new("r").unwrap());
    let board = board(scope, &[("room:", ROOM), ("member:a", MEMBER), ("member:b", NEWER_MEMBER)]);
    assert!(matches!(&*board.items["member:b"], Item::Unknown(_)));
    assert_eq!(board.items["member:b"].encode(), NEWER_MEMBER.as_bytes());
    assert_eq!(board.get::<Room>(&()).unwrap().last_activity, Timestamp(2));
    assert_eq!(board.all::<Member>().map(|member| member.name.as_str()).collect::<Vec<_>>(), ["Ann"]);
    assert!(board.get::<Member>(&MemberId::new("b").unwrap()).is_none());

    let start = Command::Room(RoomCommand::Start(None));
    let Ok(Decision::Change(change)) = decide_at(&board, &start, Timestamp(10)) else { panic!("the room starts") };
    assert_eq!(change.put.keys().map(ItemKey::as_str).collect::<Vec<_>>(), ["room:"]);
    assert!(change.removed.is_empty());
}

#[test]
fn a_disconnect_order_of_an_unknown_target_is_kept_and_the_other_orders_are_read() {
    let organisation = r#"{"v":1,"disconnect":{"id":"1","whom":{"organisation":"7"},"at":5}}"#;
    let scope = r#"{"v":1,"disconnect":{"id":"2","whom":{"scope":"planet:7"},"at":6}}"#;
    let user = r#"{"v":1,"disconnect":{"id":"3","whom":{"user":"ann"},"at":7}}"#;
    let orders = [("disconnect:1", organisation), ("disconnect:2", scope), ("disconnect:3", user)];
    let board = board(Scope::cluster(), &orders);
    for (key, stored) in orders {
        assert_eq!(String::from_utf8(board.items[key].encode()).unwrap(), stored);
    }
    let targets: Vec<&DisconnectTarget> = board.all::<Disconnect>().map(|order| &order.target).collect();
    let [DisconnectTarget::Unknown(raw), DisconnectTarget::Scope(planet), DisconnectTarget::User(ann)] = targets[..]
    else {
        panic!("{targets:?}");
    };
    assert_eq!(raw.as_str(), r#"{"organisation":"7"}"#);
    assert_eq!((planet.to_string().as_str(), planet.is_known(), ann.as_str()), ("planet:7", false, "ann"));
    assert_eq!(board.deadline(&Limits::default()), Some(Timestamp(5 + 15 * 60 * 1000)), "orders of any target expire");
}

/// The engine never fires the deadlines of a scope of an unknown kind. If it did, the rules would change no item.
#[test]
fn settling_the_board_of_an_unknown_scope_only_clears_its_deadline() {
    let scope: Scope = "planet:earth".parse().unwrap();
    assert_eq!(scope.kind(), &ScopeKind::Unknown("planet".into()));
    assert!(!scope.is_known());
    assert_eq!((scope.to_string().as_str(), scope.id()), ("planet:earth", "earth"));
    assert_eq!((scope.as_user(), scope.as_room(), scope.as_node()), (None, None, None));

    let board = board(scope, &[("moon:1", r#"{"v":1,"moon":{"phase":0.50}}"#)]);
    assert!(matches!(&*board.items["moon:1"], Item::Unknown(_)));
    let Ok(Decision::Change(change)) = decide_at(&board, &Command::Settle, Timestamp(10)) else {
        panic!("settling moves the deadline");
    };
    assert_eq!(change.deadline, DeadlineMove::Clear);
    assert!(change.put.is_empty() && change.removed.is_empty() && change.archive.is_empty());
    assert!(!board.expires_after(&change));
}

fn board(scope: Scope, stored: &[(&str, &str)]) -> Board {
    let mut board = Board::empty(scope);
    for (key, bytes) in stored {
        board.items.insert(ItemKey::from_stored(key), Arc::new(Item::decode(bytes.as_bytes()).unwrap()));
    }
    board
}

fn decide_at(board: &Board, command: &Command, now: Timestamp) -> Result<Decision, Refusal> {
    decide(board, &StoredRows::default(), command, CommandId(1), now, &Limits::default())
}
