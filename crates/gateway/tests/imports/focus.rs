//! Imports of a collection of focus sessions.

use harness::{Client, Node, RedisServer};
use serde_json::{Value, json};

use super::command::Said;
use super::documents::{Files, get, interrupted, now};

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

fn date(at: u64) -> Value {
    json!({ "$date": { "$numberLong": at.to_string() } })
}

/// Makes an id that differs by number.
fn oid(number: u64) -> String {
    format!("65a1f0c2{number:016x}")
}

/// A completed session of 25 minutes, five of them idle, that ended at an instant.
fn completed(user: &str, number: u64, ended_at: u64) -> Value {
    let started_at = ended_at - 25 * MINUTE;
    json!({
        "_id": { "$oid": oid(number) }, "userId": user, "contentId": null, "subject": "Maths", "targetMinutes": 25,
        "status": "completed", "elapsedSeconds": 1500, "activeSeconds": 1200, "idleSeconds": 300, "tabSwitches": 3,
        "focusScore": 64, "startTime": date(started_at), "endTime": date(ended_at), "createdAt": date(started_at),
        "updatedAt": date(ended_at), "__v": 0,
    })
}

/// A session that has not ended, with twelve seconds.
fn active(user: &str, number: u64, changed_at: u64) -> Value {
    let mut session = completed(user, number, changed_at);
    let fields = [
        ("status", json!("active")),
        ("endTime", Value::Null),
        ("elapsedSeconds", json!(12)),
        ("activeSeconds", json!(10)),
        ("idleSeconds", json!(2)),
        ("focusScore", json!(0)),
    ];
    for (field, value) in fields {
        session[field] = value;
    }
    session
}

fn counted(session: &Value) -> [u64; 3] {
    ["elapsedSeconds", "activeSeconds", "idleSeconds"].map(|name| session[name].as_u64().unwrap())
}

/// Lets a person complete a session at once.
async fn complete(node: &Node, user: &str) {
    let created = node.http("POST", &format!("/api/sessions?userId={user}"), &[], br#"{"targetMinutes":25}"#).await;
    let id = created.json()["session"]["_id"].as_str().unwrap().to_owned();
    let ended = node.http("PUT", &format!("/api/sessions/{id}/end?userId={user}"), &[], b"{}").await;
    assert_eq!(ended.status, 200, "{ended:?}");
}

#[tokio::test]
async fn a_person_finds_their_sessions_and_statistics_and_a_repetition_changes_nothing() {
    const DAYS: u64 = 250;
    let redis = RedisServer::start();
    let files = Files::new().over(&redis.url());
    let node = files.node().await;
    complete(&node, "ann").await;
    let at = now();
    // The oldest first, in three commits. The chain of days ends with the session of today.
    let mut sessions: Vec<Value> = (1..=DAYS).rev().map(|ago| completed("ann", ago, at - ago * DAY)).collect();
    sessions.push(active("ann", 1000, at));
    let person = "65a1f0c2e4b0a1b2c3d40000";
    let mut of_object_id = completed("", 2000, at - 9 * DAY);
    of_object_id["userId"] = json!({ "$oid": person });
    of_object_id["status"] = json!("abandoned");
    sessions.push(of_object_id);
    files.write("sessions.jsonl", &sessions);
    let import = |options: &[&str]| Said::by(&mut files.import("focus", &[&["sessions.jsonl"], options].concat()));
    let lines = ["people: 2 read", "sessions: 252 read, 252 new, 0 changed, 0 known", "repaired values: 0"];
    import(&["--check"]).has(0, &[&lines[..], &["nothing was written (--check)"]].concat());
    import(&[]).has(0, &lines);
    import(&[]).has(0, &["sessions: 252 read, 0 new, 0 changed, 252 known"]);

    let stats = get(&node, "/api/users/me/stats?userId=ann").await;
    assert_eq!(
        ["focusScore", "streak", "dayStreak", "totalFocusMinutes", "completedSessions"].map(|name| &stats[name]),
        [64 * DAYS, DAYS + 1, DAYS + 1, 20 * DAYS, DAYS + 1].map(|number| json!(number)).each_ref(),
        "{stats}"
    );
    let list = get(&node, "/api/sessions?userId=ann").await;
    assert_eq!(list["count"], DAYS + 2, "{list}");
    let first = get(&node, &format!("/api/sessions/{}?userId=ann", oid(DAYS))).await["session"].clone();
    assert_eq!(
        ["_id", "userId", "subject", "status"].map(|name| first[name].as_str().unwrap()),
        [&*oid(DAYS), "ann", "Maths", "completed"]
    );
    assert_eq!((&first["focusScore"], &first["endedAt"]), (&json!(64), &first["updatedAt"]));
    let open = get(&node, &format!("/api/sessions/{}?userId=ann", oid(1000))).await["session"].clone();
    assert_eq!((counted(&open), &open["status"], &open["endedAt"]), ([12, 10, 2], &json!("active"), &Value::Null));
    let of_person = get(&node, &format!("/api/sessions?userId={person}&status=abandoned")).await;
    assert_eq!((&of_person["count"], &of_person["sessions"][0]["userId"]), (&json!(1), &json!(person)));
}

#[tokio::test]
async fn people_who_use_a_running_cluster_go_on_and_later_changes_are_taken_over() {
    let redis = RedisServer::start();
    let files = Files::new().over(&redis.url());
    let node = files.node().await;
    let at = now() - DAY;
    let sessions = [active("ann", 1, at), active("ann", 2, at), active("ann", 3, at), completed("ann", 4, at)];
    files.write("sessions.jsonl", &sessions);
    let import = || Said::by(&mut files.import("focus", &["sessions.jsonl"]));
    import().has(0, &["sessions: 4 read, 4 new, 0 changed, 0 known"]);
    let mut socket = Client::connect(node.public, "/ws/sessions?userId=ann").await;
    socket.next_of("connected").await;
    socket.say(&json!({ "type": "start", "sessionId": oid(1) }).to_string()).await;
    socket.next_of("started").await;
    // The seconds of the file are the first ones.
    let mut elapsed = 0;
    while elapsed < 13 {
        elapsed = socket.next_of("tick").await["elapsedSeconds"].as_u64().unwrap();
        assert!(elapsed >= 12, "{elapsed}");
    }

    // All have changed there: the first, which is tracked here, stays.
    let later = at + MINUTE;
    let mut paused = active("ann", 2, later);
    paused["status"] = json!("paused");
    let mut better = completed("ann", 4, at);
    (better["updatedAt"], better["focusScore"]) = (date(later), json!(100));
    files.write("sessions.jsonl", &[completed("ann", 1, later), paused, completed("ann", 3, later), better]);
    import().has(0, &["sessions: 4 read, 0 new, 3 changed, 1 known"]);
    import().has(0, &["sessions: 4 read, 0 new, 0 changed, 4 known"]);
    let list = get(&node, "/api/sessions?userId=ann").await;
    let status = |number| {
        let session = list["sessions"].as_array().unwrap().iter().find(|session| session["_id"] == oid(number));
        session.unwrap()["status"].clone()
    };
    assert_eq!([1, 2, 3, 4].map(status), ["active", "paused", "completed", "completed"]);
    let stats = get(&node, "/api/users/me/stats?userId=ann").await;
    assert_eq!((&stats["focusScore"], &stats["completedSessions"]), (&json!(164), &json!(2)), "{stats}");
    socket.say(r#"{"type":"stop"}"#).await;
    assert_eq!(socket.next_of("stopped").await["sessionId"], oid(1));
}

#[test]
fn files_that_do_not_fit_are_refused_as_a_whole_and_every_error_is_named() {
    let files = Files::new();
    let at = now() - DAY;
    let mut faulty = completed("ann", 1, at);
    faulty["status"] = json!("done");
    let mut long = completed("ann", 2, at);
    long["subject"] = json!("x".repeat(501));
    files.write("faulty.jsonl", &[completed("ann", 1, at), faulty]);
    files.write("long.jsonl", &[long]);
    files.write("nobody.jsonl", &[completed("a\nb", 1, at)]);
    files.write("future.jsonl", &[completed("ann", 1, at), completed("ben", 2, at + 2 * DAY)]);
    files.write("open.jsonl", &[1, 2, 3].map(|number| active("ann", number, at)));
    files.write("ended.jsonl", &[1, 2, 3].map(|number| completed("ann", number, at)));
    let import = |arguments: &[&str]| Said::by(&mut files.import("focus", arguments));
    let errors = "the files have errors; nothing was imported";
    import(&["ended.jsonl", "faulty.jsonl"])
        .has(65, &["faulty.jsonl:2: status: must be active, paused, completed, abandoned or cancelled", errors]);
    import(&["long.jsonl"]).has(65, &["long.jsonl:1: subject: has 501 characters, of which 500 are possible", errors]);
    import(&["nobody.jsonl"]).has(65, &[errors]);
    let misfit = "the files do not fit what is stored; nothing was imported";
    import(&["future.jsonl"]).has(65, &["future.jsonl:2: createdAt: is in the future", misfit]);
    let limited = |file: &str, setting: &str| Said::by(files.import("focus", &[file]).env(setting, "2"));
    limited("open.jsonl", "TICKCAST__FOCUS__OPEN_SESSIONS")
        .has(65, &["focus:ann: 2 sessions are open, which is the limit (focus.open_sessions)", misfit]);
    let full = limited("ended.jsonl", "TICKCAST__LIMITS__HISTORY_ROWS");
    full.has(65, &[misfit]);
    assert!(full.errors.contains("(limits.history_rows)"), "{}", full.errors);
    import(&["missing.jsonl"]).has(66, &["missing.jsonl cannot be read: No such file or directory (os error 2)"]);
    assert_eq!(import(&[]).code, Some(2), "no file");
    import(&["open.jsonl"]).has(0, &["sessions: 3 read, 3 new, 0 changed, 0 known"]);
}

#[tokio::test]
async fn what_was_repaired_is_reported_and_a_missing_score_is_computed() {
    let files = Files::new();
    let at = now() - DAY;
    let mut repaired = completed("ann", 1, at);
    (repaired["idleSeconds"], repaired["focusScore"], repaired["endTime"]) = (json!(301), Value::Null, Value::Null);
    // Of two exports of one session the later change counts.
    let older = active("ann", 1, at - MINUTE);
    files.write("sessions.jsonl", &[repaired, older]);
    let repairs = [
        "sessions.jsonl:1: idleSeconds: is 301, and becomes 300: elapsedSeconds is 1500",
        "sessions.jsonl:1: endedAt: is missing, and becomes updatedAt",
    ];
    Said::by(&mut files.import("focus", &["sessions.jsonl", "--strict"]))
        .has(65, &[repairs[0], repairs[1], "2 cells would be repaired (--strict); nothing was imported"]);
    let said = Said::by(&mut files.import("focus", &["sessions.jsonl"]));
    let reported = repairs.map(|repair| format!("repaired: {repair}"));
    said.has(0, &[&reported[0], &reported[1], "sessions: 2 read, 1 new, 0 changed, 1 known", "repaired values: 2"]);
    let node = files.node().await;
    let session = get(&node, &format!("/api/sessions/{}?userId=ann", oid(1))).await["session"].clone();
    assert_eq!((counted(&session), &session["focusScore"]), ([1500, 1200, 300], &json!(64)));
    assert_eq!(session["endedAt"], session["updatedAt"]);
}

#[tokio::test]
async fn an_import_that_is_interrupted_is_completed_by_its_repetition() {
    const PEOPLE: usize = 2000;
    let redis = RedisServer::start();
    let files = Files::new().over(&redis.url());
    let at = now() - DAY;
    let sessions: Vec<Value> = (0..).take(PEOPLE).map(|nth| completed(&format!("person-{nth}"), nth, at)).collect();
    files.write("sessions.jsonl", &sessions);
    let stored = || redis.replies(&[vec!["KEYS", "*:history:focus:*"]]).unwrap()[0].texts().len();
    let known = interrupted(files.import("focus", &["sessions.jsonl"]), stored, PEOPLE).await;
    let said = Said::by(&mut files.import("focus", &["sessions.jsonl"]));
    said.has(0, &[&format!("sessions: {PEOPLE} read, {} new, 0 changed, {known} known", PEOPLE - known)]);
    assert_eq!(stored(), PEOPLE);
}
