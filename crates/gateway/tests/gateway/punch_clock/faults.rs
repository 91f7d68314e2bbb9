//! A store that is away.

use std::time::{Duration, Instant};

use harness::DURABLE;
use serde_json::json;

use super::*;

/// How long a command lives.
const COMMAND: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_store_that_stays_away_is_waited_for_and_a_repetition_takes_effect_once() {
    let mut redis = RedisServer::start_with(&DURABLE);
    let node = Node::start_over(&redis, "one").await;
    let now = node.server_time().await;
    node.punch("ann", &json!([entry(1, "IN", now - HOUR)])).await;
    redis.kill();
    let body = json!({ "entries": [entry(2, "OUT", now)], "currentTheme": "dark" });
    let log = json!({ "date": "2026-11-20", "entries": [], "dailyStats": {} }).to_string();
    let timed = async |method: &str, path: &str, body: &str| {
        let began = Instant::now();
        let answer = node.call(method, &format!("{path}?userId=ann"), body).await;
        let expected = (503, json!({ "error": "Failed to update session" }));
        assert_eq!((answer.status, answer.json()), expected, "{method} {path}");
        assert!(began.elapsed() >= COMMAND - Duration::from_millis(200), "{method} {path}: {:?}", began.elapsed());
    };
    let (post, zone) = (body.to_string(), json!({ "zone": "Asia/Tokyo" }).to_string());
    tokio::join!(
        timed("POST", "/api/session", &post),
        timed("DELETE", "/api/session", ""),
        timed("GET", "/api/session", ""),
        timed("PUT", "/api/session/zone", &zone),
        timed("POST", "/api/daily-logs", &log),
    );
    for (method, path) in [("POST", "/api/heartbeat"), ("GET", "/api/daily-logs")] {
        let answer = node.call(method, &format!("{path}?userId=ann"), "{}").await;
        let expected = (503, json!({ "error": "Failed to update session" }));
        assert_eq!((answer.status, answer.json()), expected, "{path}");
    }
    redis.restart();
    wait_until("the repetition to be taken", async || node.post("ann", &body).await.status == 200).await;
    let document = node.session("ann").await;
    for _ in 0..3 {
        assert_eq!(node.save("ann", &body).await["data"]["entries"], document["entries"]);
    }
    assert_eq!(node.session("ann").await["updatedAt"], document["updatedAt"]);
}

#[tokio::test]
async fn a_store_that_comes_back_in_time_is_not_noticed() {
    let mut redis = RedisServer::start_with(&DURABLE);
    let node = Node::start_over(&redis, "one").await;
    let now = node.server_time().await;
    node.punch("ann", &json!([entry(1, "IN", now - HOUR)])).await;
    redis.kill();
    let (body, log) = (
        json!({ "entries": [entry(2, "OUT", now)] }),
        json!({ "date": "2020-01-01", "entries": [], "dailyStats": {} }).to_string(),
    );
    let posts = async { tokio::join!(node.post("ann", &body), node.call("POST", "/api/daily-logs?userId=ann", &log)) };
    let restart = async {
        // The requests are on their way when the store comes back.
        wait_until("the node to notice", async || node.get_internal("/readyz").await.status == 503).await;
        redis.restart();
    };
    let ((posted, log), ()) = tokio::join!(posts, restart);
    assert_eq!((posted.status, log.status), (200, 200), "{posted:?} {log:?}");
    assert_eq!(ids(&posted.json()["data"]), [json!(1), json!(2)]);
}

#[tokio::test]
async fn a_post_during_a_failure_of_the_store_takes_effect_once() {
    let redis = RedisServer::start();
    let node = Node::start_over(&redis, "one").await;
    let now = node.server_time().await;
    node.punch("ann", &json!([entry(1, "IN", now - HOUR)])).await;
    let mut socket = live(&node, "ann").await;
    socket.next_of("session").await;
    redis.freeze();
    let body = json!({ "entries": [entry(2, "OUT", now)] });
    let refused = node.post("ann", &body).await;
    assert_eq!((refused.status, refused.json()), (503, json!({ "error": "Failed to update session" })));
    redis.thaw();
    wait_until("the repetition to be taken", async || node.post("ann", &body).await.status == 200).await;
    let document = node.session("ann").await;
    assert_eq!(ids(&document), [json!(1), json!(2)]);
    // The node's death loses nothing that was acknowledged.
    drop(node);
    let node = Node::start_over(&redis, "two").await;
    assert_eq!(node.session("ann").await["entries"], document["entries"]);
}

#[tokio::test]
async fn an_embedded_store_keeps_the_day_and_its_archive_over_a_crash() {
    let wall = MovableClock::make();
    let at = |instant: i64| wall.move_by(instant - machine_time());
    at(NOON);
    let environment = wall.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut node = Node::launch_in(&[], &environment);
    node.is_ready().await;
    node.move_to("ann", "Asia/Kathmandu").await;
    node.punch("ann", &json!([entry(1, "IN", NOON - HOUR)])).await;
    node.kill();
    // Nobody is there for two days.
    at(NOON + 2 * DAY);
    node.restart().await;
    let document = node.session("ann").await;
    assert_eq!((&document["lastActiveDate"], ids(&document)), (&json!("2026-11-22"), vec![json!(1)]));
    wait_until("both days to be archived", async || node.logs("ann").await.len() == 2).await;
    // 11:00 UTC is 16:45 in Kathmandu.
    assert_eq!(work_of(&node.logs("ann").await), [("2026-11-21", 1440), ("2026-11-20", 435)]);
    node.kill_and_restart().await;
    assert_eq!(node.logs("ann").await.len(), 2);
}
