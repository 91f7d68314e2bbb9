//! Files that are refused: faults, conflicts with what is stored, and repairs that are not wanted.

use harness::RedisServer;
use serde_json::{Value, json};

use super::command::{Files, MEMBER, Said, entries, finished_entries, mutate, query, ten_types};

#[tokio::test]
async fn nothing_of_files_with_faults_is_imported_and_all_faults_are_listed() {
    let row = |id: &str, session: &str, start: &str| {
        format!("{id},1,{session},,{start},{start},0,50.00,f,,42,2025-01-05 08:00:00,2025-01-05 08:00:00,\n")
    };
    let at = "2025-01-05 08:00:00";
    let rows = [row("x", "1", at), row("2", "", at), row("3", "1", "soon"), row("4", "1", at)].concat();
    let files = Files::new(&ten_types().replacen("billable", "free", 1), &rows);
    Said::by(&mut files.import(&[])).has(
        65,
        &[
            "types.csv:2: category: must be billable or non-billable",
            "entries.csv:2: id: must be an integer, of at most 9007199254740991",
            "entries.csv:3: session_id: one of session_id, project_id and track_id must be given, and none is",
            "entries.csv:4: start_time: must be a timestamp such as 2026-11-20 10:00:00.123+00 (datestyle ISO)",
            "the files have errors; nothing was imported",
        ],
    );
    assert!(!files.path("data").exists(), "the store was not even opened");
    let twice = Files::new(&ten_types(), &[row("7", "1", at), row("4", "1", at), row("7", "2", at)].concat());
    Said::by(&mut twice.import(&[])).has(65, &["entries.csv:4: id: is 7, which line 2 has too"]);
    let node = files.node().await;
    assert_eq!(entries(&node, &MEMBER).await, Vec::<Value>::new());
}

#[tokio::test]
async fn strict_refuses_what_would_be_repaired() {
    let files = Files::of_postgresql();
    let said = Said::by(&mut files.import(&["--strict"]));
    said.has(
        65,
        &[
            "types.csv:4: hourly_rate: is NaN, which is no number; it becomes 0.00",
            "entries.csv:4: end_time: is before start_time, and becomes the start",
            "5 cells would be repaired (--strict); nothing was imported",
        ],
    );
    assert_eq!(said.output, "");
    let files = Files::new(&ten_types(), &finished_entries(3));
    Said::by(&mut files.import(&["--strict"])).has(0, &["org:3: time entries: 3 read, 3 new, 0 known"]);
    let other = finished_entries(3).replacen(",75,", ",74,", 1);
    let files = Files::new(&ten_types(), &other);
    let duration =
        "entries.csv:2: duration_minutes: is 74, and becomes 75: the minutes between start_time and end_time";
    Said::by(&mut files.import(&["--strict"])).has(65, &[duration]);
    Said::by(&mut files.import(&[])).has(0, &[&format!("repaired: {duration}"), "repaired cells: 1"]);
}

#[tokio::test]
async fn conflicts_with_what_is_stored_are_found_before_the_first_write() {
    let redis = RedisServer::start();
    let files = Files::new(&ten_types(), "").over(&redis.url());
    let node = files.node().await;
    for session in [1, 600] {
        mutate(&node, "timer.start", &json!({ "taskTypeId": 1, "sessionId": session })).await;
    }
    mutate(&node, "timer.stop", &json!({ "timeEntryId": 1 })).await;
    let (types, before) = (query(&node, "taskTypes.list", &MEMBER).await, entries(&node, &MEMBER).await);
    let at = "2025-01-05 08:00:00";
    let running = |id: u64, session: u64, start: &str| format!("{id},9,{session},,{start},,,5,f,,42,{at},{at},\n");
    let rows = finished_entries(1500) + &running(1501, 600, at) + &running(1502, 601, "2100-01-01 00:00:00");
    let unknown = format!("1503,77,1,,{at},{at},0,5,f,,42,{at},{at},\n");
    files.write("entries.csv", &format!("{}\n{rows}{unknown}", super::command::ENTRIES_HEADER));
    Said::by(&mut files.import(&[])).has(
        65,
        &[
            "types.csv:2: id: task type 1 exists already and is another one",
            "types.csv:6: id: task type 5 exists already and is another one",
            "entries.csv:2: id: time entry 1 exists already and is another one",
            "entries.csv:3: id: time entry 2 exists already and is another one",
            "entries.csv:1502: end_time: time entry 1501 runs, and another entry of its session, project or track is \
             running already",
            "entries.csv:1503: start_time: time entry 1502 begins in the future",
            "entries.csv:1504: task_type_id: time entry 1503 is of a task type that does not exist",
            "the files do not fit what is stored; nothing was imported",
        ],
    );
    assert_eq!(query(&node, "taskTypes.list", &MEMBER).await, types);
    assert_eq!(entries(&node, &MEMBER).await, before, "nothing was written");
}

#[test]
fn what_an_organization_cannot_keep_is_found_before_the_first_write() {
    let at = "2025-01-05 08:00:00";
    let running: String = (1..=3).map(|id| format!("{id},9,{id},,{at},,,5,f,,42,{at},{at},\n")).collect();
    let files = Files::new(&ten_types(), &running);
    let limit = "org:3: more than 2 time entries run (studio.running_entries)";
    Said::by(&mut files.import(&["--set", "studio.running_entries=2"])).has(65, &[limit]);
    let files = Files::new(&ten_types(), &finished_entries(30));
    let limit = "org:3: the history is full: it holds at most 20 rows (studio.history_rows)";
    Said::by(&mut files.import(&["--set", "studio.history_rows=20"])).has(65, &[limit]);
    Said::by(&mut files.import(&["--set", "studio.task_types=9"]))
        .has(65, &["org:3: an organization has at most 9 task types (studio.task_types)"]);
}

#[test]
fn every_kind_of_failure_has_its_exit_code() {
    let files = Files::new(&ten_types(), "");
    let types = ["--task-types", "types.csv"];
    Said::by(&mut files.command(&[])).has(2, &[]);
    Said::by(&mut files.command(&types)).has(2, &["types.csv has no column organization_id: --organization is needed"]);
    let missing = ["--task-types", "none.csv", "--organization", "3"];
    Said::by(&mut files.command(&missing))
        .has(66, &["none.csv cannot be read: No such file or directory (os error 2)"]);
    Said::by(&mut files.import(&["--set", "store.url=mysql://x"])).has(78, &[]);
    let memory = "store.url is memory://, which is lost when this command ends";
    Said::by(&mut files.import(&["--set", "store.url=memory://"])).has(78, &[memory]);
    let nobody = format!("store.url=redis://127.0.0.1:{}", harness::free_port());
    let said = Said::by(&mut files.import(&["--set", &nobody]));
    said.has(69, &[]);
    assert!(said.errors.contains("cannot be used: "), "{}", said.errors);
}
