//! Taking over the punches of another server.

use proptest::prelude::*;
use timers::calendar::{LocalDate, Zone};
use timers::punch_clock::{
    DayImport, NewPerson, Profile, Punch, PunchClockCommand, PunchClockRefusal, PunchDay, PunchKind::In,
    PunchKind::Out, SavedLog,
};
use timers::{Millis, Timestamp};

use super::fixture::*;

const DAY: i64 = 24 * 60;

fn date(text: &str) -> LocalDate {
    text.parse().unwrap()
}

fn import(person: &Person, punches: &[Punch], logs: Vec<SavedLog>, new: NewPerson) -> PunchClockCommand {
    let date = person.zone.date_at(person.now);
    let from = punches.iter().map(|punch| person.zone.date_at(punch.at)).min().unwrap_or(date).min(date);
    let from = logs.iter().map(|log| log.date).min().unwrap_or(from).min(from).previous();
    let (zone, punches) = (person.zone.clone(), punches.to_vec());
    PunchClockCommand::Import(DayImport { zone, from, date, punches, logs, person: new })
}

/// Imports punches; tells whether they changed anything.
fn take_over(person: &mut Person, punches: &[Punch]) -> bool {
    let import = import(person, punches, Vec::new(), NewPerson::default());
    person.apply(import).unwrap()
}

/// Returns the archived days with their minutes of work and of breaks.
fn totals(person: &Person) -> Vec<(String, u64, u64)> {
    let of = |log: &timers::punch_clock::DayLog| {
        let totals = log.totals();
        (log.date.to_string(), totals.work_minutes(), totals.break_minutes())
    };
    person.logs().iter().filter(|log| log.is_listed()).map(of).collect()
}

fn day(date: &str, work: u64, breaks: u64) -> (String, u64, u64) {
    (date.to_owned(), work, breaks)
}

#[test]
fn a_new_person_gets_days_of_any_age_and_a_repetition_changes_nothing() {
    let mut ann = Person::new();
    let old = [punch(1, In, -2000 * DAY), punch(2, Out, -2000 * DAY + 60)];
    let recent = [punch(3, In, -DAY), punch(4, Out, -DAY + 30), punch(5, In, -DAY + 40), punch(6, Out, -DAY + 50)];
    let all = [&old[..], &recent, &[punch(7, In, -20)]].concat();
    let logs = vec![
        SavedLog { date: date("2026-11-19"), theme: Some("dark".to_owned()) },
        SavedLog { date: date("2026-11-18"), theme: Some("dark".to_owned()) },
    ];
    let new = NewPerson {
        theme: Some("aurora".to_owned()),
        profile: Profile { name: Some("Ann".to_owned()), email: None },
        created_at: Some(Timestamp(1_600_000_000_000)),
    };
    let first = import(&ann, &all, logs, new);
    assert!(ann.apply(first.clone()).unwrap());
    assert_eq!(totals(&ann), [day("2021-05-30", 60, 0), day("2026-11-19", 40, 10)]);
    assert_eq!(ann.shown(), ["IN -20"]);
    assert_eq!(ann.log("2026-11-19").unwrap().theme.as_deref(), Some("dark"));
    assert_eq!(ann.log("2026-11-18"), None, "a day without punches leaves no log");
    let stored = ann.board.get::<PunchDay>(&()).unwrap().clone();
    assert_eq!((stored.themes.current(), stored.user_name.as_deref(), stored.logs), ("aurora", Some("Ann"), 2));
    assert_eq!(stored.created_at, Timestamp(1_600_000_000_000));
    assert!(!ann.apply(first).unwrap(), "a repetition changes nothing");
    ann.pass(3 * 24 * HOUR);
    assert!(!take_over(&mut ann, &all), "days later, too");
}

#[test]
fn a_person_who_uses_tickcast_keeps_what_they_have() {
    let mut ann = Person::new();
    ann.post(&[punch(1, In, -30), punch(2, Out, -20)]);
    ann.post(&[punch(3, In, -10)]);
    let new = NewPerson { theme: Some("dark".to_owned()), ..NewPerson::default() };
    let other = import(&ann, &[punch(1, In, -90), punch(9, Out, -5), punch(8, In, -DAY)], Vec::new(), new);
    ann.apply(other).unwrap();
    assert_eq!(ann.shown(), ["IN -30", "OUT -20", "IN -10", "OUT -5"]);
    assert_eq!(ann.day().themes.current(), "minimal");
    ann.reset();
    assert!(!take_over(&mut ann, &[punch(1, In, -30), punch(9, Out, -5)]), "what was deleted stays deleted");
}

#[test]
fn work_that_nobody_ended_ends_at_midnight_and_a_shift_over_midnight_does_not() {
    // Noon is at 12:00, so midnight is 720 minutes later.
    for (case, punches, expected, shown) in [
        (
            "a forgotten OUT before the next day's IN",
            vec![punch(1, In, -3 * DAY), punch(2, In, -2 * DAY), punch(3, Out, -2 * DAY + 60)],
            vec![day("2026-11-17", 720, 0), day("2026-11-18", 60, 0)],
            vec![],
        ),
        (
            "a forgotten OUT, and nothing after it",
            vec![punch(1, In, -3 * DAY)],
            vec![day("2026-11-17", 720, 0)],
            vec![],
        ),
        (
            "a night shift",
            vec![punch(1, In, -3 * DAY + 600), punch(2, Out, -2 * DAY - 360)],
            vec![day("2026-11-17", 120, 0), day("2026-11-18", 360, 0)],
            vec![],
        ),
        (
            "a shift of exactly a day",
            vec![punch(1, In, -3 * DAY), punch(2, Out, -2 * DAY)],
            vec![day("2026-11-17", 720, 0), day("2026-11-18", 720, 0)],
            vec![],
        ),
        (
            "one that is longer",
            vec![punch(1, In, -3 * DAY), punch(2, Out, -2 * DAY + 1)],
            vec![day("2026-11-17", 720, 0)],
            vec![],
        ),
        ("work since yesterday", vec![punch(1, In, -DAY)], vec![day("2026-11-19", 720, 0)], vec!["IN -720"]),
        ("work for longer", vec![punch(1, In, -DAY - 1)], vec![day("2026-11-19", 721, 0)], vec![]),
    ] {
        let mut ann = Person::new();
        assert!(take_over(&mut ann, &punches), "{case}");
        assert_eq!((totals(&ann), ann.shown()), (expected, shown.iter().map(ToString::to_string).collect()), "{case}");
        assert!(!take_over(&mut ann, &punches), "{case}: again");
    }
}

#[test]
fn a_repetition_after_a_change_of_zone_doubles_nothing() {
    for (seconds, minutes) in [(3600, 11 * 60 + 30), (-3600, -11 * 60 - 30), (20_700, 7 * 60), (-36_000, -60)] {
        let mut ann = Person::new();
        let begin = -20 * DAY + minutes;
        let punches = [punch(1, In, begin), punch(2, Out, begin + 20)];
        assert!(take_over(&mut ann, &punches));
        let before = totals(&ann);
        ann.set_zone(&Zone::new("x/other", vec![(Timestamp(0), seconds)]).unwrap());
        assert!(!take_over(&mut ann, &punches), "{seconds}");
        assert_eq!(totals(&ann), before, "{seconds}");
    }
}

#[test]
fn a_later_export_tells_that_work_has_ended() {
    let mut ann = Person::new();
    // Exported while the person works, so the run goes on over midnight.
    let begin = punch(1, In, -60);
    assert!(take_over(&mut ann, std::slice::from_ref(&begin)));
    ann.pass(24 * HOUR);
    assert_eq!(ann.shown(), ["IN 720"]);
    // The person forgot the OUT, and began anew on the other server.
    let next = [punch(2, In, DAY - 120), punch(3, Out, DAY - 60)];
    assert!(take_over(&mut ann, &[&[begin], &next[..]].concat()));
    assert_eq!(totals(&ann), [day("2026-11-20", 780, 0)]);
    assert_eq!(ann.shown(), ["IN 1320", "OUT 1380"]);
}

#[test]
fn an_import_that_does_not_fit_is_refused() {
    let mut ann = Person::new();
    ann.limits.punch_clock.punches = 2;
    let punches = [punch(1, In, -DAY), punch(2, Out, -DAY + 1), punch(3, In, -DAY + 2)];
    let refused = import(&ann, &punches, Vec::new(), NewPerson::default());
    assert_eq!(ann.apply(refused), Err(PunchClockRefusal::DayFull(date("2026-11-19"), 2)));
    let made = import(&ann, &punches[..2], Vec::new(), NewPerson::default());
    ann.pass(13 * HOUR);
    ann.post(&[punch(9, In, 0)]);
    assert_eq!(ann.apply(made), Err(PunchClockRefusal::DayChanged), "it was made on the day before");
}

/// Shifts of different lengths, some over midnight, each with its end.
fn shifts() -> impl Strategy<Value = Vec<Punch>> {
    proptest::collection::vec((30..900_i64, 30..900_i64), 1..12).prop_map(|shifts| {
        let mut at = -20 * DAY;
        let make = |(nth, (pause, work)): (i64, (i64, i64))| {
            let begin = at + pause;
            at = begin + work;
            [punch(2 * nth, In, begin), punch(2 * nth + 1, Out, at)]
        };
        (0..).zip(shifts).flat_map(make).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn shifts_that_are_imported_in_parts_from_the_newest_day_on_are_as_if_they_were_posted(
        punches in shifts(), parts in 1..4_usize,
    ) {
        let mut posted = Person::new();
        posted.post(&punches);
        let mut imported = Person::new();
        let mut days: Vec<LocalDate> = punches.iter().map(|punch| posted.zone.date_at(punch.at)).collect();
        days.dedup();
        for part in days.rchunks(days.len().div_ceil(parts)) {
            let of_part: Vec<Punch> =
                punches.iter().filter(|punch| part.contains(&posted.zone.date_at(punch.at))).cloned().collect();
            take_over(&mut imported, &of_part);
        }
        prop_assert_eq!(totals(&imported), totals(&posted));
        prop_assert_eq!(imported.shown(), posted.shown());
        prop_assert_eq!(imported.day().logs, posted.day().logs);
        prop_assert!(!take_over(&mut imported, &punches));
    }

    #[test]
    fn no_run_of_imported_work_lasts_longer_than_a_day(
        kinds in proptest::collection::vec(any::<bool>(), 1..20), gap in 60..3000_i64,
    ) {
        let mut ann = Person::new();
        let punches: Vec<Punch> = (0..).zip(kinds).map(|(nth, is_in)| {
            punch(nth, if is_in { In } else { Out }, -40 * DAY + nth * gap)
        }).collect();
        take_over(&mut ann, &punches);
        let carried = ann.logs().into_iter().filter_map(|log| Some((log.start, log.carried?)));
        for (start, carried) in carried {
            prop_assert!(start.since(carried.at) <= Millis::from_hours(24), "{:?}", carried);
        }
    }
}
