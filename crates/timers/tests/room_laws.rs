//! What holds for rooms whatever is asked in whatever order.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use proptest::prelude::*;
use timers::room::{Command as Ask, DURATION_MAX, Joining, Phase};
use timers::{
    Board, Command, CommandId, Decision, Known, Limits, LinkId, MemberId, Millis, NodeId, Position, ResumeSecret,
    RoomId, Scope, Tag, Timestamp, decide,
};

const BEGIN: u64 = 1_000_000;

fn joining(who: u8, resumes: bool) -> Joining {
    let node = NodeId::new(if who.is_multiple_of(2) { "even" } else { "odd" }).unwrap();
    let secret = ResumeSecret::new(&format!("secret-{who}")).unwrap();
    let link = LinkId::new(&format!("link-{who}")).unwrap();
    let resume = resumes.then(|| secret.clone());
    Joining { member: MemberId::new(&format!("m{who}")).unwrap(), secret, resume, name: None, link, node }
}

fn ask() -> impl Strategy<Value = Ask> {
    let who = || 0..4_u8;
    prop_oneof![
        (who(), any::<bool>()).prop_map(|(who, resumes)| Ask::Join(joining(who, resumes))),
        who().prop_map(move |who| Ask::Leave(joining(who, false).link)),
        who().prop_map(move |who| Ask::Lose(joining(who, false).link)),
        who().prop_map(|who| Ask::Depart(joining(who, false).node)),
        proptest::option::of(1..400_000_u64).prop_map(|duration| Ask::Start(duration.map(Millis))),
        Just(Ask::Pause),
        Just(Ask::Resume),
        Just(Ask::Reset),
        (-120_000..120_000_i64).prop_map(Ask::Adjust),
    ]
}

fn apply(board: &Board, command: &Command, now: u64) -> Board {
    match decide(board, &Known::default(), command, CommandId(1), Timestamp(now), &Limits::default()) {
        Ok(Decision::Change(change)) => {
            let revision = board.position.revision.next();
            board.after(&change, Position { revision, tag: Tag(revision.0) })
        }
        Ok(Decision::Nothing) | Err(_) => board.clone(),
    }
}

fn made() -> Board {
    let board = Board::empty(Scope::Room(RoomId::new("r").unwrap()));
    apply(&board, &Command::Room(Ask::Create(None, joining(0, false))), BEGIN)
}

/// Carries out everything that falls due by `now` at its very instant.
fn on_time(mut board: Board, now: u64) -> Board {
    while let Some(at) = board.deadline(&Limits::default()).filter(|at| at.0 <= now) {
        // A time that has passed is the board's own.
        board = apply(&board, &Command::Settle, at.0);
    }
    board
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn to_be_late_changes_nothing(asks in prop::collection::vec((0..200_000_u64, ask()), 1..20), rest in 0..700_000_u64) {
        let (mut punctual, mut late, mut now) = (made(), made(), BEGIN);
        for (pause, ask) in asks {
            now += pause;
            punctual = apply(&on_time(punctual, now), &Command::Room(ask.clone()), now);
            late = apply(&late, &Command::Room(ask), now);
        }
        now += rest;
        punctual = on_time(punctual, now);
        late = apply(&late, &Command::Settle, now);
        prop_assert_eq!(punctual.items, late.items);
    }

    #[test]
    fn a_board_is_whole_after_each_step(asks in prop::collection::vec((0..60_000_u64, ask()), 1..30)) {
        let (mut board, mut now) = (made(), BEGIN);
        for (pause, ask) in asks {
            now += pause;
            let before = board.clone();
            board = apply(&board, &Command::Room(ask), now);
            if board == before {
                // Refused, or nothing to do: what is due waits for its own firing.
                continue;
            }
            let Some(room) = board.room() else {
                prop_assert!(board.items.is_empty() && before.members().count() == 0);
                return Ok(());
            };
            prop_assert_eq!(room.empty_since.is_some(), board.members().next().is_none());
            prop_assert!(room.remaining_at(Timestamp(now)) <= DURATION_MAX);
            if let Phase::Running { since, ends_at } = room.phase {
                prop_assert!(since <= Timestamp(now) && Timestamp(now) < ends_at);
            }
            let names: std::collections::BTreeSet<&str> = board.members().map(|member| member.name.as_str()).collect();
            prop_assert_eq!(names.len(), board.members().count(), "numbers are not given twice");
            let links: std::collections::BTreeSet<&LinkId> = board.members().map(|member| &member.link).collect();
            prop_assert_eq!(links.len(), board.members().count(), "a connection is one member");
            // Who is not there can hold a countdown that kept an empty room alive; it goes then.
            let is_left = room.empty_since.is_some();
            prop_assert!(is_left || board.deadline(&Limits::default()).is_none_or(|at| at > Timestamp(now)));
        }
    }
}
