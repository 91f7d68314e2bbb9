//! Redis Sentinel: a primary fails while its replicas lag.

use engine::Reader;
use harness::{RedisServer, RedisWithSentinels, wait_for, wait_until};
use timers::{RequiredRows, Scope};

use super::node::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failover_that_loses_seconds_every_view_equals_the_store() {
    let mut redis = RedisWithSentinels::start();
    let nodes = [Node::start(&redis.url(), "a"), Node::start(&redis.url(), "b")];
    for node in &nodes {
        node.is_ready().await;
    }
    let users: Vec<String> = (0..50).map(|nth| format!("user-{nth}")).collect();
    let scopes: Vec<Scope> = users.iter().map(|user| scope(user)).collect();
    let mut readers = Vec::new();
    for scope in &scopes {
        for node in &nodes {
            readers.push(Reader::new(node.engine.hub().join(scope).await.expect("joins")));
        }
    }
    for user in &users {
        nodes[0].engine.execute(request_of(user, "kept", None)).await.expect("works");
    }
    // The following commits never reach the replicas.
    for replica in &redis.servers[1..] {
        replica.freeze();
    }
    redis.servers[0].command(&["CLIENT", "KILL", "TYPE", "replica"]).expect("answers");
    for user in &users {
        for nth in 0..3 {
            nodes[0].engine.execute(request_of(user, &format!("lost-{nth}"), None)).await.expect("works");
        }
    }
    redis.servers[0].kill();
    redis.servers[1..].iter().for_each(RedisServer::thaw);
    let primary = redis.primary();
    assert_ne!(primary.port(), redis.servers[0].port());
    // The same revisions are reused with other content before the nodes detect the failover.
    let third = Node::start(&redis.url(), "c");
    third.is_ready().await;
    for user in &users[..40] {
        for nth in 0..3 {
            let made = third.engine.execute(request_of(user, &format!("new-{nth}"), None)).await.expect("works");
            assert_eq!(made.revision.0, 2 + nth, "the revision is reused");
        }
    }
    for node in &nodes {
        node.is_ready().await;
    }
    all_equal(&[&nodes[0], &nodes[1], &third], &scopes).await;
    let of_last = third.engine.store().load(&scopes[49], &RequiredRows::default()).await.expect("loads");
    assert_eq!((of_last.position.revision.0, of_last.items.len()), (1, 1), "lost commits are not shown");
    nodes[0].engine.execute(request_of("user-0", "after", None)).await.expect("works");
    all_equal(&[&nodes[0], &nodes[1], &third], &scopes[..1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_stops_replying_is_replaced_by_the_new_one() {
    let redis = RedisWithSentinels::start();
    let nodes = [Node::start(&redis.url(), "a"), Node::start(&redis.url(), "b")];
    for node in &nodes {
        node.is_ready().await;
    }
    let before = nodes[0].start_session("before").await.expect("works");
    let _readers: Vec<Reader> = vec![Reader::new(nodes[1].engine.hub().join(&scope("ann")).await.expect("joins"))];
    redis.servers[0].command(&["WAIT", "2", "1000"]).expect("answers");
    // Its connections stay open, but no data arrives any more.
    redis.servers[0].freeze();
    let others = &redis.servers[1..];
    wait_until("another primary", async || {
        let info = |server: &RedisServer| server.command(&["INFO", "replication"]).unwrap_or_default();
        others.iter().any(|server| info(server).contains("role:master"))
    })
    .await;
    for node in &nodes {
        wait_until("the commands to succeed again", async || node.start_session("after").await.is_ok()).await;
        node.is_ready().await;
    }
    all_equal(&[&nodes[0], &nodes[1]], &[scope("ann")]).await;
    assert!(
        nodes[0].engine.store().load(&scope("ann"), &RequiredRows::default()).await.expect("loads").position.revision
            > before.revision
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_works_is_left_as_soon_as_the_sentinels_name_another_one() {
    let redis = RedisWithSentinels::start();
    let nodes = [Node::start(&redis.url(), "a"), Node::start(&redis.url(), "b")];
    for node in &nodes {
        node.is_ready().await;
    }
    let _reader = Reader::new(nodes[1].engine.hub().join(&scope("ann")).await.expect("joins"));
    nodes[0].start_session("before").await.expect("works");
    let old = &redis.servers[0];
    old.command(&["WAIT", "2", "1000"]).expect("answers");
    // A node that waited for its demotion would stay for ever.
    old.refuse_demotion();
    redis.fail_over();
    wait_for("another primary", || redis.named_primary().is_some_and(|port| port != old.port())).await;
    let new = redis.servers.iter().find(|server| Some(server.port()) == redis.named_primary()).expect("a primary");
    let is_connected = |node: &Node| node.engine.store().counters().established == 2;
    wait_for("the nodes to switch", || nodes.iter().all(is_connected)).await;
    for (nth, node) in nodes.iter().enumerate() {
        node.is_ready().await;
        assert_eq!(node.engine.store().counters().lost, 1, "the store was not ready in between");
        node.start_session(&format!("after-{nth}")).await.expect("works");
    }
    all_equal(&[&nodes[0], &nodes[1]], &[scope("ann")]).await;
    let revision = |server: &RedisServer| {
        let script = "return redis.call('HGET', redis.call('KEYS', '*:board:user:ann')[1], '@rev')";
        server.command(&["EVAL_RO", script, "0"]).expect("answers")
    };
    assert_eq!((revision(old), revision(new)), ("1".to_owned(), "3".to_owned()), "every commit is on the new primary");
    assert!(old.command(&["INFO", "replication"]).expect("answers").contains("role:master"), "the old one still works");
}
