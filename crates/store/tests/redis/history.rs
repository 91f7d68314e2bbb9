//! The size of histories in Redis.

use engine::{ExecuteError, Outcome, Request};
use harness::RedisServer;
use timers::Timestamp;
use timers::stopwatch::{Finished, StopwatchCommand};

use super::node::{Node, scope};

impl Node {
    async fn import(&self, user: &str, rows: std::ops::Range<u64>) -> Result<Outcome, ExecuteError> {
        let row = |nth| Finished { started: Timestamp(nth), ended: Timestamp(nth + 1), ..Finished::default() };
        let command = StopwatchCommand::Ingest(rows.map(|nth| row(nth).row()).collect()).into();
        self.engine.execute(Request { scope: scope(user), command, id: None }).await
    }
}

fn key_of_board(redis: &RedisServer, user: &str) -> String {
    let pattern = format!("*:board:user:{user}");
    let keys = redis.replies(&[vec!["KEYS", &pattern]]).expect("Redis replies");
    keys[0].texts()[0].to_owned()
}

/// Returns the stored size.
fn size(redis: &RedisServer, user: &str) -> String {
    redis.command(&["HGET", &key_of_board(redis, user), "@history"]).expect("Redis replies")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_of_an_earlier_version_is_counted_when_rows_are_added() {
    let redis = RedisServer::start();
    let nodes = ["a", "b"].map(|name| Node::start(&redis.url(), name));
    for node in &nodes {
        node.is_ready().await;
    }
    let [one, other] = &nodes;
    one.import("ann", 0..2500).await.expect("imports");
    let forget = || redis.command(&["HDEL", &key_of_board(&redis, "ann"), "@history"]).expect("Redis replies");
    forget();
    one.import("ann", 2500..2501).await.expect("imports");
    one.import("counted", 0..2501).await.expect("imports");
    assert_eq!(size(&redis, "ann"), size(&redis, "counted"), "three parts are counted");
    forget();
    let (first, second) = tokio::join!(one.import("ann", 2501..2502), other.import("ann", 2502..2503));
    first.and(second).expect("rivals import");
    one.import("counted", 2501..2503).await.expect("imports");
    assert_eq!(size(&redis, "ann"), size(&redis, "counted"), "each rival counts the other's rows");
    // The whole history was deleted by hand.
    for kind in ["history", "history-index"] {
        redis
            .command(&["DEL", &key_of_board(&redis, "ann").replace(":board:", &format!(":{kind}:"))])
            .expect("replies");
    }
    one.import("ann", 0..3).await.expect("imports");
    one.import("few", 0..3).await.expect("imports");
    assert_eq!(size(&redis, "ann"), size(&redis, "few"));
}
