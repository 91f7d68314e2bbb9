//! What several nodes over one Redis cost and how soon they mend, with real processes:
//! `cargo build --release -p gateway && cargo bench -p benches --bench cluster`.
//!
//! Three figures: commands a second that Redis carries out while nothing is changed, whatever the number of
//! running sessions; the longest gap between ticks when the leader is killed; how soon every client equals
//! the store after a node's link was gone. Takes some three minutes; `-- beat`, `-- kills` or `-- link` runs one.

use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};
use harness::{Client, Node, Pipe, Proxy, RedisServer, wait_until};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

const SESSIONS_OF_ONE: usize = 200;
const KILLS: usize = 20;
const WATCHED: usize = 10_000;
const AWAY: Duration = Duration::from_secs(30);
const AT_ONCE: usize = 100;

/// Time without a message after which a client fails.
const PATIENCE: Duration = Duration::from_secs(600);

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| word == name);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        if is_wanted("beat") {
            commands_of_a_beat().await;
        }
        if is_wanted("kills") {
            leader_kills().await;
        }
        if is_wanted("link") {
            a_link_gone().await;
        }
    });
}

async fn on(redis: &str) -> Node {
    Node::start_with(&[("store.url", redis), ("log.level", "info"), ("drain.notice", "0s"), ("drain.grace", "0s")])
        .await
}

async fn commands_of_a_beat() {
    println!("{:>10} {:>22}", "running", "Redis commands a second");
    let redis = RedisServer::start();
    let nodes = [on(&redis.url()).await, on(&redis.url()).await];
    let mut listening = JoinSet::new();
    for running in [0, 1_000, 100_000] {
        let users = listening.len()..running / SESSIONS_OF_ONE;
        let mut begun = stream::iter(users).map(|user| begin(&nodes[user % 2], user)).buffered(16);
        while let Some(mut client) = begun.next().await {
            client.timeout = PATIENCE;
            listening.spawn(async move {
                loop {
                    client.next().await;
                }
            });
        }
        sleep(Duration::from_secs(5)).await;
        let before = processed(&redis);
        sleep(Duration::from_secs(10)).await;
        println!("{running:>10} {:>22}", (processed(&redis) - before) / 10);
    }
}

/// Commands carried out so far, those inside of scripts included.
fn processed(redis: &RedisServer) -> u64 {
    let stats = redis.command(&["INFO", "stats"]).expect("answers");
    let line = stats.lines().find_map(|line| line.strip_prefix("total_commands_processed:"));
    line.and_then(|count| count.trim().parse().ok()).expect("a count")
}

/// Connects a user and begins so many sessions.
async fn begin(node: &Node, user: usize) -> Client {
    let mut client = node.connect(&format!("userId=user-{user}&dialect=v1")).await;
    for nth in 0..SESSIONS_OF_ONE {
        client.must("session-start", &format!("start-{nth}"), json!({ "label": "running" })).await;
    }
    client
}

async fn leader_kills() {
    let redis = RedisServer::start();
    let mut nodes = vec![on(&redis.url()).await, on(&redis.url()).await, on(&redis.url()).await];
    let mut gaps = Vec::new();
    for _ in 0..KILLS {
        let leader = leader(&nodes).await;
        let watched = (leader + 1) % nodes.len();
        let mut client = nodes[watched].connect("userId=ann&dialect=v1").await;
        client.must("session-start", "a", json!({ "sessionId": "s", "label": "x" })).await;
        let first = client.next_of("tick").await["serverTime"].as_u64().expect("a time");
        let ticks = tokio::spawn(gap_after(first, client));
        // At any instant of the second.
        sleep(Duration::from_millis(fastrand::u64(0..1000))).await;
        nodes[leader].kill_and_restart().await;
        gaps.push(ticks.await.expect("no panic"));
    }
    gaps.sort();
    let missing: u64 = gaps.iter().map(|(_, missing)| missing).sum();
    println!(
        "leader killed {KILLS} times: longest gap {:.2} s, median {:.2} s, ticks missing {missing}",
        gaps[KILLS - 1].0.as_secs_f64(),
        gaps[KILLS / 2].0.as_secs_f64()
    );
}

/// Follows five ticks after one that came just now; returns the longest gap between two, and how many
/// seconds were passed over.
async fn gap_after(mut last: u64, mut client: Client) -> (Duration, u64) {
    let (mut longest, mut missing) = (Duration::ZERO, 0);
    let mut at = Instant::now();
    for _ in 0..5 {
        let tick = client.next_of("tick").await["serverTime"].as_u64().expect("a time");
        longest = longest.max(at.elapsed());
        missing += (tick - last) / 1000 - 1;
        (last, at) = (tick, Instant::now());
    }
    (longest, missing)
}

async fn leader(nodes: &[Node]) -> usize {
    loop {
        for (nth, node) in nodes.iter().enumerate() {
            let told = node.get_internal("/cluster").await.json();
            if told["leader"] == told["node"] {
                return nth;
            }
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn a_link_gone() {
    let redis = RedisServer::start();
    let link = Proxy::start(redis.port()).await;
    let far = on(&format!("redis://127.0.0.1:{}", link.port())).await;
    let near = on(&redis.url()).await;
    let joined = stream::iter(0..WATCHED).map(async |user| {
        let mut client = far.connect(&format!("userId=user-{user}&dialect=v1")).await;
        client.next_of("ready").await;
        client
    });
    let (mut waiting, mut reading) = (JoinSet::new(), JoinSet::new());
    let mut joined = joined.buffered(AT_ONCE).enumerate();
    while let Some((user, client)) = joined.next().await {
        if user < WATCHED / 2 {
            waiting.spawn(changed(client));
        } else {
            reading.spawn(changed(client));
        }
    }
    link.set(Pipe::Dropped, Pipe::Dropped);
    let gone = Instant::now();
    // Half of the boards change meanwhile.
    let changes = stream::iter(0..WATCHED / 2).map(async |user| {
        let mut client = near.connect(&format!("userId=user-{user}&dialect=v1")).await;
        client.must("session-start", "a", json!({ "label": "new" })).await;
    });
    changes.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    sleep(AWAY.saturating_sub(gone.elapsed())).await;
    let healed = Instant::now();
    link.heal();
    let kept = waiting.join_all().await;
    let took = healed.elapsed();
    wait_until("readiness", async || far.get_internal("/readyz").await.status == 200).await;
    println!(
        "link gone for {} s, {WATCHED} scopes watched, {} changed meanwhile: all equal after {:.2} s",
        AWAY.as_secs(),
        kept.len(),
        took.as_secs_f64()
    );
}

/// Reads until the client is shown a change.
async fn changed(mut client: Client) -> Client {
    client.timeout = PATIENCE;
    loop {
        let kind = client.next().await["type"].clone();
        if kind == "session-update" || kind == "session-snapshot" {
            return client;
        }
    }
}
