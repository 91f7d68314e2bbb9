//! Finished sessions over HTTP.

use harness::Node;
use serde_json::json;

const HEADER: &str = "startedIso,endedIso,durationSeconds,idleSeconds,linesAdded,linesDeleted,perFileSeconds,\
                      perLanguageSeconds,authorName,authorEmail,machine,ideName,workspace,repoPath,branch,issueKey,\
                      comment,goals\n";

fn row(nth: u32) -> String {
    let (minute, second) = (nth / 60, nth % 60);
    format!(
        "2026-01-01T10:{minute:02}:{second:02}.000Z,2026-01-01T12:{minute:02}:{second:02}.000Z,{nth},,,,,,,,,,,,,,,\n"
    )
}

#[tokio::test]
async fn rows_are_stored_once_and_returned_in_the_same_columns() {
    let node = Node::start_with(&[("auth.tokens", "opaque=ann")]).await;
    let bearer = [("authorization", "Bearer opaque"), ("content-type", "text/csv")];
    let csv = format!("{HEADER}{}{}", row(1), row(2));
    let first = node.http("POST", "/ingestCsv", &bearer, csv.as_bytes()).await;
    assert_eq!((first.status, first.json()), (200, json!({ "stored": 2, "repeated": 0 })));
    let more = format!("{csv}{}", row(3));
    let second = node.http("POST", "/ingestCsv", &bearer, more.as_bytes()).await;
    assert_eq!(second.json(), json!({ "stored": 1, "repeated": 2 }));
    let back = node.http("GET", "/sessions.csv", &bearer, b"").await;
    assert_eq!(back.body, format!("{HEADER}{}{}{}", row(3), row(2), row(1)), "newest first");
    assert!(back.head.contains("text/csv"));
    let others = node.get("/sessions.csv?userId=ben").await;
    assert_eq!(others.body, HEADER, "other people's are other people's");
}

#[tokio::test]
async fn json_returns_the_same_rows() {
    let node = Node::start().await;
    let csv = format!("{HEADER}{}", row(7));
    node.http("POST", "/ingestCsv?userId=ann", &[("content-type", "text/csv")], csv.as_bytes()).await;
    let body = json!({ "source": "vscode", "sessions": [
        { "startedIso": "2026-01-01T10:00:07.000Z", "endedIso": "2026-01-01T12:00:07.000Z", "durationSeconds": 7,
          "goals": null, "unknown": true },
        { "startedIso": "2026-01-02T10:00:00.000Z", "endedIso": "2026-01-02T12:00:00.000Z", "goals": [{ "id": "g" }],
          "perFileSeconds": { "a.rs": 5 } },
    ] });
    let headers = [("content-type", "application/json")];
    let answer = node.http("POST", "/ingestCsv?userId=ann", &headers, body.to_string().as_bytes()).await;
    assert_eq!(answer.json(), json!({ "stored": 1, "repeated": 1 }));
    let listed = node.get("/sessions?userId=ann&limit=1").await.json();
    assert_eq!(listed["sessions"][0]["goals"], json!([{ "id": "g" }]));
    assert_eq!(listed["sessions"][0].get("comment"), None, "absent, not null");
}

#[tokio::test]
async fn one_invalid_row_rejects_all_and_every_error_is_reported() {
    let node = Node::start().await;
    let csv = format!("{HEADER}{}yesterday,2026-01-01T12:00:00Z,-5,,,,,,,,,,,,,,,\n", row(1));
    let answer = node.http("POST", "/ingestCsv?userId=ann", &[("content-type", "text/csv")], csv.as_bytes()).await;
    assert_eq!(answer.status, 422);
    let faults = answer.json()["rows"].clone();
    assert_eq!((&faults[0]["line"], &faults[0]["column"]), (&json!(3), &json!("startedIso")));
    assert_eq!(faults[1]["column"], "durationSeconds");
    assert_eq!(node.get("/sessions?userId=ann").await.json(), json!({ "sessions": [] }));
    let many: String = (0..5001).map(row).collect();
    let answer = node.http("POST", "/ingestCsv?userId=ann", &[("content-type", "text/csv")], many.as_bytes()).await;
    assert_eq!(answer.status, 422, "{answer:?}");
}

#[tokio::test]
async fn pages_have_no_gaps_and_no_duplicates() {
    let node = Node::start().await;
    let csv: String = (0..1200).map(|nth| row(nth % 3600)).collect();
    let answer = node.http("POST", "/ingestCsv?userId=ann", &[("content-type", "text/csv")], csv.as_bytes()).await;
    assert_eq!(answer.json()["stored"], 1200);
    let mut seen = Vec::new();
    let mut next = String::new();
    loop {
        let page = node.get(&format!("/sessions?userId=ann&limit=500{next}")).await.json();
        seen.extend(page["sessions"].as_array().unwrap().iter().map(|row| row["durationSeconds"].as_u64().unwrap()));
        match page.get("next") {
            Some(before) => next = format!("&before={}", before.as_str().unwrap()),
            None => break,
        }
    }
    assert_eq!(seen, (0..1200).rev().collect::<Vec<u64>>());
    let csv = node.get("/sessions.csv?userId=ann").await;
    assert_eq!(csv.body.lines().count(), 1201, "all pages of the stream");
}

#[tokio::test]
async fn a_stopped_session_remains_in_the_history_when_it_is_removed() {
    let node = Node::start().await;
    let mut client = node.connect("userId=ann").await;
    client.must("session-start", "a", json!({ "sessionId": "s", "label": "Write", "comment": "c" })).await;
    client.must("session-stop", "b", json!({ "sessionId": "s" })).await;
    client.must("session-remove", "c", json!({ "sessionId": "s" })).await;
    let listed = node.get("/sessions?userId=ann").await.json();
    let row = &listed["sessions"][0];
    assert_eq!((&row["sessionId"], &row["label"], &row["comment"]), (&json!("s"), &json!("Write"), &json!("c")));
    assert!(row["startedIso"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn invalid_requests_are_answered_with_the_reason() {
    let node = Node::start().await;
    assert_eq!(node.get("/sessions").await.status, 401);
    assert_eq!(node.http("POST", "/ingestCsv", &[], b"").await.status, 401);
    for query in ["limit=0", "limit=x", "before=nonsense"] {
        let answer = node.get(&format!("/sessions?userId=ann&{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        let (name, _) = query.split_once('=').unwrap();
        assert!(answer.json()["message"].as_str().unwrap().contains(name));
    }
    let twice = node.get("/sessions?userId=ann&limit=1&limit=2").await;
    assert_eq!((twice.status, twice.json()["error"].as_str()), (400, Some("Bad request")));
    assert_eq!(node.get("/sessions?userId=ann&userId=ben").await.status, 401);
    let node = Node::start_with(&[("clockit.ingest_bytes", "1000")]).await;
    let large = node.http("POST", "/ingestCsv?userId=ann", &[("content-type", "text/csv")], &[b'x'; 2000]).await;
    assert_eq!(large.status, 413, "{large:?}");
}
