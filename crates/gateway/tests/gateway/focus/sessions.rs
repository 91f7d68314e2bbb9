//! Creating, reading, changing and deleting sessions.

use serde_json::{Value, json};

use super::*;

/// The keys of a session.
const KEYS: [&str; 18] = [
    "_id",
    "id",
    "userId",
    "contentId",
    "subject",
    "targetMinutes",
    "status",
    "elapsedSeconds",
    "activeSeconds",
    "idleSeconds",
    "tabSwitches",
    "focusScore",
    "startedAt",
    "endedAt",
    "startTime",
    "endTime",
    "createdAt",
    "updatedAt",
];

#[tokio::test]
async fn a_new_session_is_active_and_empty_and_is_read_as_it_was_created() {
    let node = Node::start().await;
    let created = node.create("ann", &json!({ "targetMinutes": 25 })).await;
    assert_eq!(created.as_object().unwrap().len(), KEYS.len());
    assert!(KEYS.iter().all(|key| created.get(key).is_some()), "{created}");
    for (key, value) in [
        ("userId", json!("ann")),
        ("contentId", Value::Null),
        ("subject", json!("General")),
        ("targetMinutes", json!(25)),
        ("status", json!("active")),
        ("tabSwitches", json!(0)),
        ("focusScore", json!(0)),
        ("endedAt", Value::Null),
        ("endTime", Value::Null),
    ] {
        assert_eq!(created[key], value, "{key}");
    }
    assert_eq!(seconds(&created), [0; 3]);
    let id = id_of(&created);
    assert!(id.len() == 24 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
    assert_eq!(created["id"], created["_id"]);
    for key in ["startedAt", "startTime", "updatedAt"] {
        assert_eq!(created[key], created["createdAt"], "{key}");
    }
    let date = created["createdAt"].as_str().unwrap();
    assert!(date.len() == 24 && date.ends_with('Z'), "{date}");
    assert_eq!(node.read("ann", &id).await, created);
    assert_eq!(node.read("ann", &id.to_uppercase()).await, created);
}

#[tokio::test]
async fn a_target_is_a_number_above_0_or_its_text() {
    let node = Node::start().await;
    for (given, shown) in [
        ("25", "25"),
        ("25.0", "25"),
        ("\"25\"", "25"),
        ("\" 0.5 \"", "0.5"),
        ("0.1", "0.1"),
        ("1e308", "1e+308"),
        ("1e-300", "1e-300"),
    ] {
        let body = format!(r#"{{"targetMinutes":{given}}}"#);
        let answer = node.call("ann", "POST", "/api/sessions", &body).await;
        assert_eq!(answer.status, 201, "{given} {answer:?}");
        let target = format!(r#""targetMinutes":{shown},"#);
        assert!(answer.body.contains(&target), "{given}: {}", answer.body);
    }
    let id = node.new_session("ann", 25.0).await;
    for given in [
        "0",
        "-0",
        "-1",
        "-1e308",
        "1e999",
        "\"1e999\"",
        "null",
        "true",
        "[25]",
        "{}",
        "\"\"",
        "\"soon\"",
        "\"NaN\"",
        "\"Infinity\"",
    ] {
        let body = format!(r#"{{"targetMinutes":{given}}}"#);
        refused(&node.call("ann", "POST", "/api/sessions", &body).await, 400, "Invalid target minutes");
        let path = format!("/api/sessions/{id}");
        refused(&node.call("ann", "PUT", &path, &body).await, 400, "Invalid target minutes");
    }
    for body in ["", "{}", r#"{"subject":"Latin"}"#] {
        refused(&node.call("ann", "POST", "/api/sessions", body).await, 400, "Invalid target minutes");
    }
    assert_eq!(node.list("ann", "").await.len(), 8);
}

#[tokio::test]
async fn bodies_that_are_no_objects_and_texts_that_are_none_or_too_long_are_refused() {
    let node = Node::start().await;
    let id = node.new_session("ann", 25.0).await;
    let before = node.read("ann", &id).await;
    let long = "ü".repeat(501);
    let (put, end) = (format!("/api/sessions/{id}"), format!("/api/sessions/{id}/end"));
    for (body, reason) in [
        ("{", "the body is not JSON"),
        ("nonsense", "the body is not JSON"),
        ("[]", "the body must be an object"),
        ("null", "the body must be an object"),
        ("7", "the body must be an object"),
    ] {
        for (method, path) in [("POST", "/api/sessions"), ("PUT", put.as_str()), ("PUT", end.as_str())] {
            let answer = node.call("ann", method, path, body).await;
            let message = answer.json()["message"].as_str().unwrap().to_owned();
            assert!(answer.status == 400 && message.starts_with(reason), "{method} {path} {body}: {answer:?}");
        }
    }
    for (field, reason) in [
        (json!({ "subject": 7 }), "subject must be a text"),
        (json!({ "subject": ["x"] }), "subject must be a text"),
        (json!({ "contentId": true }), "contentId must be a text"),
        (json!({ "contentId": {} }), "contentId must be a text"),
        (json!({ "subject": long }), "subject and contentId have at most 500 characters"),
        (json!({ "contentId": long }), "subject and contentId have at most 500 characters"),
    ] {
        refused(&node.call("ann", "PUT", &put, &field.to_string()).await, 400, reason);
        let mut body = field.clone();
        body["targetMinutes"] = json!(25);
        refused(&node.call("ann", "POST", "/api/sessions", &body.to_string()).await, 400, reason);
    }
    let large = json!({ "targetMinutes": 25, "subject": "x".repeat(64 * 1024) }).to_string();
    assert_eq!(node.call("ann", "POST", "/api/sessions", &large).await.status, 413);
    let not_text =
        node.http("POST", "/api/sessions?userId=ann", &[], b"{\"targetMinutes\":25,\"subject\":\"\xff\"}").await;
    refused(&not_text, 400, "the body is not UTF-8");
    assert_eq!(node.list("ann", "").await, [id.as_str()]);
    assert_eq!(node.read("ann", &id).await, before);
}

#[tokio::test]
async fn a_change_takes_texts_target_and_status_and_nothing_else() {
    let node = Node::start().await;
    let created = node.create("ann", &json!({ "targetMinutes": "10", "subject": "Latin", "contentId": 7 })).await;
    let id = id_of(&created);
    assert_eq!((&created["targetMinutes"], &created["contentId"]), (&json!(10), &json!("7")));
    for body in [
        json!({}),
        json!({ "userId": "ben", "focusScore": 900, "elapsedSeconds": 5, "activeSeconds": 5, "tabSwitches": 1 }),
        json!({ "subject": null, "status": null, "subject ": "x", "_id": UNKNOWN, "createdAt": "1999-01-01" }),
        json!({ "subject": "Latin", "targetMinutes": 10.0, "status": "active" }),
    ] {
        assert_eq!(node.change("ann", &id, &body).await, created, "{body}");
    }
    let changed =
        node.change("ann", &id, &json!({ "subject": "Grammar", "contentId": null, "targetMinutes": 0.5 })).await;
    assert_eq!(
        (&changed["subject"], &changed["contentId"], &changed["targetMinutes"]),
        (&json!("Grammar"), &Value::Null, &json!(0.5))
    );
    assert_eq!(changed["createdAt"], created["createdAt"]);
    assert_eq!(node.change("ann", &id, &json!({ "status": "paused" })).await["status"], "paused");
    assert_eq!(node.change("ann", &id, &json!({ "status": "active" })).await["status"], "active");
    let path = format!("/api/sessions/{id}");
    for status in [json!("completed"), json!("cancelled"), json!("Active"), json!(""), json!(1), json!(["active"])] {
        let body = json!({ "status": status, "subject": "lost" }).to_string();
        refused(&node.call("ann", "PUT", &path, &body).await, 400, "Invalid status");
    }
    assert_eq!(node.read("ann", &id).await["subject"], "Grammar");
}

#[tokio::test]
async fn ids_that_are_malformed_unknown_or_deleted_are_told_apart() {
    let node = Node::start().await;
    let id = node.new_session("ann", 25.0).await;
    let ended = node.new_session("ann", 25.0).await;
    node.end("ann", &ended, &json!({})).await;
    for id in [&id, &ended] {
        node.delete("ann", id).await;
    }
    let routes = [("GET", ""), ("PUT", ""), ("PUT", "/end"), ("DELETE", "")];
    for (method, suffix) in routes {
        for bad in ["1", "507f1f77bcf86cd79943901", "507f1f77bcf86cd7994390111", "507f1f77bcf86cd79943901z", "%20"] {
            let answer = node.call("ann", method, &format!("/api/sessions/{bad}{suffix}"), "").await;
            refused(&answer, 400, "Invalid ID format");
        }
        for gone in [UNKNOWN, id.as_str(), ended.as_str()] {
            let answer = node.call("ann", method, &format!("/api/sessions/{gone}{suffix}"), "").await;
            refused(&answer, 404, "Session not found");
        }
    }
    assert_eq!(node.list("ann", "").await, [""; 0]);
}
