//! Documents of the original's collection of focus sessions, as `mongoexport` writes them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use serde_json::{Value, json};
use timers::Timestamp;
use timers::focus::{EndedSession, Ending, FocusSession, ImportedSession, OpenStatus, SCORE_MAX, SecondCounters};
use wire::focus::ExportedSession;
use wire::mongo_export::ExportReader;

/// The second in [`ID`].
const CREATED: Timestamp = Timestamp(1_705_111_746_000);
const ID: &str = "65a1f0c2e4b0a1b2c3d4e5f6";

fn read(file: &str) -> Result<Vec<ExportedSession>, Vec<String>> {
    let mut reader = ExportReader::<ExportedSession>::new();
    reader.push(file.as_bytes());
    let read = reader.finish().map_err(|faults| {
        faults.iter().map(|fault| format!("{}: {}: {}", fault.line, fault.column, fault.message)).collect()
    });
    read.map(|read| read.into_iter().map(|read| read.document).collect())
}

/// Reads a document of a session with these fields instead of its own; `null` takes one out.
fn with(fields: &Value) -> Result<ExportedSession, Vec<String>> {
    let mut document = json!({ "_id": { "$oid": ID }, "userId": "ann", "targetMinutes": 25, "status": "completed",
        "startTime": { "$date": "2024-01-13T02:09:06Z" }, "endTime": { "$date": "2024-01-13T02:39:06Z" } });
    for (name, value) in fields.as_object().unwrap() {
        document[name] = value.clone();
    }
    read(&document.to_string()).map(|mut read| read.remove(0))
}

fn ended(fields: &Value) -> (EndedSession, Vec<String>) {
    let read = with(fields).unwrap();
    let repairs = read.repairs.iter().map(|repair| format!("{}: {}", repair.column, repair.message));
    let ImportedSession::Ended(session) = read.session else { panic!("{read:?}") };
    (session, repairs.collect())
}

fn open(fields: &Value) -> FocusSession {
    let read = with(fields).unwrap();
    let ImportedSession::Open(session) = read.session else { panic!("{read:?}") };
    session
}

#[test]
fn relaxed_and_canonical_documents_are_the_same() {
    let relaxed = concat!(
        r#"{"_id":{"$oid":"65a1f0c2e4b0a1b2c3d4e5f6"},"userId":{"$oid":"65a1f0c2e4b0a1b2c3d40000"},"contentId":{"$oid":"65aa"},"#,
        r#""subject":"Maths","targetMinutes":25,"status":"completed","elapsedSeconds":1500,"activeSeconds":1200,"#,
        r#""idleSeconds":300,"tabSwitches":3,"focusScore":64,"startTime":{"$date":"2024-01-13T02:09:06.000Z"},"#,
        r#""endTime":{"$date":"2024-01-13T02:39:06.000Z"},"createdAt":{"$date":"2024-01-13T02:09:06.100Z"},"#,
        r#""updatedAt":{"$date":"2024-01-13T02:39:06.200Z"},"__v":0}"#,
    );
    let canonical = concat!(
        r#"{"_id":{"$oid":"65a1f0c2e4b0a1b2c3d4e5f6"},"userId":"65a1f0c2e4b0a1b2c3d40000","contentId":"65aa","#,
        r#""subject":"Maths","targetMinutes":{"$numberDouble":"25.0"},"status":"completed","#,
        r#""elapsedSeconds":{"$numberInt":"1500"},"activeSeconds":{"$numberLong":"1200"},"#,
        r#""idleSeconds":{"$numberDouble":"300.0"},"tabSwitches":{"$numberInt":"3"},"focusScore":{"$numberInt":"64"},"#,
        r#""startedAt":{"$date":{"$numberLong":"1705111746000"}},"endedAt":{"$date":{"$numberLong":"1705113546000"}},"#,
        r#""createdAt":{"$date":{"$numberLong":"1705111746100"}},"updatedAt":{"$date":{"$numberLong":"1705113546200"}}}"#,
    );
    let read = read(&format!("{relaxed}\n{canonical}\n")).unwrap();
    assert_eq!(read[0], read[1]);
    let ExportedSession { user, session: ImportedSession::Ended(session), lacks_score: false, repairs } = &read[0]
    else {
        panic!("{read:?}");
    };
    assert_eq!((user.as_str(), repairs.len()), ("65a1f0c2e4b0a1b2c3d40000", 0));
    assert_eq!((session.id.to_string().as_str(), session.content_id.as_deref()), (ID, Some("65aa")));
    assert_eq!((session.subject.as_str(), session.target_minutes.number().as_u64()), ("Maths", Some(25)));
    assert_eq!((session.ending, session.tab_switches, session.focus_score), (Ending::Completed, 3, 64));
    assert_eq!(session.counters, SecondCounters { elapsed: 1500, active: 1200, idle: 300 });
    let dates = [session.created_at, session.started_at, session.ended_at, session.updated_at];
    assert_eq!(dates.map(|at| at.0 - CREATED.0), [100, 0, 1_800_000, 1_800_200]);
}

#[test]
fn what_is_missing_has_a_default() {
    let (session, repairs) = ended(&json!({ "startTime": null }));
    assert_eq!((session.created_at, session.started_at, session.updated_at), (CREATED, CREATED, session.ended_at));
    assert_eq!((session.subject.as_str(), session.content_id, session.counters.elapsed), ("General", None, 0));
    assert_eq!((session.tab_switches, repairs), (0, Vec::<String>::new()));
    assert!(with(&json!({})).unwrap().lacks_score && !with(&json!({ "focusScore": 0 })).unwrap().lacks_score);
    let (session, _) = ended(&json!({ "activeSeconds": 7, "idleSeconds": 2 }));
    assert_eq!(session.counters, SecondCounters { elapsed: 9, active: 7, idle: 2 });
    assert_eq!(ended(&json!({ "targetMinutes": "0.5" })).0.target_minutes.number().as_f64(), Some(0.5));
}

#[test]
fn an_open_session_has_its_counters_as_settled_seconds() {
    let counters = json!({ "status": "paused", "elapsedSeconds": 9, "activeSeconds": 7, "idleSeconds": 2,
        "updatedAt": { "$date": "2024-01-13T02:09:16Z" } });
    let paused = open(&counters);
    assert_eq!(
        (paused.status, paused.was_tracked, paused.updated_at.0),
        (OpenStatus::Paused, true, CREATED.0 + 10_000)
    );
    assert_eq!(paused.counters_at(Timestamp(u64::MAX)), SecondCounters { elapsed: 9, active: 7, idle: 2 });
    assert!(paused.tracking.is_none() && paused.trackers.is_empty() && paused.closed.is_empty());
    let new = open(&json!({ "status": "active" }));
    assert_eq!((new.status, new.was_tracked), (OpenStatus::Active, false), "the client can report counters at its end");
    assert!(open(&json!({ "status": "active", "tabSwitches": 1 })).was_tracked);
    assert!(!with(&json!({ "status": "active" })).unwrap().lacks_score);
}

#[test]
fn values_that_contradict_others_are_repaired_and_named() {
    let (session, repairs) = ended(&json!({ "elapsedSeconds": 100, "activeSeconds": 80, "idleSeconds": 30 }));
    assert_eq!(session.counters, SecondCounters { elapsed: 100, active: 80, idle: 20 });
    assert_eq!(repairs, ["idleSeconds: is 30, and becomes 20: elapsedSeconds is 100"]);
    let (session, repairs) = ended(&json!({ "elapsedSeconds": 100, "activeSeconds": 120, "idleSeconds": 1 }));
    assert_eq!(session.counters, SecondCounters { elapsed: 100, active: 100, idle: 0 });
    assert_eq!(repairs.len(), 2);
    let (session, repairs) = ended(&json!({ "elapsedSeconds": 1.9, "activeSeconds": -3, "tabSwitches": 1e300 }));
    assert_eq!((session.counters.elapsed, session.counters.active, session.tab_switches), (1, 0, (1 << 53) - 1));
    assert_eq!(repairs[..2], ["elapsedSeconds: is 1.9, and becomes 1", "activeSeconds: is -3, and becomes 0"]);
    assert_eq!(ended(&json!({ "focusScore": 9_007_199_254_740_991_u64 })).0.focus_score, SCORE_MAX);
    let (session, repairs) = ended(&json!({ "endTime": null, "updatedAt": { "$date": "2024-01-13T02:09:16Z" } }));
    assert_eq!((session.ended_at.0, &*repairs[0]), (CREATED.0 + 10_000, "endedAt: is missing, and becomes updatedAt"));
    let (session, repairs) = ended(&json!({ "endTime": null, "elapsedSeconds": 60 }));
    assert_eq!(session.ended_at.0, CREATED.0 + 60_000);
    assert_eq!(repairs, ["endedAt: is missing, and becomes the start with elapsedSeconds added"]);
    let (session, repairs) = ended(&json!({ "endTime": 5 }));
    assert_eq!((session.ended_at, &*repairs[0]), (CREATED, "endedAt: is before the start, and becomes the start"));
}

#[test]
fn each_malformed_value_is_named_with_its_line() {
    for (fields, expected) in [
        (json!({ "_id": 7 }), "_id: must be an ObjectId"),
        (json!({ "_id": { "$oid": "65a1" } }), "_id: must be an ObjectId"),
        (json!({ "userId": null }), "userId: must be an id: a text, an ObjectId or a number"),
        (json!({ "status": "done" }), "status: must be active, paused, completed, abandoned or cancelled"),
        (json!({ "status": null }), "status: must be active, paused, completed, abandoned or cancelled"),
        (json!({ "targetMinutes": 0 }), "targetMinutes: must be a number above 0"),
        (json!({ "targetMinutes": null }), "targetMinutes: must be a number above 0"),
        (json!({ "targetMinutes": { "$numberDouble": "Infinity" } }), "targetMinutes: must be a number above 0"),
        (json!({ "contentId": {} }), "contentId: must be a text, an ObjectId or a number"),
        (json!({ "subject": 7 }), "subject: must be a text"),
        (json!({ "idleSeconds": "7" }), "idleSeconds: must be a number"),
        (json!({ "focusScore": [] }), "focusScore: must be a number"),
        (json!({ "createdAt": "soon" }), "createdAt: must be an instant from 1970 to 9999"),
        (json!({ "endTime": "soon" }), "endTime: must be an instant from 1970 to 9999"),
    ] {
        assert_eq!(with(&fields).unwrap_err(), [format!("1: {expected}")], "{fields}");
    }
}
