//! Imports of files that PostgreSQL has written.

use std::fs::{File, OpenOptions};
use std::io::Read;

use harness::web_session::WebSession;
use harness::{Node, RedisServer};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};

use super::command::{Files, MEMBER, Said, entries, mutate, query};

const REPAIRS: [&str; 5] = [
    "repaired: types.csv:4: hourly_rate: is NaN, which is no number; it becomes 0.00",
    "repaired: entries.csv:4: end_time: is before start_time, and becomes the start",
    "repaired: entries.csv:6: hourly_rate_snapshot: is NaN, which is no number; it becomes 0.00",
    "repaired: entries.csv:7: end_time: is NULL, although time entry 6 of the same session, project or track began later \
     and runs: it becomes the start of that entry",
    "repaired: entries.csv:8: end_time: is NULL, although time entry 9 of the same session, project or track began later \
     and runs: it becomes the start of that entry",
];

const IGNORED: [&str; 2] = [
    "types.csv: columns that Tickcast does not have are ignored: sync_uuid, sync_version",
    "entries.csv: columns that Tickcast does not have are ignored: invoice_id, sync_uuid, sync_version",
];

fn counts(types: (u32, u32), entries: (u32, u32)) -> [String; 3] {
    [
        format!("org:3: task types: 3 read, {} new, {} known", types.0, types.1),
        format!("org:3: time entries: 7 read, {} new, {} known", entries.0, entries.1),
        "repaired cells: 5".to_owned(),
    ]
}

/// Checks that a node lists what the files of PostgreSQL contain.
async fn lists_the_files(node: &Node) {
    let types = query(node, "taskTypes.list?input=%7B%22includeInactive%22%3Atrue%7D", &MEMBER).await;
    let expected = json!([
        {"id": 5, "name": "Pause café", "description": "two\nlines", "hourlyRate": "0.00", "category": "non-billable",
         "color": null, "sortOrder": -1, "isActive": false, "createdAt": "2026-01-05T08:00:00.000Z",
         "updatedAt": "2026-01-05T08:00:00.000Z"},
        {"id": 1, "name": "Setup", "description": null, "hourlyRate": "50.00", "category": "billable",
         "color": "#3B82F6", "sortOrder": 1, "isActive": true, "createdAt": "2026-01-05T08:00:00.000Z",
         "updatedAt": "2026-01-05T08:00:00.000Z"},
        {"id": 2, "name": "Recording, \"live\"", "description": "", "hourlyRate": "75.50", "category": "billable",
         "color": "#ef4444", "sortOrder": 2, "isActive": true, "createdAt": "2026-01-05T08:00:00.123Z",
         "updatedAt": "2026-03-01T10:30:00.500Z"},
    ]);
    assert_eq!(types, expected);
    let listed = entries(node, &MEMBER).await;
    let of = |name: &str| listed.iter().map(|entry| entry[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("id"), [1, 2, 3, 4, 5, 6, 9]);
    assert_eq!(of("durationMinutes"), [json!(90), json!(20), json!(0), json!(30), json!(45), json!(30), Value::Null]);
    assert_eq!(of("hourlyRateSnapshot"), ["50.00", "75.50", "75.50", "0.00", "50.00", "75.50", "75.50"]);
    assert_eq!(of("billable"), [true, true, true, false, true, true, true], "as the type is");
    assert_eq!(of("createdBy"), [json!(42), json!(42), Value::Null, json!(7), json!(42), json!(43), json!(43)]);
    let notes = [Value::Null, json!(""), json!("said \"no\",\r\nthen yes"), json!("\\."), Value::Null];
    assert_eq!(of("notes")[..5], notes);
    let first = &listed[1];
    for (name, value) in [
        ("taskTypeId", json!(2)),
        ("sessionId", json!(12)),
        ("projectId", Value::Null),
        ("startTime", json!("2026-02-01T11:00:00.123Z")),
        ("endTime", json!("2026-02-01T11:20:00.000Z")),
        ("manuallyAdjusted", json!(true)),
        ("createdAt", json!("2026-02-01T11:00:00.123Z")),
        ("updatedAt", json!("2026-02-01T11:20:00.000Z")),
    ] {
        assert_eq!(first[name], value, "{name}");
    }
    assert_eq!((&listed[2]["projectId"], &listed[3]["trackId"]), (&json!(8), &json!(3)));
    assert_eq!(listed[4]["endTime"], listed[5]["startTime"]);
    assert_eq!(listed[6]["startTime"], json!("2026-02-04T10:15:00.000Z"), "the newest continues");
}

#[tokio::test]
async fn a_node_lists_what_was_imported_into_an_embedded_store_and_a_repetition_changes_nothing() {
    let files = Files::of_postgresql();
    let said = Said::by(&mut files.import(&["--check"]));
    said.has(0, &counts((3, 0), (7, 0)).each_ref().map(String::as_str));
    said.has(0, &["nothing was written (--check)"]);
    let said = Said::by(&mut files.import(&[]));
    said.has(0, &REPAIRS);
    said.has(0, &IGNORED);
    said.has(0, &counts((3, 0), (7, 0)).each_ref().map(String::as_str));
    assert_eq!(said.output.lines().count(), 3, "what is found goes to standard error");

    let mut node = files.node().await;
    lists_the_files(&node).await;
    let stopped = mutate(&node, "timer.stop", &json!({ "timeEntryId": 9 })).await;
    let started = mutate(&node, "timer.start", &json!({ "taskTypeId": 1, "sessionId": 77 })).await;
    assert_eq!(started["id"], json!(10), "the counter has moved past the imported ids");
    let created = json!({ "name": "New", "hourlyRate": "1" });
    assert_eq!(mutate(&node, "taskTypes.create", &created).await["id"], json!(6));

    let said = Said::by(&mut files.import(&[]));
    let folder = files.path("data");
    let busy = format!(
        "{} is in use by another process: stop the node first, and start it again after this command",
        folder.display()
    );
    said.has(69, &[&busy]);

    let before = entries(&node, &MEMBER).await;
    node.signal("TERM");
    assert!(node.ended().await.success());
    let said = Said::by(&mut files.import(&[]));
    said.has(0, &counts((0, 3), (0, 7)).each_ref().map(String::as_str));
    node.restart().await;
    let after = entries(&node, &MEMBER).await;
    assert_eq!(after, before);
    assert_eq!(after[6]["endTime"], stopped["endTime"], "what was corrected here stays");
}

#[tokio::test]
async fn an_import_into_redis_disturbs_no_running_node() {
    let redis = RedisServer::start();
    let files = Files::of_postgresql().over(&redis.url());
    let node = files.node().await;
    // A member has opened the page: the first types are there.
    assert_eq!(query(&node, "taskTypes.list", &MEMBER).await.as_array().unwrap().len(), 5);
    let leader = node.get_internal("/cluster").await.json()["leader"].clone();
    Said::by(&mut files.import(&[])).has(0, &counts((3, 0), (7, 0)).each_ref().map(String::as_str));
    lists_the_files(&node).await;
    assert_eq!(node.get_internal("/cluster").await.json()["leader"], leader);
    let metrics = node.metrics().await;
    assert_eq!(metrics.must("tickcast_elections_won_total", &[]), 1.0, "it leads without a break");
    Said::by(&mut files.import(&[])).has(0, &counts((0, 3), (0, 7)).each_ref().map(String::as_str));
    lists_the_files(&node).await;
    let other = [("x-test-user-id", "42"), ("x-test-org-id", "4")];
    assert_eq!(entries(&node, &other).await, Vec::<Value>::new(), "another organisation has none of it");
}

#[tokio::test]
async fn members_who_log_in_by_session_find_what_was_imported_into_their_namespace() {
    let redis = RedisServer::start();
    let secret = "the secret of the sessions";
    let settings = [
        ("auth.modes", "express-session"),
        ("auth.express_session.secret", secret),
        ("auth.express_session.name", "old"),
    ];
    let files = Files::of_postgresql().over(&redis.url());
    let with_settings = |options: &[&str]| {
        let mut command = files.import(options);
        for (key, value) in settings {
            command.args(["--set", &format!("{key}={value}")]);
        }
        Said::by(&mut command)
    };
    let wrong = with_settings(&["--namespace", "new"]);
    wrong.has(2, &["--namespace is \"new\", but no login of the configuration has this namespace; there are: old"]);
    with_settings(&[]).has(0, &["org:old:3: time entries: 7 read, 7 new, 0 known"]);

    let node = Node::start_with(&[&settings[..], &[("store.url", &redis.url())]].concat()).await;
    let session = WebSession::log_in(&redis, "sess:", secret, &json!(42), &json!(3));
    assert_eq!(entries(&node, &[("cookie", &session.cookie)]).await.len(), 7);
}

#[tokio::test]
async fn a_column_names_the_organization_of_each_row() {
    let files = Files::new("", "");
    let at = "2026-01-05 08:00:00";
    let types = [("3", "A"), ("4", "B")]
        .map(|(organization, name)| format!("{organization},1,{name},,5,billable,,0,t,{at},{at}\n"))
        .concat();
    files.write("types.csv", &format!("organization_id,{}\n{types}", super::command::TYPES_HEADER));
    let entries_of = ["3", "4", "4"].iter().zip(1..);
    let rows =
        entries_of.map(|(organization, id)| format!("{organization},{id},1,1{id},,{at},{at},0,5,f,,1,{at},{at},\n"));
    let header = super::command::ENTRIES_HEADER;
    files.write("entries.csv", &format!("organization_id,{header}\n{}", rows.collect::<String>()));
    let both = ["--task-types", "types.csv", "--time-entries", "entries.csv"];
    Said::by(&mut files.import(&[])).has(65, &["types.csv:3: organization_id: is 4, and --organization is 3"]);
    let said = Said::by(&mut files.command(&both));
    said.has(0, &["org:3: time entries: 1 read, 1 new, 0 known", "org:4: time entries: 2 read, 2 new, 0 known"]);
    let node = files.node().await;
    for (organization, name, count) in [("3", "A", 1), ("4", "B", 2)] {
        let member = [("x-test-user-id", "1"), ("x-test-org-id", organization)];
        let listed = entries(&node, &member).await;
        assert_eq!((listed.len(), &listed[0]["taskType"]["name"]), (count, &json!(name)));
    }
}

#[test]
fn progress_is_shown_on_a_terminal_only() {
    let files = Files::of_postgresql();
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let path = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let side = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut process = files.import(&[]).stderr(side).spawn().unwrap();
    let reader = std::thread::spawn(move || {
        let (mut shown, mut terminal) = (Vec::new(), File::from(terminal));
        // The end of the process is an error here.
        terminal.read_to_end(&mut shown).ok();
        String::from_utf8(shown).unwrap()
    });
    assert!(process.wait().unwrap().success());
    let shown = reader.join().unwrap();
    for line in ["reading bytes: ", "checking time entries: 7 of 7 (100 %)", "writing rows: "] {
        assert!(shown.contains(line), "no `{line}` in {shown:?}");
    }
    let said = Said::by(&mut files.import(&[]));
    assert!(!said.errors.contains('\r') && !said.errors.contains("writing rows"), "{}", said.errors);
}
