//! Finished sessions as CSV and JSON.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use proptest::prelude::*;
use timers::stopwatch::Finished;
use wire::clockit::rows::{COLUMNS, FAULTS_MAX, ROW_BYTES_MAX, from_csv, from_json, header, to_csv, to_json};

const ROW: &str = r#"2026-11-20T10:00:00.000Z,2026-11-20T11:00:00.000Z,3600,12.5,10,2,"{""src/a.rs"":1800}","{""rust"":3600}",Ann,ann@example.org,desk,code,tick,/src/tick,main,T-1,"a ""good"" hour, really","[{""id"":""g"",""title"":""t""}]""#;

fn faults(csv: &str) -> Vec<String> {
    let faults = from_csv(csv.as_bytes()).unwrap_err();
    faults.iter().map(|fault| format!("{} {}: {}", fault.line, fault.column, fault.message)).collect()
}

#[test]
fn a_csv_goes_in_and_comes_out_the_same() {
    let csv = format!("{}{ROW}\n", header());
    let rows = from_csv(csv.as_bytes()).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(format!("{}{}", header(), to_csv(&rows[0])), csv);
}

#[test]
fn a_header_is_optional_and_may_order_the_columns() {
    let plain = from_csv(ROW.as_bytes()).unwrap();
    assert_eq!(from_csv(format!("\u{feff}{}{ROW}\r\n", header()).as_bytes()).unwrap(), plain);
    let other = "comment,nonsense,endedIso,startedIso\nx,y,2026-11-20T11:00:00Z,2026-11-20T10:00:00Z\n";
    let rows = from_csv(other.as_bytes()).unwrap();
    assert_eq!(rows[0].comment.as_deref(), Some("x"));
    assert_eq!(from_csv(b"").unwrap(), []);
    assert_eq!(from_csv(header().as_bytes()).unwrap(), []);
}

#[test]
fn json_rows_are_the_same_rows() {
    let json = r#"{"source":"vscode","sessions":[{
        "startedIso":"2026-11-20T10:00:00.000Z","endedIso":"2026-11-20T11:00:00.000Z","durationSeconds":3600,
        "idleSeconds":12.5,"linesAdded":10,"linesDeleted":2,"perFileSeconds": { "src/a.rs": 1800 },
        "perLanguageSeconds":{"rust":3600},"authorName":"Ann","authorEmail":"ann@example.org","machine":"desk",
        "ideName":"code","workspace":"tick","repoPath":"/src/tick","branch":"main","issueKey":"T-1",
        "comment":"a \"good\" hour, really","goals":[{"id":"g","title":"t"}],"other":[1],"label":null}]}"#;
    let from_json = from_json(json).unwrap();
    let from_csv = from_csv(ROW.as_bytes()).unwrap();
    assert_eq!(from_json, from_csv);
    assert_eq!(from_json[0].row_id(), from_csv[0].row_id());
    let written = format!(r#"{{"sessions":[{}]}}"#, to_json(&from_json[0]));
    assert_eq!(wire::clockit::rows::from_json(&written).unwrap(), from_json);
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
    let long = vec!["x"; COLUMNS.len() + 1].join(",");
    assert_eq!(faults(&long), ["1 : 19 cells, but there are 18 columns"]);
    let faults = from_json(r#"{"sessions":[{"startedIso":5,"endedIso":"2026-11-20T10:00:00Z","goals":{}},7]}"#);
    let faults: Vec<_> = faults.unwrap_err().into_iter().map(|f| (f.line, f.column, f.message)).collect();
    assert_eq!(
        faults,
        [
            (1, "startedIso".into(), "must be a text".into()),
            (1, "goals".into(), "must be a JSON array".into()),
            (2, String::new(), "must be an object".into()),
        ]
    );
    assert!(from_json("{}").is_err() && from_json("[").is_err());
}

#[test]
fn a_line_number_counts_lines_not_rows() {
    let csv = "startedIso,endedIso,comment\n2026-11-20T10:00:00Z,2026-11-20T11:00:00Z,\"two\nlines\"\nx,2026-11-20T11:00:00Z,y\n";
    assert!(faults(csv)[0].starts_with("4 startedIso"), "{:?}", faults(csv));
}

#[test]
fn rows_and_faults_are_bounded() {
    let long = |bytes: usize| format!("2026-11-20T10:00:00Z,2026-11-20T11:00:00Z,,,,,,,{}", "x".repeat(bytes));
    assert!(from_csv(long(ROW_BYTES_MAX - 40).as_bytes()).is_ok());
    assert_eq!(faults(&long(ROW_BYTES_MAX)), [format!("1 : a row is at most {ROW_BYTES_MAX} bytes")]);
    let json = format!(r#"{{"sessions":[{{"comment":"{}"}}]}}"#, "x".repeat(ROW_BYTES_MAX));
    assert_eq!(from_json(&json).unwrap_err()[0].message, format!("a row is at most {ROW_BYTES_MAX} bytes"));
    assert_eq!(from_csv("x\n".repeat(3 * FAULTS_MAX).as_bytes()).unwrap_err().len(), FAULTS_MAX);
    let json = format!(r#"{{"sessions":[{}7]}}"#, "7,".repeat(3 * FAULTS_MAX));
    assert_eq!(from_json(&json).unwrap_err().len(), FAULTS_MAX);
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
        r#"{"sessionId":"s","label":"x","groupId":"g","groupName":"Book","startedIso":"1970-01-01T00:00:00.000Z","endedIso":"1970-01-01T00:00:00.000Z"}"#
    );
}

#[test]
fn a_row_without_a_header_may_say_what_a_column_is_called() {
    let csv = ROW.replacen(",code,tick,", ",code,workspace,", 1);
    assert_eq!(from_csv(csv.as_bytes()).unwrap()[0].workspace.as_deref(), Some("workspace"));
}

proptest! {
    #[test]
    fn any_text_survives_the_csv(comment in "\\PC{0,40}[\",\n\r]{0,3}\\PC{0,5}", started in 0..4_000_000_000_000u64) {
        let row = Finished {
            started: timers::Timestamp(started),
            ended: timers::Timestamp(started + 1),
            comment: (!comment.is_empty()).then_some(comment),
            ..Finished::default()
        };
        let csv = format!("{}{}", header(), to_csv(&row));
        prop_assert_eq!(from_csv(csv.as_bytes()).unwrap(), vec![row]);
    }
}
