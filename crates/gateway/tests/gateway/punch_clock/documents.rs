//! The document: what a page reads, and what counts of the one that it posts back.

use serde_json::{Value, json};

use super::*;

/// The keys of the document, in order.
const KEYS: [&str; 12] = [
    "userId",
    "userEmail",
    "userName",
    "currentStatus",
    "entries",
    "dailyStats",
    "currentTheme",
    "lastActiveDate",
    "lastActivity",
    "sessionStartTime",
    "createdAt",
    "updatedAt",
];

#[tokio::test]
async fn a_new_person_has_a_blank_day_and_reading_it_stores_nothing() {
    let office = Office::open_at(NOON).await;
    let answer = office.node.call("GET", "/api/session?userId=ann", "").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let places: Vec<Option<usize>> = KEYS.iter().map(|key| answer.body.find(&format!("\"{key}\":"))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{}", answer.body);
    let stats = r#""dailyStats":{"totalWorkMinutes":0,"totalBreakMinutes":0,"isComplete":false}"#;
    assert!(answer.body.contains(stats), "{}", answer.body);
    let document = answer.json()["data"].clone();
    assert_eq!(document.as_object().unwrap().len(), KEYS.len());
    for (key, value) in [
        ("userId", json!("ann")),
        ("userEmail", json!("")),
        ("userName", json!("")),
        ("currentStatus", json!("OUT")),
        ("entries", json!([])),
        ("currentTheme", json!("minimal")),
        ("lastActiveDate", json!("2026-11-20")),
        ("sessionStartTime", Value::Null),
    ] {
        assert_eq!(document[key], value, "{key}");
    }
    assert!(document["createdAt"].as_str().unwrap().starts_with("2026-11-20T12:0"), "{document}");
    assert_eq!(office.node.logs("ann").await.len(), 0);
    let keys = office.redis.replies(&[vec!["KEYS", "*ann*"]]).unwrap();
    assert_eq!(keys[0].texts(), [""; 0]);
}

#[tokio::test]
async fn any_part_of_the_document_can_be_posted_whatever_the_content_type_says() {
    let office = Office::open_at(NOON).await;
    let node = &office.node;
    let post = async |content_type: Option<&str>, body: &str| {
        let headers: Vec<_> = content_type.map(|value| ("content-type", value)).into_iter().collect();
        node.http("POST", "/api/session?userId=ann", &headers, body.as_bytes()).await
    };
    let body = json!({ "entries": [entry(1, "IN", NOON - HOUR)] }).to_string();
    // As `navigator.sendBeacon` does.
    let beacon = post(Some("text/plain;charset=UTF-8"), &body).await;
    assert_eq!((beacon.status, ids(&beacon.json()["data"])), (200, vec![json!(1)]));
    for content_type in [None, Some("application/json"), Some("application/x-www-form-urlencoded"), Some("nonsense")] {
        assert_eq!(post(content_type, &body).await.json()["ignored"], json!([]), "{content_type:?}");
    }
    let before = node.session("ann").await;
    assert_eq!(before["sessionStartTime"], NOON - HOUR);
    assert_eq!((&before["currentStatus"], &before["entries"][0]["time"]), (&json!("IN"), &json!("00:00:00")));
    // Everything that is derived is not stored, and omitted or null keys change nothing.
    for body in [
        json!({}),
        json!({ "currentStatus": "OUT", "sessionStartTime": 5, "lastActiveDate": "1999-01-01", "userId": "ben" }),
        json!({ "entries": null, "currentTheme": null, "dailyStats": null, "sessionStartTime": null }),
        json!({ "dailyStats": { "totalWorkMinutes": 9, "totalBreakMinutes": 9, "isComplete": true } }),
        json!({ "entries": [], "_id": "65f0", "__v": 7, "unknown": { "deep": [1] } }),
    ] {
        let answer = node.save("ann", &body).await;
        assert_eq!((&answer["data"]["entries"], &answer["ignored"]), (&before["entries"], &json!([])), "{body}");
        for key in ["userId", "currentStatus", "sessionStartTime", "lastActiveDate", "currentTheme", "updatedAt"] {
            assert_eq!(answer["data"][key], before[key], "{key} of {body}");
        }
    }
}

#[tokio::test]
async fn bodies_that_are_no_object_are_refused_and_large_ones_are_bounded() {
    let node = Node::start_with(&[("punch_clock.body_bytes", "200000")]).await;
    for (body, reason) in [
        ("", "the body is not JSON"),
        ("{", "the body is not JSON"),
        ("[]", "the body must be an object"),
        ("null", "the body must be an object"),
        (r#"{"entries":7}"#, "entries must be a list"),
        (r#"{"entries":{"0":{}}}"#, "entries must be a list"),
    ] {
        for path in ["/api/session?userId=ann", "/api/daily-logs?userId=ann"] {
            let answer = node.call("POST", path, body).await;
            let is_log = path.contains("logs") && body.contains("entries");
            let reason = if is_log { "Missing required fields" } else { reason };
            let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
            assert!(answer.status == 400 && error.starts_with(reason), "{body}: {answer:?}");
        }
    }
    let not_text = node.http("POST", "/api/session?userId=ann", &[], b"{\"a\":\"\xff\"}").await;
    assert_eq!((not_text.status, not_text.json()), (400, json!({ "error": "the body is not UTF-8" })));
    // A theme of nearly the limit is one that the page does not know.
    let theme = |bytes: usize| json!({ "entries": [entry(1, "IN", 0)], "currentTheme": "x".repeat(bytes) });
    let answer = node.save("ann", &theme(199_000)).await;
    assert_eq!(ignored(&answer).last().unwrap().0, "currentTheme", "{answer}");
    assert_eq!(answer["data"]["currentTheme"], "minimal");
    for path in ["/api/session?userId=ann", "/api/heartbeat?userId=ann", "/api/daily-logs?userId=ann"] {
        assert_eq!(node.call("POST", path, &theme(201_000).to_string()).await.status, 413, "{path}");
    }
    let zone = node.call("PUT", "/api/session/zone?userId=ann", &theme(201_000).to_string()).await;
    assert_eq!(zone.status, 413);
    assert_eq!(ids(&node.session("ann").await), Vec::<Value>::new(), "the punch of 1970 is too old");
}

#[tokio::test]
async fn the_default_limit_of_a_body_is_one_mebibyte() {
    let node = Node::start().await;
    let theme = |bytes: usize| json!({ "currentTheme": "x".repeat(bytes) });
    assert_eq!(ignored(&node.save("ann", &theme(1_048_000)).await)[0].0, "currentTheme");
    assert_eq!(node.post("ann", &theme(1_048_577)).await.status, 413);
}

#[tokio::test]
async fn a_theme_counts_if_the_page_has_changed_it() {
    let office = Office::open_with(NOON, &[("punch_clock.themes", "minimal,dark,aurora,sepia")]).await;
    let node = &office.node;
    let stale = node.session("ann").await;
    let dark = node.save("ann", &json!({ "currentTheme": "dark", "updatedAt": stale["updatedAt"] })).await;
    assert_eq!(dark["data"]["currentTheme"], "dark");
    // The other tab posts its whole document, with a punch.
    let mut tab = stale.clone();
    tab["entries"] = json!([entry(1, "IN", NOON)]);
    let answer = node.save("ann", &tab).await;
    assert_eq!((&answer["data"]["currentTheme"], ids(&answer["data"])), (&json!("dark"), vec![json!(1)]));
    // The tab that has seen the change goes back. Instants are accepted as numbers too.
    let seen = number(&json!(node.server_time().await));
    let back = node.save("ann", &json!({ "currentTheme": "minimal", "updatedAt": seen })).await;
    assert_eq!((&back["data"]["currentTheme"], ignored(&back)), (&json!("minimal"), vec![]));
    let own = node.save("ann", &json!({ "currentTheme": "sepia", "updatedAt": back["data"]["updatedAt"] })).await;
    assert_eq!(own["data"]["currentTheme"], "sepia", "a configured theme");
    for unknown in [json!("neon"), json!(""), json!(7), json!({}), json!(["dark"]), json!("Dark")] {
        let answer = node.save("ann", &json!({ "currentTheme": unknown })).await;
        let expected = vec![(json!("currentTheme"), "it is not one of minimal, dark, aurora, sepia")];
        assert_eq!((ignored(&answer), &answer["data"]["currentTheme"]), (expected, &json!("sepia")), "{unknown}");
    }
    node.reset("ann").await;
    let reset = node.session("ann").await;
    assert_eq!((&reset["currentTheme"], ids(&reset)), (&json!("sepia"), vec![]), "a reset keeps the theme");
}

#[tokio::test]
async fn the_reply_repeats_the_posted_totals_if_the_document_shows_the_posted_entries() {
    let office = Office::open_at(NOON).await;
    let node = &office.node;
    let all = json!([entry(1, "IN", NOON - HOUR), entry(2, "OUT", NOON - 30 * MINUTE)]);
    // Written as a page with a wrong clock does, byte for byte.
    let own = r#"{"totalWorkMinutes":31.5,"totalBreakMinutes":-2,"isComplete":true}"#;
    let body = format!(r#"{{"entries":{all},"dailyStats":{own}}}"#);
    let answer = node.call("POST", "/api/session?userId=ann", &body).await;
    assert!(answer.body.contains(&format!(r#""dailyStats":{own}"#)), "{}", answer.body);
    let stored = node.session("ann").await;
    let derived = json!({ "totalWorkMinutes": 30, "totalBreakMinutes": 30, "isComplete": false });
    assert_eq!(stored["dailyStats"], derived, "posted totals are not stored");
    for entries in [json!([]), json!([all[0]]), json!([all[1], all[0]]), json!(null)] {
        let body = format!(r#"{{"entries":{entries},"dailyStats":{own}}}"#);
        let answer = node.call("POST", "/api/session?userId=ann", &body).await.json();
        assert_eq!(answer["data"]["dailyStats"], derived, "{entries}");
    }
    let without = node.save("ann", &json!({ "entries": all, "dailyStats": "broken" })).await;
    assert_eq!(without["data"]["dailyStats"], derived);
}

#[tokio::test]
async fn totals_are_rounded_and_a_day_is_complete_at_480_minutes() {
    let office = Office::open_at(NOON).await;
    let node = &office.node;
    let work = async |user: &str, millis: i64| {
        let start = NOON - 10 * HOUR;
        let entries = json!([entry(1, "IN", start), entry(2, "OUT", start + millis)]);
        node.punch(user, &entries).await["dailyStats"].clone()
    };
    let stats = work("ann", 480 * MINUTE).await;
    assert_eq!((number(&stats["totalWorkMinutes"]), &stats["isComplete"]), (480, &json!(true)));
    let stats = work("ben", 480 * MINUTE - 1).await;
    assert_eq!((number(&stats["totalWorkMinutes"]), &stats["isComplete"]), (480, &json!(false)), "before rounding");
    let stats = work("cem", 29_999).await;
    assert_eq!((number(&stats["totalWorkMinutes"]), number(&stats["totalBreakMinutes"])), (0, 600));
    assert_eq!(work("dan", 30_000).await["totalWorkMinutes"], 1);
}
