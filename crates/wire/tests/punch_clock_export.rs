//! Documents of the original's collections, as `mongoexport` writes them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use timers::Timestamp;
use timers::punch_clock::{Profile, PunchKind};
use wire::mongo_export::ExportReader;
use wire::punch_clock::{ExportedContent, ExportedDay};

fn read(file: &str) -> Result<Vec<ExportedDay>, Vec<String>> {
    let mut reader = ExportReader::<ExportedDay>::new();
    reader.push(file.as_bytes());
    let read = reader.finish().map_err(|faults| {
        faults.iter().map(|fault| format!("{}: {}: {}", fault.line, fault.column, fault.message)).collect()
    });
    read.map(|read| read.into_iter().map(|read| read.document).collect())
}

#[test]
fn relaxed_and_canonical_documents_are_the_same() {
    let relaxed = concat!(
        r#"{"_id":{"$oid":"65a1f0c2e4b0a1b2c3d4e5f6"},"userId":"ann","__v":3,"userEmail":"ann@example.com","userName":"Ann","#,
        r#""currentStatus":"IN","entries":[{"id":1795168800000,"timestamp":1795168800000,"type":"IN","time":"10:00:00"}],"#,
        r#""dailyStats":{"totalWorkMinutes":5,"totalBreakMinutes":0,"isComplete":false},"currentTheme":"dark","#,
        r#""lastActiveDate":"2026-11-20","createdAt":{"$date":"2026-01-02T03:04:05.006Z"},"#,
        r#""updatedAt":{"$date":"2026-11-20T10:00:00Z"}}"#,
    );
    let canonical = concat!(
        r#"{"_id":{"$oid":"65a1f0c2e4b0a1b2c3d4e5f6"},"userId":"ann","userEmail":"ann@example.com","userName":"Ann","#,
        r#""currentStatus":"IN","entries":[{"id":{"$numberDouble":"1795168800000.0"},"#,
        r#""timestamp":{"$numberLong":"1795168800000"},"type":"IN","time":"10:00:00"}],"#,
        r#""dailyStats":{"totalWorkMinutes":{"$numberInt":"5"},"totalBreakMinutes":{"$numberDouble":"0.0"}},"#,
        r#""currentTheme":"dark","createdAt":{"$date":{"$numberLong":"1767323045006"}},"#,
        r#""updatedAt":{"$date":{"$numberLong":"1795168800000"}}}"#,
    );
    let read = read(&format!("{relaxed}\n{canonical}\n")).unwrap();
    assert_eq!(read[0], read[1]);
    let punch = &read[0].punches[0];
    assert_eq!(
        (punch.id.to_string(), punch.at, punch.kind, punch.time.as_deref()),
        ("1795168800000".to_owned(), Timestamp(1_795_168_800_000), PunchKind::In, Some("10:00:00"))
    );
    assert_eq!((read[0].user.as_str(), read[0].minutes), ("ann", Some((5, 0))));
    let profile = Profile { name: Some("Ann".to_owned()), email: Some("ann@example.com".to_owned()) };
    let dates = [1_767_323_045_006, 1_795_168_800_000].map(|millis| Some(Timestamp(millis)));
    assert_eq!(read[0].content, ExportedContent::Session(Some("dark".to_owned()), profile, dates[0], dates[1]));
}

#[test]
fn archived_days_have_dates_of_any_form() {
    let date = "2026-11-19".parse().unwrap();
    for (form, entry) in [
        (r#"{"$date":"2026-11-19T00:00:00Z"}"#, r#"{"$date":"2026-11-19T08:00:00Z"}"#),
        (r#"{"$date":{"$numberLong":"1795046400000"}}"#, r#"{"$date":{"$numberLong":"1795075200000"}}"#),
        (r#""2026-11-19""#, r#""2026-11-19T09:00:00+01:00""#),
        ("1795046400000", "1795075200000.5"),
    ] {
        let line = format!(
            r#"{{"userId":{{"$oid":"65a1"}},"date":{form},"entries":[{{"id":"a","timestamp":{entry},"type":"OUT"}}]}}"#
        );
        let day = read(&line).unwrap().remove(0);
        assert_eq!((day.user.as_str(), day.minutes), ("65a1", None));
        assert_eq!(day.content, ExportedContent::Log(date, None), "{form}");
        assert_eq!(day.punches[0].at, Timestamp(1_795_075_200_000), "{entry}");
    }
}

#[test]
fn each_malformed_value_is_named_with_its_line() {
    let entry = |entry: &str| format!(r#"{{"userId":"ann","date":"2026-11-19","entries":[{entry}]}}"#);
    for (line, expected) in [
        (
            r#"{"userId":"ann"}"#.to_owned(),
            "1: : is neither a day of dailylogs (date) nor of usersessions (currentStatus)",
        ),
        (r#"{"date":"2026-11-19"}"#.to_owned(), "1: userId: must be an id: a text, an ObjectId or a number"),
        (r#"{"userId":"ann","date":"soon"}"#.to_owned(), "1: date: must be a date"),
        (r#"{"userId":"ann","date":"2026-11-19","entries":{}}"#.to_owned(), "1: entries: must be a list"),
        (
            r#"{"userId":"ann","currentStatus":"IN","createdAt":"soon"}"#.to_owned(),
            "1: createdAt: must be an instant from 1970 to 9999",
        ),
        (r#"{"userId":"ann","currentStatus":"IN","currentTheme":7}"#.to_owned(), "1: currentTheme: must be a text"),
        (entry("7"), "1: entries[0]: must be an object"),
        (
            entry(r#"{"id":1,"type":"IN","timestamp":{"$numberDouble":"NaN"}}"#),
            "1: entries[0] (id 1): timestamp must be a date, or a number of milliseconds since 1970",
        ),
        (
            entry(r#"{"id":"x","type":"in","timestamp":1795075200000}"#),
            r#"1: entries[0] (id "x"): type must be "IN" or "OUT""#,
        ),
        (
            entry(r#"{"type":"IN","timestamp":1795075200000}"#),
            "1: entries[0]: id must be a number, or a text of 1 to 200 bytes",
        ),
        (entry(r#"{"id":1,"type":"IN","timestamp":5}"#), "1: entries: the punch of id 1 is before the year 2000"),
    ] {
        assert_eq!(read(&line).unwrap_err(), [expected], "{line}");
    }
}
