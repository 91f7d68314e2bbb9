//! Finished sessions over HTTP.

use harness::Node;
use serde_json::json;

const HEADER: &str = "startedIso,endedIso,durationSeconds,idleSeconds,linesAdded,linesDeleted,perFileSeconds,\
                      perLanguageSeconds,authorName,authorEmail,machine,ideName,workspace,repoPath,branch,issueKey,\
                      comment,goals,label\n";

fn row(nth: u32) -> String {
    let (hour, minute, second) = (nth / 3600, nth / 60 % 60, nth % 60);
    let (start, end) = (hour + 10, hour + 12);
    format!(
        "2026-01-01T{start}:{minute:02}:{second:02}.000Z,2026-01-01T{end}:{minute:02}:{second:02}.000Z,{nth}{}\n",
        ",".repeat(16)
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
    let csv = format!("{HEADER}{}yesterday,2026-01-01T12:00:00Z,-5,,,,,,,,,,,,,,,,\n", row(1));
    let answer = node.http("POST", "/ingestCsv?userId=ann", &[("content-type", "text/csv")], csv.as_bytes()).await;
    assert_eq!(answer.status, 422);
    let faults = answer.json()["rows"].clone();
    assert_eq!((&faults[0]["line"], &faults[0]["column"]), (&json!(3), &json!("startedIso")));
    assert_eq!(faults[1]["column"], "durationSeconds");
    assert_eq!(node.get("/sessions?userId=ann").await.json(), json!({ "sessions": [] }));
    let many: String = (0..5001).map(row).collect();
    let answer = node.http("POST", "/ingestCsv?userId=ann", &[("content-type", "text/csv")], many.as_bytes()).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert_eq!(answer.json()["error"], "at most 5000 new rows at once; none was stored");
    let cut = format!("{HEADER}{}", row(1).replace(",1,", ",1,\"2"));
    let answer = node.http("POST", "/ingestCsv?userId=ann", &[("content-type", "text/csv")], cut.as_bytes()).await;
    let fault = json!({
        "line": 2, "column": "idleSeconds",
        "message": "the quote that begins this cell is not closed before the file ends",
    });
    assert_eq!((answer.status, answer.json()["rows"].clone()), (422, json!([fault])));
    assert_eq!(node.get("/sessions?userId=ann").await.json(), json!({ "sessions": [] }));
}

/// Posts a body, and returns how many rows were stored and repeated.
async fn ingest(node: &Node, kind: &str, body: &str) -> (u64, u64) {
    let answer = node.http("POST", "/ingestCsv?userId=ann", &[("content-type", kind)], body.as_bytes()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = answer.json();
    (answer["stored"].as_u64().unwrap(), answer["repeated"].as_u64().unwrap())
}

#[tokio::test]
async fn an_export_is_imported_without_a_new_row_by_any_route() {
    let node = Node::start().await;
    let mut client = node.connect("userId=ann").await;
    for (nth, label) in ["=Write", "Read", "Read"].into_iter().enumerate() {
        let id = format!("s{nth}");
        let goal =
            json!({ "id": "g", "title": "t", "completed": true, "completedAt": "2026-01-01T10:00:00.000Z", "n": 1.5 });
        let start =
            json!({ "sessionId": id, "label": label, "goals": [goal], "groupId": "gr", "comment": "a \"b\",\nc" });
        client.must("session-start", &format!("start {nth}"), start).await;
        client.must("session-stop", &format!("stop {nth}"), json!({ "sessionId": id })).await;
    }
    // More than a row of an editor ever has.
    client.must("session-start", "large", json!({ "sessionId": "large", "label": "Large" })).await;
    for nth in 0..40 {
        let goal = json!({ "id": format!("g{nth}"), "title": "\"".repeat(1900) });
        client.must("session-attach", &format!("g{nth}"), json!({ "sessionId": "large", "goal": goal })).await;
    }
    client.must("session-stop", "stop large", json!({ "sessionId": "large" })).await;
    let rows = |from: u32| (from..from + 4000).map(row).collect::<String>();
    for from in [0, 4000, 8000] {
        assert_eq!(ingest(&node, "text/csv", &rows(from)).await, (4000, 0));
    }
    let bare = json!({ "sessions": [{ "startedIso": "2026-02-01T10:00:00.000Z", "endedIso": "2026-02-01T10:05:00.000Z",
        "durationSeconds": 300, "branch": null, "comment": "" }], "source": "vscode-plugin" });
    assert_eq!(ingest(&node, "application/json", &bare.to_string()).await, (1, 0));
    let in_file = "2026-02-01T10:00:00.000Z,2026-02-01T10:05:00.000Z,300,0,0,0,{},{},,,,,,,,,,[]\n";
    assert_eq!(ingest(&node, "text/csv", in_file).await, (0, 1));

    let all = 12_005;
    for path in ["/sessions.csv?userId=ann", "/sessions.csv?userId=ann&bom=1"] {
        let exported = node.get(path).await.body;
        assert_eq!(ingest(&node, "text/csv", &exported).await, (0, all), "{path}");
    }
    let (mut next, mut exported) = (String::new(), Vec::new());
    loop {
        let page = node.get(&format!("/sessions?userId=ann&limit=500{next}")).await.json();
        exported.extend(page["sessions"].as_array().unwrap().clone());
        let Some(before) = page.get("next") else { break };
        next = format!("&before={}", before.as_str().unwrap());
    }
    let exported = json!({ "sessions": exported }).to_string();
    assert_eq!(ingest(&node, "application/json", &exported).await, (0, all));
    // New rows among those that are stored are stored.
    let more = format!("{}{}", node.get("/sessions.csv?userId=ann").await.body, row(20_000));
    assert_eq!(ingest(&node, "text/csv", &more).await, (1, all));
}

#[tokio::test]
async fn a_file_for_a_spreadsheet_has_a_mark_and_no_formulas() {
    let node = Node::start().await;
    let csv =
        "startedIso,endedIso,comment,label\n2026-01-01T10:00:00Z,2026-01-01T10:00:00Z,\"=HYPERLINK(\"\"x\"\")\",-1\n";
    assert_eq!(ingest(&node, "text/csv", csv).await, (1, 0));
    let plain = node.get("/sessions.csv?userId=ann&bom=0").await.body;
    assert!(plain.starts_with("startedIso") && plain.contains(",\"=HYPERLINK(\"\"x\"\")\",,-1\n"), "{plain}");
    let guarded = node.get("/sessions.csv?userId=ann&bom=1").await.body;
    assert!(guarded.starts_with("\u{feff}startedIso"), "{guarded}");
    assert!(guarded.contains(",\"'=HYPERLINK(\"\"x\"\")\",,'-1\n"), "{guarded}");
    assert_eq!(node.get("/sessions.csv?userId=ann&bom=yes").await.status, 400);
}

#[tokio::test]
async fn a_body_in_another_form_is_refused_with_the_right_one() {
    let node = Node::start().await;
    let post = async |name: &str, value: &str| {
        let headers = [(name, value)];
        node.http("POST", "/ingestCsv?userId=ann", &headers, row(1).as_bytes()).await
    };
    let gzip = post("content-encoding", "gzip").await;
    assert_eq!(gzip.status, 415);
    assert_eq!(gzip.header("accept-encoding"), Some("identity"));
    let form = post("content-type", "multipart/form-data; boundary=x").await;
    assert_eq!(form.status, 415);
    assert!(form.body.contains("--data-binary"), "{}", form.body);
    assert_eq!(post("content-encoding", "identity").await.status, 200);
    assert_eq!(post("content-type", "application/x-www-form-urlencoded").await.status, 200);
}

#[tokio::test]
async fn pages_have_no_gaps_and_no_duplicates() {
    let node = Node::start().await;
    let csv: String = (0..1200).map(row).collect();
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
