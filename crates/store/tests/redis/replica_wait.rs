//! `store.replicas_ack`: an acknowledged commit is on replicas.

use std::time::{Duration, Instant};

use engine::ExecuteError;
use harness::{Proxy, RedisServer, wait_for};
use store::redis::Options;
use timers::{RequiredRows, Tag};

use super::node::*;

fn pair() -> (RedisServer, RedisServer) {
    let primary = RedisServer::start();
    let replica = primary.start_replica();
    (primary, replica)
}

fn board(server: &RedisServer) -> String {
    server.command(&["EVAL_RO", "return #redis.call('KEYS', '*:board:*')", "0"]).expect("answers")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_commit_is_on_a_replica_at_that_instant() {
    let (primary, replica) = pair();
    let node = Node::start_with(Options { replicas_ack: 1, ..options(&primary.url(), "a") });
    node.is_ready().await;
    for nth in 0..20 {
        node.engine.execute(request_of(&format!("user-{nth}"), "s", None)).await.expect("works");
        assert_eq!(board(&replica), format!(":{}", nth + 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_replica_the_outcome_is_unknown_and_a_repetition_waits_too() {
    let (primary, replica) = pair();
    let node = Node::start_with(Options { replicas_ack: 1, ..options(&primary.url(), "a") });
    node.is_ready().await;
    node.engine.execute(request("warm", Some(1))).await.expect("works");
    replica.freeze();
    let began = Instant::now();
    let unknown = node.engine.execute(request("s", Some(7))).await.expect_err("no replica has it");
    assert!(matches!(unknown, ExecuteError::OutcomeUnknown), "{unknown}");
    assert!(began.elapsed() < Duration::from_secs(9), "the wait is bounded");
    assert_eq!(board(&primary), ":1", "the primary has the write");
    let again = node.engine.execute(request("s", Some(7)));
    let again = tokio::time::timeout(Duration::from_millis(800), again).await;
    assert!(!matches!(again, Ok(Ok(_))), "the repetition is acknowledged without a replica");
    replica.thaw();
    node.engine.execute(request("s", Some(7))).await.expect("the replica has it now");
    let stored = node.engine.store().load(&scope("ann"), &RequiredRows::default()).await.expect("loads");
    assert_eq!((stored.position.revision.0, stored.items.len()), (2, 2), "the command took effect once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_share_waits() {
    let (primary, _replica) = pair();
    let node = Node::start_with(Options { replicas_ack: 1, ..options(&primary.url(), "a") });
    node.is_ready().await;
    let mut all = tokio::task::JoinSet::new();
    for nth in 0..200 {
        let engine = std::sync::Arc::clone(&node.engine);
        all.spawn(async move { engine.execute(request_of(&format!("user-{nth}"), "s", None)).await });
    }
    for done in all.join_all().await {
        done.expect("works");
    }
    let stats = primary.command(&["INFO", "commandstats"]).expect("answers");
    let waits =
        stats.lines().find_map(|line| line.strip_prefix("cmdstat_wait:calls=")?.split(',').next()?.parse().ok());
    let waits: u32 = waits.expect("WAIT was used");
    assert!(waits < 150, "{waits} waits for 200 commits");
    wait_for("readiness", || node.engine.store().ready().is_ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_commit_is_on_the_server_whose_replicas_were_waited_for() {
    let ((old, _old_replica), (new, new_replica)) = (pair(), pair());
    let link = Proxy::start(old.port()).await;
    let url = format!("redis://127.0.0.1:{}", link.port());
    let node = Node::start_with(Options { replicas_ack: 1, ..options(&url, "a") });
    node.is_ready().await;
    node.engine.execute(request("before", None)).await.expect("works");
    // As after a failover: the connection of the replica wait reaches the new primary first.
    link.redirect_to(new.port());
    let clients = old.command(&["CLIENT", "LIST"]).expect("answers");
    let waits =
        clients.lines().find(|line| line.contains("cmd=wait")).expect("a connection with WAIT as its last command");
    let id = waits.split(' ').find_map(|word| word.strip_prefix("id=")).expect("each client has an id");
    old.command(&["CLIENT", "KILL", "ID", id]).expect("answers");
    for nth in 0..20 {
        node.engine.execute(request_of(&format!("user-{nth}"), "s", None)).await.expect("works");
        assert_eq!(board(&new_replica), format!(":{}", nth + 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_at_another_tag_is_not_confirmed() {
    let (primary, replica) = pair();
    let node = Node::start_with(Options { replicas_ack: 1, ..options(&primary.url(), "a") });
    node.is_ready().await;
    let store = node.engine.store();
    assert_eq!(store.confirm(&scope("ann"), Tag::NONE).await.ok(), Some(true), "the board was never written");
    node.engine.execute(request("s", None)).await.expect("works");
    let tag = store.load(&scope("ann"), &RequiredRows::default()).await.expect("loads").position.tag;
    assert_eq!(store.confirm(&scope("ann"), tag).await.ok(), Some(true));
    assert_eq!(store.confirm(&scope("ann"), Tag::NONE).await.ok(), Some(false), "the board has another tag");
    primary.command(&["SCRIPT", "FLUSH"]).expect("answers");
    node.engine.execute(request("t", None)).await.expect("the script is sent again");
    replica.freeze();
    assert!(store.confirm(&scope("ann"), tag).await.is_err(), "no replica replies");
}
