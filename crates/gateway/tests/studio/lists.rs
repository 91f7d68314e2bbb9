//! Lists of thousands of entries: order, pages, filters and sums.

use std::collections::BTreeSet;

use harness::{Node, RedisServer};
use serde_json::{Value, json};

use super::member::{JSON, LIST, Member, start, start_over};

/// The start of the first entry, in ms since 1970: 2026-01-01T00:00:00Z.
const FIRST: i64 = 1_767_225_600_000;

const MINUTE: i64 = 60_000;

fn iso(ms: i64) -> String {
    format!("{:.3}", jiff::Timestamp::from_millisecond(ms).unwrap())
}

/// Creates finished entries by a few large batches: entry `n` starts `(n - 1) / 2` minutes after the first one, so that
/// pairs have the same start, is of type `n % 3 + 1` and session `n % 7 + 1`, and takes 15 minutes.
pub(super) async fn fill(member: &Member, entries: usize, notes: &str) {
    const PER_BATCH: usize = 50;
    let _view = member.listen().await;
    for batch in 0..entries.div_ceil(PER_BATCH) {
        let ids = batch * PER_BATCH + 1..=(batch * PER_BATCH + PER_BATCH).min(entries);
        let mut inputs = serde_json::Map::new();
        for id in ids.clone() {
            let begin = FIRST + i64::try_from((id - 1) / 2).unwrap() * MINUTE;
            let new = json!({ "taskTypeId": id % 3 + 1, "sessionId": id % 7 + 1, "notes": notes });
            let change = json!({ "timeEntryId": id, "startTime": iso(begin), "endTime": iso(begin + 15 * MINUTE) });
            for input in [new, change] {
                inputs.insert(inputs.len().to_string(), input);
            }
        }
        let paths = vec!["timeTracking.timer.start,timeTracking.timeEntries.adjust"; ids.count()].join(",");
        let body = Value::Object(inputs).to_string();
        let answer = member.send("POST", &format!("{paths}?batch=1"), &[JSON], body.as_bytes()).await;
        assert_eq!(answer.status, 200, "{:.300}", answer.body);
    }
}

fn ids(entries: &[Value]) -> Vec<u64> {
    entries.iter().map(|entry| entry["id"].as_u64().unwrap()).collect()
}

async fn page(member: &Member, input: &Value) -> (Vec<Value>, Value, Value) {
    let data = member.query(LIST, input).await.data();
    (data["entries"].as_array().unwrap().clone(), data["stats"].clone(), data["nextCursor"].clone())
}

/// Returns the sums of some of the entries of [`fill`]: each takes a quarter of an hour.
fn sums(ids: impl Iterator<Item = u64>) -> Value {
    let (mut quarters, mut cents) = (0, 0);
    for id in ids {
        quarters += 1;
        // Quarters of the rates 50, 75 and 60.
        cents += [1250, 1875, 1500][usize::try_from(id % 3).unwrap()];
    }
    json!({ "hours": f64::from(quarters) / 4.0, "cents": cents })
}

fn assert_sums(stats: &Value, expected: &Value) {
    assert_eq!(stats["totalHours"].as_f64(), expected["hours"].as_f64());
    assert_eq!(stats["totalCost"].as_f64(), expected["cents"].as_f64().map(|cents| cents / 100.0));
}

#[tokio::test]
async fn all_entries_are_listed_newest_first_in_one_answer_or_in_pages() {
    const ENTRIES: usize = 2000;
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    fill(&ann, ENTRIES, "x").await;
    let (all, stats, next) = page(&ann, &Value::Null).await;
    let expected: Vec<u64> = (1..=2000).rev().collect();
    assert_eq!((ids(&all), next), (expected, Value::Null));
    assert!(all.iter().all(|entry| entry["taskType"]["id"] == entry["taskTypeId"]));
    let total = sums(1..=2000);
    assert_sums(&stats, &total);
    assert_eq!(in_pages(&ann, 999, &total).await, all);
    filters(&ann).await;
}

/// Lists everything in pages of a length.
async fn in_pages(member: &Member, limit: usize, total: &Value) -> Vec<Value> {
    let (mut listed, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let (entries, stats, next) = page(member, &json!({ "limit": limit, "cursor": cursor })).await;
        assert_sums(&stats, total);
        assert!(entries.len() == limit || next.is_null(), "{} of {limit}", entries.len());
        listed.extend(entries);
        cursor = next;
        if cursor.is_null() {
            return listed;
        }
    }
}

#[tokio::test]
async fn pages_of_any_length_have_each_entry_once() {
    // Twice what the node reads at once, so that pages end at, before and behind the ends of its own.
    const ENTRIES: usize = 500;
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    fill(&ann, ENTRIES, "x").await;
    ann.start(100).await;
    ann.start(101).await;
    let all = ann.entries(&Value::Null).await;
    assert_eq!(ids(&all), (1..=502).rev().collect::<Vec<_>>());
    let (running, stats, next) = page(&ann, &json!({ "isRunning": true })).await;
    assert_eq!((ids(&running), next), (vec![502, 501], Value::Null));
    assert_sums(&stats, &sums(std::iter::empty()));
    let (finished, stats, _) = page(&ann, &json!({ "isRunning": false })).await;
    assert_eq!(finished, all[2..]);
    assert_sums(&stats, &sums(1..=500));
    for limit in [50, 99, 100, 101, 201, 202, 203, 501, 1000] {
        assert_eq!(in_pages(&ann, limit, &sums(1..=500)).await, all, "limit {limit}");
    }
    let (first, _, next) = page(&ann, &json!({ "limit": 502 })).await;
    assert_eq!((first.len(), next), (502, Value::Null), "no page of nothing follows");
}

/// Tells whether a filter chooses an entry of [`fill`].
type IsChosen = fn(u64) -> bool;

async fn filters(ann: &Member) {
    let chosen: [(Value, IsChosen); 7] = [
        (json!({ "sessionId": 3 }), |id| id % 7 + 1 == 3),
        (json!({ "projectId": 3 }), |_| false),
        (json!({ "taskTypeIds": [2] }), |id| id % 3 + 1 == 2),
        (json!({ "taskTypeIds": [1, 3, 3, 99] }), |id| id % 3 + 1 != 2),
        (json!({ "taskTypeIds": [] }), |_| true),
        (json!({ "sessionId": 3, "taskTypeIds": [2] }), |id| id % 7 + 1 == 3 && id % 3 + 1 == 2),
        (json!({ "includeManuallyAdjusted": false }), |_| false),
    ];
    for (filter, is_chosen) in chosen {
        let (entries, stats, _) = page(ann, &filter).await;
        assert_eq!(ids(&entries), (1..=2000).rev().filter(|id| is_chosen(*id)).collect::<Vec<_>>(), "{filter}");
        assert_sums(&stats, &sums((1..=2000).filter(|id| is_chosen(*id))));
    }
    // Minutes 10 to 20 have the entries 21 to 42; both ends are inclusive, to the millisecond.
    for (from, to, expected) in [(0, 0, 21..=42), (1, 0, 23..=42), (0, -1, 21..=40), (1, -1, 23..=40)] {
        let range = json!({ "start": iso(FIRST + 10 * MINUTE + from), "end": iso(FIRST + 20 * MINUTE + to) });
        let (entries, stats, _) = page(ann, &json!({ "dateRange": range })).await;
        assert_eq!(ids(&entries), expected.clone().rev().collect::<Vec<_>>(), "{range}");
        assert_sums(&stats, &sums(expected.clone()));
        let (entries, ..) = page(ann, &json!({ "dateRange": range, "taskTypeIds": [1], "limit": 3 })).await;
        assert_eq!(ids(&entries), expected.rev().filter(|id| id % 3 == 0).take(3).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_list_has_each_entry_once_while_entries_are_stopped_and_corrected() {
    const ENTRIES: u64 = 100;
    let redis = RedisServer::start();
    let (one, two) = (start_over(&redis, "a").await, start_over(&redis, "b").await);
    let (ann, ben) = (Member::new(&one, 1, 1), Member::new(&two, 2, 1));
    fill(&ann, 600, "x").await;
    let _view = ann.listen().await;
    for session in 1000..1000 + u32::try_from(ENTRIES).unwrap() {
        ann.start(session).await;
    }
    let stopping = tokio::spawn(async move {
        for id in 601..=600 + ENTRIES {
            let change = json!({ "timeEntryId": id, "notes": "y" });
            ben.mutate("timeEntries.adjust", &change).await.data();
            ben.stop(&json!({ "id": id })).await;
            ben.mutate("timeEntries.adjust", &change).await.data();
        }
    });
    let mut lists = 0;
    while !stopping.is_finished() {
        for filter in [json!({}), json!({ "taskTypeIds": [1, 2, 3] })] {
            let (entries, ..) = page(&ann, &filter).await;
            assert_eq!(ids(&entries), (1..=600 + ENTRIES).rev().collect::<Vec<_>>());
        }
        lists += 1;
    }
    stopping.await.unwrap();
    assert!(lists > 3, "only {lists} lists meanwhile");
    let (entries, ..) = page(&ann, &Value::Null).await;
    assert!(entries.iter().all(|entry| entry["endTime"].is_string()));
}

#[tokio::test]
async fn pages_have_each_entry_once_while_entries_are_started_and_stopped() {
    let node: Node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    fill(&ann, 40, "x").await;
    for session in 100..160 {
        ann.start(session).await;
    }
    let (mut listed, mut cursor, mut next_stop) = (Vec::new(), Value::Null, 41);
    loop {
        let (entries, _, next) = page(&ann, &json!({ "limit": 7, "cursor": cursor })).await;
        listed.extend(ids(&entries));
        ann.start(1000 + u32::try_from(listed.len()).unwrap()).await;
        for id in next_stop..next_stop + 4 {
            ann.stop(&json!({ "id": id })).await;
        }
        next_stop += 4;
        cursor = next;
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(listed, (1..=100).rev().collect::<Vec<u64>>(), "later entries are on no later page");
    assert_eq!(listed.iter().collect::<BTreeSet<_>>().len(), listed.len());
}
