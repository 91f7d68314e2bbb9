//! Each rule, by an example.

use timers::calendar::Zone;
use timers::punch_clock::{IgnoredReason, PunchClockRefusal, PunchDay, PunchKind::In, PunchKind::Out, ThemeChoice};
use timers::{Beat, Command, Millis, Timestamp};

use super::fixture::*;

#[test]
fn punches_are_united_and_a_stale_tab_neither_erases_nor_revives_any() {
    let mut ann = Person::new();
    ann.post(&[punch(1, In, -60)]);
    ann.post(&[punch(2, Out, -30)]);
    assert_eq!(ann.shown(), ["IN -60", "OUT -30"]);
    // A stored id keeps its stored entry.
    assert!(!ann.post(&[punch(1, Out, -10), punch(2, Out, -30)]));
    ann.reset();
    assert_eq!(ann.shown(), [""; 0]);
    assert!(!ann.post(&[punch(1, In, -60), punch(2, Out, -30)]), "it was deleted");
    ann.post(&[punch(3, In, -5)]);
    assert_eq!(ann.shown(), ["IN -5"]);
    ann.pass(31 * 24 * HOUR);
    ann.post(&[punch(1, In, 31 * 24 * 60)]);
    assert!(
        ann.board.get::<PunchDay>(&()).unwrap().remembered.iter().all(|known| !known.2),
        "ids are remembered 30 days"
    );
}

#[test]
fn only_punches_that_alternate_stand() {
    let mut ann = Person::new();
    ann.post(&[punch(1, Out, -90), punch(2, In, -80), punch(3, In, -70), punch(4, Out, -60), punch(5, Out, -50)]);
    assert_eq!(ann.shown(), ["IN -80", "OUT -60"]);
    let day = ann.day();
    let ignored: Vec<_> = day.standing().ignored.iter().map(|(id, reason)| (id.to_string(), *reason)).collect();
    let expected =
        [("1", IgnoredReason::NothingToEnd), ("3", IgnoredReason::SameKind(In)), ("5", IgnoredReason::SameKind(Out))];
    assert_eq!(ignored, expected.map(|(id, reason)| (id.to_owned(), reason)));
    // An earlier punch that arrives later makes them stand.
    ann.post(&[punch(6, In, -100)]);
    assert_eq!(ann.shown(), ["IN -100", "OUT -90", "IN -80", "OUT -60"]);
}

#[test]
fn a_punch_of_the_future_is_of_now_and_one_of_a_device_that_is_behind_follows_the_last() {
    let mut ann = Person::new();
    ann.post(&[punch(1, In, 10)]);
    assert_eq!(ann.day().work_since(), Some(NOON));
    ann.pass(10 * MINUTE);
    ann.post(&[punch(2, Out, 10)]);
    // Two minutes behind, a start after the other device's end.
    ann.post(&[punch(3, In, 8)]);
    assert_eq!(ann.day().work_since(), Some(Timestamp(NOON.0 + 10 * MINUTE + 1)));
    ann.pass(20 * MINUTE);
    ann.post(&[punch(4, Out, 4)]);
    assert_eq!(ann.shown().len(), 3, "six minutes are too much: the earlier OUT stands");
}

#[test]
fn totals_count_the_open_run_and_the_open_break() {
    let mut ann = Person::new();
    ann.post(&[punch(1, In, -600), punch(2, Out, -180), punch(3, In, -120)]);
    let totals = ann.day().totals(ann.now);
    assert_eq!((totals.work_minutes(), totals.break_minutes(), totals.is_complete()), (540, 60, true));
    assert_eq!(ann.day().tick_at(Beat(ann.now.0 / 1000)), Some((7200, 0)));
    ann.post(&[punch(4, Out, 0)]);
    ann.pass(90_000);
    assert_eq!(ann.day().tick_at(Beat(ann.now.0 / 1000)), Some((0, 90)));
    assert_eq!(ann.day().totals(ann.now).break_minutes(), 62, "61.5 minutes");
    let mut complete = Person::new();
    complete.post(&[punch(1, In, -480)]);
    assert!(complete.day().totals(complete.now).is_complete());
    assert!(!complete.day().totals(complete.now - Millis(1)).is_complete(), "decided before rounding");
    assert_eq!(Person::new().day().tick_at(Beat(ann.now.0 / 1000)), None);
}

#[test]
fn a_person_who_is_at_work_at_midnight_stays_at_work_and_the_time_is_split() {
    let mut ann = Person::new();
    ann.post(&[punch(1, In, 0)]);
    ann.pass(14 * HOUR);
    let log = ann.log("2026-11-20").unwrap();
    assert_eq!((log.totals().work_minutes(), log.totals().break_minutes()), (720, 0));
    let day = ann.day();
    assert_eq!((day.date.to_string().as_str(), ann.shown()), ("2026-11-21", vec!["IN 720".to_owned()]));
    assert_eq!((day.work_since(), day.totals(ann.now).work_minutes()), (Some(day.start()), 120));
    // The tab posts the carried punch back, at midnight.
    assert!(!ann.post(&[punch(1, In, 720)]));
    ann.post(&[punch(2, Out, 13 * 60)]);
    assert_eq!(ann.shown(), ["IN 720", "OUT 780"]);
    ann.pass(24 * HOUR);
    assert_eq!(ann.log("2026-11-21").unwrap().totals().work_minutes(), 60);
    assert_eq!(ann.shown(), [""; 0]);
    assert!(!ann.post(&[punch(1, In, 0), punch(2, Out, 13 * 60)]), "both are archived");
}

#[test]
fn a_person_stays_at_work_for_forty_days() {
    let mut ann = Person::new();
    ann.post(&[punch(1, In, 0)]);
    ann.pass(40 * 24 * HOUR);
    assert_eq!(ann.history.len(), 40);
    assert_eq!(ann.day().logs, 40);
    assert_eq!(ann.logs().iter().map(|log| log.totals().work_minutes()).sum::<u64>(), 720 + 39 * 1440);
    // The end is posted late, for the third day.
    ann.post(&[punch(2, Out, 2 * 24 * 60)]);
    assert_eq!(ann.history.len(), 3, "later days have nothing left");
    assert_eq!((ann.day().logs, ann.day().carried), (3, None));
    assert_eq!(ann.log("2026-11-22").unwrap().totals().work_minutes(), 720);
    // And the node was away: all days end in one step.
    let mut ben = Person::new();
    ben.post(&[punch(1, In, 0)]);
    ben.now = ben.now + Millis(40 * 24 * HOUR);
    ben.apply(Command::Settle).unwrap();
    assert_eq!((ben.history.len(), ben.day().logs), (40, 40));
}

#[test]
fn a_late_out_of_yesterday_removes_the_carried_punch_and_a_late_in_carries() {
    let mut ann = Person::new();
    ann.post(&[punch(1, In, 0)]);
    ann.pass(14 * HOUR);
    ann.post(&[punch(3, In, 13 * 60)]);
    assert_eq!(ann.shown(), ["IN 720"]);
    ann.post(&[punch(2, Out, 5 * 60)]);
    assert_eq!(ann.shown(), ["IN 780"], "it stands now");
    assert_eq!(ann.log("2026-11-20").unwrap().totals().work_minutes(), 300);
    ann.post(&[punch(4, In, 6 * 60)]);
    assert_eq!(ann.shown(), ["IN 720"]);
}

#[test]
fn a_carried_punch_that_came_late_does_not_come_back_at_midnight() {
    let mut ann = Person::new();
    ann.pass(14 * HOUR);
    ann.post(&[punch(1, In, 0)]);
    assert_eq!(ann.shown(), ["IN 720"]);
    ann.post(&[punch(2, Out, 780)]);
    ann.pass(24 * HOUR);
    assert!(!ann.post(&[punch(1, In, 720), punch(2, Out, 780)]), "the tab that has not seen the second midnight");
    ann.post(&[punch(3, Out, 60)]);
    assert_eq!(ann.logs().iter().map(|log| log.totals().work_minutes()).sum::<u64>(), 60);
}

#[test]
fn a_punch_that_is_no_longer_carried_does_not_come_back_at_midnight() {
    let mut ann = Person::new();
    ann.pass(14 * HOUR);
    ann.post(&[punch(1, In, 0)]);
    let stale = [punch(1, In, 720)];
    assert_eq!(ann.shown(), ["IN 720"]);
    ann.post(&[punch(2, Out, 60)]);
    assert!(!ann.post(&stale), "the tab that has not seen the late OUT");
    assert_eq!(ann.shown(), [""; 0]);
    // The OUT can still be followed by work that is carried over.
    ann.post(&[punch(3, In, 120)]);
    assert!(!ann.post(&stale));
    assert_eq!(ann.shown(), ["IN 720"]);
    assert_eq!(ann.log("2026-11-20").unwrap().totals().work_minutes(), 60 + 600);
    // Another late punch takes its place.
    ann.post(&[punch(4, In, 90)]);
    assert!(!ann.post(&[punch(3, In, 720)]));
    // The move to a zone where the punch is of another day.
    let hawaii = Zone::new("Pacific/Honolulu", vec![(Timestamp(0), -36_000)]).unwrap();
    ann.set_zone(&hawaii);
    ann.set_zone(&Zone::utc());
    assert!(!ann.post(&[punch(4, In, 720), punch(3, In, 720)]));
    assert_eq!(ann.shown(), ["IN 720"]);
}

#[test]
fn a_late_punch_is_not_taken_as_one_of_a_device_that_is_behind_when_it_comes_again() {
    let mut ann = Person::new();
    ann.pass(12 * HOUR + 2 * MINUTE);
    let late = [punch(1, In, 719), punch(2, Out, 719)];
    ann.post(&late);
    ann.post(&[punch(3, In, 721)]);
    assert!(!ann.post(&late), "the OUT alternates with the last punch, and is little older");
    assert_eq!(ann.shown(), ["IN 721"]);
    assert_eq!(ann.log("2026-11-20").unwrap().punches.len(), 2);
}

#[test]
fn a_post_without_news_is_no_change_whenever_it_comes() {
    let mut ann = Person::new();
    let berlin = |from| {
        let offsets = vec![(Timestamp(from), 7200), (Timestamp(1_761_440_400_000), 3600)];
        Zone::new("Europe/Berlin", offsets).unwrap()
    };
    ann.set_zone(&berlin(NOON.0 - 400 * 24 * HOUR));
    ann.post(&[punch(1, In, 0)]);
    for minute in 1..4 {
        ann.pass(MINUTE);
        // The caller looks the zone up from another instant.
        ann.zone = Zone::new("Europe/Berlin", vec![(Timestamp(NOON.0 - minute), 3600)]).unwrap();
        assert!(!ann.post(&[]), "minute {minute}");
    }
}

#[test]
fn a_reset_ends_the_carried_run_at_midnight_and_leaves_the_archive() {
    let mut ann = Person::new();
    ann.post(&[punch(1, In, 0)]);
    ann.pass(14 * HOUR);
    ann.reset();
    assert_eq!(ann.shown(), [""; 0]);
    assert_eq!(ann.log("2026-11-20").unwrap().totals().work_minutes(), 720);
    assert!(!ann.post(&[punch(1, In, 720)]), "the tab that has not seen it");
    // A late punch of yesterday does not bring the run back.
    ann.post(&[punch(2, Out, 60), punch(3, In, 120)]);
    assert_eq!(ann.shown(), [""; 0]);
    assert_eq!(ann.log("2026-11-20").unwrap().totals().work_minutes(), 660);
    ann.pass(24 * HOUR);
    assert_eq!(ann.day().logs, 1);
}

#[test]
fn a_day_without_punches_leaves_no_log_and_a_punch_of_long_ago_is_not_taken() {
    let mut ann = Person::new();
    ann.post(&[punch(1, In, -60), punch(2, Out, -30)]);
    ann.pass(10 * 24 * HOUR);
    assert_eq!(ann.history.len(), 1);
    ann.post(&[punch(3, In, 5 * 24 * 60), punch(4, Out, 5 * 24 * 60 + 30)]);
    assert_eq!((ann.history.len(), ann.day().logs), (2, 2));
    assert!(!ann.post(&[punch(5, In, -500 * 24 * 60)]));
    ann.limits.punch_clock.punches = 3;
    let minutes = 10 * 24 * 60 - 30;
    ann.post(&(0..9).map(|nth| punch(100 + nth, In, minutes + nth)).collect::<Vec<_>>());
    assert_eq!(ann.day().punches.len(), 3);
}

#[test]
fn a_theme_counts_if_the_tab_changed_it() {
    let mut ann = Person::new();
    let theme = |theme: &str, seen_at| Some(ThemeChoice { theme: theme.to_owned(), seen_at });
    let save = ann.save(Vec::new(), theme("dark", None));
    ann.apply(save).unwrap();
    ann.pass(MINUTE);
    for (text, seen_at) in [("minimal", Some(NOON - Millis(1))), ("neon", None), ("dark", Some(NOON))] {
        let save = ann.save(Vec::new(), theme(text, seen_at));
        assert_eq!(ann.apply(save), Ok(false), "{text}");
    }
    let save = ann.save(Vec::new(), theme("minimal", Some(NOON)));
    ann.apply(save).unwrap();
    assert_eq!((ann.day().themes.current(), ann.day().updated_at), ("minimal", ann.now));
    ann.reset();
    assert_eq!(ann.day().themes.current(), "minimal", "a reset keeps the theme");
}

#[test]
fn a_command_of_another_zone_or_day_is_decided_again() {
    let mut ann = Person::new();
    ann.post(&[punch(1, In, 0)]);
    let late = ann.save(vec![punch(2, Out, -24 * 60)], None);
    ann.pass(13 * HOUR);
    let east = Zone::new("Asia/Tokyo", vec![(Timestamp(0), 9 * 3600)]).unwrap();
    // The midnight between the caller's look and the decision; another node has archived the day.
    assert_eq!(ann.apply(late), Err(PunchClockRefusal::DayChanged));
    ann.set_zone(&east);
    ann.zone = Zone::utc();
    let save = ann.save(vec![punch(3, Out, 12 * 60)], None);
    assert_eq!(ann.apply(save), Err(PunchClockRefusal::ZoneChanged));
}

#[test]
fn a_midnight_within_a_decision_archives_first() {
    let mut ann = Person::new();
    ann.post(&[punch(1, In, 0)]);
    ann.now = NOON + Millis(12 * HOUR - 1);
    let save = ann.save(vec![punch(2, Out, 11 * 60)], None);
    ann.now = ann.now + Millis(2);
    ann.apply(save).unwrap();
    assert_eq!(ann.shown(), [""; 0]);
    assert_eq!(ann.log("2026-11-20").unwrap().totals().work_minutes(), 660);
}

#[test]
fn a_move_to_another_zone_moves_punches_to_their_days() {
    let tokyo = Zone::new("Asia/Tokyo", vec![(Timestamp(0), 9 * 3600)]).unwrap();
    let hawaii = Zone::new("Pacific/Honolulu", vec![(Timestamp(0), -36_000)]).unwrap();
    let mut ann = Person::new();
    ann.post(&[punch(1, In, -60)]);
    ann.pass(4 * HOUR);
    ann.post(&[punch(2, Out, 200)]);
    ann.pass(HOUR);
    // Midnight in Tokyo was at 15:00 UTC.
    ann.set_zone(&tokyo);
    assert_eq!(ann.day().date.to_string(), "2026-11-21");
    assert_eq!(ann.shown(), ["IN 180", "OUT 200"]);
    assert_eq!(ann.log("2026-11-20").unwrap().totals().work_minutes(), 240);
    assert_eq!(ann.day().totals(ann.now).work_minutes(), 20);
    // And back: the archived day is the current one again.
    ann.set_zone(&hawaii);
    assert_eq!((ann.day().date.to_string().as_str(), ann.history.len()), ("2026-11-20", 0));
    assert_eq!(ann.shown(), ["IN -60", "OUT 200"]);
    assert_eq!(ann.day().logs, 0);
    ann.set_zone(&Zone::utc());
    assert_eq!(ann.shown(), ["IN -60", "OUT 200"]);
    // A run that a reset ended at a midnight does not come back with a zone of another midnight.
    let mut ben = Person::new();
    ben.post(&[punch(1, In, 0)]);
    ben.pass(13 * HOUR);
    ben.reset();
    ben.set_zone(&hawaii);
    assert_eq!(ben.shown(), ["IN 0", "OUT 720"]);
    assert_eq!(ben.day().totals(ben.now).work_minutes(), 720);
}

#[test]
fn days_of_23_and_25_hours_come_out_right() {
    // Forward on 2026-03-29 at 01:00 UTC, back on 2026-10-25 at 01:00 UTC.
    let offsets =
        vec![(Timestamp(0), 3600), (Timestamp(1_774_746_000_000), 7200), (Timestamp(1_792_890_000_000), 3600)];
    let berlin = Zone::new("Europe/Berlin", offsets).unwrap();
    for (begin, date, minutes) in
        [(1_774_700_000_000, "2026-03-29", 23 * 60), (1_792_850_000_000, "2026-10-25", 25 * 60)]
    {
        let mut ann = Person::new();
        ann.now = Timestamp(begin);
        ann.set_zone(&berlin);
        let id = timers::punch_clock::PunchId::new(&1.into()).unwrap();
        ann.post(&[timers::punch_clock::Punch { id, at: ann.now, kind: In, time: None }]);
        ann.pass(60 * HOUR);
        assert_eq!(ann.log(date).unwrap().totals().work_minutes(), minutes, "{date}");
    }
}

#[test]
fn midnight_is_of_the_date_while_cluster_time_is_ahead_of_it() {
    let mut ann = Person::new();
    ann.ahead = Millis(7_200_000);
    ann.post(&[punch(1, In, 0)]);
    assert_eq!(ann.board.deadline(&ann.limits), Some(NOON + Millis(12 * HOUR) + ann.ahead));
    ann.pass(12 * HOUR - 1);
    assert_eq!(ann.history.len(), 0);
    ann.pass(1);
    assert_eq!(ann.history.len(), 1);
}
