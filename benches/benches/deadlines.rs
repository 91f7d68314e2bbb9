//! What a display sees while 100,000 deadlines fall due at one instant, with real processes:
//! `cargo build --release -p gateway && cargo bench -p benches --bench deadlines`.
//!
//! So many boards have a session that was paused 12 hours ago to the second, as Redis's clock tells it: it is
//! moved. Two nodes purge them while a client of the one that does not lead watches a running session.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{Dependencies, Engine, Options, Request};
use futures_util::stream::{self, StreamExt};
use harness::{Client, MovableClock, Node, RedisServer};
use serde_json::json;
use store::redis::{self, RedisStore};
use timers::stopwatch::{Start, StopwatchCommand as Ask};
use timers::{Command, Scope, SessionId, UserId};
use tokio::time::{sleep, timeout};

const DUE: usize = 100_000;
const PURGED_AFTER: Duration = Duration::from_secs(12 * 60 * 60);
const AT_ONCE: usize = 64;

/// Time for which ticks are measured with nothing due, as the baseline.
const QUIET: Duration = Duration::from_secs(20);

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let wall = MovableClock::make();
        let past = i64::try_from(PURGED_AFTER.as_millis()).expect("a short time");
        wall.move_by(-past);
        let redis = RedisServer::start_by(&wall);
        pause_sessions(&redis).await;
        let nodes = [on(&redis).await, on(&redis).await];
        let mut client = follower(&nodes).await.connect("userId=watcher&dialect=v1").await;
        client.must("session-start", "a", json!({ "sessionId": "s", "label": "x" })).await;
        client.next_of("tick").await;
        println!("{:<12} {:>6} {:>14} {:>16}", "", "ticks", "longest gap", "seconds missing");
        let mut ticks = Ticks::default();
        timeout(QUIET, ticks.follow(&mut client)).await.ok();
        ticks.print("none due");
        wall.move_by(0);
        let due_at = Instant::now();
        ticks = Ticks { last: ticks.last, ..Ticks::default() };
        tokio::select! {
            () = ticks.follow(&mut client) => {}
            () = gone(&redis) => {}
        }
        ticks.print("all due");
        println!("all purged after {:.1} s", due_at.elapsed().as_secs_f64());
    });
}

/// The ticks of one session, as a client receives them.
#[derive(Default)]
struct Ticks {
    last: Option<(Instant, u64)>,
    count: usize,
    longest: Duration,
    missing: u64,
}

impl Ticks {
    async fn follow(&mut self, client: &mut Client) {
        loop {
            let time = client.next_of("tick").await["serverTime"].as_u64().expect("a time");
            let now = Instant::now();
            if let Some((at, last)) = self.last.replace((now, time)) {
                self.longest = self.longest.max(now - at);
                let leap = Duration::from_millis(time - last);
                // The moved clock is no second missing.
                self.missing += if leap < PURGED_AFTER / 2 { leap.as_secs() - 1 } else { 0 };
            }
            self.count += 1;
        }
    }

    fn print(&self, name: &str) {
        println!("{name:<12} {:>6} {:>12.3} s {:>16}", self.count, self.longest.as_secs_f64(), self.missing);
    }
}

/// Starts and pauses a session of each user.
async fn pause_sessions(redis: &RedisServer) {
    let options = redis::Options::new(redis.url().parse().expect("a good address"), "bench");
    let engine =
        Engine::start(RedisStore::connect(&options).expect("connects"), Options::new("bench"), Dependencies::default());
    while engine.store().ready().is_err() {
        tokio::task::yield_now().await;
    }
    let users = stream::iter(0..DUE).map(|user| {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move {
            let session = SessionId::new("s").expect("a good name");
            let start = Start {
                session: Some(session.clone()),
                label: "bench".into(),
                goals: None,
                group_id: None,
                group_name: None,
                comment: None,
            };
            for ask in [Ask::Start(start), Ask::Pause(session)] {
                let scope = Scope::user(&UserId::new(&format!("user-{user}")).expect("a good name"));
                let request = Request { scope, command: Command::Stopwatch(ask), id: None };
                engine.execute(request).await.expect("works");
            }
        })
    });
    users.buffer_unordered(AT_ONCE).for_each(async |ended| ended.expect("no panic")).await;
    engine.stop().await;
}

async fn on(redis: &RedisServer) -> Node {
    Node::start_with(&[("store.url", &redis.url()), ("drain.notice", "0s"), ("drain.grace", "0s")]).await
}

/// Returns the node that does not lead.
async fn follower(nodes: &[Node; 2]) -> &Node {
    let told = nodes[0].get_internal("/cluster").await.json();
    if told["leader"] == told["node"] { &nodes[1] } else { &nodes[0] }
}

/// Waits until nothing is due any more.
async fn gone(redis: &RedisServer) {
    let due = "local n = 0 for _, key in ipairs(redis.call('KEYS', '*:due')) do n = n + redis.call('ZCARD', key) end return n";
    // The watcher's own session has none while it runs.
    while redis.command(&["EVAL_RO", due, "0"]).expect("answers") != ":0" {
        sleep(Duration::from_secs(1)).await;
    }
}
