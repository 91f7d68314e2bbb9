//! Redis Cluster: a dead primary does not affect other shards, and slots move without a lost update.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use engine::Reader;
use engine::store::Shard;
use harness::{MovableClock, RedisCluster, wait_for, wait_until};
use timers::Scope;

use super::node::*;

/// Returns `count` users, each on another shard, in the order of slots.
fn users(count: usize) -> Vec<(String, usize)> {
    let mut found = vec![None; 256];
    for nth in 0.. {
        let user = format!("user-{nth}");
        found[Shard::of(&scope(&user)).index()].get_or_insert(user);
        if found.iter().all(Option::is_some) {
            break;
        }
    }
    let all = found.into_iter().flatten().enumerate();
    all.filter(|(shard, _)| shard % (256 / count) == 0).map(|(shard, user)| (user, shard)).collect()
}

/// Starts two nodes; returns them, a reader of each scope on each node, and the scopes.
async fn start(cluster: &RedisCluster, users: &[(String, usize)]) -> (Vec<Node>, Vec<Reader>, Vec<Scope>) {
    let nodes: Vec<Node> = ["a", "b"].map(|name| Node::start(&cluster.url(), name)).into();
    let scopes: Vec<Scope> = users.iter().map(|(user, _)| scope(user)).collect();
    let mut readers = Vec::new();
    for node in &nodes {
        node.is_ready().await;
        for scope in &scopes {
            wait_until("a view", async || node.engine.hub().join(scope).await.is_ok()).await;
            readers.push(Reader::new(node.engine.hub().join(scope).await.expect("joins")));
        }
    }
    (nodes, readers, scopes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_primary_does_not_affect_other_shards_and_its_replica_takes_over() {
    let mut cluster = RedisCluster::start(3, true);
    let users = users(32);
    let (nodes, _readers, scopes) = start(&cluster, &users).await;
    for (user, _) in &users {
        nodes[0].engine.execute(request_of(user, "before", None)).await.expect("works");
    }
    all_equal(&[&nodes[0], &nodes[1]], &scopes).await;
    // The third primary owns the last third of the slots; the beat is on the first primary.
    cluster.servers[2].kill();
    let began = Instant::now();
    let others: Vec<&(String, usize)> = users.iter().filter(|(_, shard)| *shard < 160).collect();
    for (user, _) in &others {
        nodes[0].engine.execute(request_of(user, "meanwhile", None)).await.expect("works");
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    for node in &nodes {
        assert_eq!(node.engine.store().ready(), Ok(()), "two thirds of the shards are usable");
    }
    wait_until("the replica to take over", async || cluster.owner(16_000).is_some_and(|owner| owner >= 3)).await;
    for (user, _) in &users {
        wait_until("the commands to succeed again", async || {
            nodes[1].engine.execute(request_of(user, "after", Some(9))).await.is_ok()
        })
        .await;
    }
    all_equal(&[&nodes[0], &nodes[1]], &scopes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_primary_of_the_beat_dies_displays_continue_and_the_replica_takes_over_the_beat() {
    let mut cluster = RedisCluster::start(3, true);
    let (nodes, mut readers, _) = start(&cluster, &users(8)).await;
    nodes[0].engine.execute(request_of(&users(8)[7].0, "s", None)).await.expect("works");
    cluster.servers[0].kill();
    wait_until("another primary", async || cluster.owner(0).is_some_and(|owner| owner >= 3)).await;
    wait_until("a leader", async || nodes.iter().any(|node| node.engine.is_leader())).await;
    wait_until("beats that arrive", async || {
        let (shown, filled) = (nodes[0].engine.hub().last_beat().0, nodes[0].engine.stats().beats_filled.get());
        wait_until("beats", async || nodes[0].engine.hub().last_beat().0 > shown + 2).await;
        nodes[0].engine.stats().beats_filled.get() == filled
    })
    .await;
    let mut beats = Vec::new();
    readers[7].catch_up(|delivery| {
        if let engine::Delivery::Tick(_, beat) = delivery {
            beats.push(beat.0);
        }
    });
    assert!(beats.windows(2).all(|pair| pair[1] == pair[0] + 1), "{beats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_move_under_load_lose_no_update() {
    let cluster = RedisCluster::start(3, false);
    let users = users(64);
    let (nodes, _readers, scopes) = start(&cluster, &users).await;
    let (done, moving) = tokio::sync::oneshot::channel();
    let cluster = std::sync::Arc::new(cluster);
    let of_move = std::sync::Arc::clone(&cluster);
    std::thread::spawn(move || {
        of_move.move_slots(0, 1, 500);
        of_move.move_slots(1, 2, 300);
        done.send(()).ok();
    });
    let mut moving = Box::pin(moving);
    let (mut round, mut refused) = (0, 0);
    loop {
        for (user, _) in &users {
            let request = request_of(user, &format!("round-{round}"), None);
            refused += u32::from(nodes[round % 2].engine.execute(request).await.is_err());
        }
        round += 1;
        if tokio::time::timeout(Duration::ZERO, &mut moving).await.is_ok() {
            break;
        }
    }
    assert_eq!(refused, 0, "commands wait until their slot has moved");
    all_equal(&[&nodes[0], &nodes[1]], &scopes).await;
    // And updates arrive without anti-entropy or loads.
    wait_until("the connections to settle", async || nodes.iter().all(|node| node.engine.store().ready().is_ok()))
        .await;
    // A connection that fails on a busy machine causes loads instead, once.
    let (applied, last) = (|| nodes[1].engine.stats().updates_applied.get(), Cell::new(0));
    wait_until("a round whose updates all arrive", async || {
        let heard = applied();
        for (user, _) in &users {
            let request = request_of(user, &format!("last-{}", last.get()), None);
            nodes[0].engine.execute(request).await.expect("works");
        }
        last.set(last.get() + 1);
        let all = wait_for("updates", || applied() >= heard + 64);
        tokio::time::timeout(Duration::from_secs(2), all).await.is_ok()
    })
    .await;
    all_equal(&[&nodes[0], &nodes[1]], &scopes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn primaries_with_different_clocks_reject_nothing_and_do_not_affect_cluster_time() {
    let clocks = [0, 1, 2].map(|_| MovableClock::make());
    let cluster = RedisCluster::start_by(&clocks);
    clocks[1].move_by(700);
    clocks[2].move_by(-4_000);
    let users = users(32);
    let (nodes, _readers, scopes) = start(&cluster, &users).await;
    for (name, moved) in [("before", -4_000), ("ahead", 5_000), ("behind", -9_000)] {
        clocks[2].move_by(moved);
        for (user, _) in &users {
            nodes[0].engine.execute(request_of(user, name, None)).await.expect("works");
        }
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
        let cluster_time = u128::from(nodes[0].engine.clock().now().expect("beats arrived").0);
        assert!(cluster_time.abs_diff(wall) < 600, "{cluster_time} at {wall}: the beat's primary is right");
    }
    assert_eq!(nodes[0].engine.clock().steps(), 0);
    all_equal(&[&nodes[0], &nodes[1]], &scopes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn channels_without_subscribers_are_unsubscribed_on_every_primary() {
    let cluster = RedisCluster::start(3, false);
    let users = users(64);
    let (nodes, readers, scopes) = start(&cluster, &users).await;
    let subscribed = || {
        let channels = cluster.servers.iter().map(|server| {
            let answers = server.replies(&[vec!["PUBSUB", "SHARDCHANNELS"]]).expect("answers");
            answers[0].texts().iter().filter(|channel| channel.contains("user:")).count()
        });
        channels.sum::<usize>()
    };
    assert_eq!(subscribed(), 64);
    let lost = nodes[0].engine.stats().links_lost.get();
    drop(readers);
    wait_until("the unsubscriptions", async || subscribed() == 0).await;
    for node in &nodes {
        assert_eq!(node.engine.store().ready(), Ok(()));
        assert_eq!(node.engine.stats().links_lost.get(), lost, "no connection was lost for it");
        for scope in &scopes {
            node.engine.hub().join(scope).await.expect("joins again");
        }
    }
    all_equal(&[&nodes[0], &nodes[1]], &scopes).await;
}
