//! Servers that a node must not use, and how its probe finds them.

use engine::Reader;
use harness::{Proxy, RedisServer, wait_for, wait_until};

use super::node::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_node_passes_its_periodic_probes() {
    let server = RedisServer::start();
    let node = Node::start(&server.url(), "a");
    node.is_ready().await;
    let stat = |section: &str, name: &str| {
        let stats = server.command(&["INFO", section]).expect("Redis replies");
        let value = stats.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0");
        value.split(',').next().and_then(|value| value.trim().parse::<usize>().ok()).expect("a number")
    };
    // Only the script of the probe uses ZSCORE: once to connect, and then every ten seconds.
    let probes = || stat("commandstats", "cmdstat_zscore:calls=");
    let (first, channels) = (probes(), stat("stats", "pubsub_channels:"));
    assert!(first > 0 && channels >= 2, "the channels of beats and probes");
    wait_for("a periodic probe", || probes() > first).await;
    assert_eq!(stat("stats", "pubsub_channels:"), channels, "a probe ends no subscription that is in use");
    assert_eq!(node.engine.store().counters().lost, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_may_evict_keys_is_rejected() {
    let server = RedisServer::start_with(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let node = Node::start(&server.url(), "a");
    wait_for("the reason", || node.engine.store().ready().is_err_and(|why| why.contains("allkeys-lru"))).await;
    server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).expect("answers");
    node.is_ready().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_user_without_permission_for_the_channels_is_rejected() {
    let server = RedisServer::start();
    let rules = ["ACL", "SETUSER", "tick", "on", ">pass", "~tickcast:*", "+@all", "resetchannels"];
    assert_eq!(server.command(&rules).expect("answers"), "+OK");
    let url = format!("redis://tick:pass@127.0.0.1:{}", server.port());
    let node = Node::start(&url, "a");
    wait_for("the reason", || node.engine.store().ready().is_err_and(|why| why.contains("Redis refuses"))).await;
    server.command(&["ACL", "SETUSER", "tick", "&tickcast:*"]).expect("answers");
    node.is_ready().await;
    node.start_session("s").await.expect("works");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_user_without_a_permission_that_commits_need_is_rejected_before_the_first_commit() {
    let server = RedisServer::start();
    for (nth, missing) in
        ["-zadd", "-hset", "-publish", "-hgetall", "-info", "-evalsha", "resetkeys", "resetchannels"].iter().enumerate()
    {
        let user = format!("tick-{nth}");
        server
            .command(&["ACL", "SETUSER", &user, "on", ">pass", "~tickcast:*", "&tickcast:*", "+@all", missing])
            .expect("answers");
        let node = Node::start(&format!("redis://{user}:pass@127.0.0.1:{}", server.port()), &user);
        let rejected = || node.engine.store().ready().is_err_and(|why| why.contains("Redis refuses"));
        wait_for(missing, rejected).await;
        server.command(&["ACL", "SETUSER", &user, "~tickcast:*", "&tickcast:*", "+@all"]).expect("answers");
        node.is_ready().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_permission_is_detected() {
    let server = RedisServer::start();
    server.command(&["ACL", "SETUSER", "tick", "on", ">pass", "~tickcast:*", "&tickcast:*", "+@all"]).expect("answers");
    let node = Node::start(&format!("redis://tick:pass@127.0.0.1:{}", server.port()), "a");
    node.is_ready().await;
    node.start_session("one").await.expect("works");
    server.command(&["ACL", "SETUSER", "tick", "-hset"]).expect("answers");
    node.start_session("two").await.expect_err("not allowed");
    wait_for("the reason", || node.engine.store().ready().is_err_and(|why| why.contains("Redis refuses"))).await;
    server.command(&["ACL", "SETUSER", "tick", "+hset"]).expect("answers");
    node.is_ready().await;
    node.start_session("two").await.expect("works");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_becomes_a_replica_or_may_evict_keys_is_detected_without_a_commit() {
    let (server, primary) = (RedisServer::start(), RedisServer::start());
    let node = Node::start(&server.url(), "a");
    node.is_ready().await;
    server.command(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]).expect("answers");
    wait_for("the reason", || node.engine.store().ready().is_err_and(|why| why.contains("not a primary"))).await;
    server.command(&["REPLICAOF", "NO", "ONE"]).expect("answers");
    node.is_ready().await;
    server.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).expect("answers");
    wait_for("the reason", || node.engine.store().ready().is_err_and(|why| why.contains("allkeys-lru"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_different_servers_are_detected_and_reconnected_to_one() {
    let (old, new) = (RedisServer::start(), RedisServer::start());
    let link = Proxy::start(old.port()).await;
    let node = Node::start(&format!("redis://127.0.0.1:{}", link.port()), "a");
    node.is_ready().await;
    node.start_session("before").await.expect("works");
    let _reader = Reader::new(node.engine.hub().join(&scope("ann")).await.expect("joins"));
    // As after a failover: new connections reach the new primary, existing ones stay on the old one.
    link.redirect_to(new.port());
    old.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).expect("answers");
    wait_until("all connections to be on the new server", async || {
        let clients = |server: &RedisServer| server.command(&["INFO", "clients"]).expect("answers");
        let connected = |info: String| info.contains("connected_clients:1\r");
        connected(clients(&old)) && node.engine.store().ready().is_ok()
    })
    .await;
    let made = node.start_session("after").await.expect("works");
    assert_eq!(made.revision.0, 1, "the new server has nothing of the old one");
    all_equal(&[&node], &[scope("ann")]).await;
    let kept = old.command(&["EVAL_RO", "return redis.call('HGET', redis.call('KEYS', '*:board:*')[1], '@rev')", "0"]);
    assert_eq!(kept.expect("answers"), "1", "nothing was sent to the old one");
}
