//! Bodies, verbs and batches as no client library sends them.

use harness::http::{Response, request_over};
use harness::{DEADLINE, Node};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::member::{ACTIVE, JSON, MUTATIONS, Member, QUERIES, START, STOP, TYPES, encoded, start};

const START_PATH: &str = "timeTracking.timer.start";

/// The largest body.
const BODY_BYTES: usize = 10 * 1024 * 1024;

fn error(response: &Response) -> (u16, String, i64) {
    let error = &response.json()["error"];
    assert_eq!(error["data"]["httpStatus"], response.status, "{response:?}");
    (response.status, error["data"]["code"].as_str().unwrap().to_owned(), error["code"].as_i64().unwrap())
}

/// Returns an input of a start that has a number of bytes.
fn input_of(bytes: usize) -> Vec<u8> {
    let head = r#"{"taskTypeId":1,"sessionId":1,"x":""#;
    format!("{head}{}\"}}", "x".repeat(bytes - head.len() - 2)).into_bytes()
}

#[tokio::test]
async fn a_body_of_ten_megabytes_is_read_and_a_larger_one_refused() {
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    let largest = ann.send("POST", START_PATH, &[JSON], &input_of(BODY_BYTES)).await;
    assert_eq!((largest.status, &largest.json()["result"]["data"]["id"]), (200, &json!(1)));
    let larger = ann.send("POST", START_PATH, &[JSON], &input_of(BODY_BYTES + 1)).await;
    assert_eq!(error(&larger), (413, "PAYLOAD_TOO_LARGE".to_owned(), -32013));
    assert_eq!(larger.json()["error"]["data"]["path"], START_PATH);
    // A body without an announced length is counted while it arrives.
    let [user, organization] = ann.headers();
    let head = format!(
        "POST /api/trpc/{START_PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
         {}: {}\r\n{}: {}\r\ntransfer-encoding: chunked\r\n\r\n",
        user.0, user.1, organization.0, organization.1
    );
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
    let chunks = format!("{head}{}0\r\n\r\n", chunk.repeat(11));
    let answered = exchange(&node, chunks.as_bytes()).await;
    assert!(answered.starts_with("HTTP/1.1 413") && answered.contains("PAYLOAD_TOO_LARGE"), "{answered:.500}");
}

/// Writes bytes and reads until the other side closes.
async fn exchange(node: &Node, bytes: &[u8]) -> String {
    let tcp = TcpStream::connect(("127.0.0.1", node.public)).await.unwrap();
    let (mut reader, mut writer) = tcp.into_split();
    let sent = bytes.to_vec();
    // The server may answer before it has read everything.
    let writing = tokio::spawn(async move {
        writer.write_all(&sent).await.ok();
        writer
    });
    let mut answer = Vec::new();
    timeout(DEADLINE, reader.read_to_end(&mut answer)).await.expect("an end in time").ok();
    drop(writing);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_body_that_does_not_arrive_times_out_and_has_no_effect() {
    let node = start(&[("limits.request_within", "300ms")]).await;
    let ann = Member::new(&node, 1, 1);
    let [user, organization] = ann.headers();
    let head = format!(
        "POST /api/trpc/{START_PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{}: {}\r\n{}: {}\r\n",
        user.0, user.1, organization.0, organization.1
    );
    let body = r#"{"taskTypeId":1,"sessionId":1}"#;
    let answered = exchange(&node, format!("{head}content-length: 500\r\n\r\n{body}").as_bytes()).await;
    assert!(
        answered.starts_with("HTTP/1.1 408") && answered.contains(r#""code":"TIMEOUT","httpStatus":408"#),
        "{answered}"
    );
    let answered =
        exchange(&node, format!("{head}transfer-encoding: chunked\r\n\r\nnonsense\r\n{body}").as_bytes()).await;
    assert!(answered.starts_with("HTTP/1.1 400"), "{answered}");
    assert_eq!(ann.query(ACTIVE, &json!({ "sessionId": 1 })).await.data(), Value::Null);
}

#[tokio::test]
async fn bodies_that_are_not_utf8_or_compressed_are_refused() {
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    for body in [&b"{\"taskTypeId\":1,\"sessionId\":1,\"notes\":\"\xff\"}"[..], b"\xfe\xff", b"\xff\xfe{\0}\0", b"\x00"]
    {
        let refused = ann.send("POST", START_PATH, &[JSON], body).await;
        assert_eq!(error(&refused), (400, "BAD_REQUEST".to_owned(), -32600), "{body:?}");
    }
    let body = br#"{"taskTypeId":1,"sessionId":1}"#;
    let refused = ann.send("POST", START_PATH, &[JSON, ("content-encoding", "gzip")], body).await;
    assert_eq!(error(&refused), (415, "UNSUPPORTED_MEDIA_TYPE".to_owned(), -32015));
    for kind in ["text/plain", "application/xml", "application/jsonp", "multipart/form-data", "application/json/x", ""]
    {
        let refused = ann.send("POST", START_PATH, &[("content-type", kind)], body).await;
        assert_eq!(error(&refused), (415, "UNSUPPORTED_MEDIA_TYPE".to_owned(), -32015), "{kind}");
        assert!(refused.json()["error"]["data"].get("path").is_none(), "a 415 error has no path");
    }
    assert_eq!(error(&ann.send("POST", START_PATH, &[], body).await).0, 415);
    for kind in ["Application/JSON", "application/json;charset=utf-8", " application/json ; x=y"] {
        let answer = ann.send("POST", START_PATH, &[("content-type", kind)], body).await;
        assert!(answer.status == 200 || error(&answer).0 == 400, "{kind}: {answer:?}");
    }
    assert_eq!(ann.entries(&Value::Null).await.len(), 1);
}

#[tokio::test]
async fn each_procedure_has_one_verb() {
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    for (procedures, right, kind) in [(&QUERIES[..], "GET", "query"), (&MUTATIONS, "POST", "mutation")] {
        for procedure in procedures {
            let path = format!("timeTracking.{procedure}");
            for verb in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                if verb == right {
                    continue;
                }
                let refused = ann.send(verb, &path, &[JSON], b"{}").await;
                assert_eq!(error(&refused), (405, "METHOD_NOT_SUPPORTED".to_owned(), -32005));
                let message = format!("Unsupported {verb}-request to {kind} procedure at path \"{path}\"");
                assert_eq!(refused.json()["error"]["message"], message);
                assert_eq!(refused.json()["error"]["data"]["path"], path);
            }
        }
    }
    // HEAD has no body, and does nothing.
    let tcp = TcpStream::connect(("127.0.0.1", node.public)).await.unwrap();
    let head = request_over(tcp, "HEAD", "/api/trpc/timeTracking.timer.start", &ann.headers(), b"").await.unwrap();
    assert!(head.status >= 400 && head.body.is_empty(), "{head:?}");
    assert_eq!(ann.entries(&Value::Null).await, [] as [Value; 0]);
}

#[tokio::test]
async fn paths_of_no_procedure_are_not_found_in_the_form_of_trpc() {
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    for path in [
        "timeTracking",
        "timeTracking.timer",
        "timeTracking.timer.Start",
        "timeTracking.timer.start.x",
        "a/b",
        "x,y",
        "%00",
    ] {
        let refused = ann.send("GET", path, &[], b"").await;
        assert_eq!(error(&refused), (404, "NOT_FOUND".to_owned(), -32004), "{path}");
        let decoded = path.replace("%00", "\u{0}");
        assert_eq!(refused.json()["error"]["message"], format!("No procedure found on path \"{decoded}\""));
    }
    let off = start(&[("studio.enabled", "false")]).await;
    let answer = Member::new(&off, 1, 1).send("GET", "timeTracking.taskTypes.list", &[], b"").await;
    assert_eq!((answer.status, &answer.json()["error"]), (404, &json!("Not found")));
}

#[tokio::test]
async fn a_batch_has_a_hundred_calls_at_most_and_each_its_own_input() {
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    let batch = |calls: usize| format!("{}?batch=1", vec![START_PATH; calls].join(","));
    let inputs = |calls: usize| {
        let inputs = (0..calls).map(|nth| (nth.to_string(), json!({ "taskTypeId": 1, "sessionId": nth + 1 })));
        Value::Object(inputs.collect()).to_string()
    };
    let refused = ann.send("POST", &batch(101), &[JSON], inputs(101).as_bytes()).await;
    assert_eq!(error(&refused), (400, "BAD_REQUEST".to_owned(), -32600));
    assert_eq!(ann.entries(&Value::Null).await.len(), 0);
    let answer = ann.send("POST", &batch(100), &[JSON], inputs(100).as_bytes()).await;
    let results = answer.json();
    let ids: Vec<u64> =
        results.as_array().unwrap().iter().map(|r| r["result"]["data"]["id"].as_u64().unwrap()).collect();
    assert_eq!((answer.status, ids), (200, (1..=100).collect()), "in the order of the calls");
    // Inputs that are missing, of other calls, or of no call.
    let stop = format!("timeTracking.{STOP}");
    let path = format!("{stop},{stop},{stop}?batch=1");
    let body = json!({ "0": { "timeEntryId": 1 }, "2": { "timeEntryId": 1 }, "7": { "timeEntryId": 2 }, "x": 1 });
    let answer = ann.send("POST", &path, &[JSON], body.to_string().as_bytes()).await;
    let results = answer.json();
    assert_eq!((answer.status, &results[0]["result"]["data"]["id"]), (207, &json!(1)));
    for missed in [&results[1], &results[2]] {
        assert_eq!(missed["error"]["data"], json!({ "code": "BAD_REQUEST", "httpStatus": 400, "path": stop }));
    }
    assert_eq!(ann.query(ACTIVE, &json!({ "sessionId": 2 })).await.data()["id"], 2, "an input of no call does nothing");
    let read =
        format!("timeTracking.{TYPES},timeTracking.{ACTIVE}?batch=1&input={}", encoded(r#"{"1":{"sessionId":2}}"#));
    let results = ann.send("GET", &read, &[], b"").await.json();
    assert_eq!(
        (results[0]["result"]["data"].as_array().unwrap().len(), &results[1]["result"]["data"]["id"]),
        (5, &json!(2))
    );
}

#[tokio::test]
async fn the_organization_is_that_of_the_login_alone() {
    let node = start(&[]).await;
    let (ann, eve) = (Member::new(&node, 1, 1), Member::new(&node, 2, 2));
    ann.start(1).await;
    let path = "timeTracking.timeEntries.list?organizationId=1&org=1&x-test-org-id=1";
    let named = [("x-organization-id", "1"), ("cookie", "organizationId=1; x-test-org-id=1")];
    let answer = eve.send("GET", path, &named, b"").await;
    assert_eq!((answer.status, &answer.json()["result"]["data"]["entries"]), (200, &json!([])), "{answer:?}");
    // Two organisations in the same headers, and logins without one.
    let answer = node.http("GET", "/api/trpc/timeTracking.taskTypes.list", &[("x-test-user-id", "2")], b"").await;
    assert_eq!(error(&answer), (401, "UNAUTHORIZED".to_owned(), -32001));
    let twice = [("x-test-user-id", "2"), ("x-test-org-id", "2"), ("x-test-org-id", "1")];
    let answer = node.http("GET", "/api/trpc/timeTracking.timeEntries.list", &twice, b"").await;
    assert!(answer.status == 401 || answer.json()["result"]["data"]["entries"] == json!([]), "{answer:?}");
    let answer = node.http("POST", "/api/trpc/timeTracking.timer.stop", &[JSON], b"{}").await;
    assert_eq!(answer.json()["error"]["message"], "You must be logged in to access this resource");
    assert_eq!(ann.query(START, &Value::Null).await.0.status, 405);
}
