//! Corrections of entries, running and finished.

use serde_json::{Value, json};

use super::member::{ADJUST, LIST, Member, START, STOP, after, from_now, start};

const HOUR: i64 = 3_600_000;

async fn adjust(member: &Member, entry: &Value, change: Value) -> super::member::Answer {
    let mut input = change;
    input["timeEntryId"] = entry["id"].clone();
    member.mutate(ADJUST, &input).await
}

#[tokio::test]
async fn a_running_entry_is_corrected_at_both_ends() {
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    let mut events = Member::new(&node, 2, 1).socket().await;
    let entry = ann.start(1).await;
    let began = &entry["startTime"];
    let (start_time, end_time) = (after(began, -2 * HOUR), after(began, -HOUR));
    let adjusted = adjust(&ann, &entry, json!({ "startTime": start_time, "endTime": end_time })).await.data();
    assert_eq!((&adjusted["startTime"], &adjusted["endTime"]), (&json!(start_time), &json!(end_time)));
    assert_eq!((&adjusted["durationMinutes"], &adjusted["manuallyAdjusted"]), (&json!(60), &json!(true)));
    ann.mutate(STOP, &json!({ "timeEntryId": entry["id"] }))
        .await
        .fails("BAD_REQUEST", "Cannot stop timer: timer is not running");
    let again = ann.start(1).await;
    assert_ne!(again["id"], entry["id"], "the target is free again");
    let mut names = Vec::new();
    while names.last().is_none_or(|(name, payload): &(String, Value)| {
        name != "timer:started" || payload["timeEntryId"] != again["id"]
    }) {
        names.push(events.next().await);
    }
    let names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["timer:started", "timer:adjusted", "timer:stopped", "timer:started"]);
}

#[tokio::test]
async fn impossible_corrections_are_refused_and_change_nothing() {
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    let (running, finished) = (ann.start(1).await, ann.start(2).await);
    ann.stop(&finished).await;
    let before = ann.entries(&json!({})).await;
    for entry in [&running, &finished] {
        let began = &entry["startTime"];
        let end_before_start = "End time cannot be before start time";
        let start_in_future = "Start time cannot be in the future";
        for (change, message) in [
            (json!({ "endTime": after(began, -1) }), end_before_start),
            (json!({ "startTime": after(began, -HOUR), "endTime": after(began, -HOUR - 1) }), end_before_start),
            (json!({ "startTime": from_now(HOUR) }), start_in_future),
            (json!({ "startTime": from_now(HOUR), "endTime": from_now(2 * HOUR) }), start_in_future),
            (json!({ "startTime": "9999-12-31T23:59:59.999Z" }), start_in_future),
        ] {
            adjust(&ann, entry, change).await.fails("BAD_REQUEST", message);
        }
    }
    // The start of a finished entry behind its end.
    let now = from_now(0);
    let moved = adjust(&ann, &finished, json!({ "startTime": after(&finished["startTime"], -HOUR), "endTime": now }))
        .await
        .data();
    let ended = adjust(&ann, &finished, json!({ "endTime": after(&moved["startTime"], HOUR / 2) })).await.data();
    let late = json!({ "startTime": after(&ended["endTime"], 1) });
    adjust(&ann, &finished, late).await.fails("BAD_REQUEST", "End time cannot be before start time");
    let after_all = ann.entries(&json!({ "sessionId": 1 })).await;
    assert_eq!(after_all, before.into_iter().filter(|entry| entry["sessionId"] == 1).collect::<Vec<_>>());
    assert_eq!(adjust(&ann, &json!({ "id": 99 }), json!({})).await.error().0, "NOT_FOUND");
}

#[tokio::test]
async fn an_end_in_the_future_and_an_end_at_the_start_are_accepted() {
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    let entry = ann.start(1).await;
    let future = from_now(10 * HOUR);
    let adjusted = adjust(&ann, &entry, json!({ "endTime": future })).await.data();
    assert_eq!(adjusted["endTime"], future);
    let adjusted = adjust(&ann, &entry, json!({ "endTime": entry["startTime"] })).await.data();
    assert_eq!(adjusted["durationMinutes"], 0);
    // Halves of a minute are rounded up, as `Math.round` does.
    for (ms, minutes) in [(29_999, 0), (30_000, 1), (89_999, 1), (90_000, 2)] {
        let adjusted = adjust(&ann, &entry, json!({ "endTime": after(&entry["startTime"], ms) })).await.data();
        assert_eq!(adjusted["durationMinutes"], minutes, "{ms} ms");
    }
}

#[tokio::test]
async fn hours_across_a_change_of_the_clocks_are_real_hours() {
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    let entry = ann.start(1).await;
    for (start_time, end_time, minutes, written) in [
        // In Berlin the clocks go from 2 to 3 and, in autumn, from 3 to 2.
        ("2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00", 60, "2026-03-29T00:30:00.000Z"),
        ("2025-10-26T01:30:00+02:00", "2025-10-26T03:30:00+01:00", 180, "2025-10-25T23:30:00.000Z"),
        // In New York.
        ("2026-03-08T01:59:00-05:00", "2026-03-08T03:01:00-04:00", 2, "2026-03-08T06:59:00.000Z"),
        ("2024-02-28T23:00:00Z", "2024-03-01T01:00:00Z", 26 * 60, "2024-02-28T23:00:00.000Z"),
    ] {
        let adjusted = adjust(&ann, &entry, json!({ "startTime": start_time, "endTime": end_time })).await.data();
        assert_eq!((&adjusted["durationMinutes"], &adjusted["startTime"]), (&json!(minutes), &json!(written)));
    }
}

#[tokio::test]
async fn an_adjustment_of_nothing_marks_the_entry_and_a_moved_entry_is_found_at_its_new_place() {
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    let (first, second) = (ann.start(1).await, ann.start(2).await);
    ann.stop(&first).await;
    ann.stop(&second).await;
    let marked = adjust(&ann, &first, json!({})).await.data();
    assert_eq!((&marked["manuallyAdjusted"], &marked["startTime"]), (&json!(true), &first["startTime"]));
    let unmarked = ann.query(LIST, &json!({ "includeManuallyAdjusted": false })).await.data();
    assert_eq!(unmarked["entries"].as_array().unwrap().iter().map(|e| &e["id"]).collect::<Vec<_>>(), [&second["id"]]);
    // The newer entry becomes the older one.
    adjust(&ann, &second, json!({ "startTime": after(&first["startTime"], -HOUR) })).await.data();
    for filter in [json!({}), json!({ "taskTypeIds": [1] })] {
        let ids: Vec<Value> = ann.entries(&filter).await.into_iter().map(|entry| entry["id"].clone()).collect();
        assert_eq!(ids, [first["id"].clone(), second["id"].clone()], "each once, at its place");
    }
    let day = |from: i64, to: i64| json!({ "dateRange": { "start": after(&first["startTime"], from), "end": after(&first["startTime"], to) } });
    assert_eq!(ann.entries(&day(-HOUR, -HOUR)).await.len(), 1, "both ends are inclusive");
    assert_eq!(ann.entries(&day(-HOUR + 1, 0)).await.len(), 1);
    assert_eq!(ann.entries(&day(-HOUR, 0)).await.len(), 2);
    assert_eq!(ann.entries(&day(1, -1)).await.len(), 0, "a range that ends before its start has nothing");
    assert_eq!(ann.mutate(START, &json!({ "taskTypeId": 1, "sessionId": 2 })).await.data()["id"], 3);
}
