//! Keys that another program has overwritten: each affects only the timers that it holds.

use engine::Reader;
use engine::store::{Shard, Shards};
use harness::{RedisCluster, RedisServer, wait_for, wait_until};
use timers::{RequiredRows, Timestamp};

use super::node::*;

/// Returns the keys of a kind, sorted.
fn keys(server: &RedisServer, pattern: &str) -> Vec<String> {
    let mut keys: Vec<String> =
        server.replies(&[vec!["KEYS", pattern]]).expect("answers")[0].texts().into_iter().map(str::to_owned).collect();
    keys.sort();
    keys
}

/// Returns the fields and values of a hash, sorted: Redis has no order of fields.
fn content(server: &RedisServer, key: &str) -> Vec<String> {
    let reply = server.replies(&[vec!["HGETALL", key]]).expect("answers").remove(0);
    let mut content: Vec<String> = reply.texts().into_iter().map(str::to_owned).collect();
    content.sort();
    content
}

/// Overwrites the deadlines of a scope's shard; returns their key.
fn overwrite_deadlines(server: &RedisServer, user: &str) -> String {
    let board = keys(server, &format!("*:board:user:{user}")).remove(0);
    let due = board.replace(&format!("board:user:{user}"), "due");
    assert_eq!(server.command(&["SET", &due, "x"]).expect("answers"), "+OK");
    due
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overwritten_due_index_stops_only_the_deadlines_of_its_shard() {
    let server = RedisServer::start();
    let node = Node::start(&server.url(), "a");
    node.is_ready().await;
    let index = deadlines_of_the_other_shards_are_read(&node, &server).await;
    wait_for("the metrics to tell it", || {
        let counters = node.engine.store().counters();
        let overdue = node.engine.stats().deadlines_overdue.get();
        counters.damaged_shards == 1 && counters.damaged > 0 && overdue == 1
    })
    .await;
    assert_eq!(server.command(&["DEL", &index]).expect("answers"), ":1");
    wait_for("the metrics to tell the repair", || {
        node.engine.store().counters().damaged_shards == 0 && node.engine.stats().deadlines_overdue.get() == 0
    })
    .await;
    node.start_session("after").await.expect("works");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overwritten_due_index_of_a_cluster_stops_only_the_deadlines_of_its_shard() {
    let cluster = RedisCluster::start(3, false);
    let node = Node::start(&cluster.url(), "a");
    node.is_ready().await;
    node.start_session("one").await.expect("works");
    let holds = |server: &&RedisServer| !keys(server, "*:board:user:ann").is_empty();
    let server = cluster.servers.iter().find(holds).expect("the board is somewhere");
    deadlines_of_the_other_shards_are_read(&node, server).await;
}

/// Overwrites the deadlines of one shard and checks that the others are read; returns the key.
async fn deadlines_of_the_other_shards_are_read(node: &Node, server: &RedisServer) -> String {
    node.start_session("one").await.expect("works");
    let index = overwrite_deadlines(server, "ann");
    // A deadline far in the future, of another shard: reads of the whole index return it.
    let other = (0..).map(|nth| format!("user-{nth}")).find(|user| Shard::of(&scope(user)) != Shard::of(&scope("ann")));
    let other = other.expect("there are many");
    node.engine.execute(request_of(&other, "s", None)).await.expect("another shard works");
    node.engine.execute(pause_of(&other, "s")).await.expect("another shard works");
    let page = node.engine.store().due(Timestamp(u64::MAX >> 12), 16).await.expect("the other shards are read");
    assert_eq!(page.due.iter().filter(|due| due.scope == scope(&other)).count(), 1);
    let unread: Shards = [Shard::of(&scope("ann"))].into_iter().collect();
    assert_eq!(page.unread, unread);
    // A command that sets a deadline on a damaged shard is refused, and nothing is half done.
    let failed = node.engine.execute(pause_of("ann", "one")).await.expect_err("has nowhere to put its deadline");
    assert!(failed.is_damage(), "{failed}");
    assert_eq!(
        node.engine.store().load(&scope("ann"), &RequiredRows::default()).await.expect("loads").position.revision.0,
        1
    );
    index
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overwritten_board_affects_only_its_own_scope() {
    let server = RedisServer::start();
    let node = Node::start(&server.url(), "a");
    node.is_ready().await;
    let users = ["ann", "ben", "cem"];
    let mut readers = Vec::new();
    for user in users {
        node.engine.execute(request_of(user, "s", None)).await.expect("works");
        readers.push(Reader::new(node.engine.hub().join(&scope(user)).await.expect("joins")));
    }
    let board = keys(&server, "*:board:user:ann").remove(0);
    server.command(&["SET", &board, "x"]).expect("answers");
    // From a view, without a load: the commit finds the damage.
    let failed = node.start_session("from a view").await.expect_err("the board is no hash");
    assert!(failed.is_damage(), "{failed}");
    let positions = node.engine.store().positions(&users.map(scope)).await;
    assert_eq!(positions.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, true]);
    // After a lost link the other views are compared, and not loaded again.
    let (loads, compared) = (node.engine.stats().loads.get(), node.engine.store().counters().established);
    server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).expect("answers");
    wait_for("the link", || node.engine.store().counters().established > compared).await;
    wait_until("the current views", async || {
        let ben = node.engine.hub().join(&scope("ben")).await;
        ben.is_ok() && node.engine.hub().join(&scope("cem")).await.is_ok()
    })
    .await;
    wait_for("the comparison", || node.engine.stats().positions_unread.get() > 0).await;
    assert_eq!(node.engine.stats().positions_differed.get(), 0);
    let failed = node.engine.hub().join(&scope("ann")).await.err().expect("the board is no hash");
    assert!(failed.is_damage(), "{failed}");
    assert!(node.engine.stats().damaged.get() > 0 && node.engine.stats().loads.get() > loads);
    node.engine.execute(request_of("ben", "t", None)).await.expect("works");
    server.command(&["DEL", &board]).expect("answers");
    wait_until("the repair", async || node.start_session("after").await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_a_damaged_board_is_told_as_damage_and_nothing_is_written() {
    let server = RedisServer::start();
    let node = Node::start(&server.url(), "a");
    node.is_ready().await;
    for (nth, (field, damage)) in [("@rev", "many"), ("@tag", "no tag"), ("@ids", "cut")].iter().enumerate() {
        let user = format!("user-{nth}");
        let _reader = Reader::new(node.engine.hub().join(&scope(&user)).await.expect("joins"));
        node.engine.execute(request_of(&user, "s", None)).await.expect("works");
        let board = keys(&server, &format!("*:board:user:{user}")).remove(0);
        server.command(&["HSET", &board, field, damage]).expect("answers");
        let before = content(&server, &board);
        let failed = node.engine.execute(request_of(&user, "t", None)).await.expect_err("the board is damaged");
        assert!(failed.is_damage(), "{field}: {failed}");
        assert_eq!(content(&server, &board), before, "{field}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overwritten_beat_begins_again() {
    let server = RedisServer::start();
    let node = Node::start(&server.url(), "a");
    node.is_ready().await;
    node.start_session("one").await.expect("works");
    for damage in [["SET", "x", ""], ["HSET", "gen", "no tag"], ["HSET", "n", "many"]] {
        wait_for("the leader", || node.engine.is_active_leader()).await;
        let beat = keys(&server, "*:beat").remove(0);
        let command: Vec<&str> =
            [damage[0], &beat, damage[1], damage[2]].into_iter().filter(|word| !word.is_empty()).collect();
        assert!(!server.command(&command).expect("answers").starts_with('-'));
        let heard = || node.engine.stats().beats.get() - node.engine.stats().beats_filled.get();
        let before = heard();
        wait_for("beats of the leader", || heard() >= before + 3).await;
        assert!(node.engine.store().ready().is_ok());
    }
    assert_eq!(node.start_session("two").await.expect("works").revision.0, 2);
}
