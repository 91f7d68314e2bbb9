//! The tables of the original: files that PostgreSQL has written, and files that it would not write.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use timers::Timestamp;
use timers::studio::{Category, EntryId, Target, TargetKind, TaskTypeId};
use wire::studio::{CopiedEntry, CopiedRow, CopiedTable, CopiedType, CopyLimits, TableReader};
use wire::{FAULTS_MAX, RowFault};

/// Written by PostgreSQL 15 from tables with the columns of the original.
const TYPES: &str = include_str!("../../../fixtures/studio/task_types.csv");
const ENTRIES: &str = include_str!("../../../fixtures/studio/time_entries.csv");

const LIMITS: CopyLimits = CopyLimits { rows: 1000, text_chars: 20 };

const ENTRY_HEADER: &str = "id,task_type_id,session_id,project_id,track_id,start_time,end_time,duration_minutes,\
                            hourly_rate_snapshot,manually_adjusted,notes,created_by,created_at,updated_at";

fn read<R: CopiedRow>(file: &[u8], limits: CopyLimits) -> Result<CopiedTable<R>, Vec<RowFault>> {
    let mut reader = TableReader::new(limits);
    // In small parts, so that many boundaries between two parts are tried.
    let _ = file.chunks(7).all(|part| reader.push(part));
    reader.finish()
}

fn entries(rows: &str) -> Result<CopiedTable<CopiedEntry>, Vec<RowFault>> {
    read(format!("{ENTRY_HEADER}\n{rows}").as_bytes(), LIMITS)
}

fn types(file: &str) -> Result<CopiedTable<CopiedType>, Vec<RowFault>> {
    read(file.as_bytes(), LIMITS)
}

fn millis(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond().try_into().unwrap())
}

#[test]
fn task_types_are_read_as_postgresql_writes_them() {
    let table = types(TYPES).unwrap();
    assert_eq!(table.ignored_columns, ["sync_uuid", "sync_version"]);
    let [setup, recording, pause] = &table.rows[..] else { panic!("{:?}", table.rows) };
    assert_eq!((setup.line, setup.task_type.id, setup.organization.as_deref()), (2, TaskTypeId(1), None));
    assert_eq!((setup.task_type.rate.to_string().as_str(), &setup.task_type.description), ("50.00", &None));
    let recording = &recording.task_type;
    assert_eq!(recording.name, "Recording, \"live\"");
    assert_eq!(recording.description.as_deref(), Some(""), "an empty text is not NULL");
    assert_eq!(recording.color.as_deref(), Some("#ef4444"));
    assert_eq!(recording.created_at, millis("2026-01-05T08:00:00.123Z"), "without an offset it is UTC");
    assert_eq!(recording.updated_at, millis("2026-03-01T10:30:00.5Z"));
    assert!(recording.is_active && !pause.task_type.is_active);
    assert_eq!((pause.line, pause.task_type.id), (4, TaskTypeId(5)));
    assert_eq!(pause.task_type.description.as_deref(), Some("two\nlines"));
    assert_eq!((pause.task_type.category, pause.task_type.sort_order), (Category::NonBillable, -1));
    assert_eq!(pause.task_type.rate.cents(), 0);
    let [repair] = &table.repairs[..] else { panic!("{:?}", table.repairs) };
    assert_eq!((repair.line, repair.column.as_str()), (4, "hourly_rate"));
    assert_eq!(repair.message, "is NaN, which is no number; it becomes 0.00");
}

#[test]
fn time_entries_are_read_as_postgresql_writes_them() {
    let table = read::<CopiedEntry>(ENTRIES.as_bytes(), LIMITS).unwrap();
    assert_eq!(table.ignored_columns, ["invoice_id", "sync_uuid", "sync_version"]);
    let lines: Vec<_> = table.rows.iter().map(|row| (row.line, row.entry.id.0)).collect();
    assert_eq!(lines, [(2, 1), (3, 2), (4, 3), (6, 4), (7, 5), (8, 6), (9, 9)]);
    let notes: Vec<_> = table.rows.iter().map(|row| row.entry.notes.as_deref()).collect();
    let texts =
        [None, Some(""), Some("said \"no\",\r\nthen yes"), Some("\\."), None, Some(" spaces "), Some("é — 日本")];
    assert_eq!(notes, texts);
    let targets: Vec<_> = table.rows[1..4].iter().map(|row| row.entry.target).collect();
    let target = |kind, id| Target { kind, id };
    let expected = [target(TargetKind::Session, 12), target(TargetKind::Project, 8), target(TargetKind::Track, 3)];
    assert_eq!(targets, expected);
    let [first, second, third, ..] = &table.rows[..] else { panic!() };
    assert_eq!((first.entry.id, first.entry.created_by.as_str(), first.minutes), (EntryId(1), "42", Some(90)));
    assert_eq!((first.entry.rate.to_string().as_str(), first.billable), ("50.00", None));
    assert!(second.entry.manually_adjusted && !first.entry.manually_adjusted);
    assert_eq!(second.entry.start, millis("2026-02-01T11:00:00.123Z"));
    assert_eq!((third.entry.created_by.as_str(), third.minutes), ("", Some(-60)), "NULL is no user");
    assert_eq!(third.entry.end, Some(millis("2026-02-02T08:00:00Z")), "the rules repair it");
    assert_eq!(table.rows[4].entry.end, None);
    assert_eq!(table.repairs.iter().map(|repair| repair.line).collect::<Vec<_>>(), [6]);
}

#[test]
fn columns_can_be_in_any_order_and_further_ones_are_read() {
    let file = "\u{feff}created_at,updated_at,organization_id,is_active,sort_order,category,hourly_rate,name,id\r\n\
                2026-11-20 15:30:00.123+05:30,2026-11-20 10:00:00+00,acme,true,1,billable,1e2,A,7\r\n\
                2026-11-20 10:00:00,2026-11-20 10:00:00,acme,false,1,billable,.5,B,8\r\n";
    let table = types(file).unwrap();
    let [a, b] = &table.rows[..] else { panic!() };
    assert_eq!((a.organization.as_deref(), b.organization.as_deref()), (Some("acme"), Some("acme")));
    assert_eq!(a.task_type.created_at, millis("2026-11-20T10:00:00.123Z"));
    assert_eq!((a.task_type.rate.cents(), b.task_type.rate.cents()), (10_000, 50));
    let billable = ENTRIES.replacen("invoice_id", "billable", 1).replacen(",,7,7b0a", ",,t,7b0a", 1);
    let table = read::<CopiedEntry>(billable.as_bytes(), LIMITS).unwrap();
    assert_eq!((table.rows[0].billable, table.rows[1].billable), (Some(true), None));
}

#[test]
fn every_bad_cell_is_reported_with_its_place() {
    let good = "1,1,12,,,2026-02-01 09:00:00,,,50.00,f,,42,2026-02-01 09:00:00,2026-02-01 09:00:00";
    assert_eq!(entries(good).unwrap().rows.len(), 1);
    let cases: &[(usize, &str, &str, &str)] = &[
        (0, "x", "id", "must be an integer, of at most 9007199254740991"),
        (0, "0", "id", "must be above 0"),
        (0, "9007199254740992", "id", "must be an integer, of at most 9007199254740991"),
        (0, "", "id", "must not be NULL (an empty cell)"),
        (1, "\"\"", "task_type_id", "must be an integer, of at most 9007199254740991"),
        (2, "", "session_id", "one of session_id, project_id and track_id must be given, and none is"),
        (2, "0", "session_id", "one of session_id, project_id and track_id must be given, and none is"),
        (3, "5", "session_id", "only one of session_id, project_id and track_id can be given, and there are several"),
        (5, "infinity", "start_time", "must be a timestamp such as 2026-11-20 10:00:00.123+00 (datestyle ISO)"),
        (5, "", "start_time", "must not be NULL (an empty cell)"),
        (6, "1960-01-01 00:00:00", "end_time", "must not be before 1970"),
        (7, "1.5", "duration_minutes", "must be an integer, of at most 9007199254740991"),
        (8, "-5.00", "hourly_rate_snapshot", "must be a decimal number from 0 to 99999999.99"),
        (8, "abc", "hourly_rate_snapshot", "must be a decimal number from 0 to 99999999.99"),
        (8, "", "hourly_rate_snapshot", "must not be NULL (an empty cell)"),
        (9, "yes", "manually_adjusted", "must be t or f"),
        (10, "aaaaaaaaaabbbbbbbbbbc", "notes", "must have at most 20 characters"),
        (11, "\"a\tb\"", "created_by", "is no user id: it must not contain control characters"),
    ];
    for &(cell, text, column, message) in cases {
        let mut cells: Vec<&str> = good.split(',').collect();
        cells[cell] = text;
        let faults = entries(&format!("{good}\n{}", cells.join(","))).unwrap_err();
        let expected = RowFault { line: 3, column: column.to_owned(), message: message.to_owned() };
        assert_eq!(faults, [expected], "{text}");
    }
    let faults = entries("x,1,12,,,no,,,50.00,f,,42,2026-02-01 09:00:00,2026-02-01 09:00:00\n1,2").unwrap_err();
    let places: Vec<_> = faults.iter().map(|fault| (fault.line, fault.column.as_str())).collect();
    assert_eq!(places, [(2, "id"), (2, "start_time"), (3, "")], "all of them, not only the first");
    let bad = "id,name,hourly_rate,category,color,sort_order,is_active,created_at,updated_at\n\
               1,,1,free,red,x,t,2026-11-20 10:00:00,2026-11-20 10:00:00\n";
    let columns: Vec<_> = types(bad).unwrap_err().into_iter().map(|fault| fault.column).collect();
    assert_eq!(columns, ["name", "category", "color", "sort_order"]);
}

#[test]
fn a_file_that_is_not_such_a_table_is_refused() {
    let first = |file: &[u8]| {
        let fault = read::<CopiedType>(file, LIMITS).unwrap_err().swap_remove(0);
        (fault.line, fault.column, fault.message)
    };
    let no_header = TYPES.lines().nth(1).unwrap();
    assert!(first(no_header.as_bytes()).2.contains("COPY needs the options CSV and HEADER"));
    assert!(first(b"id;name\n1;a\n").2.contains("COPY needs the options CSV and HEADER"));
    assert_eq!(first(b"").2, "the file is empty: it has no header");
    assert_eq!(first(TYPES.replacen("hourly_rate", "rate", 1).as_bytes()).1, "hourly_rate");
    assert!(first(TYPES.replacen("color", "name", 1).as_bytes()).2.contains("twice"));
    let cut = TYPES.len() - 60;
    let (line, column, message) = first(&TYPES.as_bytes()[..cut]);
    assert!(message.contains("cells, and the header 12"), "{line} {column} {message}");
    let (line, column, message) = first(TYPES.replacen("lines\"", "lines", 1).as_bytes());
    assert_eq!((line, column.as_str()), (4, "description"), "{message}");
    let latin = TYPES.replace('é', "\u{1}").into_bytes();
    let latin: Vec<u8> = latin.into_iter().map(|byte| if byte == 1 { 0xe9 } else { byte }).collect();
    assert_eq!(
        first(&latin),
        (4, "name".to_owned(), "must be UTF-8: COPY needs the option ENCODING 'UTF8'".to_owned())
    );
}

#[test]
fn faults_and_rows_are_bounded() {
    let bad = "x,1,12,,,2026-02-01 09:00:00,,,50.00,f,,42,2026-02-01 09:00:00,2026-02-01 09:00:00\n";
    assert_eq!(entries(&bad.repeat(FAULTS_MAX + 50)).unwrap_err().len(), FAULTS_MAX);
    let good = bad.replacen('x', "1", 1);
    let limits = CopyLimits { rows: 2, ..LIMITS };
    let of = |rows| read::<CopiedEntry>(format!("{ENTRY_HEADER}\n{}", good.repeat(rows)).as_bytes(), limits);
    assert_eq!(of(2).unwrap().rows.len(), 2);
    let faults = of(5).unwrap_err();
    assert_eq!((faults.len(), faults[0].line), (1, 4), "{faults:?}");
}
