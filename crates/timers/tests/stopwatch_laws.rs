//! Properties of stopwatch sessions under random commands.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use timers::stopwatch::{Goal, Start, Stopwatch, StopwatchCommand, StopwatchPhase, StopwatchRefusal};
use timers::{
    Board, Command, CommandId, Decision, GoalId, Item, Limits, Millis, Position, RawJson, Refusal, Scope, SessionId,
    StoredRows, Tag, Timestamp, UserId, decide,
};

/// A simple model of a session.
#[derive(Clone, Default)]
struct ExpectedSession {
    runs: Vec<(u64, Option<u64>)>,
    ended: Option<u64>,
    goals: Vec<String>,
}

impl ExpectedSession {
    fn running_since(&self) -> Option<u64> {
        match self.runs.last() {
            Some((since, None)) => Some(*since),
            _ => None,
        }
    }

    fn close(&mut self, now: u64) {
        if let Some((_, end @ None)) = self.runs.last_mut() {
            *end = Some(now);
        }
    }

    fn sum(&self) -> u64 {
        self.runs.iter().filter_map(|(since, end)| end.map(|end| end - since)).sum()
    }

    fn apply(&mut self, now: u64, request: &StopwatchCommand) {
        match request {
            StopwatchCommand::Start(_) | StopwatchCommand::Resume(_) => {
                if self.running_since().is_none() {
                    self.runs.push((now, None));
                    self.ended = None;
                }
            }
            StopwatchCommand::Pause(_) => self.close(now),
            StopwatchCommand::Stop(_) => {
                self.close(now);
                self.ended.get_or_insert(now);
            }
            StopwatchCommand::Attach(_, goal) => {
                let id = goal.id().to_string();
                if !self.goals.contains(&id) {
                    self.goals.push(id);
                }
            }
            StopwatchCommand::Detach(_, goal) => self.goals.retain(|id| id != goal.as_str()),
            StopwatchCommand::Remove(_) | StopwatchCommand::Ingest(_) => unreachable!("handled by the caller"),
        }
    }
}

fn command() -> impl Strategy<Value = StopwatchCommand> {
    let session = prop_oneof![Just("a"), Just("b"), Just("c")].prop_map(|id| SessionId::new(id).unwrap());
    let goal = (0..3u8, 0..2u8).prop_map(|(id, title)| {
        Goal::new(RawJson::new(&format!(r#"{{"id":"g{id}","title":"{title}"}}"#)).unwrap()).unwrap()
    });
    (session, goal, 0..12u8).prop_map(|(session, goal, which)| match which {
        0..=2 => StopwatchCommand::Start(Start {
            session: Some(session),
            label: "x".into(),
            goals: None,
            group_id: None,
            group_name: None,
            comment: None,
        }),
        3..=4 => StopwatchCommand::Stop(session),
        5..=6 => StopwatchCommand::Pause(session),
        7..=8 => StopwatchCommand::Resume(session),
        9 => StopwatchCommand::Attach(session, goal),
        10 => StopwatchCommand::Detach(session, GoalId::new(goal.id().as_str()).unwrap()),
        _ => StopwatchCommand::Remove(session),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_board_equals_the_model(requests in prop::collection::vec((0..5_000u64, command()), 1..60)) {
        let limits = Limits::default();
        let mut board = Board::empty(Scope::user(&UserId::new("ann").unwrap()));
        let mut expected: BTreeMap<String, ExpectedSession> = BTreeMap::new();
        let mut now = 1_700_000_000_000;
        for (nth, (pause, request)) in requests.into_iter().enumerate() {
            let before: BTreeMap<_, _> =
                board.all::<Stopwatch>().map(|s| (s.id.clone(), (s.is_running(), s.elapsed_at(Timestamp(now))))).collect();
            now += pause;
            let id = request.session(&board.scope, CommandId(0), board.position.revision).unwrap();
            let command = Command::Stopwatch(request.clone());
            let decided = decide(&board, &StoredRows::default(), &command, CommandId(nth as u64), Timestamp(now), &limits);
            let is_start = matches!(request, StopwatchCommand::Start(_));
            if !is_start && !expected.contains_key(id.as_str()) {
                prop_assert_eq!(decided, Err(Refusal::Stopwatch(StopwatchRefusal::UnknownSession)));
                continue;
            }
            match decided.unwrap() {
                Decision::Change(change) => {
                    let revision = board.position.revision.next();
                    board = board.after(&change, Position { revision, tag: Tag(revision.0) });
                }
                Decision::Nothing => {}
                Decision::Partial(_) => panic!("one commit takes all that is due"),
            }
            if matches!(request, StopwatchCommand::Remove(_)) {
                expected.remove(id.as_str());
            } else {
                expected.entry(id.to_string()).or_default().apply(now, &request);
                let again = decide(&board, &StoredRows::default(), &command, CommandId(0), Timestamp(now + 1), &limits);
                prop_assert_eq!(again, Ok(Decision::Nothing), "a repeated command changes nothing");
            }

            prop_assert_eq!(board.items.len(), expected.len());
            for session in board.all::<Stopwatch>() {
                let model = &expected[session.id.as_str()];
                prop_assert_eq!(session.accumulated, Millis(model.sum()));
                prop_assert_eq!(session.is_running(), model.running_since().is_some());
                prop_assert_eq!(session.first_started_at.0, model.runs[0].0);
                let ended = match session.phase {
                    StopwatchPhase::Stopped(at) => Some(at.0),
                    StopwatchPhase::Running | StopwatchPhase::Paused(_) => None,
                };
                prop_assert_eq!(ended, model.ended);
                let goals: Vec<_> = session.goals.iter().map(|goal| goal.id().to_string()).collect();
                prop_assert_eq!(&goals, &model.goals);
                if let Some((true, shown)) = before.get(&session.id) {
                    prop_assert!(session.elapsed_at(Timestamp(now)) >= *shown, "elapsed never falls");
                }
            }
            for item in board.items.values() {
                prop_assert_eq!(&Item::decode(&item.encode()).unwrap(), item.as_ref());
            }
        }
    }

    #[test]
    fn ticks_of_a_run_are_exactly_a_second_apart(start in 0..100_000u64, beats in 1..50u64) {
        let scope = Scope::user(&UserId::new("ann").unwrap());
        let board = Board::empty(scope);
        let command = Command::Stopwatch(StopwatchCommand::Start(Start {
            session: None, label: "x".into(), goals: None, group_id: None, group_name: None, comment: None,
        }));
        let started_at = Timestamp(1_700_000_000_000 + start);
        let decided = decide(&board, &StoredRows::default(), &command, CommandId(0), started_at, &Limits::default());
        let Ok(Decision::Change(change)) = decided else { panic!("{decided:?}") };
        let board = board.after(&change, Position::NONE);
        let session = board.all::<Stopwatch>().next().unwrap();
        let mut beat = started_at.beat();
        let mut last = session.tick_at(beat);
        prop_assert!(last.is_none_or(|shown| shown == Millis(0)));
        for _ in 0..beats {
            beat = beat.next();
            let shown = session.tick_at(beat).unwrap();
            if let Some(last) = last {
                prop_assert_eq!(shown, last + Millis(1000));
            }
            prop_assert!(shown.0 <= (beat.0 + 1) * 1000 - started_at.0);
            last = Some(shown);
        }
    }
}
