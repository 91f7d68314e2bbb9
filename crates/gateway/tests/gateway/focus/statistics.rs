//! What ended sessions add up to, and the streak of days.

use serde_json::{Value, json};

use super::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// 2026-11-20 23:30 in UTC, 18:30 in New York, and 2026-11-21 05:15 in Kathmandu.
const EVENING: i64 = 1_795_217_400_000;

async fn day_streak(node: &Node, zone: Option<&str>) -> i64 {
    let headers: Vec<(&str, &str)> = zone.map(|zone| ("x-time-zone", zone)).into_iter().collect();
    let answer = node.http("GET", "/api/users/me/stats?userId=ann", &headers, b"").await;
    number(&answer.json()["dayStreak"])
}

async fn complete(node: &Node) -> String {
    let id = node.new_session("ann", 25.0).await;
    node.end("ann", &id, &json!({})).await;
    id
}

#[tokio::test]
async fn each_ended_session_counts_once_until_it_is_deleted() {
    let school = School::open(&[]).await;
    let node = &school.node;
    let none = json!({ "focusScore": 0, "streak": 0, "dayStreak": 0, "totalFocusMinutes": 0, "completedSessions": 0 });
    assert_eq!(node.stats("ann").await, none);
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(node.new_session("ann", 10.0).await);
    }
    school.move_by(HOUR, node).await;
    for (id, status) in ids.iter().zip(["completed", "completed", "abandoned"]) {
        let body = json!({ "status": status, "elapsedSeconds": 300, "activeSeconds": 270, "idleSeconds": 30 });
        // 100 × 300 ÷ 600 × 270 ÷ 300 − 30 ÷ 30
        assert_eq!(node.end("ann", id, &body).await["focusScore"], 44);
        node.end("ann", id, &body).await;
    }
    let stats = |score: u64, completed: u64, minutes: u64| {
        json!({
            "focusScore": score, "streak": completed, "dayStreak": u64::from(completed > 0),
            "totalFocusMinutes": minutes, "completedSessions": completed
        })
    };
    // 810 seconds are 13.5 minutes.
    assert_eq!(node.stats("ann").await, stats(132, 2, 14));
    assert_eq!(node.stats("ben").await, none);
    node.change("ann", &ids[0], &json!({ "targetMinutes": 1 })).await;
    node.delete("ann", &ids[3]).await;
    assert_eq!(node.stats("ann").await, stats(132, 2, 14));
    node.delete("ann", &ids[2]).await;
    assert_eq!(node.stats("ann").await, stats(88, 2, 9));
    node.delete("ann", &ids[0]).await;
    assert_eq!(node.stats("ann").await, stats(44, 1, 5));
    node.delete("ann", &ids[1]).await;
    assert_eq!(node.stats("ann").await, none);
}

#[tokio::test]
async fn days_of_the_streak_are_those_of_the_zone_and_end_today_or_yesterday() {
    let school = School::open_at(EVENING).await;
    let node = &school.node;
    complete(node).await;
    assert_eq!(day_streak(node, None).await, 1);
    // Half past midnight in UTC.
    school.move_to(EVENING + HOUR).await;
    assert_eq!(day_streak(node, None).await, 1, "yesterday's counts while there is none today");
    let second = complete(node).await;
    for (zone, days) in [
        (None, 2),
        (Some("UTC"), 2),
        (Some("America/New_York"), 1),
        (Some("Asia/Kathmandu"), 1),
        (Some(" Asia/Kathmandu "), 1),
        (Some("Etc/GMT-14"), 1),
        (Some("Mars/Olympus"), 2),
        (Some(""), 2),
        (Some("../../etc/passwd"), 2),
    ] {
        assert_eq!(day_streak(node, zone).await, days, "{zone:?}");
    }
    // 2026-11-21 22:30 in New York, where it is the second day.
    school.move_to(EVENING + 28 * HOUR).await;
    complete(node).await;
    assert_eq!((day_streak(node, None).await, day_streak(node, Some("America/New_York")).await), (3, 2));
    node.delete("ann", &second).await;
    assert_eq!((day_streak(node, None).await, day_streak(node, Some("America/New_York")).await), (1, 2));
    school.move_to(EVENING + 72 * HOUR).await;
    assert_eq!((day_streak(node, None).await, day_streak(node, Some("America/New_York")).await), (1, 0));
    school.move_to(EVENING + 90 * HOUR).await;
    assert_eq!(day_streak(node, None).await, 0);
    let abandoned = node.new_session("ann", 25.0).await;
    node.end("ann", &abandoned, &json!({ "status": "abandoned" })).await;
    assert_eq!(day_streak(node, None).await, 0, "only completed sessions count");
    assert_eq!(node.stats("ann").await["streak"], 2);
}

#[tokio::test]
async fn scores_have_no_upper_limit_unless_one_is_configured() {
    for (settings, scores) in [(&[][..], [360_000, 6_000]), (&[("focus.score_max", "100")], [100, 100])] {
        let school = School::open(settings).await;
        let node = &school.node;
        let ids = [node.new_session("ann", 1.0 / 60.0).await, node.new_session("ann", 1.0).await];
        let vast = node.new_session("ann", 1e308).await;
        let tiny = node.new_session("ann", 1e-300).await;
        school.move_by(2 * HOUR, node).await;
        let body = json!({ "elapsedSeconds": 3600, "activeSeconds": 3600 });
        for (id, score) in ids.iter().zip(scores) {
            assert_eq!(node.end("ann", id, &body).await["focusScore"], score);
        }
        assert_eq!(node.end("ann", &vast, &body).await["focusScore"], 0);
        let largest = number(&node.end("ann", &tiny, &body).await["focusScore"]);
        assert_eq!(largest, if scores[1] == 100 { 100 } else { 1_000_000_000_000 });
        let sum: Value = json!(scores[0] + scores[1] + largest);
        assert_eq!(node.stats("ann").await["focusScore"], sum);
    }
}
