//! Imports of a punch clock's collections.

use harness::{Client, RedisServer};
use serde_json::{Value, json};

use super::command::Said;
use super::documents::{Files, get, interrupted, now};

/// 2024-05-06 08:00:00 UTC, a Monday.
const MONDAY: u64 = 1_714_982_400_000;
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

fn entry(at: u64, kind: &str) -> Value {
    json!({ "id": { "$numberDouble": format!("{at}.0") }, "timestamp": { "$numberLong": at.to_string() }, "type": kind,
            "time": "" })
}

/// A day of `dailylogs` with eight hours of work, as `mongoexport` writes it.
fn log(user: &str, start: u64) -> Value {
    let entries = json!([
        entry(start, "IN"),
        entry(start + 4 * HOUR, "OUT"),
        entry(start + 5 * HOUR, "IN"),
        entry(start + 9 * HOUR, "OUT")
    ]);
    let midnight = start / DAY * DAY;
    json!({
        "_id": { "$oid": format!("{:024x}", start) }, "userId": user,
        "date": { "$date": { "$numberLong": midnight.to_string() } }, "entries": entries,
        "dailyStats": { "totalWorkMinutes": 480, "totalBreakMinutes": 60, "isComplete": true }, "theme": "dark",
        "createdAt": { "$date": "2024-05-06T17:00:00.000Z" }, "updatedAt": { "$date": "2024-05-06T17:00:00.000Z" },
        "__v": 0,
    })
}

fn session(user: &str, entries: &Value) -> Value {
    json!({
        "_id": { "$oid": "65a1f0c2e4b0a1b2c3d4e5f6" }, "userId": user, "userEmail": format!("{user}@example.com"),
        "userName": user.to_uppercase(), "currentStatus": "IN", "entries": entries, "currentTheme": "aurora",
        "dailyStats": { "totalWorkMinutes": 0, "totalBreakMinutes": 0, "isComplete": false },
        "lastActiveDate": "2024-05-07", "createdAt": { "$date": "2024-01-02T03:04:05.006Z" },
        "updatedAt": { "$date": "2024-05-07T08:00:00.000Z" },
    })
}

fn ids(document: &Value) -> Vec<u64> {
    document["data"]["entries"].as_array().unwrap().iter().map(|entry| entry["id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_person_finds_their_days_and_a_repetition_changes_nothing() {
    let files = Files::new();
    let began = now() - HOUR / 2;
    files.write("logs.jsonl", &[log("ann", MONDAY), log("ann", MONDAY + DAY), log("ben", MONDAY)]);
    files.write("sessions.jsonl", &[session("ann", &json!([entry(began, "IN")]))]);
    let import = |options: &[&str]| {
        let arguments = [&["logs.jsonl", "sessions.jsonl", "--zone", "europe/berlin"], options].concat();
        Said::by(&mut files.import("punch-clock", &arguments))
    };
    let counts = |new: u32, punches: u32, days: u32| {
        [
            format!("people: 2 read, {new} new, {} known", 2 - new),
            format!("punches: 13 read, {punches} new, {} known", 13 - punches),
            format!("days: {days} changed"),
        ]
    };
    let lines = counts(2, 13, 3);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    import(&["--check"]).has(0, &[&lines[..], &["nothing was written (--check)"]].concat());
    import(&[]).has(0, &lines);
    let again = counts(0, 0, 0);
    import(&[]).has(0, &again.iter().map(String::as_str).collect::<Vec<_>>());

    let node = files.node().await;
    let logs = get(&node, "/api/daily-logs?userId=ann").await;
    let of = |name: &str| logs["logs"].as_array().unwrap().iter().map(|log| log[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("date"), ["2024-05-07T00:00:00.000Z", "2024-05-06T00:00:00.000Z"]);
    assert_eq!(of("theme"), ["dark", "dark"]);
    let eight_hours = json!({ "totalWorkMinutes": 480, "totalBreakMinutes": 60, "isComplete": true });
    assert_eq!(of("dailyStats"), [eight_hours.clone(), eight_hours]);
    assert_eq!(logs["logs"][0]["entries"][0]["time"], "10:00:00", "the zone of a new person is Berlin");
    let document = get(&node, "/api/session?userId=ann").await;
    assert_eq!(ids(&document).last(), Some(&began));
    let of = |name: &str| document["data"][name].as_str().unwrap().to_owned();
    assert_eq!(
        ["currentStatus", "currentTheme", "userName", "userEmail", "createdAt"].map(of),
        ["IN", "aurora", "ANN", "ann@example.com", "2024-01-02T03:04:05.006Z"]
    );
    assert_eq!(get(&node, "/api/daily-logs?userId=ben").await["pagination"]["totalLogs"], 1);
}

#[tokio::test]
async fn people_who_use_a_running_cluster_see_what_is_imported_and_keep_what_they_have() {
    let redis = RedisServer::start();
    let files = Files::new().over(&redis.url());
    let node = files.node().await;
    let own = json!({ "currentTheme": "dark", "entries": [{ "id": 1, "timestamp": now(), "type": "IN", "time": "" }] });
    let posted = node.http("POST", "/api/session?userId=ann", &[], own.to_string().as_bytes()).await;
    assert_eq!(posted.status, 200, "{posted:?}");
    let mut socket = Client::connect(node.public, "/api/session/live?userId=ann").await;
    socket.next_of("session").await;
    files.write("all.jsonl", &[session("ann", &json!([entry(now() - 2, "OUT")])), log("ann", MONDAY)]);
    let said = Said::by(&mut files.import("punch-clock", &["all.jsonl", "--zone", "Asia/Kathmandu"]));
    said.has(0, &["people: 1 read, 0 new, 1 known", "punches: 5 read, 5 new, 0 known"]);
    let told = socket.next_of("session").await;
    assert_eq!(told["payload"]["currentTheme"], "dark", "{told}");
    let logs = get(&node, "/api/daily-logs?userId=ann").await;
    assert_eq!(logs["logs"][0]["entries"][0]["time"], "08:00:00", "their zone is UTC");
}

#[test]
fn files_that_do_not_fit_are_refused_as_a_whole_and_every_error_is_named() {
    let files = Files::new();
    let mut future = log("ben", now() / DAY * DAY + 3 * DAY);
    future["dailyStats"] = Value::Null;
    let faulty = [
        json!({ "userId": "ann" }),
        json!({ "userId": "ann", "date": "2024-05-06", "entries": [{ "id": 1, "type": "IN" }] }),
    ];
    files.write("faulty.jsonl", &[&faulty[..], &[log("ann", MONDAY)]].concat());
    files.write("array.jsonl", &[json!([log("ann", MONDAY)])]);
    files.write("good.jsonl", &[log("ann", MONDAY)]);
    files.write("future.jsonl", &[log("ann", MONDAY), future]);
    files.write("nobody.jsonl", &[log("a\nb", MONDAY)]);
    let import = |arguments: &[&str]| Said::by(&mut files.import("punch-clock", arguments));
    import(&["good.jsonl", "faulty.jsonl", "array.jsonl"]).has(
        65,
        &[
            "faulty.jsonl:1: is neither a day of dailylogs (date) nor of usersessions (currentStatus)",
            "faulty.jsonl:2: entries[0] (id 1): timestamp must be a date, or a number of milliseconds since 1970",
            "array.jsonl:1: is an array: mongoexport writes one document a line without the option --jsonArray",
            "the files have errors; nothing was imported",
        ],
    );
    let id = (now() / DAY * DAY + 3 * DAY).to_string();
    import(&["future.jsonl"]).has(
        65,
        &[
            &format!("future.jsonl:2: entries: the punch of id {id} is in the future"),
            "the files do not fit what is stored; nothing was imported",
        ],
    );
    import(&["nobody.jsonl"]).has(65, &["the files have errors; nothing was imported"]);
    let mut full = files.import("punch-clock", &["good.jsonl"]);
    full.env("TICKCAST__PUNCH_CLOCK__PUNCHES", "3");
    Said::by(&mut full).has(
        65,
        &["workday:ann: 2024-05-06 would have more punches than a day can have, which is 3 (punch_clock.punches)"],
    );
    import(&["missing.jsonl"]).has(66, &["missing.jsonl cannot be read: No such file or directory (os error 2)"]);
    import(&["good.jsonl", "--zone", "Mars/Olympus"]).has(2, &[r#"--zone: there is no time zone "Mars/Olympus""#]);
    assert_eq!(import(&[]).code, Some(2), "no file");
    let said = import(&["good.jsonl"]);
    said.has(0, &["people: 1 read, 1 new, 0 known", "punches: 4 read, 4 new, 0 known"]);
}

#[test]
fn days_of_which_the_punches_make_other_totals_are_reported() {
    let files = Files::new();
    let mut open = log("ann", MONDAY);
    open["entries"].as_array_mut().unwrap().pop();
    files.write("logs.jsonl", &[open, log("ann", MONDAY + DAY)]);
    let said = Said::by(&mut files.import("punch-clock", &["logs.jsonl"]));
    said.has(
        0,
        &["logs.jsonl:1: dailyStats: 480 minutes of work and 60 of breaks are stored; the punches make 900 and 60"],
    );
    let reported = said.errors.lines().filter(|line| line.starts_with("logs.jsonl:")).count();
    assert_eq!(reported, 1, "the forgotten OUT ends at midnight: {}", said.errors);
}

#[tokio::test]
async fn an_import_that_is_interrupted_is_completed_by_its_repetition() {
    const PEOPLE: usize = 2000;
    let redis = RedisServer::start();
    let files = Files::new().over(&redis.url());
    let documents: Vec<Value> = (0..PEOPLE).map(|nth| log(&format!("person-{nth}"), MONDAY)).collect();
    files.write("logs.jsonl", &documents);
    let stored = || redis.replies(&[vec!["KEYS", "*:history:workday:*"]]).unwrap()[0].texts().len();
    let known = interrupted(files.import("punch-clock", &["logs.jsonl"]), stored, PEOPLE).await;
    let said = Said::by(&mut files.import("punch-clock", &["logs.jsonl"]));
    said.has(0, &[&format!("people: {PEOPLE} read, {} new, {known} known", PEOPLE - known)]);
    assert_eq!(stored(), PEOPLE);
}
