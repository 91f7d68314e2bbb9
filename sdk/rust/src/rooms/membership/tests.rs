use serde_json::{Map, json};
use tokio::sync::oneshot;

use super::*;
use crate::rooms::membership::commands::UNANSWERED_MAX;
use crate::rooms::protocol::TimerState;

/// A membership on a link that takes what it is given.
struct World {
    membership: Membership,
    now: Instant,
    is_linked: bool,
    sent: Vec<String>,
}

impl World {
    fn new(is_linked: bool) -> Self {
        Self { membership: Membership::default(), now: Instant::now(), is_linked, sent: Vec::new() }
    }

    /// Returns a member of the room `r`.
    fn joined() -> Self {
        let mut world = Self::new(true);
        let mut joined = world.join("r");
        world.answer(1, joined_room(1));
        assert_eq!(joined.try_recv().unwrap().unwrap().session_id, "r");
        world.sent.clear();
        world
    }

    fn with<R>(&mut self, act: impl FnOnce(&mut Membership, Instant, SendPacket<'_>) -> R) -> R {
        let Self { membership, now, is_linked, sent } = self;
        let result = act(membership, *now, &mut |text| {
            if *is_linked {
                sent.push(text);
            }
            *is_linked
        });
        membership.flush_replies();
        result
    }

    fn join(&mut self, id: &str) -> oneshot::Receiver<Result<Arc<Room>, RoomError>> {
        let (reply, answered) = oneshot::channel();
        let target = Target::Room { session_id: id.to_owned(), name: None };
        self.with(|membership, now, send| membership.set_target(target, reply, now, send));
        answered
    }

    fn pause(&mut self) -> oneshot::Receiver<Result<TimerState, RoomError>> {
        let (reply, answered) = oneshot::channel();
        let command = RoomCommand { event: "timer:pause", payload: Map::new(), reply };
        self.with(|membership, now, send| membership.command(command, now, send));
        answered
    }

    fn answer(&mut self, id: u64, answer: Value) {
        self.with(|membership, now, send| membership.handle_answer(id, answer, now, send));
    }

    /// Joins on the link of the dial in progress, and returns the id of the join.
    fn join_early(&mut self) -> u64 {
        let mut text = String::new();
        let is_joining = self.membership.join_early(&mut |packet| {
            text = packet;
            true
        });
        assert!(is_joining && text.contains(r#""resume":"secret""#), "{text}");
        self.membership.last_id
    }

    fn take_sent(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sent)
    }
}

fn state(rev: u64) -> Value {
    json!({
        "sessionId": "r", "duration": 60, "remainingTime": 60, "isRunning": false, "isPaused": false, "serverTime": 0,
        "rev": rev,
    })
}

fn joined_room(rev: u64) -> Value {
    json!({
        "sessionId": "r", "clientId": "a", "name": "Ann", "resume": "secret", "createdAt": 0, "lastActivity": 0,
        "state": state(rev), "clients": [], "count": 1,
    })
}

fn fault(code: &str) -> Value {
    json!({ "error": { "code": code, "message": "x" } })
}

#[test]
fn a_join_that_fails_ends_and_one_without_a_store_is_tried_again() {
    let mut world = World::new(true);
    let mut joined = world.join("r");
    world.answer(1, fault("UNAVAILABLE"));
    assert!(joined.try_recv().is_err());
    world.with(|membership, now, send| membership.check(now, send));
    assert_eq!(world.take_sent().len(), 2);
    world.answer(2, fault("SESSION_NOT_FOUND"));
    let error = joined.try_recv().unwrap().unwrap_err();
    assert!(matches!(error, RoomError::Rejected { code: RoomErrorCode::SessionNotFound, .. }));
    world.with(|membership, now, send| membership.check(now, send));
    assert!(world.take_sent().is_empty());
}

#[test]
fn another_target_replaces_the_first_and_leaves_its_room() {
    let mut world = World::new(true);
    let mut first = world.join("q");
    let mut second = world.join("r");
    assert_eq!(first.try_recv().unwrap(), Err(RoomError::Superseded));
    assert_eq!(world.take_sent()[1..], [r#"422["session:leave"]"#, r#"423["session:join",{"sessionId":"r"}]"#]);
    world.answer(1, joined_room(1));
    assert!(second.try_recv().is_err(), "the answer to the first join does not count");
    world.answer(3, joined_room(2));
    assert!(second.try_recv().unwrap().is_ok() && world.membership.is_joined);
    assert!(world.join("r").try_recv().unwrap().is_ok() && world.take_sent().is_empty());
}

#[test]
fn a_new_room_becomes_the_target_so_that_the_client_returns_to_it() {
    let mut world = World::new(false);
    let (reply, mut created) = oneshot::channel();
    let target = Target::New { duration_s: Some(1500.0), name: Some("Ann".to_owned()) };
    world.with(|membership, now, send| membership.set_target(target, reply, now, send));
    world.is_linked = true;
    assert!(!world.membership.join_early(&mut |_| true), "there is no room to join yet");
    world.with(|membership, now, send| membership.handle_connect(now, send));
    assert_eq!(world.take_sent(), [r#"422["session:create",{"duration":1500.0,"name":"Ann"}]"#]);
    world.answer(2, joined_room(1));
    assert!(created.try_recv().unwrap().is_ok());
    world.with(|membership, _, _| membership.handle_loss(false));
    world.join_early();
}

#[test]
fn commands_during_a_move_are_carried_out_on_the_next_link() {
    let mut world = World::joined();
    let mut before = world.pause();
    let join = world.join_early();
    let mut during = world.pause();
    assert_eq!(world.take_sent().len(), 1);
    world.answer(2, fault("NOT_JOINED"));
    assert!(world.membership.is_early_join(join) && before.try_recv().is_err() && during.try_recv().is_err());
    world.with(|membership, now, send| membership.handle_early_join(joined_room(2), true, now, send));
    assert_eq!(world.take_sent().len(), 2);
    world.answer(join + 1, state(3));
    world.answer(join + 2, state(4));
    assert_eq!((before.try_recv().unwrap().unwrap().rev, during.try_recv().unwrap().unwrap().rev), (4, 3));
}

#[test]
fn a_command_without_an_answer_after_a_move_has_an_unknown_outcome() {
    let mut world = World::joined();
    let mut before = world.pause();
    world.join_early();
    world.with(|membership, now, send| membership.handle_early_join(joined_room(2), true, now, send));
    assert!(world.membership.awaits_old_answers());
    world.now += HANDOVER_ANSWERS;
    world.with(|membership, now, send| membership.check(now, send));
    assert_eq!(before.try_recv().unwrap(), Err(RoomError::OutcomeUnknown));
    assert!(!world.membership.awaits_old_answers());
}

#[test]
fn a_move_that_fails_returns_to_the_membership_and_sends_what_was_held() {
    let mut world = World::joined();
    let join = world.join_early();
    let mut held = world.pause();
    world.with(|membership, now, send| membership.handle_failed_move(now, send));
    assert!(world.take_sent()[0].contains("session:join"));
    world.answer(join + 1, joined_room(2));
    assert_eq!(world.take_sent().len(), 1);
    world.answer(join + 2, state(3));
    assert!(held.try_recv().unwrap().is_ok());
}

#[test]
fn a_loss_fails_commands_and_lets_a_leave_succeed() {
    let mut world = World::joined();
    let mut paused = world.pause();
    world.with(|membership, _, _| membership.handle_loss(false));
    assert_eq!(paused.try_recv().unwrap(), Err(RoomError::OutcomeUnknown));
    assert_eq!(world.pause().try_recv().unwrap(), Err(RoomError::NotJoined));
    let mut world = World::joined();
    let (reply, mut left) = oneshot::channel();
    world.with(|membership, now, send| membership.leave(reply, now, send));
    world.with(|membership, _, _| membership.handle_loss(false));
    assert_eq!(left.try_recv().unwrap(), Ok(()));
}

#[test]
fn commands_without_an_answer_have_a_limit() {
    let mut world = World::joined();
    let waiting: Vec<_> = (0..UNANSWERED_MAX).map(|_| world.pause()).collect();
    assert_eq!(world.pause().try_recv().unwrap(), Err(RoomError::QueueFull));
    assert_eq!((waiting.len(), world.take_sent().len()), (UNANSWERED_MAX, UNANSWERED_MAX));
}

#[test]
fn a_client_whose_membership_was_taken_over_becomes_a_new_member() {
    let mut world = World::joined();
    let mut paused = world.pause();
    world.take_sent();
    world.answer(2, fault("NOT_JOINED"));
    assert!(matches!(paused.try_recv().unwrap(), Err(RoomError::Rejected { code: RoomErrorCode::NotJoined, .. })));
    assert_eq!(world.take_sent(), [r#"423["session:join",{"sessionId":"r"}]"#]);
}
