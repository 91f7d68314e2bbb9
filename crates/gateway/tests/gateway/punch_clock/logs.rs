//! Archived days.

use serde_json::{Value, json};

use super::*;

async fn save_log(node: &Node, user: &str, body: Value) -> Value {
    let answer = node.call("POST", &format!("/api/daily-logs?userId={user}"), &body.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn a_saved_log_is_united_with_the_days_of_its_entries() {
    let office = Office::open_at(NOON).await;
    let node = &office.node;
    let yesterday = NOON - DAY;
    let entries = json!([entry(1, "IN", yesterday), entry(2, "OUT", yesterday + HOUR)]);
    // The page sends the date in UTC of now, with the totals that it has counted itself.
    let stats = json!({ "totalWorkMinutes": 999, "totalBreakMinutes": 9, "isComplete": true });
    let body = |date: &str| json!({ "date": date, "entries": entries, "dailyStats": stats, "theme": "dark", "_id": 1 });
    let first = save_log(node, "ann", body("2026-11-19")).await;
    assert_eq!(first["message"], "Daily log saved successfully");
    let log = &first["log"];
    for (key, value) in [
        ("_id", json!("2026-11-19")),
        ("userId", json!("ann")),
        ("date", json!("2026-11-19T00:00:00.000Z")),
        ("theme", json!("dark")),
        ("dailyStats", json!({ "totalWorkMinutes": 60, "totalBreakMinutes": 0, "isComplete": false })),
    ] {
        assert_eq!(log[key], value, "{key}");
    }
    let shown = json!({ "id": 1, "timestamp": "2026-11-19T12:00:00.000Z", "type": "IN", "time": "00:00:00" });
    assert_eq!(log["entries"][0], shown);
    assert!(log["createdAt"].is_string() && log["updatedAt"].is_string());
    let again = save_log(node, "ann", body("2026-11-19")).await;
    assert_eq!((&again["message"], &again["log"]), (&json!("Daily log updated successfully"), log));
    // With another date, the entries are still those of yesterday.
    let other = save_log(node, "ann", body("2026-11-18T23:00:00.000Z")).await;
    assert_eq!((&other["message"], &other["log"]["entries"]), (&json!("Daily log saved successfully"), &json!([])));
    assert_eq!(node.logs("ann").await, std::slice::from_ref(log), "a day without punches leaves no log");
    // Saving the current day leaves it as it is; its open run counts up to now.
    let document = node.punch("ann", &json!([entry(3, "IN", NOON - HOUR)])).await;
    let today = json!({ "date": "2026-11-20", "entries": document["entries"], "dailyStats": stats });
    let current = save_log(node, "ann", today).await;
    let minutes = number(&current["log"]["dailyStats"]["totalWorkMinutes"]);
    assert!((60..70).contains(&minutes), "{current}");
    assert_eq!((node.logs("ann").await.len(), ids(&node.session("ann").await)), (1, vec![json!(3)]));
    for missing in ["date", "entries", "dailyStats"] {
        for value in [None, Some(Value::Null)] {
            let mut body = body("2026-11-19");
            body.as_object_mut().unwrap().remove(missing);
            value.into_iter().for_each(|value| body[missing] = value);
            let answer = node.call("POST", "/api/daily-logs?userId=ann", &body.to_string()).await;
            assert_eq!(
                (answer.status, answer.json()),
                (400, json!({ "error": "Missing required fields" })),
                "{missing}"
            );
        }
    }
    for date in [json!("yesterday"), json!(7), json!("2026-13-01"), json!("")] {
        let mut body = body("x");
        body["date"] = date.clone();
        let answer = node.call("POST", "/api/daily-logs?userId=ann", &body.to_string()).await;
        assert!(answer.status == 400 && answer.body.contains("date must be a date"), "{date}: {answer:?}");
    }
}

#[tokio::test]
async fn late_punches_join_their_days_and_those_of_long_ago_are_listed() {
    let office = Office::open_at(NOON).await;
    let node = &office.node;
    let pair = |id: i64, at: i64| json!([entry(id, "IN", at), entry(id + 1, "OUT", at + HOUR)]);
    node.punch("ann", &pair(1, NOON - DAY)).await;
    node.punch("ann", &pair(3, NOON - 3 * DAY)).await;
    node.punch("ann", &pair(5, NOON - 399 * DAY)).await;
    let days = [("2026-11-19", 60), ("2026-11-17", 60), ("2025-10-17", 60)];
    assert_eq!(work_of(&node.logs("ann").await), days);
    for stale in [pair(1, NOON - DAY), pair(3, NOON - 3 * DAY)] {
        let answer = node.save("ann", &json!({ "entries": stale })).await;
        assert_eq!(ids(&answer["data"]), Vec::<Value>::new());
    }
    assert_eq!(work_of(&node.logs("ann").await)[2], days[2]);
    let answer = node.save("ann", &json!({ "entries": pair(7, NOON - 402 * DAY) })).await;
    let expected = vec![(json!(7), "it is older than 400 days"), (json!(8), "it is older than 400 days")];
    assert_eq!(ignored(&answer), expected);
    // A later punch of an archived day lengthens it.
    node.punch("ann", &json!([entry(9, "IN", NOON - DAY + 2 * HOUR), entry(10, "OUT", NOON - DAY + 3 * HOUR)])).await;
    let log = node.logs("ann").await[0].clone();
    assert_eq!(log["dailyStats"], json!({ "totalWorkMinutes": 120, "totalBreakMinutes": 60, "isComplete": false }));
}

#[tokio::test]
async fn logs_are_listed_by_pages_and_by_date_with_the_newest_first() {
    let office = Office::open_at(NOON).await;
    let node = &office.node;
    let entries: Vec<Value> = (1..=65_i64)
        .flat_map(|day| [entry(2 * day, "IN", NOON - day * DAY), entry(2 * day + 1, "OUT", NOON - day * DAY + MINUTE)])
        .collect();
    node.punch("ann", &json!(entries)).await;
    let page = async |query: &str| node.call("GET", &format!("/api/daily-logs?userId=ann&{query}"), "").await.json();
    let place = |current: u64, pages: u64, total: u64, next: bool, previous: bool| {
        json!({
            "currentPage": current, "totalPages": pages, "totalLogs": total, "hasNextPage": next, "hasPrevPage": previous
        })
    };
    for (query, count, first, pagination) in [
        ("", 30, "2026-11-19", place(1, 3, 65, true, false)),
        ("page=2", 30, "2026-10-20", place(2, 3, 65, true, true)),
        ("page=3&limit=30", 5, "2026-09-20", place(3, 3, 65, false, true)),
        ("limit=65", 65, "2026-11-19", place(1, 1, 65, false, false)),
        ("limit=100000", 65, "2026-11-19", place(1, 1, 65, false, false)),
        ("date=2026-11-10", 1, "2026-11-10", place(1, 1, 1, false, false)),
        ("date=2026-11-10T09%3A00%3A00.000Z", 1, "2026-11-10", place(1, 1, 1, false, false)),
        ("date=&limit=1", 1, "2026-11-19", place(1, 65, 65, true, false)),
    ] {
        let answer = page(query).await;
        let logs = answer["logs"].as_array().unwrap();
        assert_eq!((logs.len(), work_of(logs)[0].0, &answer["pagination"]), (count, first, &pagination), "{query}");
        assert!(logs.is_sorted_by(|newer, older| newer["date"].as_str() > older["date"].as_str()), "{query}");
    }
    for query in ["page=4", "page=18446744073709551615", "date=2026-11-20"] {
        assert_eq!(page(query).await["logs"], json!([]), "{query}");
    }
    for query in ["limit=0", "limit=-1", "limit=x", "page=0", "page=1.5", "date=soon", "date=2026-02-30"] {
        let answer = node.call("GET", &format!("/api/daily-logs?userId=ann&{query}"), "").await;
        assert!(answer.status == 400 && answer.json()["error"].is_string(), "{query}: {answer:?}");
    }
}
