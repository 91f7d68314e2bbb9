//! What holds for stopwatch sessions whatever is asked in whatever order.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use timers::stopwatch::{Command as Ask, Goal, Phase, Start};
use timers::{
    Board, Command, CommandId, Decision, GoalId, Item, Known, Limits, Millis, Position, RawJson, Refusal, Scope,
    SessionId, Tag, Timestamp, UserId, decide,
};

/// A session as a person with a notebook would keep it.
#[derive(Clone, Default)]
struct Note {
    runs: Vec<(u64, Option<u64>)>,
    ended: Option<u64>,
    goals: Vec<String>,
}

impl Note {
    fn runs_since(&self) -> Option<u64> {
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

    fn obey(&mut self, now: u64, ask: &Ask) {
        match ask {
            Ask::Start(_) | Ask::Resume(_) => {
                if self.runs_since().is_none() {
                    self.runs.push((now, None));
                    self.ended = None;
                }
            }
            Ask::Pause(_) => self.close(now),
            Ask::Stop(_) => {
                self.close(now);
                self.ended.get_or_insert(now);
            }
            Ask::Attach(_, goal) => {
                let id = goal.id().to_string();
                if !self.goals.contains(&id) {
                    self.goals.push(id);
                }
            }
            Ask::Detach(_, goal) => self.goals.retain(|id| id != goal.as_str()),
            Ask::Remove(_) | Ask::Ingest(_) => unreachable!("handled by the caller"),
        }
    }
}

fn asks() -> impl Strategy<Value = Ask> {
    let session = prop_oneof![Just("a"), Just("b"), Just("c")].prop_map(|id| SessionId::new(id).unwrap());
    let goal = (0..3u8, 0..2u8).prop_map(|(id, title)| {
        Goal::new(RawJson::new(&format!(r#"{{"id":"g{id}","title":"{title}"}}"#)).unwrap()).unwrap()
    });
    (session, goal, 0..12u8).prop_map(|(session, goal, which)| match which {
        0..=2 => Ask::Start(Start {
            session: Some(session),
            label: "x".into(),
            goals: None,
            group_id: None,
            group_name: None,
            comment: None,
        }),
        3..=4 => Ask::Stop(session),
        5..=6 => Ask::Pause(session),
        7..=8 => Ask::Resume(session),
        9 => Ask::Attach(session, goal),
        10 => Ask::Detach(session, GoalId::new(goal.id().as_str()).unwrap()),
        _ => Ask::Remove(session),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_board_says_what_the_notebook_says(story in prop::collection::vec((0..5_000u64, asks()), 1..60)) {
        let limits = Limits::default();
        let mut board = Board::empty(Scope::User(UserId::new("ann").unwrap()));
        let mut notes: BTreeMap<String, Note> = BTreeMap::new();
        let mut now = 1_700_000_000_000;
        for (nth, (pause, ask)) in story.into_iter().enumerate() {
            let before: BTreeMap<_, _> =
                board.stopwatches().map(|s| (s.id.clone(), (s.is_running(), s.elapsed_at(Timestamp(now))))).collect();
            now += pause;
            let id = ask.session(&board.scope, CommandId(0), board.position.revision).unwrap();
            let command = Command::Stopwatch(ask.clone());
            let decided = decide(&board, &Known::default(), &command, CommandId(nth as u64), Timestamp(now), &limits);
            let is_start = matches!(ask, Ask::Start(_));
            if !is_start && !notes.contains_key(id.as_str()) {
                prop_assert_eq!(decided, Err(Refusal::UnknownSession));
                continue;
            }
            if let Decision::Change(change) = decided.unwrap() {
                let revision = board.position.revision.next();
                board = board.after(&change, Position { revision, tag: Tag(revision.0) });
            }
            if matches!(ask, Ask::Remove(_)) {
                notes.remove(id.as_str());
            } else {
                notes.entry(id.to_string()).or_default().obey(now, &ask);
                let again = decide(&board, &Known::default(), &command, CommandId(0), Timestamp(now + 1), &limits);
                prop_assert_eq!(again, Ok(Decision::Nothing), "a repeated command changes nothing");
            }

            prop_assert_eq!(board.items.len(), notes.len());
            for session in board.stopwatches() {
                let note = &notes[session.id.as_str()];
                prop_assert_eq!(session.accumulated, Millis(note.sum()));
                prop_assert_eq!(session.is_running(), note.runs_since().is_some());
                prop_assert_eq!(session.first_started_at.0, note.runs[0].0);
                let ended = match session.phase {
                    Phase::Stopped(at) => Some(at.0),
                    Phase::Running | Phase::Paused(_) => None,
                };
                prop_assert_eq!(ended, note.ended);
                let goals: Vec<_> = session.goals.iter().map(|goal| goal.id().to_string()).collect();
                prop_assert_eq!(&goals, &note.goals);
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
        let scope = Scope::User(UserId::new("ann").unwrap());
        let board = Board::empty(scope);
        let command = Command::Stopwatch(Ask::Start(Start {
            session: None, label: "x".into(), goals: None, group_id: None, group_name: None, comment: None,
        }));
        let begun = Timestamp(1_700_000_000_000 + start);
        let decided = decide(&board, &Known::default(), &command, CommandId(0), begun, &Limits::default());
        let Ok(Decision::Change(change)) = decided else { panic!("{decided:?}") };
        let board = board.after(&change, Position::NONE);
        let session = board.stopwatches().next().unwrap();
        let mut beat = begun.beat();
        let mut last = session.tick_at(beat);
        prop_assert!(last.is_none_or(|shown| shown == Millis(0)));
        for _ in 0..beats {
            beat = beat.next();
            let shown = session.tick_at(beat).unwrap();
            if let Some(last) = last {
                prop_assert_eq!(shown, last + Millis(1000));
            }
            prop_assert!(shown.0 <= (beat.0 + 1) * 1000 - begun.0);
            last = Some(shown);
        }
    }
}
