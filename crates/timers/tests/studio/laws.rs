//! Properties of organisations under random commands, compared with a plain model.

use std::collections::BTreeMap;

use proptest::prelude::*;
use timers::studio::{
    Cost, EntryId, EventKind, Rate, StudioCommand, StudioEvent, StudioRefusal, TimeEntry, Total, whole_minutes,
};
use timers::{Decision, Millis, Timestamp};

use super::fixture::*;

/// A command, and the milliseconds that pass before it. Instants are relative to the time of the command.
#[derive(Clone, Debug)]
enum Step {
    Start(u64, i64),
    Stop(u64),
    Adjust(u64, Option<i64>, Option<i64>),
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let offset = || proptest::option::of(-500_000..100_000_i64);
    let step = prop_oneof![
        3 => (0..7_u64, 1..4_i64).prop_map(|(kind, target)| Step::Start(kind, target)),
        2 => (0..8_u64).prop_map(Step::Stop),
        3 => (0..8_u64, offset(), offset()).prop_map(|(entry, start, end)| Step::Adjust(entry, start, end)),
    ];
    proptest::collection::vec((0..200_000_u64, step), 1..40)
}

/// What the model knows of an entry.
#[derive(Clone, Copy, Debug, PartialEq)]
struct ModelEntry {
    target: i64,
    start: u64,
    end: Option<u64>,
}

fn shifted(now: Timestamp, by: i64) -> Timestamp {
    Timestamp(now.0.saturating_add_signed(by))
}

/// Returns what the contract says, and changes the model.
fn expected(model: &mut BTreeMap<u64, ModelEntry>, now: u64, step: &Step) -> Result<Vec<EventKind>, StudioRefusal> {
    match *step {
        Step::Start(kind, _) if !(1..=5).contains(&kind) => Err(StudioRefusal::UnknownTaskType),
        Step::Start(_, target) => {
            if model.values().any(|known| known.target == target && known.end.is_none()) {
                return Err(StudioRefusal::AlreadyRunning);
            }
            model.insert(model.len() as u64 + 1, ModelEntry { target, start: now, end: None });
            Ok(vec![EventKind::Started])
        }
        Step::Stop(entry) => {
            let known = model.get_mut(&entry).ok_or(StudioRefusal::UnknownEntry)?;
            if known.end.is_some() {
                return Err(StudioRefusal::NotRunning);
            }
            known.end = Some(now);
            Ok(vec![EventKind::Stopped])
        }
        Step::Adjust(entry, start, end) => {
            let known = model.get_mut(&entry).ok_or(StudioRefusal::UnknownEntry)?;
            let start = start.map(|by| shifted(Timestamp(now), by).0);
            let end = end.map(|by| shifted(Timestamp(now), by).0);
            if start.is_some_and(|start| start > now) {
                return Err(StudioRefusal::StartInFuture);
            }
            let new = ModelEntry { start: start.unwrap_or(known.start), end: end.or(known.end), ..*known };
            if new.end.is_some_and(|end| end < new.start) {
                return Err(StudioRefusal::EndBeforeStart);
            }
            let mut events = vec![EventKind::Adjusted];
            match (known.end, new.end) {
                (None, Some(_)) => events.push(EventKind::Stopped),
                (None, None) if known.start != new.start => events.push(EventKind::Started),
                (None, None) | (Some(_), _) => {}
            }
            *known = new;
            Ok(events)
        }
    }
}

fn command(now: Timestamp, step: &Step) -> StudioCommand {
    match *step {
        Step::Start(kind, target) => start(kind, session(target)),
        Step::Stop(entry) => stop(entry),
        Step::Adjust(entry, start, end) => {
            adjust(entry, start.map(|by| shifted(now, by)), end.map(|by| shifted(now, by)))
        }
    }
}

fn cost() -> impl Strategy<Value = Cost> {
    (0..100_000_u64, 0..10_000_000_000_u64).prop_map(|(minutes, cents)| Cost::of(minutes, Rate::from_cents(cents)))
}

proptest! {
    #[test]
    fn boards_histories_and_events_are_those_of_the_model(steps in steps(), ahead in 0..10_000_000_u64) {
        let mut studio = Organization::new();
        studio.ahead = Millis(ahead);
        let mut model = BTreeMap::new();
        for (pause, step) in steps {
            studio.pass(pause);
            let before = studio.board.clone();
            let decided = studio.apply(command(studio.now, &step)).map(drop);
            let events = expected(&mut model, studio.now.0, &step);
            prop_assert_eq!(decided.err(), events.as_ref().err().copied(), "{:?}", step);
            let (told, are_some_lost) = StudioEvent::between(&before, &studio.board);
            prop_assert_eq!(told.map(|event| event.kind).collect::<Vec<_>>(), events.unwrap_or_default());
            prop_assert!(!are_some_lost);
            for (id, known) in &model {
                let entry = studio.entry(EntryId(*id)).unwrap();
                let found = ModelEntry { target: entry.target.id, start: entry.start.0, end: entry.end.map(|end| end.0) };
                prop_assert_eq!(found, *known);
                let is_running = studio.board.get::<TimeEntry>(&EntryId(*id)).is_some();
                prop_assert!(is_running != studio.history.contains_key(&EntryId(*id).row_id()));
            }
            prop_assert_eq!(model.len(), studio.history.len() + studio.board.all::<TimeEntry>().count());
        }
    }

    #[test]
    fn an_entry_that_is_corrected_forth_and_back_is_as_before(by in 0..1_000_000_u64, is_stopped: bool) {
        let mut studio = Organization::new();
        studio.apply(start(2, session(1))).unwrap();
        studio.pass(1_000_000);
        if is_stopped {
            studio.apply(stop(1)).unwrap();
        }
        let before = studio.entry(EntryId(1)).unwrap();
        for start in [BEGIN + Millis(by), BEGIN] {
            studio.apply(adjust(1, Some(start), None)).unwrap();
        }
        let after = studio.entry(EntryId(1)).unwrap();
        prop_assert_eq!(after, TimeEntry { manually_adjusted: true, updated_at: studio.now, ..before });
    }

    #[test]
    fn a_sum_does_not_depend_on_its_order_or_parts(costs in proptest::collection::vec(cost(), 0..50), at in 0..50_usize) {
        let total = |costs: &[Cost]| {
            let mut total = Total::default();
            costs.iter().for_each(|cost| total.add(*cost));
            (total.hundredths_of_hours(), total.cents())
        };
        let reversed: Vec<Cost> = costs.iter().rev().copied().collect();
        prop_assert_eq!(total(&costs), total(&reversed));
        // Each part is rounded by half a unit at most.
        let (left, right) = costs.split_at(at.min(costs.len()));
        let (sum, left, right) = (total(&costs), total(left), total(right));
        prop_assert!(sum.0.abs_diff(left.0 + right.0) <= 1 && sum.1.abs_diff(left.1 + right.1) <= 1);
    }

    #[test]
    fn minutes_of_the_whole_are_those_of_its_parts_but_for_rounding(first in 0..1_u64 << 40, second in 0..1_u64 << 40) {
        let (whole, parts) = (whole_minutes(Millis(first + second)), [first, second].map(|part| whole_minutes(Millis(part))));
        prop_assert!(whole.abs_diff(parts[0] + parts[1]) <= 1);
    }

    #[test]
    fn a_rate_is_read_as_exact_arithmetic_says(whole in 0..100_000_000_u64, fraction in "[0-9]{0,8}", shift in 0..5_u32) {
        let text = format!("{whole}.{fraction}");
        // In units of 10^-8.
        let exact = u128::from(whole) * 100_000_000 + format!("{fraction:0<8}").parse::<u128>().unwrap();
        let cents = (exact + 500_000) / 1_000_000;
        let expected = (cents <= 9_999_999_999).then_some(cents);
        let read = |text: &str| text.parse::<Rate>().ok().map(|rate| u128::from(rate.cents()));
        prop_assert_eq!(read(&text), expected);
        // The same number with an exponent.
        let digits = format!("{whole}{fraction:0<8}");
        prop_assert_eq!(read(&format!("{digits}e-8")), expected);
        let zeros = "0".repeat(shift as usize);
        prop_assert_eq!(read(&format!("{digits}{zeros}E-{}", 8 + shift)), expected);
    }
}

#[test]
fn commands_without_effect_are_only_those_of_opening() {
    let mut studio = Organization::new();
    studio.apply(StudioCommand::Open).unwrap();
    assert_eq!(studio.decide(&StudioCommand::Open), Ok(Decision::Nothing));
}
