//! Finished sessions as CSV and JSON.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use proptest::prelude::*;
use timers::RawJson;
use timers::stopwatch::Finished;
use wire::clockit::rows::{
    BYTE_ORDER_MARK, RowFormat, RowReader, header, read_rows, to_csv, to_json, to_spreadsheet_csv,
};
use wire::{FAULTS_MAX, RowFault};

const ROW: &str = r#"2026-11-20T10:00:00.000Z,2026-11-20T11:00:00.000Z,3600,12.5,10,2,"{""src/a.rs"":1800}","{""rust"":3600}",Ann,ann@example.org,desk,code,tick,/src/tick,main,T-1,"a ""good"" hour, really","[{""id"":""g"",""title"":""t""}]",Write"#;

const ROW_BYTES_MAX: usize = 64 * 1024;

fn from_csv(csv: &str) -> Result<Vec<Finished>, Vec<RowFault>> {
    read_rows(RowFormat::Csv, csv.as_bytes(), ROW_BYTES_MAX)
}

fn from_json(json: &str) -> Result<Vec<Finished>, Vec<RowFault>> {
    read_rows(RowFormat::Json, json.as_bytes(), ROW_BYTES_MAX)
}

fn texts(faults: Vec<RowFault>) -> Vec<String> {
    faults.iter().map(|fault| format!("{} {}: {}", fault.line, fault.column, fault.message)).collect()
}

fn faults(csv: &str) -> Vec<String> {
    texts(from_csv(csv).unwrap_err())
}

fn json_faults(json: &str) -> Vec<String> {
    texts(from_json(json).unwrap_err())
}

#[test]
fn a_csv_goes_in_and_comes_out_the_same() {
    let csv = format!("{}{ROW}\n", header());
    let rows = from_csv(&csv).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(format!("{}{}", header(), to_csv(&rows[0])), csv);
}

#[test]
fn a_header_is_optional_and_may_order_the_columns() {
    let plain = from_csv(ROW).unwrap();
    assert_eq!(from_csv(&format!("\u{feff}{}{ROW}\r\n", header())).unwrap(), plain);
    let other = "comment,nonsense,endedIso,startedIso\nx,y,2026-11-20T11:00:00Z,2026-11-20T10:00:00Z\n";
    let rows = from_csv(other).unwrap();
    assert_eq!(rows[0].comment.as_deref(), Some("x"));
    assert_eq!(from_csv("").unwrap(), []);
    assert_eq!(from_csv(&header()).unwrap(), []);
    assert_eq!(from_csv(header().trim_end()).unwrap(), []);
}

#[test]
fn the_label_is_the_last_column_and_optional() {
    assert!(header().ends_with(",goals,label\n"));
    let (without, label) = ROW.rsplit_once(',').unwrap();
    let old_header = header().replace(",label", "");
    for csv in [without.to_owned(), format!("{old_header}{without}\n")] {
        assert_eq!(from_csv(&csv).unwrap()[0].label, None);
    }
    assert_eq!(from_csv(ROW).unwrap()[0].label.as_deref(), Some(label));
}

#[test]
fn json_rows_are_the_same_rows() {
    let json = r#"{"source":"vscode","sessions":[{
        "startedIso":"2026-11-20T10:00:00.000Z","endedIso":"2026-11-20T11:00:00.000Z","durationSeconds":3600,
        "idleSeconds":12.5,"linesAdded":10,"linesDeleted":2,"perFileSeconds": { "src/a.rs": 1800 },
        "perLanguageSeconds":{"rust":3600},"authorName":"Ann","authorEmail":"ann@example.org","machine":"desk",
        "ideName":"code","workspace":"tick","repoPath":"/src/tick","branch":"main","issueKey":"T-1",
        "comment":"a \"good\" hour, really","goals":[{"id":"g","title":"t"}],"other":[1],"label":"Write"}],"x":null}"#;
    let json_rows = from_json(json).unwrap();
    let csv_rows = from_csv(ROW).unwrap();
    assert_eq!(json_rows, csv_rows);
    assert_eq!(json_rows[0].row_id(), csv_rows[0].row_id());
    let written = format!(r#"{{"sessions":[{}]}}"#, to_json(&json_rows[0]));
    assert_eq!(from_json(&written).unwrap(), json_rows);
}

/// The VS Code extension writes the same session to its file with `0`, `{}` and `[]`, and sends it without them.
#[test]
fn a_bare_session_of_the_extension_is_one_row_in_both_formats() {
    let times = r#""startedIso":"2026-11-20T10:00:00.000Z","endedIso":"2026-11-20T10:05:00.000Z""#;
    let csv = "2026-11-20T10:00:00.000Z,2026-11-20T10:05:00.000Z,300,0,0,0,{},{},,,desk,VS Code,,,,,,[]\n";
    let id = from_csv(csv).unwrap()[0].row_id();
    for rest in [
        r#""durationSeconds":300,"machine":"desk","ideName":"VS Code","branch":null,"issueKey":null,"comment":"""#,
        r#""durationSeconds":300.0,"idleSeconds":0,"linesAdded":0,"linesDeleted":0,"perFileSeconds":{},
           "perLanguageSeconds":{},"machine":"desk","ideName":"VS Code","comment":"","goals":[],"meta":{},"title":"x""#,
    ] {
        let rows = from_json(&format!(r#"{{"sessions":[{{{times},{rest}}}],"source":"vscode-plugin"}}"#)).unwrap();
        assert_eq!(rows[0].row_id(), id, "{rest}");
    }
    let none = "2026-11-20T10:00:00.000Z,2026-11-20T10:05:00.000Z\n";
    let zero = "2026-11-20T10:00:00.000Z,2026-11-20T10:05:00.000Z,0,0,0,0,{},{},,,,,,,,,,[]\n";
    assert_eq!(from_csv(none).unwrap()[0].row_id(), from_csv(zero).unwrap()[0].row_id());
}

#[test]
fn a_stopped_session_is_recognised_in_every_export() {
    let text = |text: &str| Some(text.to_owned());
    let stopped = Finished {
        session: timers::SessionId::new("s").ok(),
        label: text("=Write"),
        group_id: text("g"),
        group_name: text("Book"),
        started: timers::Timestamp(1_700_000_000_123),
        ended: timers::Timestamp(1_700_000_002_623),
        duration_seconds: serde_json::Number::from_f64(2.5),
        comment: text(""),
        goals: RawJson::new(r#"[{"id":"g","title":"t","n":1.0}]"#).ok(),
        ..Finished::default()
    };
    let csv = from_csv(&format!("{}{}", header(), to_csv(&stopped))).unwrap();
    let spreadsheet = format!("{BYTE_ORDER_MARK}{}{}", header(), to_spreadsheet_csv(&stopped));
    assert!(spreadsheet.contains(",'=Write\n"));
    let json = from_json(&format!(r#"{{"sessions":[{}]}}"#, to_json(&stopped))).unwrap();
    for rows in [csv, from_csv(&spreadsheet).unwrap(), json] {
        assert_eq!(rows[0].row_id(), stopped.content_id());
        assert_eq!(rows[0].label, stopped.label);
    }
    // Only a spreadsheet guards its texts.
    assert_eq!(from_csv(&spreadsheet[BYTE_ORDER_MARK.len()..]).unwrap()[0].label.as_deref(), Some("'=Write"));
}

#[test]
fn lines_are_counted_as_an_editor_does() {
    let (header, long) = (header(), format!("{ROW},one too many"));
    for ends in ["\n", "\r\n"] {
        let csv = ["", header.trim_end(), "", "", ROW, "nonsense", "", &long];
        let faults = faults(&csv.join(ends));
        let lines: Vec<&str> = faults.iter().map(|fault| fault.split(' ').next().unwrap()).collect();
        assert_eq!(lines, ["6", "6", "8"], "{faults:?}");
    }
    let over_two_lines = ROW.replace("really", "real\r\nly");
    assert!(faults(&format!("{over_two_lines}\r\nnonsense"))[0].starts_with("3 "));
}

#[test]
fn every_fault_is_listed_with_its_line_and_column() {
    let csv = format!(
        "{}{ROW}\nyesterday,2026-11-20T11:00:00Z,-1,x\n2026-11-20T11:00:00Z,2026-11-20T10:00:00Z\n,,,,,,[],7\n",
        header()
    );
    assert_eq!(
        faults(&csv),
        [
            "3 startedIso: must be an ISO 8601 instant such as 2026-11-20T10:00:00.000Z",
            "3 durationSeconds: must not be negative",
            "3 idleSeconds: must be a number",
            "4 endedIso: must not be before startedIso",
            "5 perFileSeconds: must be a JSON object",
            "5 perLanguageSeconds: must be a JSON object",
            "5 startedIso: is missing",
            "5 endedIso: is missing",
        ]
    );
    assert_eq!(faults("comment,startedIso\n"), ["1 endedIso: the header has no such column"]);
    let long = format!("{ROW},x\n");
    assert_eq!(faults(&long), ["1 : 20 cells, but there are 19 columns"]);
    assert_eq!(
        json_faults(r#"{"sessions":[{"startedIso":5,"endedIso":"2026-11-20T10:00:00Z","goals":{}},7,{"a":}]}"#),
        [
            "1 startedIso: must be a text",
            "1 goals: must be a JSON array",
            "2 : must be an object",
            "3 : is not JSON: expected value at line 1 column 6",
        ]
    );
}

#[test]
fn a_damaged_file_is_refused_where_the_damage_is() {
    let header = header();
    let rows = format!("{ROW}\n{}", ROW.replace("10:00", "10:30"));
    let unclosed = |good: &str| format!("{header}{good}{}\n{rows}\n", ROW.replacen("really\"", "really", 1));
    let closed_on = |line| {
        format!(
            "the quote that begins this cell is closed on line {line}, and more text follows: a quote is missing, or a quote within the cell is not doubled"
        )
    };
    // The cells of the next row are quoted.
    assert_eq!(faults(&unclosed("")), [format!("2 comment: {}", closed_on(2))]);
    assert_eq!(faults(&unclosed(&format!("{ROW}\n"))), [format!("3 comment: {}", closed_on(3))]);
    // Nothing after it is quoted: it swallows the rest.
    let plain = "2026-11-20T10:00:00Z,2026-11-20T11:00:00Z,\"60";
    let csv = format!("startedIso,endedIso,comment\n{plain}\n2026-11-20T10:00:00Z,2026-11-20T11:00:00Z,x\n");
    let not_closed = "the quote that begins this cell is not closed before the file ends";
    assert_eq!(faults(&csv), [format!("2 comment: {not_closed}")]);
    // The file is cut: in a quoted cell, or between two cells.
    let cut = format!("{header}{ROW}\n{ROW}");
    let (at_quoted, _) = cut.rsplit_once("good").unwrap();
    assert_eq!(faults(at_quoted), [format!("3 comment: {not_closed}")]);
    let (at_cell, _) = cut.rsplit_once(",main").unwrap();
    assert_eq!(faults(at_cell), ["3 : the file ends within this row, after 14 of 19 cells"]);
    assert!(from_csv(&cut).is_ok(), "the last line end may be missing");
    let stray = "a cell with a quote must begin and end with quotes, and each quote in it must be doubled";
    assert_eq!(faults(&format!("{header}{}", ROW.replace("desk", "5\" desk"))), [format!("2 machine: {stray}")]);
    for (json, fault) in [
        (r#"{"sessions":[{},{"startedIso":"20"#, "2 : the body ends within this element"),
        ("{", "0 : must be a JSON object: EOF while parsing an object at line 1 column 1"),
        (r#"{"sessions":[],}"#, "0 : must be a JSON object: trailing comma at line 1 column 16"),
        (r#"{"sessions":[]"#, "0 : must be a JSON object: EOF while parsing an object at line 1 column 14"),
        (r#"{"sessions":[]}]"#, "0 : must be a JSON object: trailing characters at line 1 column 16"),
        ("[]", "0 : must be a JSON object: invalid type: sequence, expected an object at line 1 column 0"),
        ("{}", "0 sessions: is missing"),
        (r#"{"sessions":null}"#, "0 sessions: is missing"),
        (r#"{"sessions":{}}"#, "0 sessions: is wrong: invalid type: map, expected a sequence"),
        (r#"{"sessions":[],"sessions":[]}"#, "0 sessions: is given twice"),
    ] {
        assert_eq!(json_faults(json).last().unwrap(), fault, "{json}");
    }
}

#[test]
fn a_file_without_line_breaks_is_refused_with_its_cause() {
    let cause = "the file has no line breaks (`curl -d @file` removes them; `curl --data-binary @file` does not)";
    let plain = "2026-11-20T10:00:00Z,2026-11-20T11:00:00Z,x";
    for csv in [
        format!("{}{ROW}\n{ROW}\n", header()),
        format!("startedIso,endedIso,comment\n{plain}\n{plain}\n"),
        format!("{ROW}\n{ROW}\n"),
    ] {
        assert!(from_csv(&csv).is_ok(), "{csv}");
        let joined = csv.replace('\n', "");
        assert!(faults(&joined).contains(&format!("1 : {cause}")), "{:?}", faults(&joined));
    }
    assert_eq!(from_csv(ROW).unwrap().len(), 1, "one row needs no line break");
}

#[test]
fn a_column_that_is_given_twice_is_refused() {
    let csv = "startedIso,comment,endedIso,comment,x,x\n";
    assert_eq!(faults(csv), ["1 comment: the header names this column twice"]);
    let json = r#"{"sessions":[{"startedIso":"2026-11-20T10:00:00Z","endedIso":"2026-11-20T10:00:00Z","comment":"a","comment":"b","x":1,"x":2}]}"#;
    assert_eq!(json_faults(json), ["1 comment: is given twice"]);
}

#[test]
fn a_foreign_file_gets_one_message() {
    let bytes = |bytes: &[u8]| texts(read_rows(RowFormat::Csv, bytes, ROW_BYTES_MAX).unwrap_err());
    let rows = "a;b;c\n".repeat(300);
    let no_column = "1 : no known column found";
    for (csv, message) in [
        (
            format!("{}{}", header().replace(',', ";"), ROW.replace(',', ";")),
            "; the separator seems to be `;`, and must be `,`",
        ),
        (header().replace(',', "\t"), "; the separator seems to be a tab, and must be `,`"),
        ("\"startedIso\"|\"endedIso\"\n".to_owned(), "; the separator seems to be `|`, and must be `,`"),
        (rows, "; the separator seems to be `;`, and must be `,`"),
        (
            "date,hours\n2026-11-20,5\n".repeat(300),
            "; the first line must name the columns `startedIso` and `endedIso`, or be a row",
        ),
        (
            "<!doctype html>\n".to_owned(),
            "; the first line must name the columns `startedIso` and `endedIso`, or be a row",
        ),
    ] {
        assert_eq!(faults(&csv), [format!("{no_column}{message}")], "{csv}");
    }
    let utf16: Vec<u8> = "\u{feff}startedIso".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(bytes(&utf16), ["1 : the file seems to be UTF-16; it must be UTF-8"]);
    assert_eq!(
        bytes(b"PK\x03\x04xl"),
        ["1 : the file seems to be a workbook or a ZIP archive; it must be CSV or JSON"]
    );
    assert_eq!(bytes(b"\x1f\x8b\x08"), ["1 : the file seems to be compressed with gzip; it must be CSV or JSON"]);
    assert_eq!(faults("workspace,branch\n").len(), 2, "a header without the required columns names them");
}

#[test]
fn the_end_of_the_year_9999_is_an_instant() {
    let csv = "2026-11-20T10:00:00.000Z,9999-12-31T23:59:59.000Z,,,,,,,,,,,,,,,,,\n";
    assert_eq!(to_csv(&from_csv(csv).unwrap()[0]), csv);
}

#[test]
fn rows_and_faults_are_bounded() {
    let long = |bytes: usize| format!("2026-11-20T10:00:00Z,2026-11-20T11:00:00Z,,,,,,,{}\n", "x".repeat(bytes));
    assert!(from_csv(&long(ROW_BYTES_MAX - 40)).is_ok());
    assert_eq!(faults(&long(ROW_BYTES_MAX)), [format!("1 : a row is at most {ROW_BYTES_MAX} bytes")]);
    let json = format!(r#"{{"sessions":[{{"comment":"{}"}}]}}"#, "x".repeat(ROW_BYTES_MAX));
    assert_eq!(json_faults(&json), [format!("1 : a row is at most {ROW_BYTES_MAX} bytes")]);
    let csv = format!("{}{}", header(), "x\n".repeat(3 * FAULTS_MAX));
    assert_eq!(faults(&csv).len(), FAULTS_MAX);
    let json = format!(r#"{{"sessions":[{}7]}}"#, "7,".repeat(3 * FAULTS_MAX));
    assert_eq!(json_faults(&json).len(), FAULTS_MAX);
}

#[test]
fn a_session_that_was_stopped_here_is_written_with_its_id_and_names() {
    let text = |text: &str| Some(text.to_owned());
    let session = timers::SessionId::new("s").unwrap();
    let row = Finished {
        session: Some(session),
        label: text("x"),
        group_id: text("g"),
        group_name: text("Book"),
        ..Finished::default()
    };
    assert_eq!(
        to_json(&row),
        r#"{"sessionId":"s","groupId":"g","groupName":"Book","startedIso":"1970-01-01T00:00:00.000Z","endedIso":"1970-01-01T00:00:00.000Z","label":"x"}"#
    );
}

#[test]
fn a_row_without_a_header_may_say_what_a_column_is_called() {
    let csv = ROW.replacen(",code,tick,", ",code,workspace,", 1);
    assert_eq!(from_csv(&csv).unwrap()[0].workspace.as_deref(), Some("workspace"));
}

#[test]
fn the_format_is_found_by_the_first_character() {
    let read = |text: &str| {
        let mut rows = Vec::new();
        let mut reader = RowReader::new(None, ROW_BYTES_MAX);
        text.as_bytes().iter().for_each(|byte| reader.push(&[*byte], &mut rows));
        reader.finish(&mut rows).unwrap();
        rows
    };
    let rows = from_csv(ROW).unwrap();
    let json = format!("\u{feff} \r\n\n {{\"sessions\":\n[{}\n]}}", to_json(&rows[0]));
    assert_eq!(read(&json), rows);
    assert_eq!(read(&format!("\r\n{}{ROW}", header())), rows);
}

proptest! {
    #[test]
    fn any_text_survives_every_format(
        comment in "['=@+\t-]{0,2}\\PC{0,40}[\",\n\r]{0,3}\\PC{0,5}",
        label in "['=@+\t-]{0,2}\\PC{0,10}",
        started in 0..4_000_000_000_000u64,
        part in 1..50usize,
    ) {
        let some = |text: String| (!text.is_empty()).then_some(text);
        let row = Finished {
            started: timers::Timestamp(started),
            ended: timers::Timestamp(started + 1),
            comment: some(comment),
            label: some(label),
            ..Finished::default()
        };
        for file in [
            format!("{}{}", header(), to_csv(&row)),
            format!("{BYTE_ORDER_MARK}{}{}", header(), to_spreadsheet_csv(&row)),
            format!(r#"{{"sessions":[{}]}}"#, to_json(&row)),
        ] {
            let mut rows = Vec::new();
            let mut reader = RowReader::new(None, ROW_BYTES_MAX);
            file.as_bytes().chunks(part).for_each(|part| reader.push(part, &mut rows));
            prop_assert_eq!(reader.finish(&mut rows), Ok(()));
            prop_assert_eq!(&rows, std::slice::from_ref(&row));
        }
    }

    #[test]
    fn any_bytes_give_rows_or_faults_in_parts_of_any_size(text in "[\"{}\\[\\],:\\\\\n\r a0]{0,60}", part in 1..5usize) {
        for format in [RowFormat::Csv, RowFormat::Json] {
            let mut rows = Vec::new();
            let mut reader = RowReader::new(Some(format), ROW_BYTES_MAX);
            text.as_bytes().chunks(part).for_each(|part| reader.push(part, &mut rows));
            let in_parts = reader.finish(&mut rows).map(|()| rows);
            prop_assert_eq!(in_parts, read_rows(format, text.as_bytes(), ROW_BYTES_MAX));
        }
    }
}
