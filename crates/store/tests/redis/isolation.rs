//! Clusters that share a Redis, on purpose or by mistake.

use engine::{ExecuteError, Reader};
use harness::{RedisCluster, RedisServer, RedisWithSentinels, wait_for};
use store::redis::Options;

use super::node::*;

/// Starts a node of each of two clusters and checks that neither hears the other.
async fn are_isolated(one: Options, two: Options) {
    let (one, two) = (Node::start_with(one), Node::start_with(two));
    let mut readers = Vec::new();
    for node in [&one, &two] {
        node.is_ready().await;
        wait_for("each cluster to have its own leader", || node.engine.is_active_leader()).await;
        readers.push(Reader::new(node.engine.hub().join(&scope("ann")).await.expect("joins")));
    }
    let (of_one, of_two) = (one.engine.leader(), two.engine.leader());
    assert_ne!(of_one, of_two);
    for (node, own, other, expected) in [(&two, "of-two", &one, 0), (&one, "of-one", &two, 1)] {
        assert_eq!(node.start_session(own).await.expect("works").revision.0, 1);
        // Beats come after the update on the same connection, if either comes.
        let last = other.engine.hub().last_beat();
        wait_for("two more beats", || other.engine.hub().last_beat().0 >= last.0 + 2).await;
        let view = other.engine.hub().join(&scope("ann")).await.expect("joins").snapshot().view;
        assert_eq!(view.board.items.len(), expected, "{own}");
    }
    assert_eq!((one.engine.leader(), two.engine.leader()), (of_one, of_two));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_of_one_server_are_isolated() {
    let server = RedisServer::start();
    are_isolated(options(&format!("{}/1", server.url()), "a"), options(&format!("{}/2", server.url()), "b")).await;
    // Two nodes with the same name and prefix, too.
    let in_default = Node::start(&server.url(), "same");
    let in_third = Node::start(&format!("{}/3", server.url()), "same");
    for node in [&in_default, &in_third] {
        node.is_ready().await;
        wait_for("each cluster to have its own leader", || node.engine.is_active_leader()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_behind_sentinel_are_isolated() {
    let redis = RedisWithSentinels::start();
    let of = |database: u8, node: &str| options(&redis.url().replace('?', &format!("/{database}?")), node);
    are_isolated(of(0, "a"), of(5, "b")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prefixes_in_one_redis_cluster_are_isolated() {
    let cluster = RedisCluster::start(3, false);
    let of = |prefix: &str, node: &str| Options { prefix: prefix.to_owned(), ..options(&cluster.url(), node) };
    are_isolated(of("tickcast", "a"), of("tickcast:1", "b")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_cluster_does_not_use_the_store() {
    let server = RedisServer::start();
    named_stores_are_kept_apart(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_cluster_does_not_use_the_redis_cluster() {
    let cluster = RedisCluster::start(3, false);
    named_stores_are_kept_apart(&cluster.url()).await;
}

async fn named_stores_are_kept_apart(url: &str) {
    let named = |name: &str, node: &str| Options { cluster_name: Some(name.to_owned()), ..options(url, node) };
    let early = Node::start(url, "early");
    early.is_ready().await;
    let blue = Node::start_with(named("blue", "blue-1"));
    blue.is_ready().await;
    let second = Node::start_with(named("blue", "blue-2"));
    second.is_ready().await;
    for (options, own) in [(named("green", "green-1"), "\"green\""), (options(url, "late"), "no store.cluster_name")] {
        let node = Node::start_with(options);
        let is_refused = |why: String| why.contains("\"blue\"") && why.contains(own);
        wait_for("the reason", || node.engine.store().ready().is_err_and(is_refused)).await;
        let refused = node
            .engine
            .store()
            .load(&scope("ann"), &timers::RequiredRows::default())
            .await
            .expect_err("is refused")
            .to_string();
        assert!(refused.contains("\"blue\""), "{refused}");
        let failed = node.start_session("s").await.expect_err("is refused");
        assert!(matches!(failed, ExecuteError::Unavailable(_)), "{failed}");
        assert!(!node.engine.is_active_leader());
    }
    // A node that was there before the name was introduced stays in service.
    assert_eq!(blue.start_session("one").await.expect("works").revision.0, 1, "nothing was written before");
    assert_eq!(early.start_session("two").await.expect("works").revision.0, 2);
    assert!(early.engine.store().ready().is_ok());
}
